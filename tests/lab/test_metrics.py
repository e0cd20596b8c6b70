"""Metrics of a lab's agents, with real packets, a real Prometheus, curl and promtool."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from natgate.agent.places import SOCKET
from natgate.api.client import AgentClient
from natgate.lab import agents, namespace
from natgate.lab.record import Lab
from natgate.model.error import HostError
from tests.lab.conftest import Bench

pytestmark = pytest.mark.lab
TOKEN = "a-token-of-this-test"  # noqa: S105 (of this test)
Values = dict[str, float]


def inside(lab: Lab, host: str, *argv: str) -> str:
    """What a program prints in a host's network."""
    return namespace.run(namespace.inside(lab.namespace(host), argv))


def command(lab: Lab, node: str, option: str) -> str:
    """What `natgate metrics` prints of a node."""
    argv = [sys.executable, "-m", "natgate", "metrics", option, "--state", str(lab.state(node))]
    return subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60).stdout


def measured(lab: Lab, node: str) -> Values:
    """Every sample of a node, as its name and its labels' values."""
    return {
        " ".join([metric["name"], *each["labels"].values()]): each["value"]
        for metric in json.loads(command(lab, node, "--json"))
        for each in metric["samples"]
    }


@pytest.fixture(scope="module")
def exposed(bring_up: Callable[..., Bench], tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """A lab whose nodes listen at their own address, with a token, and write a file."""
    bench = bring_up()
    directory = tmp_path_factory.mktemp("metrics")
    token = directory / "token"
    token.write_text(f"{TOKEN}\n")
    token.chmod(0o600)
    asked = {
        "listen": "node:9646",
        "token_file": str(token),
        "textfile": f"{bench.lab.directory}/{{node}}.prom",
        "interval": "500ms",
    }
    for node in bench.lab.nodes():
        agent = AgentClient(bench.lab.state(node) / SOCKET)
        spec = yaml.safe_load(agent.spec()["text"])
        agent.apply(json.dumps({**spec, "metrics": asked}), "spec with metrics")
    agents.wait_forwarding(bench.lab)
    return bench.lab


def place(lab: Lab, node: str) -> str:
    """Where a node's endpoint is."""
    return f"{lab.scene.spec.node(node).address}:9646"


def curl(lab: Lab, node: str, *options: str) -> str:
    """What the endpoint answers to curl, with the code on a line of its own."""
    url = f"http://{place(lab, node)}/metrics"
    return inside(lab, node, "curl", "-s", "-w", "\n%{http_code}", *options, url)


def test_only_who_shows_the_token_is_answered(exposed: Lab) -> None:
    """Without it, or with another, nothing but 401 is said; with it promtool has no objection."""
    node = exposed.nodes()[0]

    def missing() -> str | None:
        try:
            curl(exposed, node)
        except HostError as error:
            return str(error)
        return None

    agents.wait(missing)
    for options in ((), ("-H", "Authorization: Bearer another-token-of-it")):
        refused = curl(exposed, node, *options)
        assert refused.endswith("\n401")
        assert "natgate_" not in refused
    text, _, code = curl(exposed, node, "-H", f"Authorization: Bearer {TOKEN}").rpartition("\n")
    assert code == "200"
    checked = subprocess.run(
        ["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")
    assert TOKEN not in exposed.log(node).read_text()


def test_metrics_move_with_packets(exposed: Lab) -> None:
    """A flow through the active node is an attempt, a connection, a used port, and bytes."""
    active = str(agents.status(exposed)["gateways"][0]["active"])
    before = measured(exposed, active)
    client, target = exposed.scene.clients[0].name, str(exposed.scene.targets[0].address)
    agents.fetch(exposed, client, target)
    after = measured(exposed, active)
    grown = {name for name, value in after.items() if value > before.get(name, 0)}
    assert [name for name in grown if name.startswith("natgate_connection_attempts_total ")]
    assert [name for name in grown if name.startswith("natgate_link_bytes_total ")]
    assert after["natgate_connections_active"] >= 1
    assert [v for n, v in after.items() if n.startswith("natgate_source_up")] == [1, 1, 1]

    def uncounted() -> str | None:
        used = [
            v for n, v in measured(exposed, active).items() if n.startswith("natgate_ports_used ")
        ]
        return None if max(used, default=0) >= 1 else "no port is in use"

    agents.wait(uncounted)


def test_the_file_holds_the_same_metrics_for_all_to_read(exposed: Lab) -> None:
    """Written whole, beside it nothing is left."""
    for node in exposed.nodes():
        file = exposed.directory / f"{node}.prom"
        agents.wait(lambda file=file: None if file.exists() else f"there is no {file}")  # type: ignore[misc]
        assert "natgate_build_info" in file.read_text()
        assert file.stat().st_mode & 0o777 == 0o644


@pytest.fixture
def prometheus(exposed: Lab, tmp_path: Path) -> Iterator[Callable[[str], list[float]]]:
    """A Prometheus beside one node that scrapes it; gives the values of an expression."""
    node = exposed.nodes()[0]
    secret = tmp_path / "token"
    secret.write_text(TOKEN)
    job = {
        "job_name": "natgate",
        "scrape_interval": "1s",
        "authorization": {"credentials_file": str(secret)},
        "static_configs": [{"targets": [place(exposed, node)]}],
    }
    rules = str(Path(__file__).parents[2] / "docs/examples/natgate.rules.yml")
    config = tmp_path / "prometheus.yml"
    config.write_text(json.dumps({"scrape_configs": [job], "rule_files": [rules]}))
    argv = ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={tmp_path / 'db'}"]
    argv.append("--web.listen-address=127.0.0.1:9090")
    with (tmp_path / "log").open("w") as log:
        running = subprocess.Popen(
            namespace.inside(exposed.namespace(node), argv), stdout=log, stderr=log
        )

    def query(expression: str) -> list[float]:
        try:
            text = inside(
                exposed, node, "curl", "-sSG", "http://127.0.0.1:9090/api/v1/query",
                "--data-urlencode", f"query={expression}",
            )  # fmt: skip
        except HostError:
            return []
        found = json.loads(text)["data"]["result"] if text.startswith("{") else []
        return [float(each["value"][1]) for each in found]

    yield query
    running.terminate()
    running.wait()


def test_prometheus_scrapes_a_node(prometheus: Callable[[str], list[float]]) -> None:
    """The endpoint is up for it, and every node is known to it as healthy."""
    for expression, values in (
        ('up{job="natgate"}', [1.0]),
        ("min(natgate_path_healthy)", [1.0]),
        ("sum(natgate_active)", [1.0]),
    ):
        agents.wait(
            lambda e=expression, v=values: None if prometheus(e) == v else f"{e} is not {v}"  # type: ignore[misc]
        )
