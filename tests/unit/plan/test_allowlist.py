"""What the far side must admit: all that a packet can have, and nothing else."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from natgate.model.allowlist import Admitted
from natgate.model.error import RefusedError
from natgate.model.fields import Ports
from natgate.model.share import Block
from natgate.model.spec import Spec
from natgate.plan.allowlist import allowlist
from natgate.plan.compile import inside_of, internal_of
from natgate.plan.flow_classes import bounds_of
from natgate.plan.resolve import Packet, Resolver
from tests.effort import FEW
from tests.gateways import every_entry
from tests.specs import specs, two_zones

EVERYWHERE = IPv4Network("0.0.0.0/0")
NAMES = {"tcp": "tcp", "udp": "udp", "icmp": "icmp", "others": "gre"}


def admitted(rows: Iterable[Admitted], source: IPv4Address, packet: Packet) -> bool:
    """Whether a row lets a packet in that comes with this source."""
    return any(
        row.source == source
        and (row.protocol == "any" or NAMES[row.protocol] == packet.protocol)
        and (not row.ports or any(packet.port in ports for ports in row.ports))
        and any(packet.destination in prefix for prefix in row.destinations)
        for row in rows
    )


def packets(spec: Spec) -> st.SearchStrategy[Packet]:
    """Packets from inside, near the bounds of the spec."""
    inside = inside_of(spec)
    bounds = bounds_of(spec, spec.nodes[0].name)
    near = st.sampled_from((-1, 0, 1))

    def addresses(starts: tuple[int, ...]) -> st.SearchStrategy[IPv4Address]:
        at = st.builds(
            lambda start, off: max(0, start + off) % 2**32, st.sampled_from(starts), near
        )
        return st.builds(IPv4Address, at)

    sources = addresses((*bounds.sources, int(inside[0].network_address)))
    protocols = st.sampled_from(("tcp", "udp", "icmp", "gre"))
    ports = st.one_of(
        st.sampled_from((1, 443, 65535)), st.sampled_from((*bounds.ports, 80)).map(lambda p: min(p, 65535))
    )  # fmt: skip
    return st.builds(
        lambda source, destination, protocol, port: Packet(
            source=source,
            destination=destination,
            protocol=protocol,
            port=port if protocol in {"tcp", "udp"} else None,
        ),
        sources,
        addresses((*bounds.destinations, int(IPv4Address("203.0.113.99")))),
        protocols,
        ports,
    )


def leaving(spec: Spec, packet: Packet) -> set[IPv4Address]:
    """Every source that a node may give a packet from inside to outside."""
    found: set[IPv4Address] = set()
    if any(packet.destination in prefix for prefix in internal_of(spec)):
        return found
    for node in spec.nodes:
        answer = Resolver(spec, node.name).resolve(packet)
        if answer.kind in {"snat", "own", "dnat"} and answer.destination is None:
            found.update(answer.sources)
    return found


def is_complete_and_exact(spec: Spec, sent: list[Packet]) -> None:
    """Both ways: a packet's sources are admitted, and each admitted source is that of a packet."""
    rows = allowlist(spec, EVERYWHERE).sources
    for packet in sent:
        for source in leaving(spec, packet):
            assert admitted(rows, source, packet), (packet, source)
    for row in rows:
        assert any(row.source in leaving(spec, packet) for packet in some_of(spec, row)), row


def some_of(spec: Spec, row: Admitted) -> Iterable[Packet]:
    """A packet of each class of sources to what a row admits."""
    destination = row.destinations[0].network_address
    protocol = "gre" if row.protocol == "any" else NAMES[row.protocol]
    port = (row.ports[0].first if row.ports else 1) if protocol in {"tcp", "udp"} else None
    starts = {start for node in spec.nodes for start in bounds_of(spec, node.name).sources}
    for start in (*starts, *(int(prefix.network_address) for prefix in inside_of(spec))):
        if start < 2**32:
            yield Packet(
                source=IPv4Address(start), destination=destination, protocol=protocol, port=port
            )


@FEW
@given(st.data())
def test_random_specs_admit_what_their_packets_have_and_nothing_else(data: st.DataObject) -> None:
    """Whatever the entries, and whichever node translates."""
    spec = data.draw(specs())
    is_complete_and_exact(spec, data.draw(st.lists(packets(spec), min_size=1, max_size=30)))


@FEW
@given(st.data())
def test_every_kind_of_entry_is_complete_and_exact(data: st.DataObject) -> None:
    """Own addresses, all ports, protocols, ports, and masks of every length."""
    spec = every_entry()
    is_complete_and_exact(spec, data.draw(st.lists(packets(spec), min_size=1, max_size=30)))


def rows_of(rows: Iterable[Admitted]) -> dict[tuple[str, str], Admitted]:
    """Rows by source and protocol."""
    return {(str(row.source), row.protocol): row for row in rows}


def test_ports_are_those_of_the_entries_that_lead_to_them() -> None:
    """What goes to the mail server has another source than the rest of the host's packets."""
    found = rows_of(allowlist(every_entry(), IPv4Network("192.0.2.9/32")).sources)
    host = found["203.0.113.3", "tcp"]
    assert host.ports == (Ports(1, 24), Ports(26, 464), Ports(588, 65535))
    assert host.entries == ("web/host",)
    assert found["203.0.113.2", "tcp"].entries == ("web/mail", "web/subnet")
    assert found["203.0.113.5", "any"].source_ports == ()
    assert found["203.0.113.2", "udp"].source_ports == (
        Block(first=1025, last=4999),
        Block(first=5001, last=65535),
    )
    assert found["203.0.113.2", "others"].source_ports == ()


def test_hosts_with_blocks_have_their_own_ports() -> None:
    """10.10.0.5 and 10.10.0.7 leave by other entries, so that their blocks need not be admitted."""
    old = "destinations: [198.51.100.0/24], addresses: [203.0.113.6]}"
    spec = every_entry((old, f"{old[:-1]}, block_size: 1000}}"))
    found = rows_of(allowlist(spec, IPv4Network("198.51.100.0/24")).sources)
    (row,) = (row for row in found.values() if row.entries == ("web/near",))
    assert row.source_ports == (Block(first=1025, last=2024), Block(first=3025, last=4024))


def test_withdrawn_addresses_stand_apart() -> None:
    """Open flows still have them; an own address is not withdrawn from its host."""
    spec = every_entry(
        ("{address: 203.0.113.2}", "{address: 203.0.113.2, withdrawn: true}"),
        ("{address: 203.0.113.5}", "{address: 203.0.113.5, withdrawn: true}"),
    )
    found = allowlist(spec, IPv4Network("192.0.2.9/32"))
    assert {str(row.source) for row in found.withdrawn} == {"203.0.113.2"}
    assert "203.0.113.2" not in {str(row.source) for row in found.sources}
    assert "203.0.113.5" in {str(row.source) for row in found.sources}


def test_probes_come_from_nodes_and_from_addresses() -> None:
    """Only if they go where it is asked for."""
    spec = every_entry(
        ("{upstream: [{kind: icmp, address: 198.51.100.1}]}",
         "{upstream: [{kind: icmp, address: 198.51.100.1}, {kind: tcp, address: 198.51.100.2, port: 179}],"
         " addresses: {address: 198.51.100.1}}"),
    )  # fmt: skip
    found = allowlist(spec, IPv4Network("198.51.100.0/24")).probes
    told = {(str(row.source), row.protocol, *map(str, row.ports)) for row in found}
    assert told == {
        ("10.10.0.20", "icmp"),
        ("10.10.0.20", "tcp", "179"),
        *((f"203.0.113.{last}", "icmp") for last in range(1, 7)),
    }
    assert allowlist(spec, IPv4Network("192.0.2.9/32")).probes == ()


def test_who_may_call_which_address_is_said() -> None:
    """Entries for some clients are left out if none of them is asked for."""

    def labels(to: str) -> set[str]:
        return {row.entry for row in allowlist(spec, IPv4Network(to)).reached}

    spec = every_entry(("host: 10.10.0.8}", "host: 10.10.0.8, destinations: [198.51.100.0/24]}"))
    assert "web/few" in labels("198.51.100.128/25")
    assert labels("192.0.2.9/32") == {
        "web/http",
        "web/range",
        "web/high",
        "web/every",
        "web icmp_reply",
    }
    assert "web/one" in labels("0.0.0.0/0")
    silent = every_entry(("    health:", "    icmp_reply: false\n    health:"))
    every = allowlist(silent, EVERYWHERE).reached
    assert "web icmp_reply" not in {row.entry for row in every}


def test_inside_the_network_nothing_is_translated() -> None:
    """So there is nothing to be listed, and it is said why."""
    with pytest.raises(RefusedError, match="lies inside the network"):
        allowlist(two_zones(), IPv4Network("10.10.0.32/28"))
