"""Probes that no flow and no other probe is like."""

import secrets
from dataclasses import replace

from natgate.model.error import RefusedError
from natgate.model.trace import Packet
from natgate.wire.probe import Probe

_FIRST_PORT, _PORTS = 49152, 16384


def fresh(packet: Packet) -> Probe:
    """The packet with a random token and, if it has no source port, with a random one.

    RefusedError if it has no destination port although its protocol needs one.
    """
    if packet.protocol != "icmp" and packet.destination_port is None:
        raise RefusedError(f"a {packet.protocol} packet needs a destination port")
    if packet.source_port is None:
        packet = replace(packet, source_port=_FIRST_PORT + secrets.randbelow(_PORTS))
    return Probe(packet=packet, token=secrets.randbits(32), mark=1 + secrets.randbelow(0xFFFF))
