"""A packet goes through the real rules of a node and is swallowed at the last hook.

Nothing leaves the node, and no flow is entered. What cannot be avoided: rules that it matches count
it; limits, quotas, meters and sets that rules fill move, as does `numgen inc`; `log` writes; a
program behind `queue` gets it; whoever captures on the link sees it come in.
"""

import errno
import os
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from itertools import count
from pathlib import Path

from natgate.kernel import injection, sysctl
from natgate.kernel.fresh import fresh
from natgate.kernel.netlink import NETFILTER, ROUTE, NetlinkError, NetlinkSocket
from natgate.kernel.netns import inside
from natgate.kernel.ruleset import Ruleset
from natgate.kernel.trace_events import TraceEvents
from natgate.model.dry_run import DryRun, Step
from natgate.model.error import HostError, RefusedError
from natgate.model.table import TABLE
from natgate.model.trace import Packet
from natgate.wire import dry_run as wire
from natgate.wire import rtnetlink
from natgate.wire.nft_element import get_element, parse_comment
from natgate.wire.nft_trace import Listing, TraceEvent, parse_listing, tables_of
from natgate.wire.probe import Probe, render_probe

SECONDS, PAUSE = 1.0, 0.25
"""A packet passes all rules within a millisecond. It is lost if no rule has seen it after so long,
or if after one event no other follows."""

_NUMBERS = count()
_REASONS = {
    errno.ENETUNREACH: "there is no route to {to}",
    errno.EHOSTUNREACH: "the route to {to} says unreachable",
    errno.EACCES: "the route to {to} says prohibited",
    errno.EXDEV: "rp_filter: {source} is not reached by {link}",
    errno.EINVAL: "the route to {to} is a blackhole, or {source} may not come in by {link} (rp_filter)",
}


def dry_run(packet: Packet, link: str, namespace: Path | None = None) -> DryRun:
    """What this node, or that of a namespace, does with a new flow's first packet on a link.

    A source port that is not given is a random one. RefusedError if the packet has no destination
    port although its protocol needs one, the link is missing, or the kernel lacks a part.
    """
    probe = fresh(packet)
    if namespace is None:
        return _run(probe, link)
    return inside(namespace, lambda: _run(probe, link))


def _run(probe: Probe, link: str) -> DryRun:
    with prepared(probe, link) as (ruleset, own, inject, events):
        listing = parse_listing(ruleset.listing())
        inject.send(render_probe(probe))
        seen = list(_until_last(events, probe))
        links = {each.index: each.name for each in injection.links_here()}
        if events.overruns:
            raise HostError(
                "the kernel could not tell the whole trace: others trace too many packets meanwhile"
            )
        found = wire.outcome(seen, listing, probe, own, links)
        steps = tuple(_with_entry(step, listing) for step in found.steps)
        found = replace(found, steps=steps)
        if found.end != "lost" or found.reason:
            return found
        return replace(found, reason=_why(found, link, passed=bool(seen)))


@contextmanager
def prepared(
    probe: Probe, link: str
) -> Iterator[tuple[Ruleset, str, injection.Injector, TraceEvents]]:
    """The table that swallows the probe, its name, the way in, and the trace; taken away after."""
    name = wire.name_of(os.getpid(), next(_NUMBERS))
    with closing(Ruleset()) as ruleset, closing(TraceEvents()) as events:
        _sweep(ruleset)
        try:
            _add_table(ruleset, name, probe, link)
            with injection.injector(link) as inject:
                yield ruleset, name, inject, events
        finally:
            with suppress(HostError):
                ruleset.run(f"delete table ip {name}")


def _add_table(ruleset: Ruleset, name: str, probe: Probe, link: str) -> None:
    """Owned, so that it ends with this process; a plain one where the kernel has no such tables."""
    try:
        ruleset.run(wire.render_table(name, probe, link, owned=True))
    except HostError as error:
        if "Operation not permitted" in str(error):
            raise RefusedError("a dry run needs CAP_NET_ADMIN: run as root") from None
        ruleset.run(wire.render_table(name, probe, link, owned=False))


def _sweep(ruleset: Ruleset) -> None:
    """Take away what processes left behind which are gone."""
    for family, table in tables_of(ruleset.listing()):
        process = wire.process_of(table)
        if process is not None and not Path(f"/proc/{process}").exists():
            with suppress(HostError):
                ruleset.run(f"delete table {family} {table}")
    injection.sweep()


def _until_last(events: TraceEvents, probe: Probe) -> Iterator[TraceEvent]:
    events.deadline = time.monotonic() + SECONDS
    for event in wire.of_probe(events, probe):
        yield event
        if wire.is_last(event):
            return
        events.deadline = time.monotonic() + PAUSE


def _with_entry(step: Step, listing: Listing) -> Step:
    """The entry that the element names by which a rule of ours chose the address."""
    rule = listing.get((step.table, step.handle)) if step.handle is not None else None
    if rule is None or not step.translates or rule.table != f"ip {TABLE}" or rule.lookup is None:
        return step
    name, mask = rule.lookup
    key = (int(step.before.source) & mask).to_bytes(4)
    try:
        with NetlinkSocket(NETFILTER) as netlink:
            answers = netlink.collect(get_element(name, key))
    except NetlinkError:  # it has changed meanwhile
        return step
    return replace(step, entry=next(filter(None, map(parse_comment, answers)), None))


def _why(found: DryRun, link: str, *, passed: bool) -> str:
    """Why a packet that no rule dropped reached no last hook."""
    if not passed:
        return f"it was taken on {link} before the first rule: by a classifier or a netdev chain"
    to, source = found.after.destination, found.after.source
    if sysctl.read(f"net/ipv4/conf/{link}/forwarding") == "0":
        return f"{link} does not forward: sysctl -w net.ipv4.ip_forward=1"
    index = next((each.index for each in injection.links_here() if each.name == link), 0)
    try:
        with NetlinkSocket(ROUTE) as netlink:
            netlink.collect(rtnetlink.find_route(to, source, index))
    except NetlinkError as error:
        text = _REASONS.get(error.code, "the route to {to} is refused: " + os.strerror(error.code))
        return text.format(to=to, source=source, link=link)
    return "no rule has dropped it, and there is a route; it ended between two hooks"
