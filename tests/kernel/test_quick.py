"""One entry more or less at once, with real packets: elements of maps, and what is known of them."""

from collections.abc import Iterator

import pytest

from natgate.agent.edits import make, stored_spec
from natgate.model.edit import AddEntry, Edit, RemoveEntry
from natgate.model.spec import Spec
from natgate.plan.digest import digest_of
from natgate.store.fake import FakeStore
from natgate.store.interface import Generation
from natgate.wire.config import render_spec
from natgate.wire.edit import parse_entry
from tests.kernel.net import CLIENTS, FIXED, SECOND, TARGETS, Net, network, spec_of

FIRST = f"{{name: first, hosts: [{CLIENTS[0]}], addresses: [{FIXED}]}}"


@pytest.fixture
def net() -> Iterator[Net]:
    """Client, node and target."""
    with network() as made:
        yield made


def added(name: str, host: str, address: str) -> AddEntry:
    """An entry that comes."""
    return parse_entry("g", "snat", {"name": name, "hosts": [host], "addresses": [address]})


class Edited:
    """A node whose entries come and go."""

    def __init__(self, net: Net, spec: Spec) -> None:
        self.net, self.store, self.spec = net, FakeStore(), spec
        net.bring(spec)
        self.generation: Generation = self.store.add(render_spec(spec), digest_of(spec))

    def edit(self, edit: Edit) -> str:
        """Make it, and what was run."""
        with self.net.node.entered():
            made = make(self.net.keeper, self.store, self.spec, self.generation, edit)
        assert made is not None
        self.spec, self.generation, change = made
        return str(change)

    def as_it_should_be(self) -> None:
        """The kernel, asked anew, holds the whole spec; so does the store."""
        with self.net.node.entered():
            assert self.net.keeper.bring(self.spec).changes == ()
        latest = self.store.latest()
        assert latest is not None
        assert stored_spec(latest) == self.spec
        assert latest.digest == digest_of(self.spec)


@pytest.mark.parametrize("owned", [True, False], ids=["owned", "unowned"])
def test_an_entry_translates_as_soon_as_it_is_there(net: Net, *, owned: bool) -> None:
    """One command; it counts its own flows, and when it is gone its host is dropped again."""
    node = Edited(net, spec_of(FIRST, owned=owned))
    assert net.source_of(CLIENTS[0], TARGETS[0]) == FIXED
    script = node.edit(added("more", CLIENTS[1], SECOND))
    assert script == (
        f'add element ip natgate address32 {{ {CLIENTS[1]} comment "g/more" : {SECOND} }}'
    )
    node.as_it_should_be()
    assert net.source_of(CLIENTS[1], TARGETS[0]) == SECOND
    assert net.source_of(CLIENTS[0], TARGETS[0]) == FIXED
    counters = net.counters()
    assert (counters["g/first"], counters["g/more"]) == (2, 1)
    node.edit(RemoveEntry(gateway="g", name="more"))
    node.as_it_should_be()
    net.send(CLIENTS[1], TARGETS[0])
    net.until(lambda: net.counters()["no_entry"] == 1)
    assert {packet.source for packet in net.seen} == {FIXED, SECOND}


def test_flows_of_others_and_of_itself_go_on(net: Net) -> None:
    """Neither what comes nor what goes touches a flow that is there."""
    node = Edited(net, spec_of(FIRST))
    node.edit(added("more", CLIENTS[1], SECOND))
    flows = {host: net.udp(host) for host in CLIENTS[:2]}

    def sent(host: str) -> tuple[str, int]:
        net.send(host, TARGETS[0], flows[host])
        seen = net.arrival()
        return seen.source, seen.port

    before = {host: sent(host) for host in flows}
    node.edit(added("third", CLIENTS[2], FIXED))
    node.edit(RemoveEntry(gateway="g", name="more"))
    assert {host: sent(host) for host in flows} == before


def test_what_others_change_meanwhile_is_seen_and_put_right(net: Net) -> None:
    """Where the table is not owned, an element of ours may go: it is listed anew, and made again."""
    node = Edited(net, spec_of(FIRST, owned=False))
    node.edit(added("more", CLIENTS[1], SECOND))
    net.node.run(f"nft delete element ip natgate address32 {{ {CLIENTS[0]} }}")
    node.edit(added("third", CLIENTS[2], SECOND))
    with net.node.entered():
        assert len(net.keeper.bring(node.spec).changes) == 1
    node.as_it_should_be()
    assert net.source_of(CLIENTS[0], TARGETS[0]) == FIXED


def test_a_packet_without_ports_leaves_with_the_address_of_its_element(net: Net) -> None:
    """And so does an echo; both are counted for the entry."""
    Edited(net, spec_of(FIRST))
    net.client.run(f"ping -c1 -W2 -I {CLIENTS[0]} {TARGETS[0]}")
    assert net.counters()["g/first"] == 1
    assert {packet.source for packet in net.packets()} == {FIXED}
