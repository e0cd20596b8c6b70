"""Taking natgate away from the node that carries a gateway."""

import json
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.lab.conftest import Bench

pytestmark = pytest.mark.lab


def test_a_node_that_is_removed_hands_over_first(bring_up: Callable[..., Bench]) -> None:
    """Its peer hears why and takes over before anything is taken away; nothing leaks."""
    bench = bring_up()
    leaving = bench.active()
    (other,) = set(bench.lab.nodes()) - {leaving}
    state = bench.lab.directory / leaving
    argv = [sys.executable, "-m", "natgate", "remove", "--state", str(state)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    lines = bench.lab.log(other).read_text().splitlines()
    reasons = [json.loads(line).get("reason", "") for line in lines if line.startswith("{")]
    assert f"{leaving} is unhealthy: natgate is being removed from this node" in reasons
    target = bench.lab.scene.targets[0]
    source = bench.lab.scene.spec.gateways[0].addresses[0].address
    client = bench.lab.scene.clients[0].name
    assert f"source={source}" in (bench.fetch(client, str(target.address)) or "")
    assert bench.packets("wrong") == {}
