"""A raw ICMP socket for echo requests, and a UDP socket for probes that are reflected."""

import contextlib
import socket
import struct
from ipaddress import IPv4Address

from natgate.model.error import RefusedError
from natgate.wire.icmp import EchoReply, parse_echo_reply, render_echo

_ICMP_FILTER = 1
_ONLY_REPLIES = struct.pack("=I", 0xFFFFFFFF & ~1)


class EchoSocket:
    """Sends echo requests from one local address and receives only replies."""

    def __init__(self, local: IPv4Address) -> None:
        try:
            raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        except PermissionError:
            raise RefusedError("health checks need CAP_NET_RAW: run as root") from None
        raw.setblocking(False)
        raw.setsockopt(
            socket.SOL_RAW if hasattr(socket, "SOL_RAW") else 255, _ICMP_FILTER, _ONLY_REPLIES
        )
        _bind(raw, local, 0)
        self.socket = raw

    def send(self, to: IPv4Address, identifier: int, sequence: int, payload: bytes) -> bool:
        """Send a request; whether it left this host."""
        packet = render_echo(identifier, sequence & 0xFFFF, payload)
        try:
            self.socket.sendto(packet, (str(to), 0))
        except OSError:
            return False
        return True

    def receive(self) -> list[EchoReply]:
        """Every reply that waits."""
        found: list[EchoReply] = []
        while True:
            try:
                reply = parse_echo_reply(self.socket.recv(2048))
            except BlockingIOError:
                return found
            except OSError:
                continue  # an ICMP error for an earlier request
            if reply is not None:
                found.append(reply)

    def close(self) -> None:
        """Give the socket back."""
        self.socket.close()


def udp_socket(local: IPv4Address, port: int) -> socket.socket:
    """A non-blocking UDP socket; RefusedError if the address is not on this host or is in use."""
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.setblocking(False)
    _bind(udp, local, port)
    return udp


def send_once(local: IPv4Address, to: IPv4Address, port: int, payload: bytes) -> None:
    """Send one datagram from a fresh port, so that it starts a flow of its own."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, contextlib.suppress(OSError):
        udp.bind((str(local), 0))
        udp.sendto(payload, (str(to), port))


def receive_all(udp: socket.socket) -> list[tuple[bytes, IPv4Address]]:
    """Every datagram that waits, with its sender."""
    found: list[tuple[bytes, IPv4Address]] = []
    while True:
        try:
            data, (host, *_) = udp.recvfrom(65535)
        except BlockingIOError:
            return found
        except OSError:
            continue  # an ICMP error for an earlier datagram
        found.append((data, IPv4Address(host)))


def _bind(sock: socket.socket, local: IPv4Address, port: int) -> None:
    try:
        sock.bind((str(local), port))
    except OSError as error:
        sock.close()
        where = f"{local} port {port}" if port else str(local)
        raise RefusedError(
            f"cannot use {where} on this host ({error.strerror}): the node's address in the spec "
            "must be on a link of this machine, and only one agent may run"
        ) from None
