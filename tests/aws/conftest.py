"""One EC2 of moto for all tests of this folder, emptied before each; it is on loopback only."""

from collections.abc import Iterator

import pytest

from tests.aws.account import Account
from tests.aws.endpoint import emptied, listening


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    """Where it listens."""
    with listening() as made:
        yield made


@pytest.fixture
def account(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    """An empty account, which boto3's own environment leads to."""
    for name, value in emptied(endpoint).items():
        monkeypatch.setenv(name, value)
    made = Account()
    yield made
    made.close()
