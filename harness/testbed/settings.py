"""What a bed is asked to be, and what it says of itself."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, JsonValue, field_validator

from harness.model import Model

NAME = r"[a-z0-9][a-z0-9-]{0,39}"  # of a bed: a folder is called so
REGION = "us-east-1"
ZONES = ("us-east-1a", "us-east-1b", "us-east-1c")
DATABASE_ZONES = ZONES[:2]  # the primary starts in the first, the standby in the second

# What marks everything in the control plane that an experiment may touch.
TAG = ("wellproven", "drill")


# `testbed env` prints such names for a shell to evaluate.
Variable = Annotated[str, Field(pattern=r"^[A-Z_][A-Z0-9_]*$")]


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("no text that a terminal can be shown")
    return text


Printable = Annotated[str, AfterValidator(_printable)]


class Settings(Model):
    """How a bed is built. Each switch that is not at its default is a known weakness, for tests of the harness."""

    name: str = Field(default="default", pattern=f"^{NAME}$")
    failover: bool = True  # False: the control plane never promotes the standby
    # strict: commits wait for the standby even where there is none
    replication: Literal["asynchronous", "synchronous", "strict"] = "asynchronous"
    replication_delay_ms: int = Field(default=0, ge=0, le=60_000)  # how far the first standby lags
    finds_writer: bool = True  # False: the shop knows the first database node alone
    reconcile: bool = True  # False: AWS calls change the control plane's words and no process
    pricing_timeout: bool = True  # False: the shop waits for the pricing service for as long as it takes
    pricing_retries: int = Field(default=0, ge=0, le=100)  # how often the shop asks again, at once, what failed
    fallback: bool = True  # False: without the pricing service there is no price
    # never-trips: its threshold is never reached. never-closes: it never tries again. does-not-shed: open, and the shop
    # asks all the same.
    breaker: Literal["trips", "never-trips", "never-closes", "does-not-shed"] = "trips"
    cache: Literal["optional", "required"] = "optional"  # required: without the cache there is no catalogue
    health_checks: bool = True  # False: the edge sends to every instance, dead or alive, and to no other instead
    requests_per_s_max: int = Field(default=0, ge=0, le=100_000)  # the edge lets no more through; 0: no limit

    @property
    def weaknesses(self) -> dict[str, JsonValue]:
        """What is not at its default; the name makes no bed another one."""
        return self.model_dump(mode="json", exclude={"name"}, exclude_defaults=True)


class ZoneState(StrEnum):
    """What a zone's processes do; a zone is up when its shop and its pricing service serve."""

    UP = "up"
    STOPPED = "stopped"
    PAUSED = "paused"


class ProcessStatus(Model):
    """One process of the bed."""

    name: str
    pid: int
    port: int


class ZoneStatus(Model):
    """One availability zone: what runs there, and the instance that stands for it."""

    state: ZoneState
    processes: tuple[ProcessStatus, ...]
    instance_id: str


class DatabaseStatus(Model):
    """Who may be written to, who follows, and how far behind it is in bytes of write-ahead log."""

    primary: str | None
    standby: str | None
    lag_bytes: int | None


class BedStatus(Model):
    """The whole bed; `wellproven testbed status --json` prints it."""

    name: str
    settings: Settings
    pid: int  # the keeper's
    region: str
    zones: dict[Printable, ZoneStatus] = Field(min_length=1)
    database: DatabaseStatus
    endpoints: dict[str, str]
    environment: dict[Variable, Printable]  # what points tools and experiments at it; with the bed's key
    log: str  # the bed's own event log

    @field_validator("endpoints")
    @classmethod
    def _with_edge(cls, endpoints: dict[str, str]) -> dict[str, str]:
        if "edge" not in endpoints:
            raise ValueError("the edge's address among them")
        return endpoints

    @property
    def is_whole(self) -> bool:
        """Whether every zone serves, the database takes writes, and a standby follows it."""
        serve = all(zone.state is ZoneState.UP for zone in self.zones.values())
        return serve and self.database.primary is not None and self.database.standby is not None
