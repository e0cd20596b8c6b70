"""What lets a node in at a fence, and the fence that a spec names."""

import sys
from pathlib import Path

import pytest

from natgate.agent.credentials import read_credentials
from natgate.agent.main import make_fence
from natgate.model.error import RefusedError
from natgate.model.steering import EtcdFence
from natgate.store.witness import WitnessFence
from natgate.wire.config import parse_spec
from tests.specs import spec_with, two_zones

ENDPOINTS = ("https://10.0.0.5:2379",)
SECRET = "correct horse"  # noqa: S105 (of nobody)
BY_PASSWORD = {"user": "natgate", "password_env": "P"}


def fence(**fields: str) -> EtcdFence:
    """The part of a spec."""
    return EtcdFence.model_validate({"kind": "etcd", "endpoints": ENDPOINTS, **fields})


def test_the_password_comes_from_the_environment_and_is_never_shown() -> None:
    """The variable that the spec names is read, and what holds it does not print it."""
    found = read_credentials(fence(**BY_PASSWORD), {"P": SECRET})
    assert found.password == SECRET
    assert SECRET not in repr(found)
    assert read_credentials(fence(), {"P": SECRET}).password is None


@pytest.mark.parametrize("environment", [{}, {"P": ""}])
def test_a_missing_password_is_named(environment: dict[str, str]) -> None:
    """The sentence names the variable."""
    with pytest.raises(RefusedError, match=r"fence\.password_env: P is not set"):
        read_credentials(fence(**BY_PASSWORD), environment)


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    """A private key is a secret like the heartbeat key; the sentence does not show it."""
    key = tmp_path / "key"
    key.write_text(SECRET)
    key.chmod(0o640)
    with pytest.raises(RefusedError, match=r"fence\.key_file: .* is open to others") as caught:
        read_credentials(fence(cert_file=str(key), key_file=str(key)), {})
    assert SECRET not in str(caught.value)


def test_what_is_no_certificate_is_named(tmp_path: Path) -> None:
    """Before anything is sent: a fence that never answers would not say why."""
    other = tmp_path / "other"
    other.write_text(SECRET)
    other.chmod(0o600)
    with pytest.raises(RefusedError, match=r"fence\.ca_file: .* holds no certificate"):
        read_credentials(fence(ca_file=str(other)), {})
    with pytest.raises(RefusedError, match=r"fence\.cert_file: .* are no certificate and its key"):
        read_credentials(fence(cert_file=str(other), key_file=str(other)), {})
    with pytest.raises(RefusedError, match=r"fence\.ca_file: cannot read"):
        read_credentials(fence(ca_file=str(tmp_path / "missing")), {})


def test_without_its_package_etcd_is_refused_with_the_way_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Only a spec that names etcd needs the client library."""
    monkeypatch.setitem(sys.modules, "aetcd.rpc", None)
    key = "heartbeat: {key_env: NATGATE_KEY}"
    etcd = "fence: {kind: etcd, endpoints: ['http://127.0.0.1:2379']}"
    spec = parse_spec(spec_with((key, f"{key}\n{etcd}")))
    with pytest.raises(RefusedError, match=r"pip install 'natgate\[etcd\]'"):
        make_fence(spec, SECRET.encode())


def test_a_spec_names_its_fence() -> None:
    """None unless it says so; a witness needs no further package."""
    assert make_fence(two_zones(), SECRET.encode()) is None
    key = "heartbeat: {key_env: NATGATE_KEY}"
    spec = parse_spec(spec_with((key, f"{key}\nfence: {{kind: witness, address: 192.0.2.9}}")))
    assert isinstance(make_fence(spec, SECRET.encode()), WitnessFence)
