"""Sends UDP packets as fast as one core can, and says what that core paid.

`python -m bench.blast ADDRESS COUNT FLOWS FIRST_PORT`: COUNT packets to FLOWS different pairs of
address and port. On veth a packet takes its whole way (sender, gateway, far side) on the core
that sends it, in the sender's own time or in that core's ksoftirqd; both are counted, in ns.
"""

import ctypes
import json
import os
import socket
import sys
import time
from ipaddress import IPv4Address
from pathlib import Path

CORE = 1
BATCH = 64
PORTS = 50_000
PAYLOAD = b"natgate bench, 60 bytes on IP".ljust(32, b".")


class Vector(ctypes.Structure):
    """struct iovec."""

    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class Header(ctypes.Structure):
    """struct msghdr."""

    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint32),
        ("vectors", ctypes.POINTER(Vector)),
        ("vector_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


class Message(ctypes.Structure):
    """struct mmsghdr."""

    _fields_ = (("header", Header), ("sent", ctypes.c_uint))


def destinations(address: str, flows: int, first_port: int) -> list[bytes]:
    """A sockaddr_in for each flow; the address goes up by one each 50,000 ports."""
    base = int(IPv4Address(address))
    family = socket.AF_INET.to_bytes(2, sys.byteorder)
    found = []
    for flow in range(flows):
        more, port = divmod(flow, PORTS)
        where = (first_port + port).to_bytes(2, "big") + (base + more).to_bytes(4, "big")
        found.append(family + where + bytes(8))
    return found


def messages(names: list[bytes], count: int) -> tuple[list[ctypes.Array[Message]], object]:
    """All batches, and what must be kept alive for them."""
    payload = ctypes.create_string_buffer(PAYLOAD, len(PAYLOAD))
    vector = Vector(base=ctypes.addressof(payload), length=len(PAYLOAD))
    buffers = [ctypes.create_string_buffer(name, len(name)) for name in names]
    batches = []
    for start in range(0, min(count, max(len(names), BATCH)), BATCH):
        batch = (Message * BATCH)()
        for index, each in enumerate(batch):
            buffer = buffers[(start + index) % len(buffers)]
            each.header.name, each.header.name_length = ctypes.addressof(buffer), len(names[0])
            each.header.vectors, each.header.vector_count = ctypes.pointer(vector), 1
        batches.append(batch)
    return batches, (payload, vector, buffers)


def softirq_thread() -> Path | None:
    """Where the kernel says how long the core's ksoftirqd has run; None inside containers."""
    for entry in Path("/proc").glob("[0-9]*/comm"):
        if entry.exists() and entry.read_text().strip() == f"ksoftirqd/{CORE}":
            return entry.parent / "schedstat"
    return None


def spent(thread: Path | None) -> int:
    """Nanoseconds that this thread and its core's ksoftirqd have run."""
    own = time.clock_gettime_ns(time.CLOCK_THREAD_CPUTIME_ID)
    return own + (int(thread.read_text().split()[0]) if thread else 0)


def main(address: str, count: str, flows: str, first_port: str) -> None:
    """Send, and print the cost of it."""
    os.sched_setaffinity(0, {CORE % (os.cpu_count() or 1)})
    names = destinations(address, int(flows), int(first_port))
    batches, _kept = messages(names, int(count))
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender.bind(("0.0.0.0", 40000))
    sendmmsg = ctypes.CDLL(None, use_errno=True).sendmmsg
    thread = softirq_thread()
    before, sent, turn = spent(thread), 0, 0
    while sent < int(count):
        done = sendmmsg(sender.fileno(), batches[turn % len(batches)], BATCH, 0)
        if done < 0:
            raise OSError(ctypes.get_errno(), "sendmmsg")
        sent, turn = sent + done, turn + 1
    sys.stdout.write(json.dumps({"sent": sent, "ns": spent(thread) - before}) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
