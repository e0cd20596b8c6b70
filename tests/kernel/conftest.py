"""Each kernel test runs inside a network namespace of its own, with two links."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from natgate.kernel.host import HostKernel
from tests.namespaces import Namespace, execute, namespace


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test below this folder needs the real kernel."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.kernel)


@pytest.fixture(autouse=True)
def alone(_root_for_kernel_tests: None) -> Iterator[Namespace]:
    """The test's own namespace; the machine's is never touched, and nothing is left of this one."""
    with namespace() as made, made.entered():
        execute("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth1")
        yield made


@pytest.fixture
def kernel(alone: Namespace) -> Iterator[HostKernel]:
    """The real kernel of that namespace."""
    del alone
    with closing(HostKernel()) as made:
        yield made
