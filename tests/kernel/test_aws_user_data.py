"""The user data makes a node of a bare Debian 12, which reaches nothing but its bundle.

debootstrap makes the system, apt and pip fetch what the guide says; then the script runs in
namespaces that have loopback only, with stand-ins for IMDS, S3 and SSM.
"""

import json
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from inspect import getsource
from pathlib import Path

import pytest

from natgate.agent.aws_bundle import REFEREE, UNITS, write_bundle
from natgate.cloud import aws_fetch
from natgate.wire.user_data import script
from tests.aws_signature import REGION
from tests.deployments import TWO_ZONES, planned
from tests.house.files import ROOT, blocks

from .aws_instance import SECRET

pytestmark = pytest.mark.kernel

GUIDE = ROOT / "docs" / "guides" / "aws.md"
MIRROR = "http://deb.debian.org/debian"
IMAGE = "ca-certificates,dbus,python3,systemd"
"""What the cloud image has beside the smallest Debian, of what the script uses."""

HOST = f"bucket.s3.{REGION}.amazonaws.com"
ENDING = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
"""Whatever is mounted or started meanwhile is gone when the program ends."""

APART = [*ENDING, "--net"]
BIN = Path(sys.executable).parent


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A directory with a fresh system, its packages and wheels; gone afterwards."""
    place = tmp_path_factory.mktemp("instance")
    try:
        root = place / "root"
        execute(
            *ENDING,
            "debootstrap",
            "--variant=minbase",
            f"--include={IMAGE}",
            "bookworm",
            str(root),
            MIRROR,
        )
        _packages(root, place / "packages")
        _wheels(place / "wheels")
        _certificate(place / "server.pem")
        shutil.copy(place / "server.pem", root / "trusted.pem")
        with (root / "etc/hosts").open("a") as hosts:
            hosts.write(f"127.0.0.1 {HOST}\n")
        yield place
    finally:
        shutil.rmtree(place)


def execute(*argv: str) -> str:
    """What a program prints; it must succeed within minutes."""
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, f"{argv}: {done.stdout}{done.stderr}"
    return done.stdout


def _packages(root: Path, target: Path) -> None:
    """What the system lacks, as the guide's own commands fetch it there."""
    shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
    (found,) = [block for block in blocks(GUIDE, "console") if "apt-get update" in block]
    commands = "\n".join(line.removeprefix("# ") for line in found.splitlines())
    execute(*ENDING, "chroot", str(root), "sh", "-ec", f"apt-get clean\ncd /srv\n{commands}")
    shutil.move(root / "srv/packages", target)
    (root / "etc/resolv.conf").unlink()


def _wheels(target: Path) -> None:
    """natgate, and what it needs with boto3, in the versions of the lock file."""
    execute(str(BIN / "uv"), "build", "--quiet", "--wheel", "--out-dir", str(target), str(ROOT))
    locked = ["--frozen", "--no-dev", "--no-emit-project", "--extra", "aws", "--quiet"]
    needed = target / "requirements.txt"
    execute(
        str(BIN / "uv"), "export", *locked, "--project", str(ROOT), "--output-file", str(needed)
    )
    pip = [str(BIN / "pip"), "download", "--quiet", "--only-binary=:all:", "--dest", str(target)]
    execute(*pip, "--require-hashes", "--requirement", str(needed))


def _certificate(file: Path) -> None:
    """A key with its certificate for the name of the bucket."""
    subject = ["-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST}", "-days", "2"]
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    execute(
        "openssl", "req", "-x509", *curve, *subject, "-keyout", str(file), "-out", f"{file}.crt"
    )
    with file.open("a") as both:
        both.write(Path(f"{file}.crt").read_text())


def _first_minute(place: Path, bundle: str) -> tuple[int, list[str], str]:
    """Exit code of the script in the system, what was asked of AWS, and what it printed."""
    values = {
        "BUCKET": "bucket",
        "PREFIX": "natgate",
        "BUNDLE": bundle,
        "REGION": REGION,
        "SUFFIX": "amazonaws.com",
        "KEY_PARAMETER": "/natgate/main/heartbeat-key",
    }
    text = script(planned(), "debian-12", getsource(aws_fetch), values)
    (place / "root/user-data").write_text(text)
    where = [str(place / "root"), str(place / "bucket"), str(place / "server.pem")]
    argv = [*APART, sys.executable, "-m", "tests.kernel.aws_instance", *where]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    return done.returncode, json.loads(done.stdout or "[]"), done.stderr


def _inside(place: Path, *argv: str) -> str:
    """What a program of the system prints, in namespaces of its own."""
    mounts = f"mount -t proc proc {place}/root/proc && mount -t sysfs sysfs {place}/root/sys"
    command = f'{mounts} && mount --rbind /dev {place}/root/dev && exec chroot {place}/root "$@"'
    return execute(*APART, "sh", "-c", command, "sh", *argv)


def test_a_bare_system_becomes_a_node(workshop: Path) -> None:
    """A changed bundle is refused before anything of it is used; the right one makes a node."""
    sources = {"wheels": [workshop / "wheels"], "packages": [workshop / "packages"]}
    bucket = workshop / "bucket" / "natgate"
    bundle = write_bundle(bucket, TWO_ZONES, **sources, referee=REFEREE)
    archive = bucket / bundle / "bundle.tar"
    whole = archive.read_bytes()
    archive.write_bytes(whole.replace(b"apiVersion", b"apiVersioN", 1))
    code, _, said = _first_minute(workshop, bundle)
    assert code != 0
    assert "bundle.tar: FAILED" in said
    assert not (workshop / "root/opt/natgate").exists()

    archive.write_bytes(whole)
    code, asked, said = _first_minute(workshop, bundle)
    assert code == 0, said
    assert [line for line in asked if not line.endswith("ok")] == []
    assert SECRET not in said
    key = workshop / "root/etc/natgate/key"
    assert (key.read_text(), stat.S_IMODE(key.stat().st_mode)) == (SECRET, 0o600)

    assert _inside(workshop, "natgate", "--version").startswith("natgate, version")
    assert "valid" in _inside(workshop, "natgate", "check", "/etc/natgate/spec.yaml")
    installed = workshop / "root/opt/natgate/.venv/lib/python3.11/site-packages/natgate"
    assert set(UNITS) <= {path.name for path in (installed / "packaging").iterdir()}
    assert "--deadline" in _inside(workshop, "natgate", "aws", "join", "--help")
    units = [f"/etc/systemd/system/{name}" for name in UNITS if name.endswith(".service")]
    _inside(workshop, "systemd-analyze", "verify", "--man=no", *units)
    for unit in units:
        assert (
            workshop / "root/etc/systemd/system/multi-user.target.wants" / Path(unit).name
        ).is_symlink()
