"""A dry run in the words of nftables: the table that swallows a packet, and what its trace says."""

from collections.abc import Iterable, Iterator, Mapping

from natgate.model.dry_run import DryRun, End, Step
from natgate.model.table import TABLE
from natgate.model.trace import Packet
from natgate.wire.nft_trace import ListedRule, Listing, TraceEvent
from natgate.wire.probe import Probe

PREFIX = "natgate-dry-"
"""How the names of these tables begin, by which natgate knows them."""

ARRIVED, LEAVES, DELIVERED = "arrived", "leaves", "delivered"
_FIRST, _LAST = -450, (1 << 31) - 2
"""Before all of conntrack, and just before it confirms a new flow, at INT_MAX."""

_ENDS: dict[str, End] = {LEAVES: "postrouting", DELIVERED: "input"}
LOST: End = "lost"
_EARLIER = (
    "it belongs to a flow that exists already, which keeps its translation: give no source port, and "
    "a new one is drawn"
)
_FINAL = {"drop", "stolen", "queue"}


def name_of(process: int, number: int) -> str:
    """The name of a table of one process."""
    return f"{PREFIX}{process}-{number}"


def process_of(name: str) -> int | None:
    """The process whose table this is; None if it is none of these."""
    process = name.removeprefix(PREFIX).partition("-")[0]
    return int(process) if name.startswith(PREFIX) and process.isdecimal() else None


def render_table(name: str, probe: Probe, link: str, *, owned: bool) -> str:
    """The table: it traces the probe from its first hook on, and swallows it at the last one.

    What the kernel itself answers (no route, expired, a rule that rejects) is swallowed, too.
    """
    packet, token = probe.packet, f"{probe.token:#010x}"
    place = {"tcp": "tcp sequence", "udp": "@th,64,32", "icmp": "@th,64,32"}[packet.protocol]
    ours = f"meta l4proto {packet.protocol} ip id {probe.mark} {place} {token}"
    first = f'iifname "{link}" ip saddr {packet.source} ip daddr {packet.destination} {ours}'
    inner = "@th,256,32" if packet.protocol == "tcp" else "@th,288,32"
    chains = (
        ("started", "prerouting", _FIRST, f"{first} meta nftrace set 1"),
        (ARRIVED, "prerouting", _LAST, ""),
        (LEAVES, "postrouting", _LAST, f"{ours} drop"),
        (DELIVERED, "input", _LAST, f"{ours} drop"),
        ("answers", "output", _FIRST, f"icmp type {{ 3, 4, 5, 11, 12 }} {inner} {token} drop"),
        ("resets", "output", _FIRST, f"tcp flags & rst == rst @th,64,32 {probe.token + 1 & 0xFFFFFFFF:#010x} drop"),
    )  # fmt: skip
    lines = [f"table ip {name} {{", *(["flags owner;"] if owned else [])]
    for chain, hook, priority, rule in chains:
        lines += [f"chain {chain} {{", f"type filter hook {hook} priority {priority};"]
        lines += [rule, "}"] if rule else ["}"]
    return "\n".join([*lines, "}\n"])


def of_probe(events: Iterable[TraceEvent], probe: Probe) -> Iterator[TraceEvent]:
    """The events of the probe: each hook's first event shows the packet, the others its id."""
    ours: set[int] = set()
    for event in events:
        if event.seen is not None:
            if (event.seen.token, event.seen.mark) == (probe.token, probe.mark):
                ours.add(event.id)
            else:
                ours.discard(event.id)
        if event.id in ours:
            yield event


def is_last(event: TraceEvent) -> bool:
    """Whether nothing of this packet can follow."""
    return event.verdict in _FINAL


def outcome(
    events: Iterable[TraceEvent], listing: Listing, probe: Probe, own: str, links: Mapping[int, str]
) -> DryRun:
    """What became of a probe, by its own events; `own`: the table of the dry run."""
    steps: list[Step] = []
    packet, end = probe.packet, LOST
    link: str | None = None
    reason: str | None = None
    for event in events:
        packet = event.seen.packet if event.seen is not None else packet
        if event.oif is not None:
            link = links.get(event.oif)
        if event.table == own:
            end = _ENDS.get(event.chain, LOST) if is_last(event) else end
            continue
        if event.handle is not None or event.verdict == "drop":
            steps.append(_step(event, listing, packet))
        if event.verdict == "drop":
            end = "dropped"
        elif is_last(event):
            end, reason = LOST, f"{steps[-1].name} hands it to a program ({event.verdict})"
    if end != "postrouting":
        link = None
    if packet != probe.packet and not any(step.translates for step in steps):
        reason = reason or _EARLIER
    return DryRun(steps=tuple(steps), after=packet, end=end, link=link, reason=reason)


def _step(event: TraceEvent, listing: Listing, packet: Packet) -> Step:
    table = f"{event.family} {event.table}"
    rule = listing.get((table, event.handle)) if event.handle is not None else None
    return Step(
        table=table,
        chain=event.chain,
        handle=event.handle if event.kind == "rule" else None,
        verdict=event.verdict,
        before=packet,
        comment=rule.comment if rule else "",
        text=rule.text if rule else "",
        target=event.target,
        translates=rule is not None
        and (rule.writes or (rule.translates and event.verdict == "accept")),
        entry=_entry(rule) if rule is not None else None,
    )


def _entry(rule: ListedRule) -> str | None:
    """The entry that a comment of ours names; other comments of ours are sentences."""
    named = rule.table == f"ip {TABLE}" and "/" in rule.comment and " " not in rule.comment
    return rule.comment if named else None
