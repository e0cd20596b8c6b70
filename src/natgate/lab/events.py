"""What happens in a demo, as facts; and what it found, as one document."""

from dataclasses import dataclass

from natgate.lab.measure import Figures
from natgate.lab.watch import Sampled
from natgate.model.spec import Model


class Outcome(Figures):
    """What one fault did, and what it cost."""

    kind: str
    node: str
    ownership: str
    happened: str
    wrong_source_packets: int
    active_before: str | None
    active_after: str | None
    repaired_in_place: bool


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
class DemoEnded:
    """Everything was shown and the lab is gone."""

    result: Result


Event = LabBuilt | SourceSeen | FaultBegan | FaultInjected | Sampled | FaultEnded | DemoEnded
