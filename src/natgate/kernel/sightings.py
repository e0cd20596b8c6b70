"""One packet with a token, sent as a new flow, and seen at every point that is watched."""

import select
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from natgate.kernel.fresh import fresh
from natgate.kernel.netns import open_socket
from natgate.kernel.packets import Packets
from natgate.model.error import HostError, RefusedError
from natgate.model.trace import Packet
from natgate.wire.packet_filter import Direction, token_of
from natgate.wire.probe import Probe, parse_packet, render_probe

SECONDS, PAUSE = 2.0, 0.3
"""How long the first sighting may take, and the next one after each."""

_IP_RAW = 255


class NotSentError(HostError):
    """The sender's own kernel does not let the packet out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """Where a packet may be seen: a link of a namespace, in one direction or in both."""

    link: str
    namespace: Path | None = None
    direction: Direction | None = None
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """The packet at a point; `time_ns` is since 1970."""

    time_ns: int
    point: Point
    direction: Direction
    packet: Packet


def watch(
    points: Sequence[Point],
    packet: Packet,
    token: int,
    *,
    send: Callable[[], None] | None = None,
    seconds: float = SECONDS,
    pause: float = PAUSE,
) -> list[Sighting]:
    """Where packets with the token are seen, in the order of time; echo replies are left out.

    `send` is called as soon as all points are watched. It ends when nothing more is seen for `pause`
    seconds, or nothing at all for `seconds`.
    """
    found: list[Sighting] = []
    with ExitStack() as stack:
        opened: dict[socket.socket, tuple[Packets, Point]] = {}
        for point in points:
            program = token_of(packet.protocol, token, point.direction)
            watched = Packets(point.link, program, namespace=point.namespace)
            stack.callback(watched.close)
            opened[watched.socket] = (watched, point)
        if send is not None:
            send()
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            for ready in select.select(list(opened), [], [], left)[0]:
                seen = list(_sightings(*opened[ready], token))
                found += seen
                if seen:
                    deadline = time.monotonic() + pause
    return sorted(found, key=lambda sighting: sighting.time_ns)


def _sightings(watched: Packets, point: Point, token: int) -> list[Sighting]:
    found = []
    for frame in watched.read():
        seen = parse_packet(frame.data)
        if seen is not None and seen.token == token and not seen.reply:
            direction: Direction = "out" if frame.outgoing else "in"
            found.append(
                Sighting(
                    time_ns=frame.time_ns, point=point, direction=direction, packet=seen.packet
                )
            )
    return found


def observe(
    points: Sequence[Point], packet: Packet, sender: Path | None = None
) -> tuple[Probe, list[Sighting]]:
    """Send a new flow's first packet from a namespace (or here), and see where it passes.

    RefusedError if it has no destination port although its protocol needs one.
    """
    probe = fresh(packet)

    def send() -> None:
        send_probe(probe.packet, probe.token, probe.mark, sender)

    return probe, watch(points, packet, probe.token, send=send)


def send_probe(packet: Packet, token: int, mark: int, namespace: Path | None = None) -> None:
    """Send it from here or from a namespace, by that host's own routes and rules, as a new flow.

    NotSentError if the host's own routes or rules do not let it out. Its source must be one of the
    host's addresses. Nobody waits for an answer: the host's kernel
    resets a TCP connection that the target accepts.
    """
    to, data = packet.destination, render_probe(Probe(packet=packet, token=token, mark=mark))
    try:
        raw = open_socket(socket.AF_INET, socket.SOCK_RAW, _IP_RAW, namespace)
    except PermissionError:
        raise RefusedError("sending a probe needs CAP_NET_RAW: run as root") from None
    with raw:
        try:
            raw.sendto(data, (str(to), 0))
        except OSError as error:  # EPERM as well: a rule drops it, or a route prohibits it
            raise NotSentError(f"cannot send to {to}: {error.strerror}") from None
