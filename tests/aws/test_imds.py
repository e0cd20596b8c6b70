"""What an instance is told of itself, by version 2 of the metadata service and never by version 1."""

from collections.abc import Iterator

import pytest

from natgate.cloud.imds import ENDPOINT, Instance, Metadata
from natgate.model.error import HostError
from tests.aws.metadata import Service, serving, values

ME = Instance(id="i-1", zone="ap-northeast-1a", interface="eni-1")


@pytest.fixture
def service() -> Iterator[Service]:
    """The service of one instance."""
    with serving() as made:
        made.values = values(ME.id, ME.zone, ME.interface)
        yield made


def test_an_instance_knows_who_it_is(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """One token serves all questions, and no question is asked without it."""
    monkeypatch.setenv(ENDPOINT, service.endpoint)
    assert Metadata().instance() == ME
    assert [ask[0] for ask in service.asked] == ["PUT", "GET", "GET", "GET", "GET"]
    assert all(good for *_, good in service.asked)


def test_a_token_that_has_expired_is_taken_anew(service: Service) -> None:
    """The service says so by a status, and one new token is enough."""
    metadata = Metadata(service.endpoint)
    assert metadata.instance() == ME
    service.tokens += 1
    assert metadata.instance() == ME
    assert [good for *_, good in service.asked].count(False) == 1


def test_what_is_not_there_is_none(service: Service) -> None:
    """An instance outside of an auto scaling group has no target state."""
    name = "autoscaling/target-lifecycle-state"
    assert Metadata(service.endpoint).read(name) is None
    service.values[name] = "InService"
    assert Metadata(service.endpoint).read(name) == "InService"


def test_failures_are_told_in_a_sentence(service: Service) -> None:
    """No token, no such value, a broken service, an endpoint that is none, nobody there."""
    del service.values["mac"]
    with pytest.raises(HostError, match="this instance has no mac"):
        Metadata(service.endpoint).instance()
    service.values["mac"] = "broken"
    with pytest.raises(HostError, match="mac was answered by status 500"):
        Metadata(service.endpoint).instance()
    service.gives_tokens = False
    with pytest.raises(HostError, match=r"no token was given \(status 403\)"):
        Metadata(service.endpoint).instance()
    for endpoint in ("ftp://127.0.0.1", "http://127.0.0.1:port", "http://[::1", "http://"):
        with pytest.raises(HostError, match="which is no http://address"):
            Metadata(endpoint).instance()
    with pytest.raises(HostError, match="this is no EC2 instance"):
        Metadata("http://127.0.0.1:9").instance()
