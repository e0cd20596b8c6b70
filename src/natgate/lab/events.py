"""What happens in a demo, as facts; and what it found, as one document."""

from dataclasses import dataclass

from pydantic import Field

from natgate.lab.clouded import ApiCost, Rejoin
from natgate.lab.measure import Figures
from natgate.lab.watch import Sampled
from natgate.model.fields import Model


class Outcome(Figures):
    """What one fault did, and what it cost; times in ms, the worst of all clients."""

    mode: str = Field(description="of the gateway: active-standby or active-active")
    kind: str = Field(description="the fault")
    node: str = Field(description="the node that was broken")
    ownership: str = Field(description="auto, or off as on a kernel before 6.9")
    happened: str = Field(description="what came of the fault, as a sentence")
    wrong_source_packets: int = Field(description="that reached a target; 0 or a promise is broken")
    active_before: str | None = Field(description="the node that was broken")
    active_after: str | None = Field(description="who carries what it carried")
    carried_returns: bool = Field(description="whether returning packets went through it")
    repaired_in_place: bool = Field(description="whether no route was moved")
    carriers_before: dict[str, str | None] = Field(description="the node of each route table")
    carriers_after: dict[str, str | None] = Field(description="the same after the fault")
    api: ApiCost | None = Field(default=None, description="with --cloud aws: of the cloud's API")
    rejoin: Rejoin | None = Field(
        default=None, description="with --cloud aws: how the node came back when it was healed"
    )


class Machine(Model):
    """What the figures were measured on."""

    kernel: str
    cores: int
    probe_interval_ms: int
    network: str


class Result(Model):
    """The whole demo."""

    fixed_source: str
    sources_seen: dict[str, str]
    faults: tuple[Outcome, ...]
    machine: Machine


@dataclass(frozen=True, slots=True, kw_only=True)
class LabBuilt:
    """A lab forwards; with its picture, if it is the first."""

    mode: str
    ownership: str
    picture: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSeen:
    """A client asked a target over HTTP; the target answered with the source it saw."""

    client: str
    target: str
    url: str
    answer: str
    logged: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultBegan:
    """The probes run; the fault comes next."""

    kind: str
    summary: str
    node: str
    mode: str
    ownership: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultInjected:
    """The fault is there, or was refused."""

    happened: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultEnded:
    """Traffic flows again, or the demo waited long enough; healing comes next."""

    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeBack:
    """On a cloud: all nodes are fit again, and the API was asked who carries what."""

    node: str
    rejoin: Rejoin


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoEnded:
    """Everything was shown and the lab is gone."""

    result: Result


Event = (
    LabBuilt | SourceSeen | FaultBegan | FaultInjected | Sampled | FaultEnded | NodeBack | DemoEnded
)
