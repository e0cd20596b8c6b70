"""Which open flows go on as before, though new ones would not."""

from ipaddress import IPv4Address
from typing import Any

import pytest

from natgate.model.flow import Flow
from natgate.model.spec import Spec
from natgate.plan.stale import stale, summary
from tests.gateways import every_entry


def flow(source: str, destination: str, port: int | None = 443, **more: Any) -> Flow:  # noqa: ANN401
    """A TCP flow, untranslated but for what is said."""
    told = {
        "protocol": "tcp",
        "seen": source,
        "reached": destination,
        "reached_port": port,
        **more,
    }
    for name in ("seen", "reached"):
        told[name] = IPv4Address(told[name])
    here, there = IPv4Address(source), IPv4Address(destination)
    return Flow(source=here, destination=there, port=port, **told)


FAR = "192.0.2.7"
HOST = flow("10.10.0.5", FAR, seen="203.0.113.3")
SERVED = flow(FAR, "203.0.113.1", 80, reached="10.10.0.6", reached_port=8080)
BEFORE = every_entry()


def told(spec: Spec, *flows: Flow) -> list[str]:
    """What is said of them."""
    return [str(each) for each in stale(spec, BEFORE, "node-a", flows)]


def test_flows_that_a_new_one_would_be_like_are_not_named() -> None:
    """Nor those of nobody's addresses, nor an echo that the gateway answers."""
    echo = flow(FAR, "203.0.113.1", None, protocol="icmp", reached="10.10.0.20")
    other = flow("10.10.0.5", "10.10.0.20", 22)
    assert told(BEFORE, HOST, SERVED, echo, other) == []
    assert stale(BEFORE, None, "node-a", [HOST]) == ()


@pytest.mark.parametrize(
    ("old", "new", "of", "sentence"),
    [
        (
            "hosts: [10.10.0.5], addresses: [203.0.113.3]",
            "hosts: [10.10.0.5], addresses: [203.0.113.6, 203.0.113.2]",
            HOST,
            "tcp 10.10.0.5 to 192.0.2.7:443 leaves as 203.0.113.3, a new one leaves as "
            "203.0.113.6 or 203.0.113.2 (web/host)",
        ),
        (
            "port: 80, target: 10.10.0.6, target_port: 8080",
            "port: 80, target: 10.10.0.7, target_port: 81",
            SERVED,
            "tcp 192.0.2.7 to 203.0.113.1:80 reaches 10.10.0.6:8080, a new one reaches "
            "10.10.0.7:81 (web/http)",
        ),
        (
            "port: 80, target: 10.10.0.6",
            "port: 81, target: 10.10.0.6",
            SERVED,
            "tcp 192.0.2.7 to 203.0.113.1:80 reaches 10.10.0.6:8080, a new one is dropped",
        ),
    ],
)
def test_a_flow_that_keeps_its_translation_is_named(
    old: str, new: str, of: Flow, sentence: str
) -> None:
    """With what a new one would get."""
    assert told(every_entry((old, new)), of) == [sentence]


def test_a_host_that_takes_all_ports_is_named_without_one() -> None:
    """An echo has none."""
    echo = flow(FAR, "203.0.113.4", None, protocol="icmp", reached="10.10.0.9", reached_port=None)
    assert told(BEFORE, echo) == [
        "icmp 192.0.2.7 to 203.0.113.4 reaches 10.10.0.9, a new one reaches 10.10.0.7 (web/every)"
    ]


def test_a_destination_that_is_inside_now_is_not_translated() -> None:
    """The network has grown."""
    wider = every_entry(("ranges: [10.10.0.0/24]", "ranges: [10.10.0.0/24, 192.0.2.0/24]"))
    assert told(wider, HOST) == [
        "tcp 10.10.0.5 to 192.0.2.7:443 leaves as 203.0.113.3, a new one stays inside"
    ]


def test_many_are_counted_and_some_are_shown() -> None:
    """With the number of their hosts."""
    changed = every_entry(("hosts: [10.10.0.5], addresses: [203.0.113.3]", "hosts: [10.10.0.5], addresses: [203.0.113.6]"))  # fmt: skip
    flows = [flow("10.10.0.5", FAR, port, seen="203.0.113.3") for port in range(1000, 1012)]
    found = summary(stale(changed, BEFORE, "node-a", flows))
    assert (found["kept"], found["hosts"], len(found["examples"])) == (12, 1, 5)
