"""The kernel in memory passes the contract of kernels, and can be disturbed."""

from dataclasses import replace

import pytest

from natgate.kernel.fake import FakeKernel
from natgate.model.change import AddTable, ChangeTable, Delete, Flush, SetSysctl
from natgate.model.error import HostError
from natgate.model.observed import Observed
from natgate.model.table import Chain, Rule, Table
from natgate.plan.compile import NodeFacts, compile_node
from tests.kernel_contract import KernelContract
from tests.specs import two_zones

LINKS = ("eth0", "eth1")


@pytest.fixture
def kernel() -> FakeKernel:
    """A machine with two links and the kernel's own settings."""
    desired = compile_node(two_zones(), NodeFacts(name="node-a", links=LINKS))
    return FakeKernel(held=Observed(links=LINKS, sysctls=dict.fromkeys(desired.sysctls, "0")))


class TestFakeKernel(KernelContract):
    """Every test of the contract."""


def test_it_remembers_what_was_applied(kernel: FakeKernel) -> None:
    """A test can look at the changes that were made, and at those only."""
    done = SetSysctl(key="x", value="1", previous=None)
    kernel.apply(done)
    with pytest.raises(HostError, match="no table"):
        kernel.apply(ChangeTable(steps=(Flush(kind="chain", name="c"),)))
    assert kernel.applied == [done]
    assert not kernel.closed
    kernel.close()
    assert kernel.closed


def test_it_is_disturbed_by_assignment(kernel: FakeKernel) -> None:
    """What a test puts into `held` is what is observed, and what a change starts from."""
    chain = Chain(name="c", rules=(Rule(text="drop"),))
    kernel.held = replace(kernel.held, table=Table(chains={"c": chain}, asleep=True))
    kernel.apply(ChangeTable(steps=(AddTable(), Flush(kind="chain", name="c"))))
    assert kernel.observe().table == Table(chains={"c": Chain(name="c")})
    kernel.apply(ChangeTable(steps=(Delete(kind="chain", name="c"),)))
    assert kernel.observe().table == Table()


def test_it_counts_what_a_test_says(kernel: FakeKernel) -> None:
    """Counters are set by the test."""
    kernel.counts["guard"] = 7
    assert kernel.counters() == {"guard": 7}
