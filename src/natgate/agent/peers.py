"""Talking to the other nodes: heartbeats both ways, and probes of those that are silent."""

import secrets
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address

from natgate.kernel.echo import EchoSocket, receive_all, send_once, udp_socket
from natgate.model.event import HeartbeatHeard, Probe, ProbeAnswered
from natgate.model.spec import Spec
from natgate.model.view import NodeView
from natgate.plan.compile import FIRST_PROBE_ID, PROBE_IDS, upstream_echo
from natgate.wire.heartbeat import (
    Heartbeat,
    Session,
    parse_heartbeat,
    receive,
    render_heartbeat,
)
from natgate.wire.icmp import EchoReply

KERNEL_ID = 4096
"""ICMP id of the question whether a silent node's kernel lives."""


class Peers:
    """The sockets towards the other nodes of a spec, bound to this node's own address.

    `start` is higher than at any earlier start of this node.
    """

    def __init__(self, *, spec: Spec, me: str, key: bytes, start: int, echo: EchoSocket) -> None:
        self._me = me
        self._key = key
        self._echo = echo
        self._local = spec.node(me).address
        self._port = spec.heartbeat.port
        self._probe_port = spec.heartbeat.probe_port
        self._addresses = {n.name: n.address for n in spec.nodes if n.name != me}
        self._names = {address: name for name, address in self._addresses.items()}
        self._upstreams = {
            index: gateway.name
            for index, gateway in enumerate(spec.gateways)
            if upstream_echo(gateway)
        }
        self._sessions = {name: Session() for name in self._addresses}
        self._session = start.to_bytes(8)
        self._token = secrets.token_bytes(8)
        self._number = 0
        self._probes = 0
        self.beats = udp_socket(self._local, self._port)
        self.reflected = udp_socket(self._local, spec.heartbeat.reflection_port)

    def send(self, view: NodeView) -> None:
        """Tell every peer."""
        self._number += 1
        for name, address in self._addresses.items():
            beat = Heartbeat(
                sender=self._me,
                session=self._session,
                to_session=self._sessions[name].theirs,
                number=self._number,
                view=view,
            )
            try:
                self.beats.sendto(render_heartbeat(beat, self._key), (str(address), self._port))
            except OSError:
                continue  # no route to that peer now: the silence is what it will notice

    def receive_beats(self) -> Iterator[HeartbeatHeard]:
        """The heartbeats that wait and are to be believed."""
        for data, source in receive_all(self.beats):
            beat = parse_heartbeat(data, self._key)
            if beat is None or self._addresses.get(beat.sender) != source:
                continue
            held = self._sessions[beat.sender]
            self._sessions[beat.sender], believed = receive(held, beat, self._session)
            if believed:
                yield HeartbeatHeard(peer=beat.sender, view=beat.view)

    def probe(self, peer: str) -> None:
        """Ask a node's kernel, and send probes through it: back to here and on to each upstream."""
        address = self._addresses[peer]
        self._probes += 1
        self._echo.send(address, KERNEL_ID, self._probes, self._token)
        send_once(self._local, address, self._probe_port, self._token)
        for index in self._upstreams:
            identifier = FIRST_PROBE_ID + PROBE_IDS * index + self._probes % PROBE_IDS
            self._echo.send(address, identifier, self._probes, self._token)

    def receive_reflected(self) -> Iterator[ProbeAnswered]:
        """The probes of forwarding that came back."""
        for data, source in receive_all(self.reflected):
            if data == self._token and source in self._names:
                yield ProbeAnswered(peer=self._names[source], probe=Probe.FORWARDING)

    def answered(self, reply: EchoReply) -> ProbeAnswered | None:
        """What an echo reply proves of a peer, if it answers one of these probes."""
        name = self._names.get(IPv4Address(reply.source))
        if name is None or reply.payload != self._token:
            return None
        if reply.id == KERNEL_ID:
            return ProbeAnswered(peer=name, probe=Probe.KERNEL)
        gateway = self._upstreams.get((reply.id - FIRST_PROBE_ID) // PROBE_IDS)
        if gateway is None:
            return None
        return ProbeAnswered(peer=name, probe=Probe.UPSTREAM, gateway=gateway)

    def close(self) -> None:
        """Give the sockets back."""
        self.beats.close()
        self.reflected.close()


def addresses_by_name(spec: Spec) -> Mapping[IPv4Address, str]:
    """Every node by its address."""
    return {node.address: node.name for node in spec.nodes}
