"""A dry run in the words of nftables."""

from ipaddress import IPv4Address

import pytest

from natgate.model.dry_run import DryRun, Step
from natgate.model.trace import Packet, Protocol
from natgate.wire.dry_run import (
    is_last,
    name_of,
    of_probe,
    outcome,
    process_of,
    render_table,
)
from natgate.wire.nft_trace import Kind, TraceEvent, parse_listing
from natgate.wire.probe import Probe, Seen

BEFORE = Packet(
    protocol="udp",
    source=IPv4Address("10.1.0.1"),
    destination=IPv4Address("203.0.113.9"),
    source_port=5000,
    destination_port=53,
)
AFTER = Packet(
    protocol="udp",
    source=IPv4Address("10.1.200.5"),
    destination=IPv4Address("203.0.113.9"),
    source_port=40000,
    destination_port=53,
)
PROBE = Probe(packet=BEFORE, token=0x1234, mark=99)
OWN = name_of(42, 0)
LINKS = {2: "in", 3: "out"}
LISTING = parse_listing(
    """\
table ip natgate {
\tchain postrouting {
\t\tip saddr 10.1.0.0/24 snat to 10.1.200.5 comment "g/one" # handle 4
\t\tip saddr @inside drop comment "no entry" # handle 5
\t}
}
table ip nat {
\tchain POSTROUTING {
\t\tcounter packets 1 bytes 2 masquerade # handle 4
\t\tqueue num 3 # handle 6
\t\tip saddr set 10.1.200.5 # handle 7
\t}
}
"""
)


def seen(packet: Packet = BEFORE, token: int = PROBE.token, mark: int = PROBE.mark) -> Seen:
    """A packet with the token."""
    return Seen(packet=packet, token=token, mark=mark)


def event(
    chain: str,
    verdict: str = "continue",
    handle: int | None = None,
    *,
    table: str = "natgate",
    kind: Kind = "rule",
    what: Seen | None = None,
    oif: int | None = None,
    number: int = 1,
) -> TraceEvent:
    """One event."""
    return TraceEvent(
        id=number,
        family="ip",
        table=table,
        chain=chain,
        kind=kind,
        verdict=verdict,
        handle=handle,
        seen=what,
        oif=oif,
    )


def run(*events: TraceEvent) -> DryRun:
    """What became of the probe."""
    return outcome(events, LISTING, PROBE, OWN, LINKS)


START = event("started", handle=1, table=OWN, what=seen())
TRANSLATED = event("postrouting", "accept", 4, what=seen(), oif=3)
LEFT = event("leaves", "drop", 9, table=OWN, what=seen(AFTER), oif=3)


@pytest.mark.parametrize(
    ("protocol", "place", "inner"),
    [
        ("tcp", "tcp sequence 0x00001234", "@th,256,32"),
        ("udp", "@th,64,32 0x00001234", "@th,288,32"),
        ("icmp", "@th,64,32 0x00001234", "@th,288,32"),
    ],
)
def test_the_table_swallows_the_probe_and_its_answers(
    protocol: Protocol, place: str, inner: str
) -> None:
    """At the last hooks by its token, and what the kernel says of it by the token inside."""
    packet = Packet(protocol=protocol, source=BEFORE.source, destination=BEFORE.destination)
    text = render_table(OWN, Probe(packet=packet, token=0x1234, mark=99), "in", owned=True)
    ours = f"meta l4proto {protocol} ip id 99 {place}"
    assert text.startswith(f"table ip {OWN} {{\nflags owner;\n")
    first = 'iifname "in" ip saddr 10.1.0.1 ip daddr 203.0.113.9'
    assert f"{first} {ours} meta nftrace set 1\n" in text
    assert text.count(f"\n{ours} drop\n") == 2
    assert f"{inner} 0x00001234 drop" in text
    assert "@th,64,32 0x00001235 drop" in text
    assert text.count("{") - 1 == text.count("chain ") + 1


def test_a_kernel_without_owned_tables_gets_a_plain_one() -> None:
    """The next dry run takes it away if its process is gone."""
    assert "flags owner" not in render_table(OWN, PROBE, "in", owned=False)
    assert process_of(OWN) == 42
    assert [process_of(name) for name in ("natgate", "natgate-dry-x-0", "42-0")] == [None] * 3


def test_only_the_events_of_the_probe_count() -> None:
    """Each hook's first event shows whose it is; an id may serve another packet later."""
    other = event("c", what=seen(token=1), number=2)
    marked = event("c", what=seen(mark=1), number=1)
    events = [
        event("c", number=1),
        START,
        event("d"),
        other,
        event("e", number=2),
        marked,
        event("f"),
    ]
    assert list(of_probe(events, PROBE)) == [START, events[2]]


def test_a_packet_that_would_leave_is_shown_with_its_translation() -> None:
    """The rule, the entry, the link and the packet as it would be sent."""
    found = run(START, event("forward", kind="policy", verdict="accept"), TRANSLATED, LEFT)
    assert found == DryRun(
        steps=(
            Step(
                table="ip natgate",
                chain="postrouting",
                handle=4,
                verdict="accept",
                before=BEFORE,
                comment="g/one",
                text="ip saddr 10.1.0.0/24 snat to 10.1.200.5",
                translates=True,
                entry="g/one",
            ),
        ),
        after=AFTER,
        end="postrouting",
        link="out",
    )
    assert is_last(LEFT)
    assert not is_last(TRANSLATED)


def test_a_packet_for_the_node_ends_there() -> None:
    """It leaves by no link."""
    found = run(START, event("delivered", "drop", 9, table=OWN, what=seen()))
    assert (found.end, found.link, found.steps) == ("input", None, ())


def test_a_drop_names_its_rule_or_its_policy() -> None:
    """A rule that is no more listed is named by its place."""
    by_rule = run(START, event("postrouting", "drop", 5))
    assert by_rule.dropped_by is not None
    assert (by_rule.end, by_rule.dropped_by.name, by_rule.entry) == ("dropped", "no entry", None)
    by_policy = run(START, event("forward", "drop", kind="policy"))
    assert by_policy.dropped_by is not None
    assert by_policy.dropped_by.name == "table ip natgate forward policy drop"
    unknown = run(START, event("postrouting", "drop", 77))
    assert unknown.dropped_by is not None
    assert unknown.dropped_by.name == "table ip natgate postrouting handle 77"


def test_a_foreign_translation_has_no_entry() -> None:
    """Handles count for each table by itself."""
    found = run(START, event("POSTROUTING", "accept", 4, table="nat"), LEFT)
    (step,) = found.translations
    assert (step.entry, step.text) == (None, "masquerade")
    assert found.entry is None


def test_a_rule_that_writes_an_address_translates_whatever_follows() -> None:
    """Without a flow there is no verdict that would say so."""
    found = run(START, event("POSTROUTING", handle=7, table="nat"), LEFT)
    assert [step.text for step in found.translations] == ["ip saddr set 10.1.200.5"]
    assert found.reason is None


def test_a_packet_of_an_existing_flow_says_so() -> None:
    """It is translated although no rule was asked."""
    found = run(START, LEFT)
    assert (found.end, found.after, found.translations) == ("postrouting", AFTER, ())
    assert found.reason is not None
    assert found.reason.startswith("it belongs to a flow that exists already")


def test_a_packet_that_ends_between_hooks_is_lost() -> None:
    """Nobody has said why."""
    found = run(START, event("arrived", "accept", table=OWN, kind="policy", what=seen()))
    assert (found.end, found.reason, found.after) == ("lost", None, BEFORE)
    assert run().end == "lost"


def test_a_packet_that_a_program_gets_is_lost_to_the_rules() -> None:
    """The rule that hands it over is named."""
    found = run(START, event("POSTROUTING", "queue", 6, table="nat", oif=3))
    assert found.end == "lost"
    assert found.reason == "table ip nat POSTROUTING handle 6 hands it to a program (queue)"


def test_an_own_rule_elsewhere_ends_nothing() -> None:
    """Only the last hooks say where a packet would go."""
    found = run(START, event("answers", "drop", 9, table=OWN), event("policy", kind="policy"))
    assert found.end == "lost"
