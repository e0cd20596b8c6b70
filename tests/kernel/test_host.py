"""The real kernel passes the contract of kernels."""

import pytest

from natgate.kernel.host import HostKernel
from natgate.model.change import AddTable, ChangeTable, SetSysctl
from natgate.model.error import RefusedError
from tests.kernel_contract import KernelContract


class TestHostKernel(KernelContract):
    """Every test of the contract, against nftables, netlink and /proc/sys."""

    def test_closing_twice_is_not_needed(self, kernel: HostKernel) -> None:
        """A kernel that owns nothing can be closed at once; its port names it meanwhile."""
        assert kernel.port > 0


def test_a_setting_that_is_missing_is_refused(kernel: HostKernel) -> None:
    """The sentence says what may be the reason."""
    with pytest.raises(RefusedError, match="this kernel has no setting net/nowhere"):
        kernel.apply(SetSysctl(key="net/nowhere", value="1", previous=None))


def test_counters_are_there_with_the_table_and_the_guard_is_always(kernel: HostKernel) -> None:
    """Without a table only the guard counts."""
    assert kernel.counters() == {"guard": 0}
    kernel.apply(ChangeTable(steps=(AddTable(),)))
    assert kernel.counters() == {"guard": 0}
