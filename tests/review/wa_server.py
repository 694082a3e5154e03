"""An AWS Well-Architected Tool on loopback, by botocore's own model of it: what the model forbids is refused.

Every request is held against the model (method, path, required members, types, lengths, patterns, values, unknown
members), every answer of ours too; a mistake of the server's own is `wrong`, which a test looks at. State, pages and
errors are as the API's reference says. What AWS would do and the model does not say: an answer's notes, choices and
applicability change only where they are sent; None of these is a choice; its own lenses are not exported.
"""

import json
import math
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from botocore.loaders import Loader
from botocore.model import ServiceModel, Shape

ACCOUNT = "123456789012"
STARTED = datetime(2026, 11, 1, tzinfo=UTC)
_LABEL = re.compile(r"\{(\w+)\}")
type Reply = dict[str, Any]


class Refusal(Exception):  # noqa: N818  what the API answers with
    """An error of the model's, by its name."""

    def __init__(self, name: str, message: str = "", **more: Any) -> None:
        super().__init__(name)
        self.name, self.body = name, {"Message": message or name, **more}


@dataclass
class Trouble:
    """Something that happens to the next calls of an operation instead of what should."""

    operation: str
    what: str  # throttle, conflict, deny, slow, vanish, break; nothing: only `before`
    times: int = 1
    skip: int = 0
    before: Callable[[], None] = lambda: None  # such as somebody else's edit


@dataclass
class Workload:
    id: str
    name: str
    reviews: dict[str, dict[str, Any]] = field(default_factory=dict)  # alias or ARN -> LensReview with its questions
    milestones: list[dict[str, Any]] = field(default_factory=list)
    tokens: dict[str, int] = field(default_factory=dict)


class WellArchitected:
    """State, log and troubles; `serve` gives it an address."""

    def __init__(self, page: int = 3) -> None:
        self.model = ServiceModel(Loader().load_service_model("wellarchitected", "service-2"))
        self.page = page
        self.account = ACCOUNT
        self.workloads: dict[str, Workload] = {}
        self.lenses: dict[str, str] = {}  # ARN of a custom lens -> its JSON
        self.troubles: list[Trouble] = []
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.headers: list[str] = []
        self.wrong: list[str] = []
        self._lock = threading.RLock()

    # --- what tests look at and set ---

    @property
    def writes(self) -> list[tuple[str, dict[str, Any]]]:
        """Calls that change something, whatever came of them."""
        return [one for one in self.calls if not one[0].startswith(("Get", "List", "Export"))]

    def count(self, operation: str) -> int:
        return sum(1 for name, _ in self.calls if name == operation)

    def question(self, question: str, workload: str | None = None) -> dict[str, Any]:
        """The stored answer to look at, and to edit as somebody at the console would."""
        found = [
            one[question]
            for each in self.workloads.values()
            if workload in (None, each.id)
            for review in each.reviews.values()
            for one in [review["questions"]]
            if question in one
        ]
        return found[0]

    # --- operations ---

    def GetWorkload(self, asked: Reply) -> Reply:  # noqa: N802
        return {"Workload": self._summary(self._workload(asked)) | {"ReviewOwner": "somebody"}}

    def ListWorkloads(self, asked: Reply) -> Reply:  # noqa: N802
        prefix = asked.get("WorkloadNamePrefix", "")
        found = [self._summary(one) for one in self.workloads.values() if one.name.startswith(prefix)]
        return self._paged(asked, "WorkloadSummaries", found)

    def ListLensReviews(self, asked: Reply) -> Reply:  # noqa: N802
        workload = self._workload(asked)
        found = [self._lens(one) for one in workload.reviews.values()]
        return {"WorkloadId": workload.id, **self._paged(asked, "LensReviewSummaries", found)}

    def GetLensReview(self, asked: Reply) -> Reply:  # noqa: N802
        workload, review = self._workload(asked), self._review(asked)
        pillars = [
            {"PillarId": key, "PillarName": name, "RiskCounts": self._risks(review, key)}
            for key, name in review["pillars"].items()
        ]
        return {"WorkloadId": workload.id, "LensReview": self._lens(review) | {"PillarReviewSummaries": pillars}}

    def ListAnswers(self, asked: Reply) -> Reply:  # noqa: N802
        workload, review = self._workload(asked), self._review(asked)
        wanted = asked.get("PillarId")
        if wanted is not None and wanted not in review["pillars"]:
            raise Refusal("ValidationException", f"[Validation] No pillar {wanted}")
        hidden = {"QuestionDescription", "Notes", "ChoiceAnswers"}  # only GetAnswer has them
        found = [
            {key: value for key, value in one.items() if key not in hidden}
            | {
                "ChoiceAnswerSummaries": [
                    {key: value for key, value in each.items() if key != "Notes"} for each in one["ChoiceAnswers"]
                ]
            }
            for one in review["questions"].values()
            if wanted in (None, one["PillarId"])
        ]
        return {"WorkloadId": workload.id, **self._alias(review), **self._paged(asked, "AnswerSummaries", found)}

    def GetAnswer(self, asked: Reply) -> Reply:  # noqa: N802
        return self._answered(asked)

    def UpdateAnswer(self, asked: Reply) -> Reply:  # noqa: N802
        answer = self._question(asked)
        if "SelectedChoices" in asked:
            answer["SelectedChoices"] = asked["SelectedChoices"]
        for name in ("Notes", "IsApplicable", "Reason"):
            if name in asked:
                answer[name] = asked[name]
        return self._answered(asked)

    def ListMilestones(self, asked: Reply) -> Reply:  # noqa: N802
        workload = self._workload(asked)
        return {"WorkloadId": workload.id, **self._paged(asked, "MilestoneSummaries", workload.milestones)}

    def CreateMilestone(self, asked: Reply) -> Reply:  # noqa: N802
        workload = self._workload(asked)
        number = workload.tokens.setdefault(asked["ClientRequestToken"], len(workload.milestones) + 1)
        if number > len(workload.milestones):
            summary = self._summary(workload)
            made = {"MilestoneNumber": number, "MilestoneName": asked["MilestoneName"], "RecordedAt": STARTED}
            workload.milestones.append(made | {"WorkloadSummary": summary})
        return {"WorkloadId": workload.id, "MilestoneNumber": number}

    def ExportLens(self, asked: Reply) -> Reply:  # noqa: N802
        alias = asked["LensAlias"]
        if alias not in self.lenses:
            raise Refusal("AccessDeniedException", f"{alias} is not yours to export")
        return {"LensJSON": self.lenses[alias]}

    # --- helpers of theirs ---

    def _workload(self, asked: Reply) -> Workload:
        if asked["WorkloadId"] not in self.workloads:
            raise _missing(asked["WorkloadId"], "WORKLOAD")
        return self.workloads[asked["WorkloadId"]]

    def _review(self, asked: Reply) -> dict[str, Any]:
        reviews = self._workload(asked).reviews
        if asked["LensAlias"] not in reviews:
            raise _missing(asked["LensAlias"], "LENS_REVIEW")
        return reviews[asked["LensAlias"]]

    def _question(self, asked: Reply) -> dict[str, Any]:
        found: dict[str, dict[str, Any]] = self._review(asked)["questions"]
        if asked["QuestionId"] not in found:
            raise _missing(asked["QuestionId"], "QUESTION")
        return found[asked["QuestionId"]]

    def _answered(self, asked: Reply) -> Reply:
        answer = dict(self._question(asked))
        return {"WorkloadId": asked["WorkloadId"], **self._alias(self._review(asked)), "Answer": answer}

    def _alias(self, review: dict[str, Any]) -> Reply:
        return {key: review[key] for key in ("LensAlias", "LensArn") if key in review}

    def _lens(self, review: dict[str, Any]) -> Reply:
        counts = {"RiskCounts": self._risks(review, None), "LensStatus": "CURRENT", "UpdatedAt": STARTED}
        return {**self._alias(review), "LensName": review["LensName"], "LensVersion": review["LensVersion"], **counts}

    def _risks(self, review: dict[str, Any], pillar: str | None) -> dict[str, int]:
        risks = [one["Risk"] for one in review["questions"].values() if pillar in (None, one["PillarId"])]
        return {risk: risks.count(risk) for risk in sorted(set(risks))}

    def _summary(self, workload: Workload) -> Reply:
        arn = f"arn:aws:wellarchitected:eu-central-1:{self.account}:workload/{workload.id}"
        counts = {"UNANSWERED": 1, "HIGH": 2}
        return {
            "WorkloadId": workload.id,
            "WorkloadArn": arn,
            "WorkloadName": workload.name,
            "Owner": self.account,
            "UpdatedAt": STARTED,
            "Lenses": list(workload.reviews),
            "RiskCounts": counts,
        }

    def _paged(self, asked: Reply, items: str, found: list[Any]) -> Reply:
        begin = int(asked.get("NextToken", "0"))
        end = begin + min(self.page, asked.get("MaxResults", 50))
        return {items: found[begin:end], **({"NextToken": str(end)} if end < len(found) else {})}

    # --- HTTP ---

    def handle(self, method: str, target: str, body: bytes, headers: Any) -> tuple[int, dict[str, str], bytes] | None:
        """Status, headers and body of the answer; None where there is to be none."""
        with self._lock:
            self.headers.append(str(headers))
            if "AWS4-HMAC-SHA256" not in headers.get("Authorization", ""):
                return self._error(Refusal("AccessDeniedException", "not signed"))
            if body.startswith(b"Action=GetCallerIdentity"):
                return 200, {"Content-Type": "text/xml"}, _IDENTITY.replace("ACCOUNT", self.account).encode()
            try:
                operation, asked = self._read(method, target, body)
                self.calls.append((operation, asked))
                happens = self._trouble(operation)
                if happens == "vanish":
                    return None
                reply = getattr(self, operation)(asked)
                shape = self.model.operation_model(operation).output_shape
                text = json.dumps(self._written(shape, reply, operation))
            except Refusal as refusal:
                return self._error(refusal)
            except Exception as error:  # noqa: BLE001  for the test to see
                self.wrong.append(repr(error))
                return self._error(Refusal("InternalServerException", repr(error)))
            return 200, {"Content-Type": "application/json"}, text.encode()

    def _trouble(self, operation: str) -> str:
        for one in self.troubles:
            if one.operation in (operation, "*") and one.times > 0:
                if one.skip > 0:
                    one.skip -= 1
                    return ""
                one.times -= 1
                one.before()
                if one.what == "slow":
                    self._lock.release()
                    time.sleep(1.5)
                    self._lock.acquire()
                elif one.what not in ("vanish", "nothing"):
                    raise {
                        "throttle": Refusal("ThrottlingException", "Rate exceeded"),
                        "deny": Refusal("AccessDeniedException", f"not authorized to perform: {operation}"),
                        "conflict": Refusal("ConflictException", "changed", ResourceId="x", ResourceType="ANSWER"),
                        "break": Refusal("InternalServerException", "on fire"),
                    }[one.what]
                return one.what
        return ""

    def _error(self, refusal: Refusal) -> tuple[int, dict[str, str], bytes]:
        shape = self.model.shape_for(refusal.name)
        text = json.dumps(self._written(shape, refusal.body, refusal.name))
        headers = {"Content-Type": "application/json", "x-amzn-ErrorType": refusal.name}
        return shape.metadata["error"]["httpStatusCode"] if "error" in shape.metadata else 500, headers, text.encode()

    # --- the model ---

    def _read(self, method: str, target: str, body: bytes) -> tuple[str, Reply]:
        """The operation that is meant, and its input. Raises Refusal with every mistake."""
        url = urlsplit(target)
        for name in self.model.operation_names:
            operation = self.model.operation_model(name)
            found = _match(operation.http["requestUri"], url.path)
            if operation.http["method"] == method and found is not None:
                break
        else:
            raise Refusal("ValidationException", f"no operation: {method} {url.path}", Reason="UNKNOWN_OPERATION")
        shape = operation.input_shape
        asked = {key: unquote(value) for key, value in found.items()}
        members = {one.serialization.get("name", key): key for key, one in shape.members.items()}
        locations = {key: one.serialization.get("location") for key, one in shape.members.items()}
        for key, value in parse_qsl(url.query, keep_blank_values=True):
            whole = shape.members[members[key]].type_name == "integer" if key in members else False
            asked[members.get(key, key)] = int(value) if whole else value
        sent = json.loads(body) if body else {}
        misplaced = [key for key in sent if locations.get(key)]
        mistakes = [f"{key} in the body" for key in misplaced] + list(_mistakes(shape, {**sent, **asked}, name))
        if mistakes:
            self.wrong.append(f"{name}: {'; '.join(mistakes)}")
            fields = [{"Name": name, "Message": one} for one in mistakes]
            raise Refusal("ValidationException", "; ".join(mistakes), Reason="FIELD_VALIDATION_FAILED", Fields=fields)
        return name, {**sent, **asked}

    def _written(self, shape: Shape, value: Any, where: str) -> Any:
        """A reply as JSON. Mistakes in it are the server's own."""
        self.wrong += [f"reply {one}" for one in _mistakes(shape, value, where)]
        return _encoded(value)


def _missing(name: str, kind: str) -> Refusal:
    return Refusal("ResourceNotFoundException", f"no {kind}", ResourceId=name, ResourceType=kind)


def _match(template: str, path: str) -> dict[str, str] | None:
    pattern = _LABEL.sub(r"(?P<\1>[^/]+)", template)
    found = re.fullmatch(pattern, path)
    return found.groupdict() if found else None


def _encoded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _encoded(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_encoded(one) for one in value]
    return value.timestamp() if isinstance(value, datetime) else value


_TYPES: dict[str, Any] = {
    "string": str,
    "integer": int,
    "boolean": bool,
    "list": list,
    "map": dict,
    "structure": dict,
    "timestamp": datetime,
}


def _mistakes(shape: Shape, value: Any, where: str) -> Iterator[str]:
    """Everything that the model forbids in a value."""
    wanted = _TYPES[shape.type_name]
    if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
        yield f"{where}: {type(value).__name__} where {shape.type_name} belongs"
        return
    size = _size(value)
    if not shape.metadata.get("min", -math.inf) <= size <= shape.metadata.get("max", math.inf):
        yield f"{where}: size {size} outside of {shape.metadata}"
    if wanted is str:
        yield from _of_text(shape, value, where)
    elif shape.type_name == "list":
        for index, one in enumerate(value):
            yield from _mistakes(shape.member, one, f"{where}[{index}]")
    elif shape.type_name == "map":
        for key, one in value.items():
            yield from _mistakes(shape.key, key, f"{where}.{key}")
            yield from _mistakes(shape.value, one, f"{where}.{key}")
    elif shape.type_name == "structure":
        yield from _of_structure(shape, value, where)


def _of_text(shape: Shape, value: str, where: str) -> Iterator[str]:
    if shape.metadata.get("enum") and value not in shape.metadata["enum"]:
        yield f"{where}: {value!r} is none of {shape.metadata['enum']}"
    pattern = shape.metadata.get("pattern", "")
    if pattern and "\\p{" not in pattern and not re.fullmatch(pattern, value):
        yield f"{where}: {value!r} does not match {pattern}"


def _of_structure(shape: Shape, value: dict[str, Any], where: str) -> Iterator[str]:
    yield from (f"{where}.{key}: missing" for key in shape.required_members if key not in value)
    for key, one in value.items():
        if key in shape.members:
            yield from _mistakes(shape.members[key], one, f"{where}.{key}")
        else:
            yield f"{where}.{key}: unknown"


def _size(value: Any) -> int:
    """A number itself, the length of anything else; of text in UTF-16 units, the strictest way to count."""
    if isinstance(value, str):
        return len(value.encode("utf-16-le", "surrogatepass")) // 2
    return value if isinstance(value, int) else len(value) if hasattr(value, "__len__") else 0


_IDENTITY = """<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
<Arn>arn:aws:iam::ACCOUNT:user/drills</Arn><UserId>AIDAEXAMPLE</UserId><Account>ACCOUNT</Account>
</GetCallerIdentityResult><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></GetCallerIdentityResponse>"""


@contextmanager
def serve(tool: WellArchitected) -> Iterator[str]:
    """Its address, for as long as it is up."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            reply = tool.handle(self.command, self.path, body, self.headers)
            if reply is None:
                self.close_connection = True
                return
            status, headers, text = reply
            self.send_response(status)
            for key, value in {**headers, "Content-Length": str(len(text))}.items():
                self.send_header(key, value)
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PATCH = answer  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

        def handle(self) -> None:
            try:
                super().handle()
            except ConnectionError:  # a client that gave up waiting
                self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
