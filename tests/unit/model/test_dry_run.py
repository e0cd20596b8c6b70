"""What a dry run found, in one glance."""

from ipaddress import IPv4Address

from natgate.model.dry_run import DryRun, Step
from natgate.model.trace import Packet

PACKET = Packet(
    protocol="icmp", source=IPv4Address("10.1.0.1"), destination=IPv4Address("203.0.113.9")
)


def step(
    handle: int | None, *, comment: str = "", entry: str | None = None, translates: bool = False
) -> Step:
    """A rule that matched."""
    return Step(
        table="ip nat",
        chain="c",
        handle=handle,
        verdict="drop",
        before=PACKET,
        comment=comment,
        entry=entry,
        translates=translates,
    )


def test_a_step_is_named_by_its_comment_or_its_place() -> None:
    """A policy has no handle."""
    assert step(5, comment="by hand").name == "by hand"
    assert step(5).name == "table ip nat c handle 5"
    assert step(None).name == "table ip nat c policy drop"


def test_the_first_entry_that_translates_is_the_packets() -> None:
    """A foreign rule before it has none, and the hairpin after it is not asked."""
    steps = (
        step(1, entry="g/limit"),
        step(2, translates=True),
        step(3, translates=True, entry="g/web"),
        step(4, translates=True, entry="g/other"),
    )
    found = DryRun(steps=steps, after=PACKET, end="postrouting", link="out")
    assert found.entry == "g/web"
    assert found.translations == steps[1:]
    assert found.dropped_by is None
    assert DryRun(steps=(), after=PACKET, end="lost", reason="because").entry is None


def test_the_last_step_of_a_dropped_packet_dropped_it() -> None:
    """The others only matched."""
    steps = (step(1), step(2))
    assert DryRun(steps=steps, after=PACKET, end="dropped").dropped_by == steps[1]
