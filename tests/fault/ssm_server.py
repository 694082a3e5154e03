"""What AWS Systems Manager has of commands, on loopback: moto's are over at once, and have no invocations."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Ssm:
    """Commands, each in progress on its instances until it is cancelled."""

    def __init__(self) -> None:
        self.commands: dict[str, dict[str, Any]] = {}
        self.endpoint = ""

    @property
    def delayed(self) -> list[str]:
        """Instances that run a document."""
        return [one for command in self.commands.values() if not command["over"] for one in command["InstanceIds"]]

    def answer(self, operation: str, asked: dict[str, Any]) -> dict[str, Any]:
        match operation:
            case "SendCommand":
                name = f"00000000-0000-4000-8000-{len(self.commands):012}"
                self.commands[name] = {**asked, "over": False}
                return {"Command": self._command(name)}
            case "CancelCommand":
                self.commands[asked["CommandId"]]["over"] = True
                return {}
            case "ListCommands":
                return {"Commands": [self._command(name) for name in self.commands]}
            case "ListCommandInvocations":
                found = [
                    {**self._command(name), "InstanceId": one}
                    for name, command in self.commands.items()
                    for one in command["InstanceIds"]
                    if asked.get("CommandId") in (None, name)
                ]
                return {"CommandInvocations": found}
        raise AssertionError(operation)

    def _command(self, name: str) -> dict[str, Any]:
        command = self.commands[name]
        said = {key: command[key] for key in ("Comment", "DocumentName")}
        return {"CommandId": name, "Status": "Cancelled" if command["over"] else "InProgress", **said}


@contextmanager
def ssm_server() -> Iterator[Ssm]:
    ssm = Ssm()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            body = json.dumps(ssm.answer(self.headers["X-Amz-Target"].rpartition(".")[2], asked)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    ssm.endpoint = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield ssm
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
