"""What this node found about its own kernel, as warnings."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from natgate.agent.keeper import Kept
from natgate.model.address import PORTS
from natgate.model.change import Change, ChangeTable
from natgate.model.spec import Spec
from natgate.model.warning import ActiveWarning, warning

SHOWN = 600.0
"""Seconds for which a repaired drift is shown as a warning."""


@dataclass(slots=True)
class Drifts:
    """The latest changes by others that were put right, with the time of each."""

    node: str
    _seen: deque[tuple[float, str]] = field(default_factory=lambda: deque(maxlen=20))

    def add(self, now: float, what: str) -> None:
        """Remember one."""
        self._seen.append((now, what))

    def warnings(self, now: float) -> Iterator[ActiveWarning]:
        """One warning for all of the last ten minutes."""
        recent = [(at, what) for at, what in self._seen if now - at < SHOWN]
        if recent:
            at, what = recent[-1]
            times = f"{len(recent)} times" if len(recent) > 1 else "once"
            text = f"repaired {times}, last {now - at:.0f} s ago: {what}"
            yield warning("drift-repaired", self.node, text)


def kernel_warnings(node: str, spec: Spec, kept: Kept) -> Iterator[ActiveWarning]:
    """What is wrong with what a node's kernel holds, and with how much of it fits."""
    if kept.error:
        yield warning("repair-failed", node, kept.error)
    elif not kept.owned:
        why = "host.ownership is off" if kept.owner_works else "this kernel cannot"
        yield warning("not-owned", node, f"the table is not owned: {why}")
    needed = PORTS * sum(len(gateway.addresses) for gateway in spec.gateways)
    if kept.flow_limit is not None and kept.flow_limit < needed:
        text = (
            f"nf_conntrack_max is {kept.flow_limit}, and the addresses can use {needed} to one "
            "destination"
        )
        yield warning("flow-table-small", node, text)


def summary(change: Change) -> str:
    """A change in one line."""
    if isinstance(change, ChangeTable):
        return f"{len(change.steps)} changes to the table, first: {change.steps[0]}"
    return str(change)
