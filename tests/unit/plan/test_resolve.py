"""Which entry translates a packet, without a kernel."""

from ipaddress import IPv4Address

import pytest

from natgate.plan.resolve import DROPPED, Answer, Packet, resolve
from tests.gateways import every_entry

OUTSIDE = "192.0.2.9"


def answer(source: str, destination: str, protocol: str = "tcp", port: int | None = 443) -> Answer:
    """What becomes of a packet at the node."""
    packet = Packet(
        source=IPv4Address(source),
        destination=IPv4Address(destination),
        protocol=protocol,
        port=port,
    )
    return resolve(every_entry(), "node-a", packet)


def address(last: int) -> IPv4Address:
    """One of the gateway's addresses."""
    return IPv4Address(f"203.0.113.{last}")


@pytest.mark.parametrize(
    ("source", "destination", "protocol", "port", "kind", "entry", "last"),
    [
        ("10.10.0.1", OUTSIDE, "tcp", 443, "snat", "all", 1),
        ("10.10.0.33", OUTSIDE, "tcp", 443, "snat", "subnet", 2),
        ("10.10.0.5", OUTSIDE, "udp", 443, "snat", "host", 3),
        ("10.10.0.5", OUTSIDE, "tcp", 25, "snat", "mail", 2),
        ("10.10.0.5", OUTSIDE, "udp", 25, "snat", "host", 3),
        ("10.10.0.5", OUTSIDE, "icmp", None, "snat", "icmp", 1),
        ("10.10.0.5", "198.51.100.9", "udp", 1, "snat", "host", 3),
        ("10.10.0.6", "198.51.100.9", "udp", 1, "snat", "near", 6),
        ("10.10.0.6", OUTSIDE, "udp", 1, "snat", "all", 1),
        ("10.10.0.7", OUTSIDE, "sctp", None, "dnat", "every", 4),
        ("10.10.0.8", OUTSIDE, "tcp", 443, "own", "one", 5),
    ],
)
def test_the_most_specific_entry_translates(
    source: str, destination: str, protocol: str, port: int | None, kind: str, entry: str, last: int
) -> None:
    """Own address, all ports, then the longest source, the longest destination, ports, protocols."""
    found = answer(source, destination, protocol, port)
    assert (found.kind, found.entry, found.sources) == (kind, f"web/{entry}", (address(last),))


@pytest.mark.parametrize(
    ("last", "protocol", "port", "entry", "target", "target_port"),
    [
        (1, "tcp", 80, "http", "10.10.0.6", 8080),
        (1, "udp", 20, "range", "10.10.0.6", 120),
        (2, "udp", 5000, "high", "10.10.0.7", 5000),
        (4, "icmp", None, "every", "10.10.0.7", None),
        (5, "tcp", 9, "one", "10.10.0.8", 9),
    ],
)
def test_who_connects_from_outside_reaches_the_host_as_itself(
    last: int, protocol: str, port: int | None, entry: str, target: str, target_port: int | None
) -> None:
    """The host sees the client's own address."""
    found = answer(OUTSIDE, str(address(last)), protocol, port)
    assert (found.entry, found.sources) == (f"web/{entry}", (IPv4Address(OUTSIDE),))
    assert found.destination == (IPv4Address(target), target_port)


def test_a_host_inside_is_seen_as_the_address_that_it_asked() -> None:
    """A hairpin returns through the gateway."""
    found = answer("10.10.0.1", str(address(1)), "tcp", 80)
    assert (found.entry, found.sources) == ("web/http", (address(1),))


def test_what_no_entry_takes_is_dropped_or_answered() -> None:
    """Nobody answers at a port without entry; an echo is answered by the gateway."""
    assert answer(OUTSIDE, str(address(1)), "tcp", 443) == DROPPED
    assert answer(OUTSIDE, str(address(1)), "icmp", None) == Answer(kind="echo")
    assert answer(OUTSIDE, str(address(3)), "tcp", 22) == DROPPED
    assert answer("198.51.100.7", str(address(3)), "tcp", 22).entry == "web/few"
    assert answer(OUTSIDE, str(address(2)), "tcp", 5000) == DROPPED
    assert answer("192.0.2.8", OUTSIDE) == DROPPED
    assert answer("10.10.0.1", "10.10.0.33") == Answer(kind="inside")


def test_a_silent_gateway_and_restricted_hosts() -> None:
    """Echo may be switched off, a single host may be closed to most, and sources may be few."""
    spec = every_entry(
        ("    health:", "    icmp_reply: false\n    health:"),
        ("host: 10.10.0.8}", "host: 10.10.0.8, destinations: [198.51.100.0/24]}"),
        ("{name: all, network: true,", "{name: all, hosts: [10.10.0.1],"),
        ("{address: 203.0.113.2}", "{address: 203.0.113.2, withdrawn: true}"),
    )

    def asked(source: str, destination: str, protocol: str = "tcp") -> Answer:
        packet = Packet(
            source=IPv4Address(source),
            destination=IPv4Address(destination),
            protocol=protocol,
            port=443,
        )
        return resolve(spec, "node-a", packet)

    assert asked(OUTSIDE, str(address(1)), "icmp") == DROPPED
    assert asked(OUTSIDE, str(address(5))) == DROPPED
    assert asked("198.51.100.7", str(address(5))).kind == "own"
    assert asked("10.10.0.8", "198.51.100.7").kind == "own"
    assert asked("10.10.0.8", OUTSIDE) == DROPPED
    assert asked("10.10.0.33", OUTSIDE) == DROPPED
    assert (
        resolve(
            spec.model_copy(update={"gateways": ()}),
            "node-a",
            Packet(
                source=IPv4Address("10.10.0.1"), destination=IPv4Address(OUTSIDE), protocol="tcp"
            ),
        )
        == DROPPED
    )
