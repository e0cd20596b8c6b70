"""What a trace foretells is what the kernels do, in every built-in scene."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from natgate.lab import catalogue, namespace
from natgate.lab.scene import Scene

from .conftest import Bench, natgate

pytestmark = pytest.mark.lab

Document = dict[str, Any]

FOREIGN = """\
table ip foreign {
    chain post {
        type nat hook postrouting priority -160;
        ip daddr 192.168.100.0/24 masquerade
    }
}
"""
"""Before natgate's own translation, as a tool that knows nothing of it would write it."""


REDIRECT = """\
table ip foreign {
    chain pre {
        type nat hook prerouting priority -100;
        tcp dport 443 dnat to 10.20.2.53:8443
    }
}
"""


@pytest.fixture(scope="module", params=catalogue.built_in())
def lab(request: pytest.FixtureRequest, bring_up: Callable[..., Bench]) -> Iterator[Bench]:
    """Each scene, up, one after the other."""
    bench = bring_up(request.param)
    yield bench
    natgate("down", "--name", bench.name)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """`natgate trace`, as a user would run it."""
    argv = [sys.executable, "-m", "natgate", "trace", *arguments]
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)


def traced(lab: Bench, start: str, to: str, proto: str, *options: str) -> Document:
    """The document of a trace in a lab, whose exit code says whether it matches."""
    asked = ("--from", start, "--to", to, "--proto", proto)
    done = run("--lab", lab.name, *asked, *options, "--json")
    assert done.stdout, done.stderr
    document: Document = json.loads(done.stdout)
    assert done.returncode == (1 if document["match"] is False else 0)
    return document


def seen(document: Document) -> tuple[str | None, ...]:
    """The three sources at the target; one of several foretold ones if that is what was seen."""
    sources = document["source_at_target"]
    predicted, observed = sources["predicted"], sources["observed"]
    if isinstance(predicted, list):
        predicted = observed if observed in predicted else predicted[0]
    return predicted, observed


def test_each_target_sees_the_source_that_was_foretold(lab: Bench) -> None:
    """From each client by TCP, UDP and ICMP, and as the target itself answers."""
    scene = lab.lab.scene
    for client in scene.clients:
        for target in scene.targets:
            for proto in ("tcp:80", "udp:5353", "icmp"):
                found = traced(lab, client.name, target.name, proto, "--observe")
                assert found["match"], (client.name, target.name, proto, found)
                predicted, observed = seen(found)
                assert predicted == observed
            _answers(lab, client.name, str(target.address), found)


def _answers(lab: Bench, client: str, address: str, found: Document) -> None:
    """A target that admits the client says which source it sees."""
    answer = lab.fetch(client, address)
    if answer is not None:
        predicted = found["source_at_target"]["predicted"]
        told = answer.removeprefix("ok: source=").strip()
        assert told in predicted if isinstance(predicted, list) else told == predicted


def test_what_comes_from_outside_goes_where_it_was_foretold(lab: Bench) -> None:
    """To each address: a host, the gateway itself, or an end; the caller's own address is kept."""
    scene = lab.lab.scene
    fixed = [each.address for gateway in scene.spec.gateways for each in gateway.addresses]
    for address in fixed:
        for proto in ("tcp:80", "udp:105", "tcp:60000", "icmp"):
            found = traced(lab, scene.targets[0].name, str(address), proto, "--observe")
            assert found["match"], (address, proto, found)
            predicted, observed = seen(found)
            assert predicted == observed


def test_a_host_inside_asks_an_address_of_the_gateway(lab: Bench) -> None:
    """Hairpin where an entry leads to a host, an end where none does."""
    scene = lab.lab.scene
    served = [entry for gateway in scene.spec.gateways for entry in gateway.dnat]
    addresses = {entry.address for entry in served} or {scene.spec.gateways[0].addresses[0].address}
    for address in sorted(addresses):
        for client in scene.clients:
            found = traced(lab, client.name, str(address), "tcp:80", "--observe")
            assert found["match"], (client.name, address, found)


def test_files_of_a_lab_say_the_same_without_it(lab: Bench, tmp_path: Path) -> None:
    """Routes and spec are enough to foretell every hop."""
    scene = lab.lab.scene
    routes, spec = tmp_path / "routes.yaml", tmp_path / "spec.yaml"
    done = natgate("routes", lab.name)
    assert done.returncode == 0, done.stderr
    routes.write_text(done.stdout)
    spec.write_text(catalogue.as_yaml(scene.spec))
    asked = ("--from", scene.clients[0].name, "--to", scene.targets[0].name, "--proto", "tcp:80")
    offline = run("--spec", str(spec), "--routes", str(routes), *asked, "--json")
    assert offline.returncode == 0, offline.stderr
    inside = traced(lab, scene.clients[0].name, scene.targets[0].name, "tcp:80")
    assert json.loads(offline.stdout)["hops"] == inside["hops"]
    assert json.loads(offline.stdout)["match"] is None


@contextmanager
def foreign_rule(lab: Bench, node: str) -> Iterator[None]:
    """Somebody else's masquerade rule on a node."""
    space = lab.lab.namespace(node)
    namespace.load_rules(space, FOREIGN)
    try:
        yield
    finally:
        namespace.run(namespace.inside(space, ["nft", "delete", "table", "ip", "foreign"]))


def _node_of(document: Document) -> str:
    return str(next(hop["host"] for hop in document["hops"] if hop["role"] == "node"))


def _divided(scene: Scene) -> bool:
    return scene.spec.gateways[0].mode == "active-active"


@pytest.fixture(scope="module")
def three_zones(bring_up: Callable[..., Bench]) -> Bench:
    """Three nodes that forward at once behind one address."""
    return bring_up("three-zones")


def test_a_foreign_masquerade_rule_is_different_and_is_named(three_zones: Bench) -> None:
    """In a dry run, which sends nothing, and by what the target sees."""
    before = traced(three_zones, "client-c", "target", "tcp:80")
    assert before["match"]
    node = _node_of(before)
    with foreign_rule(three_zones, node):
        found = traced(three_zones, "client-c", "target", "tcp:80", "--observe")
        assert found["match"] is False
        address = str(three_zones.lab.scene.spec.node(node).address)
        assert found["source_at_target"]["dry_run"] == address
        assert found["source_at_target"]["observed"] == address
        assert "foreign rule: table ip foreign post handle" in found["reason"]
    assert traced(three_zones, "client-c", "target", "tcp:80", "--observe")["match"]


def test_who_hands_over_is_foretold_and_follows_a_failover(three_zones: Bench) -> None:
    """The note of each node says by whom its returns come back; after a death, the heir's."""
    scene = three_zones.lab.scene
    assert _divided(scene)
    notes = {}
    for client in scene.clients:
        found = traced(three_zones, client.name, "target", "tcp:80")
        notes[_node_of(found)] = next(hop["note"] for hop in found["hops"] if hop["role"] == "node")
    assert set(notes) == {"node-a", "node-b", "node-c"}
    assert notes["node-a"].endswith("returns come straight back")
    assert notes["node-c"].endswith("returns handed over by node-a")
    three_zones.settle()
    three_zones.ok("fault", "node-dead", "node-c")
    try:
        agents_agree(three_zones, lambda document: _node_of(document) != "node-c")
        found = traced(three_zones, "client-c", "target", "tcp:80", "--observe")
        assert found["match"], found
    finally:
        three_zones.heal()


def agents_agree(lab: Bench, true: Callable[[Document], bool]) -> None:
    """Return when traces see the change; the deadline is that of a fault."""
    for _ in range(50):
        if true(traced(lab, "client-c", "target", "tcp:80")):
            return
    raise AssertionError("the routes did not follow")


def test_a_foreign_rule_beyond_the_node_is_different(bring_up: Callable[..., Bench]) -> None:
    """No dry run looks there; the right source at another host is no match."""
    lab = bring_up("resolver")
    space = lab.lab.namespace("peering")
    namespace.load_rules(space, REDIRECT)
    try:
        found = traced(lab, "osec2", "ec2", "tcp:443", "--observe")
    finally:
        namespace.run(namespace.inside(space, ["nft", "delete", "table", "ip", "foreign"]))
    assert found["match"] is False
    assert found["reason"] == (
        "observed: to 10.20.2.53:8443, predicted 10.20.1.20:443 (so since peering)"
    )


def test_what_is_not_sent_is_not_an_error(bring_up: Callable[..., Bench]) -> None:
    """A host without a route sends nothing, as foretold; one that asks itself uses no link."""
    lab = bring_up("resolver")
    assert traced(lab, "vpc", "ec2", "icmp", "--observe")["match"]
    found = traced(lab, "osec2", "osec2", "icmp", "--observe")
    assert found["match"] is None


def test_a_name_is_traced_with_its_question(bring_up: Callable[..., Bench]) -> None:
    """The question leaves from the resolver's endpoint, the packet with the gateway's address."""
    lab = bring_up("resolver")
    found = traced(lab, "osec2", "ec2.ohio.internal", "icmp", "--observe")
    assert found["match"]
    assert found["query"]["match"]
    assert seen(found) == ("172.31.3.30", "172.31.3.30")
    assert seen(found["query"]) == ("172.31.2.10", "172.31.2.10")
