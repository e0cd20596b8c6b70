"""Packets of a link as the kernel shows them to a capture: when, which way, and how many it missed."""

import ctypes
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from natgate.kernel.netlink import RECEIVE_BUFFER_FORCE
from natgate.kernel.netns import inside
from natgate.model.error import RefusedError

ALL = 0x0003
_SOL_PACKET, _STATISTICS = 263, 6
_TIMESTAMP_NS, _ATTACH_FILTER = 35, 26
_BUFFER = 1 << 24
_OUTGOING, _TRUNCATED = 4, 0x20
_TIME = struct.Struct("=qq")
_SPACE = socket.CMSG_SPACE(_TIME.size)
_BILLION = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A packet; `data` may be cut off, `length` is what it had; without Ethernet it begins with IP."""

    time_ns: int
    outgoing: bool
    data: bytes
    length: int


class Packets:
    """The packets of a link that a filter (`wire.packet_filter`) lets through, from now on.

    `ethernet`: with the header of Ethernet. RefusedError without CAP_NET_RAW, or without the link.
    """

    def __init__(
        self,
        link: str,
        program: bytes,
        *,
        namespace: Path | None = None,
        ethernet: bool = False,
        snaplen: int = 256,
    ) -> None:
        self.received = self.dropped = 0
        self._buffer = memoryview(bytearray(snaplen))

        def opened() -> socket.socket:
            kind = socket.SOCK_RAW if ethernet else socket.SOCK_DGRAM
            made = socket.socket(socket.AF_PACKET, kind, 0)  # nothing comes before it is bound
            try:
                _prepare(made, program)
                made.bind((link, ALL))
            except BaseException:
                made.close()
                raise
            return made

        try:
            self.socket = opened() if namespace is None else inside(namespace, opened)
        except PermissionError:
            raise RefusedError("capturing packets needs CAP_NET_RAW: run as root") from None
        except OSError as error:
            raise RefusedError(f"cannot capture on link {link}: {error.strerror}") from None

    def read(self) -> Iterator[Frame]:
        """Every packet that waits."""
        while True:
            try:
                size, ancillary, _, address = self.socket.recvmsg_into(
                    [self._buffer], _SPACE, _TRUNCATED
                )
            except BlockingIOError:
                return
            except OSError:  # the link went down
                continue
            seconds, rest = _TIME.unpack(ancillary[0][2])
            yield Frame(
                time_ns=seconds * _BILLION + rest,
                outgoing=address[2] == _OUTGOING,
                data=bytes(self._buffer[:size]),
                length=size,
            )

    def count(self) -> None:
        """Bring `received` and `dropped` up to date; the kernel's own counts begin anew."""
        seen, lost = struct.unpack("=II", self.socket.getsockopt(_SOL_PACKET, _STATISTICS, 8))
        self.received += seen
        self.dropped += lost

    def close(self) -> None:
        """Give the socket back."""
        self.socket.close()


def _prepare(made: socket.socket, program: bytes) -> None:
    code = ctypes.create_string_buffer(program)
    fprog = struct.pack("@HP", len(program) // 8, ctypes.addressof(code))
    made.setblocking(False)
    made.setsockopt(socket.SOL_SOCKET, RECEIVE_BUFFER_FORCE, _BUFFER)
    made.setsockopt(socket.SOL_SOCKET, _TIMESTAMP_NS, 1)
    made.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, fprog)
