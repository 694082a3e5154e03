"""An AWS account of moto's on loopback, for processes of their own, which notes what it is asked."""

import io
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import boto3
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

REGION = "eu-central-1"
ACCOUNT = "123456789012"
READING = ("Describe", "List", "Get")


class Quiet(WSGIRequestHandler):
    def log_request(self, *_: object) -> None:
        pass


@dataclass
class Aws:
    port: int
    calls: list[str] = field(default_factory=list)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "a"}
        return {"AWS_ENDPOINT_URL": self.endpoint, "AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION, **keys}

    def client(self, service: str) -> Any:
        keys = {"aws_access_key_id": "a", "aws_secret_access_key": "a"}
        return boto3.client(service, endpoint_url=self.endpoint, region_name=REGION, **keys)

    @property
    def changes(self) -> list[str]:
        """Calls that do more than read."""
        return [call for call in self.calls if not call.startswith(READING)]

    def instances(self) -> dict[str, str]:
        """State of each instance by its id."""
        groups = self.client("ec2").describe_instances()["Reservations"]
        return {one["InstanceId"]: one["State"]["Name"] for group in groups for one in group["Instances"]}

    def run(self, zone: str, team: str = "shop", count: int = 1) -> list[str]:
        """Run instances with a tag in a zone; their ids."""
        answer = self.client("ec2").run_instances(
            ImageId="ami-12c6146b",
            MinCount=count,
            MaxCount=count,
            Placement={"AvailabilityZone": zone},
            TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "team", "Value": team}]}],
        )
        return [one["InstanceId"] for one in answer["Instances"]]


@contextmanager
def aws_server() -> Iterator[Aws]:
    """An empty account."""
    made = Aws(0)
    application = DomainDispatcherApplication(create_backend_app)

    def noting(environ: dict[str, Any], start_response: Any) -> Any:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        action = parse_qs(body.decode(errors="replace")).get("Action", [""])[0]
        made.calls.append(action or f"{environ['REQUEST_METHOD'].capitalize()} {environ['PATH_INFO']}")
        return application(environ, start_response)

    server = make_server("127.0.0.1", 0, noting, threaded=True, request_handler=Quiet)
    made.port = server.server_port
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        urllib.request.urlopen(f"{made.endpoint}/moto-api/reset", data=b"").close()
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
