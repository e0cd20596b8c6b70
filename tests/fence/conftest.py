"""All fences are started in one namespace, which the tests enter.

The threads of the etcd client stay in the namespace where they began, so that all tests share it.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.namespaces import Namespace, namespace


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test below this folder makes a network namespace."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.kernel)


@pytest.fixture(scope="session")
def island() -> Iterator[Namespace]:
    """A namespace with a loopback, cut off from everything."""
    if os.geteuid() != 0:
        pytest.fail("these tests make a network namespace, which needs root: run pytest as root")
    with namespace() as made:
        yield made


@pytest.fixture(autouse=True)
def _there(island: Namespace) -> Iterator[None]:
    with island.entered():
        yield
