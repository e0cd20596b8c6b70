"""The witness: keeps the claims of a network without etcd, and answers who has the key."""

import asyncio
import signal
import socket
from dataclasses import dataclass, field
from ipaddress import IPv4Address

import structlog

from natgate.model.error import HostError, RefusedError
from natgate.store.claims import Claims
from natgate.wire.witness import SIZE, Answer, parse_question, render_answer

LOG = structlog.get_logger()
TURN = 64
"""How many datagrams are served before signals get their turn."""


@dataclass(slots=True, kw_only=True)
class Witness:
    """One UDP socket; a claim is on disk before it is answered, and strangers get no answer."""

    claims: Claims
    udp: socket.socket
    key: bytes
    _failing: bool = field(default=False, init=False)

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT."""
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, ended.set)
        loop.add_reader(self.udp, self.serve)
        try:
            await ended.wait()
        finally:
            loop.remove_reader(self.udp)

    def serve(self) -> None:
        """Answer the datagrams that wait, in the order in which they came."""
        for _ in range(TURN):
            try:
                data, source = self.udp.recvfrom(SIZE + 1)
            except BlockingIOError:
                return
            except OSError:
                continue  # an ICMP error for an earlier answer
            self._answer(data, source)

    def _answer(self, data: bytes, source: tuple[str, int]) -> None:
        question = parse_question(data, self.key)
        if question is None:
            return
        try:
            if question.owner is None:
                held = self.claims.read(question.key)
            else:
                held = self.claims.claim(question.key, question.owner, question.expected)
        except HostError as error:
            self._failed(error)
            return
        self._failing = False
        if question.owner == held.owner and held.epoch == question.expected + 1:
            LOG.info("claim", key=question.key, owner=held.owner, epoch=held.epoch)
        answer = Answer(nonce=question.nonce, key=question.key, claim=held)
        try:
            self.udp.sendto(render_answer(answer, self.key), source)
        except OSError:
            return  # it asks again

    def _failed(self, error: HostError) -> None:
        """No answer is better than a wrong one; said once for each time that it begins."""
        if not self._failing:
            LOG.error("claims-failed", reason=str(error))
        self._failing = True

    def close(self) -> None:
        """Give socket and file back."""
        self.udp.close()
        self.claims.close()


def listen(address: IPv4Address, port: int) -> socket.socket:
    """A socket at this address alone; RefusedError if it is not on this host or is in use."""
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.setblocking(False)
    try:
        udp.bind((str(address), port))
    except OSError as error:
        udp.close()
        raise RefusedError(
            f"cannot listen at {address} port {port} ({error.strerror}): fence.address must be on "
            "a link of this machine, and only one witness may run"
        ) from None
    return udp
