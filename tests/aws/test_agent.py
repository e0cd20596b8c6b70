"""A whole agent whose routes are those of a VPC, in a network namespace of its own."""

import json
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import boto3
import pytest

from tests.aws.account import SPEC, Account
from tests.aws.endpoint import emptied, listening
from tests.fence.processes import running, until
from tests.namespaces import execute, namespace

NATGATE = [sys.executable, "-m", "natgate"]
pytestmark = pytest.mark.kernel


@pytest.fixture
def account(_root_for_kernel_tests: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    """An account whose endpoint is inside the namespace, like the node of the spec."""
    with namespace() as made, made.entered():
        execute("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth1")
        execute("ip", "address", "add", "10.0.0.1/24", "dev", "eth0")
        for link in ("eth0", "eth1"):
            execute("ip", "link", "set", link, "up")
        with listening() as endpoint:
            for name, value in emptied(endpoint).items():
                monkeypatch.setenv(name, value)
            monkeypatch.setenv("NATGATE_KEY", "a key that is long enough")
            monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:9")
            with closing(Account()) as there:
                yield there


def test_an_agent_takes_what_nobody_carries_and_tells_that_it_is_well(
    account: Account, tmp_path: Path
) -> None:
    """Its routes lead to its interface, also after its end, until natgate is removed."""
    scene = account.build()
    state, path, log = tmp_path / "state", tmp_path / "spec.yaml", tmp_path / "log"
    path.write_text(SPEC.replace("OPTIONS", ", publish_interval: 200ms"))
    words = ["--state", str(state)]
    mine = {"10.10.0.80/28": scene.nodes["node-a"]}
    with (
        running([*NATGATE, "agent", *words, "--node", "node-a", "--spec", str(path)], log),
        closing(boto3.client("cloudwatch")) as watch,
    ):
        until(lambda: account.routes(scene.tables["edge"]) == mine, f"see {log}")
        until(lambda: bool(watch.list_metrics(Namespace="natgate")["Metrics"]), f"see {log}")
        status = json.loads(execute(*NATGATE, "status", *words, "--json"))
        assert status["active"] == ["node-a"]
        assert not {"routes-failed", "health-untold"} & {w["code"] for w in status["warnings"]}
    assert account.routes(scene.tables["edge"]) == mine
    execute(*NATGATE, "remove", *words, "--once")
    assert account.routes(scene.tables["edge"]) == {}
