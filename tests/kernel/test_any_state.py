"""From any state of the real kernel to any other, with foreign changes and interruptions between."""

import subprocess
from contextlib import closing

from hypothesis import given
from hypothesis import strategies as st

from natgate.kernel.host import HostKernel
from natgate.model.change import TableStep
from natgate.model.desired import Desired
from natgate.model.spec import Spec
from natgate.plan.compile import NodeFacts, compile_node
from natgate.plan.diff import diff
from tests.effort import SOME
from tests.namespaces import execute, namespace
from tests.specs import specs
from tests.states import differences, disturbances

OTHERS = (
    "nft flush ruleset",
    "nft delete table ip natgate",
    "nft add table ip natgate { flags dormant; }",
    "tc qdisc del dev eth0 clsact",
    "tc filter del dev eth1 egress",
    "ip route flush proto 78",
    "sysctl -qw net.ipv4.ip_forward=0",
    "sysctl -qw net.ipv4.conf.all.rp_filter=1 net.ipv4.conf.eth1.send_redirects=1",
)
"""What other programs do; the kernel may refuse it where natgate owns the table."""


def wanted(kernel: HostKernel, spec: Spec, node: int) -> Desired:
    """What a node of the spec should hold on this kernel."""
    observed = kernel.observe()
    name = spec.nodes[node % len(spec.nodes)].name
    facts = NodeFacts(name=name, links=observed.links, owner_works=observed.owner_works)
    return compile_node(spec, facts)


def apply(kernel: HostKernel, desired: Desired, most: int | None = None) -> None:
    """The changes that are needed, or only the first ones of them."""
    for change in diff(desired, kernel.observe())[:most]:
        kernel.apply(change)


def disturb(steps: tuple[TableStep, ...], others: list[str]) -> None:
    """What others do to a table, as far as the kernel lets them."""
    script = "\n".join(map(str, steps))
    subprocess.run(["nft", "-f", "-"], input=script, text=True, check=False, capture_output=True)
    for command in others:
        subprocess.run(command.split(), check=False, capture_output=True)


@SOME
@given(specs(), specs(), st.integers(0, 3), st.none() | st.integers(0, 9), st.data())
def test_the_desired_state_is_reached_from_any_state(
    earlier: Spec, spec: Spec, node: int, interrupted: int | None, data: st.DataObject
) -> None:
    """After another spec, foreign changes, an interruption and a restart, the spec is in force.

    What is observed then is what is desired, and no further change is needed.
    """
    with namespace() as here, here.entered():
        execute("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth1")
        execute("ip", "link", "set", "eth0", "up")
        # By its router a node reaches the others, where returns are handed over by routes.
        execute("ip", "address", "add", "192.0.2.2/24", "dev", "eth0")
        execute("ip", "route", "add", "default", "via", "192.0.2.1")
        with closing(HostKernel()) as kernel:
            before = wanted(kernel, earlier, node)
            apply(kernel, before)
            disturb(
                data.draw(disturbances(before.table)),
                data.draw(st.lists(st.sampled_from(OTHERS), max_size=2, unique=True)),
            )
            apply(kernel, wanted(kernel, spec, node), interrupted)
        with closing(HostKernel()) as kernel:
            desired = wanted(kernel, spec, node)
            apply(kernel, desired)
            assert differences(desired, kernel.observe()) == {}
            assert diff(desired, kernel.observe()) == ()
