"""Blocks of ports that hosts have for ever."""

from ipaddress import IPv4Address

import pytest

from natgate.model.error import SpecError
from natgate.model.portblocks import all_assigned
from tests.gateways import every_entry

HOSTS = "{name: subnet, subnets: [clients-b], addresses: [203.0.113.6], block_size: 4000}"
BLOCKS = (
    ("{name: subnet, subnets: [clients-b], addresses: [203.0.113.2]}", HOSTS),
    ("destinations: [198.51.100.0/24], addresses: [203.0.113.6]", "destinations: [198.51.100.0/24], addresses: [203.0.113.1]"),
)  # fmt: skip


def test_the_nth_host_has_the_nth_block() -> None:
    """For ever: neither is remembered, both follow from the spec."""
    found = list(all_assigned(every_entry(*BLOCKS)))
    assert [str(each.host) for each in found] == [f"10.10.0.{n}" for n in range(32, 48)]
    assert {str(each.address) for each in found} == {"203.0.113.6"}
    assert [(each.block.first, each.block.last) for each in found[:2]] == [
        (1025, 5024),
        (5025, 9024),
    ]
    assert found[-1].block.last == 65024
    assert {each.label for each in found} == {"web/subnet"}


def test_no_block_holds_a_port_at_which_a_host_is_reached() -> None:
    """Such a block is left out, and the next address goes on."""
    more = [
        *BLOCKS,
        ("addresses: [203.0.113.6], block_size", "addresses: [203.0.113.6, 203.0.113.2], block_size"),
        ("addresses: [203.0.113.2], ports", "addresses: [203.0.113.1], ports"),
        ("udp, port: 5000", "udp, port: 5030"),
        ("4000}", "7000}"),
    ]  # fmt: skip
    found = list(all_assigned(every_entry(*more)))
    assert [str(each.address) for each in found] == ["203.0.113.6"] * 9 + ["203.0.113.2"] * 7
    second = [each.block for each in found if each.address == IPv4Address("203.0.113.2")]
    assert not any(block.first <= 5030 <= block.last for block in second)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (
            "block_size: 4000",
            "block_size: 5000",
            "16 hosts need a block each, and 1 addresses have 12 of 5000 ports: add addresses, or "
            "take a smaller block_size",
        ),
        (
            "addresses: [203.0.113.6], block_size",
            "addresses: [203.0.113.3], block_size",
            "203.0.113.3 is also used by host, which would give out ports of these blocks",
        ),
        (
            "- {address: 203.0.113.6}",
            "- {address: 203.0.113.6, withdrawn: true}",
            "203.0.113.6 is withdrawn, and its hosts would have no other: leave it out",
        ),
        ("- name: web\n", "- name: web\n    mode: active-active\n", "have blocks of their own"),
    ],
)
def test_hosts_that_cannot_have_blocks_are_refused(old: str, new: str, sentence: str) -> None:
    """With the place, the figures and the way out."""
    with pytest.raises(SpecError) as caught:
        every_entry(*BLOCKS, (old, new))
    found = [p for p in caught.value.problems if p.path == "gateways[0].snat[1].block_size"]
    assert any(sentence in problem.message for problem in found)


def test_more_hosts_than_elements_are_refused() -> None:
    """Before they are counted out one by one."""
    wide = (
        *BLOCKS,
        ("ranges: [10.10.0.0/24]", "ranges: [10.10.0.0/24, 10.64.0.0/10]"),
        ("{name: clients-b, zone: a, cidr: 10.10.0.32/28}", "{name: clients-b, zone: a, cidr: 10.64.0.0/15}"),
    )  # fmt: skip
    with pytest.raises(SpecError, match="131072 hosts are more than 65536: name smaller sources"):
        every_entry(*wide)
