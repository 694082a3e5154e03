"""What a target allows: the limits of `allow:` in experiments/targets.yaml. What is not allowed there is refused.

The embedded target and `development` need not say anything. `staging` and `production` must name, for an experiment
that calls AWS: account and region (`aws:`), zones, tags, and the largest share of the capacity. In `production` every
experiment says what it may cost (`budget`), and half of each SLO's budget stays untouched by drills.
"""

from collections.abc import Iterable
from datetime import datetime, time, timedelta
from fractions import Fraction
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field

from harness.documents import DurationNs, problem
from harness.model import Count, Exact, Model
from harness.plan.written import Share, Written
from harness.units import NS_PER_S

FAULT_NS: Final = 15 * 60 * NS_PER_S  # the longest fault, where staging or production names none
BUDGET_LEFT: Final = Fraction(1, 2)  # of each SLO's window, where production names nothing: incidents need the rest
LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: Final[tuple[Day, ...]] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _time(value: Any) -> time:
    try:
        return datetime.strptime(value, "%H:%M").time()  # noqa: DTZ007 (its zone is the next field)
    except (ValueError, TypeError):
        raise problem('a time of day in quotes, such as "09:00"') from None


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        raise problem("a time zone such as Europe/Berlin, or UTC") from None
    return name


def _host(name: str) -> str:
    if not name or any(part in name for part in ("/", ":", " ")) or "*" in name.removeprefix("*."):
        raise problem("a host name such as shop.example, or *.shop.example", "without scheme, port and path")
    return name.lower()


TimeOfDay = Annotated[time, BeforeValidator(_time)]
TimeZone = Annotated[str, AfterValidator(_zone)]
Host = Annotated[str, AfterValidator(_host)]


class MaintenanceWindow(Written):
    """When a target may be drilled: on these days, from one time to another; over midnight where `to` is earlier."""

    days: tuple[Day, ...] = Field(default=DAYS, min_length=1)
    from_: TimeOfDay = Field(alias="from")
    to: TimeOfDay
    time_zone: TimeZone

    def holds(self, begin: datetime, end: datetime) -> bool:
        """Whether all of [begin, end] lies in one occurrence of it; both know their zone."""
        zone = ZoneInfo(self.time_zone)
        today = begin.astimezone(zone).date()
        for day in (today, today - timedelta(days=1)):  # yesterday's may reach over midnight
            if DAYS[day.weekday()] not in self.days:
                continue
            last = day if self.to > self.from_ else day + timedelta(days=1)
            opens = datetime.combine(day, self.from_, zone)
            closes = datetime.combine(last, self.to, zone)
            # Subtle: compared as instants; two times of one zone compare by the clock on the wall.
            if opens.timestamp() <= begin.timestamp() and end.timestamp() <= closes.timestamp():
                return True
        return False

    def __str__(self) -> str:
        days = "every day" if self.days == DAYS else ", ".join(self.days)
        return f"{days} {self.from_:%H:%M} to {self.to:%H:%M} {self.time_zone}"


class Allow(Written):
    """The limits of one target; nothing given is the default of its environment."""

    hosts: tuple[Host, ...] | None = None
    zones: tuple[str, ...] | None = None
    tags: dict[str, str] = {}
    share: Share | None = None  # of the capacity that bears the tags
    fault: DurationNs | None = None
    budget_left: Share | None = None  # of each SLO's window, after this drill
    windows: tuple[MaintenanceWindow, ...] = ()
    uncounted: tuple[str, ...] = ()  # actions whose reach cannot be counted and that may run all the same


class Resource(Model):
    """One thing that an action would hit, or that could have been."""

    kind: Literal["EC2 instance", "DB instance"]
    id: str
    zone: str
    tags: dict[str, str] = {}


class Reach(Model):
    """What one action would hit, as the target was asked; `counted`: whether that is known."""

    action: str
    what: str  # chaosaws.ec2.actions.stop_instances
    counted: bool
    said: str  # for people: "1 of 3 EC2 instances"
    resources: tuple[Resource, ...] = ()  # from which it takes `hits`
    resting: tuple[Resource, ...] = ()  # named by it, and not running now: limits hold for them, too
    # Subtle: a negative number of hits would be within every limit.
    hits: Count | None = None  # None: nothing that has a capacity, such as one proxy's setting
    tagged: bool = True  # whether it asks for the target's tags, or names each resource by itself
    aws: bool = False
    undoes: bool = False  # a rollback: it takes nothing away, and what it heals is not broken yet
    capacity: Count | None = None  # running resources of that kind that bear the target's tags
    problem: str = ""  # why nobody could be asked, with the way out: no drill begins then

    @property
    def share(self) -> Exact | None:
        """Share of the capacity it takes away."""
        return Fraction(self.hits, self.capacity) if self.hits is not None and self.capacity else None


class Survey(Model):
    """What a target answered, before anything of it was touched."""

    account: str | None = None
    region: str | None = None
    reaches: tuple[Reach, ...] = ()


def is_allowed_host(host: str, allowed: Iterable[str]) -> bool:
    """Whether a host is one of those named; `*.example` names all below example."""
    return any(
        host == name or (name.startswith("*.") and host.endswith(name[1:]) and host != name[2:]) for name in allowed
    )
