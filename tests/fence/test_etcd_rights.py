"""An etcd that lets in only whom it knows: by certificate, or by user and password."""

import asyncio
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from natgate.agent.main import make_fence
from natgate.model.claim import Claim
from natgate.model.error import FenceAwayError, RefusedError
from natgate.store.etcd import PREFIX
from natgate.store.fence import Fence
from natgate.wire.config import parse_spec
from tests.fence_contract import KEY, Bench, FenceContract, patiently, won
from tests.specs import spec_with

from .certificates import Authority, authority
from .cluster import TIMEOUT, Cluster, etcd
from .processes import stopped

PASSWORD = "correct horse battery"  # noqa: S105 (of an etcd that lives for one test)


@dataclass(frozen=True, slots=True)
class Guarded:
    """An etcd behind TLS that gives the user natgate its own prefix and nothing more."""

    cluster: Cluster
    trusted: Authority

    def fence(self, **changes: str | None) -> Fence:
        """What `make_fence` makes of a spec; a change of None leaves a line out."""
        certificate, key = self.trusted.issue("natgate")
        lines: dict[str, str | None] = {
            "kind": "etcd",
            "endpoints": str(list(self.cluster.members)),
            "timeout": f"{TIMEOUT}s",
            "ca_file": self.trusted.certificate,
            "cert_file": certificate,
            "key_file": key,
        }
        given = {name: value for name, value in {**lines, **changes}.items() if value is not None}
        text = ", ".join(f"{name}: {value}" for name, value in given.items())
        heartbeat = "heartbeat: {key_env: NATGATE_KEY}"
        spec = parse_spec(spec_with((heartbeat, f"{heartbeat}\nfence: {{{text}}}")))
        made = make_fence(spec, b"not for etcd")
        assert made is not None
        return made


@contextmanager
def guarded(directory: Path, *, certificates: bool) -> Iterator[Guarded]:
    """Rights by certificate, or by password."""
    trusted = authority(directory / "ca")
    certificate, key = trusted.issue("member", address="127.0.0.1")
    root, root_key = trusted.issue("root")
    flags = ["--cert-file", certificate, "--key-file", key]
    if certificates:
        flags += ["--client-cert-auth", "--trusted-ca-file", trusted.certificate]
    ctl = ("--cacert", trusted.certificate, "--cert", root, "--key", root_key)
    with etcd(directory, flags=tuple(flags), ctl=ctl) as cluster:
        for command in (
            "user add root:root",
            "user grant-role root root",
            "role add natgate",
            f"role grant-permission natgate --prefix=true readwrite {PREFIX}",
            "user grant-role natgate natgate",
            "auth enable",
        ):
            if command.startswith("user grant-role natgate"):
                cluster.etcdctl("user", "add", f"natgate:{PASSWORD}")
            cluster.etcdctl(*command.split())
        if not certificates:
            cluster.flags[2:] = ["--user", "root:root"]
        yield Guarded(cluster, trusted)


class TestCertificates(FenceContract):
    """The contract, with rights that a client's certificate gives."""

    @pytest.fixture
    def bench(self, tmp_path: Path) -> Iterator[Bench]:
        """An etcd behind TLS."""
        with guarded(tmp_path, certificates=True) as etcd_:
            processes = etcd_.cluster.members.values()
            yield Bench(open=etcd_.fence, away=lambda: stopped(*processes), timeout=TIMEOUT)


def refused(fence: Fence, why: str) -> None:
    """A fence that does not let in is away, and says why."""

    async def run() -> None:
        with closing(fence), pytest.raises(FenceAwayError, match=why) as caught:
            await fence.claim(KEY, "thief", 0)
        assert PASSWORD not in str(caught.value)

    asyncio.run(run())


def test_who_is_not_known_claims_nothing(tmp_path: Path) -> None:
    """No certificate, one of another authority, one without rights, or a server nobody vouches for."""
    with guarded(tmp_path, certificates=True) as etcd_:
        other = authority(tmp_path / "other")
        stranger, stranger_key = other.issue("natgate")
        guest, guest_key = etcd_.trusted.issue("guest")
        refused(etcd_.fence(cert_file=None, key_file=None), "TLS session|certificate")
        refused(
            etcd_.fence(cert_file=stranger, key_file=stranger_key),
            "TLS session|certificate",
        )
        refused(etcd_.fence(cert_file=guest, key_file=guest_key), "permission|user")
        refused(etcd_.fence(ca_file=other.certificate), "certificate")

        async def run() -> None:
            with closing(etcd_.fence()) as fence:
                assert await patiently(lambda: fence.claim(KEY, "node-a", 0)) == Claim(
                    owner="node-a", epoch=1
                )

        asyncio.run(run())


def test_user_and_password_are_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A token is fetched when it is needed, and again when etcd has forgotten it."""
    monkeypatch.setenv("ETCD_PASSWORD", PASSWORD)
    with guarded(tmp_path, certificates=False) as etcd_:
        by_password: dict[str, str | None] = {
            "cert_file": None,
            "key_file": None,
            "user": "natgate",
            "password_env": "ETCD_PASSWORD",
            "timeout": "1s",
        }

        async def run() -> None:
            with closing(etcd_.fence(**by_password)) as fence:
                assert won(await patiently(lambda: fence.claim(KEY, "node-a", 0)), "node-a", 0)
                etcd_.cluster.etcdctl("auth", "disable")
                etcd_.cluster.etcdctl("auth", "enable")
                assert won(await patiently(lambda: fence.claim(KEY, "node-a", 1)), "node-a", 1)

        asyncio.run(run())
        monkeypatch.setenv("ETCD_PASSWORD", "wrong")
        refused(etcd_.fence(**by_password), "invalid user ID or password")
        refused(etcd_.fence(cert_file=None, key_file=None), "user name is empty")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"key_file": "OPEN"}, "fence.key_file: .* is open to others: chmod 600"),
        ({"cert_file": "/nowhere"}, "fence.cert_file: cannot read /nowhere"),
        ({"ca_file": "/nowhere"}, "fence.ca_file: cannot read /nowhere"),
        ({"ca_file": "OPEN"}, "fence.ca_file: .* holds no certificate"),
        ({"cert_file": "OPEN"}, "fence.cert_file: .* are no certificate and its key"),
        (
            {"user": "natgate", "password_env": "NOWHERE_SET", "timeout": "1s"},
            "fence.password_env: NOWHERE_SET is not set",
        ),
    ],
)
def test_what_is_missing_is_refused_before_anything_is_sent(
    tmp_path: Path, change: dict[str, str | None], message: str
) -> None:
    """Each file and variable is checked when the fence is made, and named."""
    (tmp_path / "open").write_text("no secret")
    (tmp_path / "open").chmod(0o644)
    change = {k: str(tmp_path / "open") if v == "OPEN" else v for k, v in change.items()}
    nowhere = Guarded(Cluster(members={"https://127.0.0.1:1": None}), authority(tmp_path / "ca"))  # type: ignore[dict-item]
    with pytest.raises(RefusedError, match=message):
        nowhere.fence(**change)
