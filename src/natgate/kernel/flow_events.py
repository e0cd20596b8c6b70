"""Conntrack events of this network namespace, as the kernel sends them, many at a time.

With NETLINK_BROADCAST_ERROR the kernel keeps the end of a flow that did not fit into the buffer,
and tells it again (net/netfilter/nf_conntrack_ecache.c); NETLINK_NO_ENOBUFS, which only hides the
loss, is never set.
"""

import ctypes
import errno
import os
import socket
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from natgate.kernel import sysctl
from natgate.kernel.netlink import ADD_MEMBERSHIP, NETFILTER, RECEIVE_BUFFER_FORCE, SOL_NETLINK
from natgate.model.error import HostError, RefusedError
from natgate.wire.flow_filter import translated_only

SETTINGS = {
    "net/netfilter/nf_conntrack_timestamp": "1",
    # Not 2: a flow that began while nobody listened would end without a word.
    "net/netfilter/nf_conntrack_events": "1",
}
_NEW_GROUP, _DESTROY_GROUP = 1, 3
_BROADCAST_ERROR = 4
_ATTACH_FILTER, _MEMORY = 26, 55
_DONT_WAIT, _TRUNCATED = 0x40, 0x20
_SLOT, _SLOTS = 512, 4096
"""Bytes of a slot: one message of a flow has about 230."""

_HEADER_WORDS, _FLAGS = 8, 6
"""struct mmsghdr of 64-bit machines, and where its msg_flags lies, in words of 8 bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Messages: `starts` are word offsets in `words`; `overrun`: the buffer was full meanwhile.

    `oversized` messages did not fit into a slot and are left out; `more` may be waiting.
    """

    words: NDArray[np.uint32]
    starts: NDArray[np.int64]
    overrun: bool
    oversized: int
    more: bool


class FlowEvents:
    """A socket that gets ends of translated flows, and their beginnings if `new`.

    `buffer` is in bytes. RefusedError without CAP_NET_ADMIN.
    """

    def __init__(self, *, new: bool, buffer: int) -> None:
        for key, value in SETTINGS.items():
            if sysctl.read(key) != value:
                sysctl.write(key, value)
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETFILTER)
        try:
            self._prepare(new=new, buffer=buffer)
        except PermissionError:
            self._socket.close()
            raise RefusedError(
                "conntrack events need CAP_NET_ADMIN: run natgate log run as root"
            ) from None
        self._receive = ctypes.CDLL(None, use_errno=True).recvmmsg
        self._slots = np.zeros((_SLOTS, _SLOT), np.uint8)
        self._headers, self._vectors = _headers(self._slots)
        self._words = self._slots.view(np.uint32).reshape(-1)
        self._offsets = np.arange(_SLOTS, dtype=np.int64) * (_SLOT // 4)

    def _prepare(self, *, new: bool, buffer: int) -> None:
        program = ctypes.create_string_buffer(translated_only())
        fprog = np.array([len(program) // 8, ctypes.addressof(program)], np.uint64).tobytes()
        self._socket.setsockopt(socket.SOL_SOCKET, RECEIVE_BUFFER_FORCE, buffer)
        self._socket.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, fprog)
        self._socket.setsockopt(SOL_NETLINK, _BROADCAST_ERROR, 1)
        self._socket.bind((0, 0))
        for group in (_DESTROY_GROUP, *((_NEW_GROUP,) if new else ())):
            self._socket.setsockopt(SOL_NETLINK, ADD_MEMBERSHIP, group)

    @property
    def socket(self) -> socket.socket:
        """What becomes readable."""
        return self._socket

    def read(self) -> Batch:
        """What waits, at most 4,096 messages; the arrays are good until the next call."""
        count = self._receive(
            self._socket.fileno(),
            self._headers.ctypes.data_as(ctypes.c_void_p),
            _SLOTS,
            _DONT_WAIT,
            None,
        )
        code = ctypes.get_errno() if count < 0 else 0
        if code not in {0, errno.EAGAIN, errno.ENOBUFS, errno.EINTR}:
            raise HostError(f"cannot read conntrack events: {os.strerror(code)}")
        count = max(count, 0)
        whole = (self._headers[:count, _FLAGS] & np.uint64(_TRUNCATED)) == 0
        return Batch(
            words=self._words,
            starts=self._offsets[:count][whole],
            overrun=code == errno.ENOBUFS,
            oversized=int(count - whole.sum()),
            more=count == _SLOTS or code == errno.ENOBUFS,
        )

    def filled(self) -> float:
        """How much of the receive buffer is in use, from 0 to 1 (SO_MEMINFO)."""
        memory = np.frombuffer(self._socket.getsockopt(socket.SOL_SOCKET, _MEMORY, 64), np.uint32)
        return float(memory[0]) / max(float(memory[1]), 1.0)

    def close(self) -> None:
        """Stop listening."""
        self._socket.close()


def _headers(slots: NDArray[np.uint8]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """An array of struct mmsghdr, one for each slot, and the struct iovec that they point to."""
    count, size = slots.shape
    numbers = np.arange(count, dtype=np.uint64)
    vectors = np.zeros((count, 2), np.uint64)
    vectors[:, 0] = slots.ctypes.data + numbers * np.uint64(size)
    vectors[:, 1] = size
    headers = np.zeros((count, _HEADER_WORDS), np.uint64)
    headers[:, 2] = vectors.ctypes.data + numbers * np.uint64(16)
    headers[:, 3] = 1
    return headers, vectors
