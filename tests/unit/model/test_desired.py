"""What a node should hold."""

from dataclasses import fields
from ipaddress import IPv4Network

from hypothesis import given

from natgate.model.desired import Desired, Guard
from natgate.model.observed import Observed
from natgate.model.spec import Spec
from natgate.model.table import Table
from natgate.plan.compile import NodeFacts, compile_node
from natgate.plan.diff import diff, removal
from tests.effort import FEW
from tests.specs import specs

HANDLED = {
    "table": "ChangeTable",
    "owned": "ChangeTable",
    "guards": "SetGuard",
    "sysctls": "SetSysctl",
    "blackholes": "AddBlackhole",
    "tunnel": "SetTunnel",
    "detours": "AddDetour",
}
"""Each field of Desired, and the change that brings it about."""


@FEW
@given(specs())
def test_every_field_is_brought_about_and_taken_away(spec: Spec) -> None:
    """Each field has a change that makes it so; a new field must be added to this list."""
    assert {field.name for field in fields(Desired)} == HANDLED.keys()
    desired = compile_node(spec, NodeFacts(name=spec.nodes[0].name, links=("eth0",)))
    made = {type(change).__name__ for change in diff(desired, Observed(links=("eth0",)))}
    absent = {
        HANDLED[name] for name in ("blackholes", "tunnel", "detours") if not getattr(desired, name)
    }
    wanted = set(HANDLED.values()) - absent
    assert made == wanted
    held = Observed(
        table=desired.table,
        guards={"eth0": desired.guards["eth0"]},
        blackholes=desired.blackholes,
        sysctls=desired.sysctls,
        tunnel=desired.tunnel,
        detours=desired.detours,
    )
    taken = removal(held, dict.fromkeys(desired.sysctls, "9"), frozenset())
    handover = len(desired.detours) + (desired.tunnel is not None)
    assert len(taken) == len(desired.sysctls) + 1 + len(desired.blackholes) + 1 + handover


def test_guards_are_compared_by_their_prefixes() -> None:
    """Two guards are the same exactly if their prefixes are."""
    prefix = IPv4Network("10.0.0.0/24")
    assert Guard(inside=(prefix,), internal=()) == Guard(inside=(prefix,), internal=())
    assert Guard(inside=(prefix,), internal=()) != Guard(inside=(), internal=(prefix,))
    assert Desired(table=Table(), owned=False).guards == {}
