"""The unit of joining has the privileges that it needs, and each of them is needed."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from natgate.cloud.imds import ENDPOINT
from tests.aws.account import SPEC, Account
from tests.aws.endpoint import emptied, listening
from tests.aws.metadata import serving, values
from tests.house.files import ROOT
from tests.house.unit_file import settings
from tests.namespaces import execute, namespace
from tests.specs import replaced

pytestmark = pytest.mark.kernel

UNIT = "natgate-aws-join.service"
TAKEN = "10.0.0.9"


@pytest.fixture
def account(_root_for_kernel_tests: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    """An instance with its primary address, whose APIs and metadata are in its namespace."""
    with namespace() as made, made.entered():
        execute("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth1")
        execute("ip", "address", "add", "10.0.0.1/24", "dev", "eth0")
        for link in ("lo", "eth0", "eth1"):
            execute("ip", "link", "set", link, "up")
        with listening() as endpoint, serving() as service:
            for name, value in {**emptied(endpoint), ENDPOINT: service.endpoint}.items():
                monkeypatch.setenv(name, value)
            with closing(Account()) as there:
                me = there.build().nodes["node-a"]
                service.values = values(there.instance(me, Name="me"), "ap-northeast-1a", me)
                yield there


def joined(folder: Path, allowed: str) -> subprocess.CompletedProcess[str]:
    """`natgate aws join` with the confinement of its unit, and these capabilities."""
    spec = folder / "spec.yaml"
    text = replaced(
        SPEC.replace("OPTIONS", ""), ("zone: a, address: 10.0.0.1", f"zone: a, address: {TAKEN}")
    )
    spec.write_text(text)
    natgate = [str(Path(sys.executable).parent / "natgate"), "aws", "join", "--spec", str(spec)]
    argv = [
        "unshare",
        "--mount",
        sys.executable,
        "-m",
        "tests.house.confined",
        allowed,
        str(folder),
    ]
    return subprocess.run(
        [*argv, *natgate],
        cwd=ROOT,
        env={**os.environ, "UNIT": UNIT},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_it_joins_with_the_privileges_of_its_unit(account: Account, tmp_path: Path) -> None:
    """The address is on the interface and on the link; without the capability it is not."""
    (allowed,) = settings(ROOT / "packaging" / UNIT)["CapabilityBoundingSet"]
    refused = joined(tmp_path, "")
    assert refused.returncode != 0
    assert TAKEN not in execute("ip", "address", "show", "dev", "eth0")
    done = joined(tmp_path, allowed)
    assert done.returncode == 0, done.stderr
    assert TAKEN in execute("ip", "address", "show", "dev", "eth0")
    holders = [
        interface["NetworkInterfaceId"]
        for interface in account.ec2.describe_network_interfaces()["NetworkInterfaces"]
        for held in interface["PrivateIpAddresses"]
        if held["PrivateIpAddress"] == TAKEN
    ]
    assert len(holders) == 1
