"""Journeys: how a user behaves, as Python. The scripted engine of the load, and a Locust user in its own right.

A journey is a class with one method, `visit`, that says what one user does from coming to leaving:

    from harness.load.users import Journey

    class Browse(Journey):
        arrivals = "2/s"

        def visit(self):
            self.client.get("/catalogue")

In a drill (a route with `journey: loadtests/shop.py:Browse`) the plan says when users come. Under plain Locust
(`locust -f loadtests/shop.py --host URL`, with its web page or `--headless`) each Locust user is a stream of them,
`arrivals` strong: `-u 5` is five times the traffic. Either way arrivals are open: they come whether or not those
before them were answered, and a visit's time counts from the instant it was planned for.

A visit's outcome is that of its worst request: an answer is better than a failed check, that better than no answer;
of equals the last one counts. Nothing is retried. Each visit is a new user with its own cookies; connections are kept
and shared, as those of the lean engine are.
"""

import logging
import uuid
from collections.abc import Callable
from typing import Any, ClassVar, Final

import gevent
import requests
import urllib3
from gevent.pool import Group
from locust import User, events, task
from locust.clients import HttpSession
from locust.exception import LocustError, StopUser

from harness.errors import UsageError
from harness.load.alarm import Alarm, new_alarm
from harness.load.instants import clock_ns, seconds
from harness.load.lanes import CutError, Visit
from harness.load.wire import authorities, fallback_flag
from harness.record import Outcome
from harness.units import NS_PER_MS, NS_PER_S, parse_rate_per_s

_LOG: Final = logging.getLogger(__name__)
_PLAIN_CONNECTIONS: Final = 256  # kept open per Locust user; more are opened when needed


class Journey(User):
    """One user's way through the system: subclass it, write `visit`, and say how often users come.

    In `visit`, `self` is that one visitor: attributes set on it are its own. `self.client` is Locust's HttpSession
    (`get`, `post`, ..., `name=`, `catch_response=True`); a request without a `timeout` has what is left of the
    visit's. `self.id` is an id nobody else has, for what this visitor creates; in a drill the order ledger knows it.
    An exception out of `visit` is a failed visit.
    """

    abstract = True
    arrivals: ClassVar[str] = "1/s"  # under plain Locust, per Locust user; in a drill the plan says
    timeout_s: ClassVar[float] = 5.0  # a whole visit, from the instant it was planned for; in a drill the plan says
    client: HttpSession
    id: str
    seq: int  # the visitor's number, from 0

    _stream: "_Stream | None" = None

    def visit(self) -> None:
        """What one user does, from coming to leaving."""
        raise NotImplementedError(f"{type(self).__name__} has no visit(self)")

    @task
    def arrive(self) -> None:
        """Let the next visitor set out when it is planned to. Plain Locust calls this over and over."""
        if self._stream is None:
            try:
                self._stream = _Stream(type(self), self.environment)
            except (UsageError, LocustError) as error:
                _LOG.error("%s", error)  # the message says all; Locust would retry for ever
                self.environment.process_exit_code = UsageError.exit_code
                raise StopUser from error
        self._stream.next()

    def on_stop(self) -> None:
        """Let those who are under way finish, within their time-out."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None


class JourneyVisitor:
    """Makes visits of one journey."""

    def __init__(
        self,
        journey: type[Journey],
        environment: Any,
        id_of: Callable[[int], str],
        *,
        zone_header: str | None = None,
        fallback_header: str | None = None,
        connections_max: int = _PLAIN_CONNECTIONS,
    ) -> None:
        """`id_of` gives a visitor its id from its number. Raises LocustError without a host."""
        host = environment.host or journey.host
        if not host:
            raise LocustError(f"no host for {journey.__name__}; use --host http://host:port")
        self._base_url = host.rstrip("/")
        self._journey, self._environment, self._id_of = journey, environment, id_of
        self._headers = zone_header, fallback_header
        self._pool = urllib3.PoolManager(num_pools=8, maxsize=connections_max, block=False)

    def visit(self, seq: int, planned_ns: int, deadline_ns: int) -> Visit:
        """Run one visit, until the deadline at most. Raises CutError where the load ends at once."""
        notes = _Notes(self._environment.events.request, *self._headers)
        visitor = self._journey(self._environment)
        visitor.id, visitor.seq = self._id_of(seq), seq
        visitor.client = _VisitSession(self._base_url, notes, visitor, self._pool, deadline_ns)
        error: BaseException | None = None
        timeout = gevent.Timeout.start_new(seconds(deadline_ns - clock_ns()))
        try:
            visitor.visit()
        except gevent.Timeout as caught:
            error = caught
            notes.fail(Outcome.TIMED_OUT)
        except CutError as caught:
            error = caught
            notes.fail(Outcome.BROKEN)
        except Exception as caught:  # noqa: BLE001 - whatever a script raises is a failed visit, never a lost record
            error = caught
            notes.fail(Outcome.BROKEN)
            self._environment.events.user_error.fire(user_instance=visitor, exception=caught, tb=caught.__traceback__)
            _LOG.warning("%s, visit %d: %r", self._journey.__name__, seq, caught)
        finally:
            timeout.close()
        visit = notes.sum_up()
        self._tell_locust(visit, planned_ns, error)
        return visit

    def _tell_locust(self, visit: Visit, planned_ns: int, error: BaseException | None) -> None:
        """The visit as a whole in Locust's own statistics, from the planned time, beside its requests."""
        is_good = visit.outcome is Outcome.ANSWERED and visit.status < 400
        reason = f"{visit.outcome.name.lower()} {visit.status or ''} {error or ''}".rstrip()
        self._environment.events.request.fire(
            request_type="VISIT",
            name=self._journey.__name__,
            response_time=(clock_ns() - planned_ns) / NS_PER_MS,
            response_length=0,
            exception=None if is_good else LocustError(reason),
            context={},
        )


class _Stream:
    """Open arrivals of one journey for one Locust user, without a profile."""

    def __init__(self, journey: type[Journey], environment: Any) -> None:
        try:
            self._rate_per_s = parse_rate_per_s(journey.arrivals)
        except ValueError as error:
            raise UsageError(f"{journey.__name__}.arrivals: {error}; write 2/s or 30/m") from error
        if not self._rate_per_s:
            raise UsageError(f"{journey.__name__}.arrivals: got {journey.arrivals!r}, expected more than none")
        # Ids must be new in every test: the service keeps those of the last one.
        prefix = f"{journey.__name__.lower()}-{uuid.uuid4().hex[:12]}"
        self._visitor = JourneyVisitor(journey, environment, lambda seq: f"{prefix}-{seq}")
        self._timeout_ns = round(journey.timeout_s * NS_PER_S)
        self._begin_ns = clock_ns()
        self._seq = 0
        self._visits = Group()
        self._alarm: Alarm = new_alarm()

    def next(self) -> None:
        planned_ns = self._begin_ns + round(self._seq * NS_PER_S / self._rate_per_s)
        while clock_ns() < planned_ns:
            self._alarm.wait_until(planned_ns)
        self._visits.spawn(self._visitor.visit, self._seq, planned_ns, planned_ns + self._timeout_ns)
        self._seq += 1

    def close(self) -> None:
        self._alarm.close()
        self._visits.join(timeout=seconds(self._timeout_ns))
        self._visits.kill(exception=CutError)


class _Notes:
    """Listens to a visit's requests where Locust reports them, and passes the report on."""

    def __init__(self, event: Any, zone_header: str | None, fallback_header: str | None) -> None:
        self._event, self._zone_header, self._fallback_header = event, zone_header, fallback_header
        self._flags = 0
        self._rank, self._outcome, self._status, self._zone = -1, Outcome.BROKEN, 0, b""
        self._has_reached = False  # some request may have reached the service
        self.sent_ns = self.first_byte_ns = 0

    def fire(self, **report: Any) -> None:
        """Take Locust's report of one request (its keys: locust.event.Events.request)."""
        response, error = report["response"], report["exception"]
        status = response.status_code or 0
        if status and not self.first_byte_ns:
            # All of an answer has come when Locust reports it; `elapsed` tells when its headers had.
            late_ns = round(report["response_time"] * NS_PER_MS) - round(response.elapsed.total_seconds() * NS_PER_S)
            self.first_byte_ns = clock_ns() - max(0, late_ns)
        if not status:
            outcome, rank = _outcome_of(response.error or error), 4
        elif error is None:
            outcome, rank = Outcome.ANSWERED, 0
        elif isinstance(error, requests.RequestException):
            outcome, rank = Outcome.ANSWERED, 1 if status < 500 else 2
        else:
            outcome, rank = Outcome.BROKEN, 3  # the journey itself called the answer a failure
        self._has_reached |= outcome is not Outcome.REFUSED
        if rank >= self._rank:
            zone = response.headers.get(self._zone_header, "") if self._zone_header else ""
            fallback = response.headers.get(self._fallback_header, "") if self._fallback_header else ""
            self._flags |= fallback_flag(fallback.encode("latin-1"))  # one fallback makes the visit one
            self._rank, self._outcome, self._status, self._zone = rank, outcome, status, zone.encode("latin-1")
        self._event.fire(**report)

    def fail(self, outcome: Outcome) -> None:
        """The visit did not come to its end."""
        if self._rank < 4:
            self._rank, self._outcome, self._has_reached = 4, outcome, True

    def sum_up(self) -> Visit:
        """The outcome of the whole visit; one that asked for nothing has nothing to show."""
        outcome = self._outcome
        if outcome is Outcome.REFUSED and self._has_reached:
            outcome = Outcome.BROKEN  # "refused" promises that nothing of it reached the service
        return Visit(outcome, self._status, self._zone, self.sent_ns, self.first_byte_ns, self._flags)


class _VisitSession(HttpSession):
    """Locust's session for one visit: every request has a time-out, and the shared connections."""

    def __init__(
        self, base_url: str, notes: _Notes, visitor: Journey, pool: urllib3.PoolManager, deadline_ns: int
    ) -> None:
        super().__init__(base_url, notes, visitor, pool_manager=pool)
        self.trust_env = False  # as in Locust's HttpUser: no proxy, no .netrc
        self.verify = authorities() or True
        self._notes, self._deadline_ns = notes, deadline_ns

    def request(self, *args: Any, **kwargs: Any) -> Any:
        now_ns = clock_ns()
        if not self._notes.sent_ns:
            self._notes.sent_ns = now_ns
        kwargs.setdefault("timeout", max(0.001, seconds(self._deadline_ns - now_ns)))
        return super().request(*args, **kwargs)


def _outcome_of(error: BaseException | None) -> Outcome:
    """What became of a request without an answer, from the exceptions of requests and urllib3."""
    chain: list[BaseException] = []
    while error is not None and error not in chain:
        chain.append(error)
        error = error.__cause__ or error.__context__
    if any(isinstance(each, requests.exceptions.ReadTimeout) for each in chain):
        return Outcome.TIMED_OUT
    refused = (
        requests.exceptions.ConnectTimeout,
        requests.exceptions.SSLError,
        urllib3.exceptions.NewConnectionError,
        urllib3.exceptions.ConnectTimeoutError,
    )
    return Outcome.REFUSED if any(isinstance(each, refused) for each in chain) else Outcome.BROKEN


@events.init.add_listener  # type: ignore[untyped-decorator]  # Locust's hooks are not typed
def _one_user_a_journey(environment: Any, **_kwargs: Any) -> None:
    """Under plain Locust, one user for each class where the command names no number: else only one would come."""
    options = environment.parsed_options
    has_journeys = any(issubclass(each, Journey) for each in environment.user_classes)
    if has_journeys and getattr(options, "num_users", 0) is None:
        options.num_users = len(environment.user_classes)
