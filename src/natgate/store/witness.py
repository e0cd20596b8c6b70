"""The client of a witness: one datagram each way, asked again until the time is up."""

import asyncio
import secrets
import socket
from contextlib import closing

from natgate.model.claim import NOBODY, Claim, check_claim
from natgate.model.error import FenceAwayError
from natgate.model.steering import WitnessFence as Settings
from natgate.wire.witness import NONCE, SIZE, Question, parse_answer, render_question

ASKED = 8
"""How often a request is sent within the timeout while it is not answered."""


class WitnessFence:
    """A `Fence` whose claims a witness keeps; each call has a socket of its own."""

    def __init__(self, settings: Settings, key: bytes) -> None:
        self._settings = settings
        self._secret = key

    async def read(self, key: str) -> Claim | None:
        """The claim in force."""
        check_claim(key, "nobody", 0)
        held = await self._ask(Question(nonce=secrets.token_bytes(NONCE), key=key))
        return None if held == NOBODY else held

    async def claim(self, key: str, owner: str, expected: int) -> Claim:
        """Make `owner` the owner if the present epoch is `expected`."""
        check_claim(key, owner, expected)
        nonce = secrets.token_bytes(NONCE)
        return await self._ask(Question(nonce=nonce, key=key, owner=owner, expected=expected))

    def close(self) -> None:
        """Nothing to give back."""

    async def _ask(self, question: Question) -> Claim:
        """The answer to a question, which does no more if it is served several times."""
        place = (str(self._settings.address), self._settings.port)
        datagram = render_question(question, self._secret)
        with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as udp:
            udp.setblocking(False)
            try:
                async with asyncio.timeout(self._settings.timeout):
                    udp.connect(place)
                    while True:
                        answer = await self._once(udp, datagram, question)
                        if answer is not None:
                            return answer
            except (TimeoutError, OSError) as error:
                waited = f"{self._settings.timeout * 1000:g}ms"
                why = getattr(error, "strerror", None) or "no answer"
                raise FenceAwayError(
                    f"the fence is away: witness {place[0]} port {place[1]}: {why} within {waited}"
                ) from None

    async def _once(self, udp: socket.socket, datagram: bytes, question: Question) -> Claim | None:
        """Send once, and listen for a share of the time; None without an answer to be believed."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._settings.timeout / ASKED):
                try:
                    udp.send(datagram)
                    while True:
                        answer = parse_answer(await loop.sock_recv(udp, SIZE + 1), self._secret)
                        if answer and (answer.nonce, answer.key) == (question.nonce, question.key):
                            return answer.claim
                except OSError:  # refused, or no route: it may be back in a moment
                    await asyncio.sleep(self._settings.timeout)
        except TimeoutError:
            return None
        return None
