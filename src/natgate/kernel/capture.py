"""Packets of a node's links before and after translation, in one file.

Each link has two interfaces in the file: what came in by it is `before`, and what left by it is
`after`, so that a translated packet is there twice. A packet is chosen by its flow as the kernel's
table shows it, with all four addresses: so a client's packets are found with their translated
addresses, too.
"""

import os
import select
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path
from typing import Literal, Self

from natgate.kernel.injection import links_here
from natgate.kernel.netlink import NETFILTER, NetlinkError, NetlinkSocket
from natgate.kernel.packets import Frame, Packets
from natgate.model.error import HostError, RefusedError
from natgate.model.open_flow import OpenFlow
from natgate.wire.flow_of_packet import described, parse_captured, questions
from natgate.wire.netlink import Message
from natgate.wire.open_flow import parse_open
from natgate.wire.packet_filter import Direction, ipv4_of
from natgate.wire.pcapng import (
    ETHERNET,
    RAW,
    Captured,
    Interface,
    Statistics,
    render_header,
    render_packet,
    render_statistics,
)
from natgate.wire.probe import Seen
from natgate.wire.redirect import process_of
from natgate.wire.rtnetlink import Link

Ended = Literal["count", "size", "seconds", "stopped"]
NO_FLOW = "no flow: dropped, or not tracked"
_TURN = 0.05
_FRESH, _UNKNOWN = 5.0, 0.2
"""Seconds for which a flow's, and a missing flow's, look-up holds: ports are used anew."""

_MOST_KNOWN = 100_000
_SIDES: tuple[tuple[Direction, str, str], ...] = (
    ("in", "before", "as they came in by"),
    ("out", "after", "as they left by"),
)
_ETHERNET_HEAD = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """When a capture ends by itself, and how much it keeps of a packet; sizes in bytes."""

    count: int = 10_000
    seconds: float = 60.0
    size: int = 50_000_000
    snaplen: int = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which packets: of flows with both these addresses and this port, on whichever side."""

    client: IPv4Address | None = None
    to: IPv4Address | None = None
    port: int | None = None

    @property
    def everything(self) -> bool:
        """Whether nothing is left out."""
        return self == Wanted()

    def takes(self, seen: Seen | None, flow: OpenFlow | None) -> bool:
        """Whether a packet is one of them, by itself or by its flow."""
        if self.everything:
            return True
        addresses: set[int] = set()
        ports: set[int | None] = set()
        if seen is not None:
            addresses |= {int(seen.packet.source), int(seen.packet.destination)}
            ports |= {seen.packet.source_port, seen.packet.destination_port}
        if flow is not None:
            addresses |= {flow.source, flow.destination, flow.reply_source, flow.reply_destination}
            ports |= {flow.source_port, flow.destination_port}
            ports |= {flow.reply_source_port, flow.reply_destination_port}
        asked = {int(each) for each in (self.client, self.to) if each is not None}
        return asked <= addresses and (self.port is None or self.port in ports)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What is in the file, what the kernel could not show, and why it ended."""

    packets: int
    size: int
    dropped: int
    ended: Ended
    links: tuple[str, ...]


def no_entry(flow: OpenFlow) -> str:
    """The name of a flow's entry where nobody can tell it."""
    del flow
    return ""


def capture(
    file: Path,
    interfaces: Sequence[str] = (),
    *,
    wanted: Wanted | None = None,
    limits: Limits | None = None,
    entry_of: Callable[[OpenFlow], str] = no_entry,
    stopped: Callable[[], bool] = lambda: False,
    force: bool = False,
) -> Result:
    """Capture on links of this thread's namespace, on all that are up if none is named.

    RefusedError if the file exists (unless `force`) or a link does not; HostError if it cannot be
    written, and then it is whole up to the last packet that was.
    """
    with ExitStack() as stack:
        taps = _taps(stack, _chosen(interfaces), (limits or Limits()).snaplen)
        writer = _Writer(file, taps, wanted or Wanted(), limits or Limits(), force=force)
        stack.callback(writer.close)
        finder = stack.enter_context(_Finder(entry_of))
        return writer.run(finder, stopped)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tap:
    packets: Packets
    interface: Interface


def _chosen(names: Sequence[str]) -> list[Link]:
    links = [link for link in links_here() if process_of(link.name) is None]
    known = {link.name: link for link in links}
    missing = [name for name in names if name not in known]
    if missing:
        raise RefusedError(f"there is no link {missing[0]}; there are {', '.join(known)}")
    found = [link for link in links if link.up and not link.loopback]
    if not names and not found:
        raise RefusedError("no link is up, so there is nothing to capture: name one (--interface)")
    return [known[name] for name in dict.fromkeys(names)] if names else found


def _taps(stack: ExitStack, links: list[Link], snaplen: int) -> list[_Tap]:
    taps = []
    for link in links:
        for direction, name, text in _SIDES:
            packets = Packets(
                link.name, ipv4_of(direction), ethernet=link.ethernet, snaplen=snaplen
            )
            stack.callback(packets.close)
            interface = Interface(
                name=f"{link.name} {name}",
                description=f"packets {text} {link.name}",
                link_type=ETHERNET if link.ethernet else RAW,
                snaplen=snaplen,
            )
            taps.append(_Tap(packets=packets, interface=interface))
    return taps


class _Finder:
    """The flows of packets, looked up once for each way of each flow."""

    def __init__(self, entry_of: Callable[[OpenFlow], str]) -> None:
        self._entry_of = entry_of
        self._netlink = NetlinkSocket(NETFILTER)
        self._known: dict[tuple[object, bool], tuple[float, OpenFlow | None, str]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._netlink.close()

    def find(self, seen: Seen) -> tuple[OpenFlow | None, str]:
        """The flow, and the comment that says what is done with it."""
        key, now = (seen.packet, seen.reply), time.monotonic()
        known = self._known.get(key)
        if known is not None and now < known[0]:
            return known[1], known[2]
        flow = next(filter(None, map(self._ask, questions(seen))), None)
        comment = NO_FLOW if flow is None else described(flow, self._entry_of(flow))
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        self._known[key] = (now + (_FRESH if flow else _UNKNOWN), flow, comment)
        return flow, comment

    def _ask(self, question: Message) -> OpenFlow | None:
        try:
            answers = self._netlink.collect(question)
        except NetlinkError:
            return None
        return next(filter(None, map(parse_open, answers)), None)


class _Writer:
    """The file, which is whole after each write."""

    def __init__(
        self, file: Path, taps: list[_Tap], wanted: Wanted, limits: Limits, *, force: bool
    ) -> None:
        self._file, self._taps, self._wanted, self._limits = file, taps, wanted, limits
        self._descriptor = _created(file, force=force)
        self._packets = self._size = 0
        self._write(render_header("natgate capture", tuple(tap.interface for tap in taps)))

    def close(self) -> None:
        """Give the file back."""
        os.close(self._descriptor)

    def run(self, finder: _Finder, stopped: Callable[[], bool]) -> Result:
        """Write until something ends it, then the counts."""
        started_ns, deadline = time.time_ns(), time.monotonic() + self._limits.seconds
        ended: Ended | None = None
        waiting: list[tuple[int, Frame]] = []
        while ended is None:
            self._wait(deadline)
            # A flow is entered after its first packet was seen: that one waits for the next turn.
            fresh = self._fresh()
            full = self._add(waiting, finder)
            waiting = fresh
            if stopped():
                ended = "stopped"
            elif time.monotonic() >= deadline:
                ended = "seconds"
            ended = full or ended
        ended = self._add(waiting, finder) or ended
        dropped = self._finish(started_ns)
        links = dict.fromkeys(tap.interface.name.rpartition(" ")[0] for tap in self._taps)
        return Result(
            packets=self._packets, size=self._size, dropped=dropped, ended=ended, links=tuple(links)
        )

    def _wait(self, deadline: float) -> None:
        left = min(_TURN, deadline - time.monotonic())
        select.select([tap.packets.socket for tap in self._taps], [], [], max(left, 0))

    def _fresh(self) -> list[tuple[int, Frame]]:
        found = [
            (index, frame) for index, tap in enumerate(self._taps) for frame in tap.packets.read()
        ]
        return sorted(found, key=lambda each: each[1].time_ns)

    def _add(self, frames: list[tuple[int, Frame]], finder: _Finder) -> Ended | None:
        """Write the wanted ones of them, in one go; why no more may follow, if so."""
        blocks, packets = b"", self._packets
        ended: Ended | None = None
        for captured in self._captured(frames, finder):
            block = render_packet(captured)
            if packets >= self._limits.count:
                ended = "count"
                break
            if self._size + len(blocks) + len(block) > self._limits.size:
                ended = "size"
                break
            blocks += block
            packets += 1
        if blocks:
            self._write(blocks)
        self._packets = packets
        return "count" if packets >= self._limits.count else ended

    def _captured(self, frames: list[tuple[int, Frame]], finder: _Finder) -> Iterator[Captured]:
        for index, frame in frames:
            ethernet = self._taps[index].interface.link_type == ETHERNET
            seen = parse_captured(frame.data[_ETHERNET_HEAD if ethernet else 0 :])
            flow, comment = finder.find(seen) if seen is not None else (None, "")
            if self._wanted.takes(seen, flow):
                yield Captured(
                    interface=index,
                    time_ns=frame.time_ns,
                    data=frame.data,
                    length=frame.length,
                    outgoing=frame.outgoing,
                    comment=comment,
                )

    def _finish(self, started_ns: int) -> int:
        ended_ns, blocks, dropped = time.time_ns(), b"", 0
        for index, tap in enumerate(self._taps):
            tap.packets.count()
            dropped += tap.packets.dropped
            blocks += render_statistics(
                Statistics(
                    interface=index,
                    started_ns=started_ns,
                    ended_ns=ended_ns,
                    received=tap.packets.received,
                    dropped=tap.packets.dropped,
                )
            )
        self._write(blocks)
        return dropped

    def _write(self, data: bytes) -> None:
        """Whole blocks in one write; what a full disk took of them is taken back."""
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError as error:
            with suppress(OSError):
                os.ftruncate(self._descriptor, self._size)
            raise HostError(
                f"cannot write {self._file}: {error.strerror}; it holds {self._packets} packets"
            ) from None
        self._size += len(data)


def _created(file: Path, *, force: bool) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        if force:
            file.unlink(missing_ok=True)
        return os.open(file, flags | os.O_EXCL, 0o600)
    except FileExistsError:
        raise RefusedError(
            f"{file} exists: choose another name, or overwrite it with --force"
        ) from None
    except OSError as error:
        raise RefusedError(f"cannot make {file}: {error.strerror}") from None
