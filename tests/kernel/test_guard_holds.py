"""No packet leaves with an inside source, whatever is taken away while packets flow."""

import subprocess
from collections.abc import Iterator

import pytest

from tests.kernel.net import CLIENTS, FIXED, ONE, TARGETS, Net, network, spec_of

INSIDE = "10.1.0."


@pytest.fixture
def net() -> Iterator[Net]:
    """Client, node and target; others may change natgate's table."""
    with network() as made:
        made.bring(spec_of(ONE, owned=False))
        yield made


LOSSES = {
    "the ruleset": ["nft flush ruleset"],
    "the table": ["nft delete table ip natgate"],
    "the rules": ["nft flush table ip natgate"],
    "the maps": ["nft flush map ip natgate address24"],
    "the table put to sleep": ["nft add table ip natgate { flags dormant ; }"],
    "the ruleset and the flows": ["nft flush ruleset", "conntrack -F"],
    "the rules in front of ours": ["nft insert rule ip natgate postrouting accept"],
}


@pytest.mark.parametrize("commands", LOSSES.values(), ids=LOSSES)
def test_nothing_leaves_untranslated(net: Net, commands: list[str]) -> None:
    """New flows and running ones: the far end sees the fixed address or nothing."""
    running = [net.udp(client) for client in CLIENTS for _ in range(5)]

    def traffic(rounds: int) -> None:
        for _ in range(rounds):
            for flow in running:
                net.send("", TARGETS[0], flow)
            for client in CLIENTS:
                net.send(client, TARGETS[0])
            net.packets()

    traffic(3)
    with net.node.entered():
        for command in commands:
            other = subprocess.Popen(
                command.split(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            while other.poll() is None:
                traffic(1)
            assert other.returncode == 0
    traffic(20)
    net.bring(spec_of(ONE, owned=False))
    traffic(3)
    assert net.source_of(CLIENTS[0], TARGETS[0]) == FIXED
    assert {packet.source for packet in net.seen} == {FIXED}
    assert len(net.seen) > 2 * len(running)


def test_the_guard_holds_without_any_process(net: Net) -> None:
    """After the end of all of natgate's sockets and of the ruleset the guard drops and counts."""
    net.kernel.close()
    net.node.run("nft flush ruleset")
    for client in CLIENTS:
        net.send(client, TARGETS[0])
    shown = "tc -s qdisc show dev out"
    net.until(lambda: f"dropped {len(CLIENTS)}," in net.node.run(shown))
    assert net.packets() == []


def test_the_guard_counts_what_it_drops(net: Net) -> None:
    """The counter `guard` says how many packets would have left untranslated."""
    net.node.run("nft flush ruleset")
    for _ in range(4):
        net.send(CLIENTS[0], TARGETS[0])
    net.until(lambda: net.counters()["guard"] == 4)
    assert not any(packet.source.startswith(INSIDE) for packet in net.packets())
