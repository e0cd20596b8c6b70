"""Upstream checks over real sockets: an upstream that comes and goes."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from ipaddress import IPv4Address

import pytest

from natgate.agent.checks import ConnectCheck, EchoCheck
from natgate.kernel.echo import EchoSocket, receive_all, send_once, udp_socket
from natgate.model.error import RefusedError
from natgate.model.gateway import IcmpCheck, TcpCheck
from natgate.wire.icmp import EchoReply
from tests.namespaces import Namespace, execute

HERE, UPSTREAM = IPv4Address("10.0.0.1"), IPv4Address("10.0.0.2")
PORT = 7000
SECONDS = 3.0


@pytest.fixture(autouse=True)
def _two_addresses(alone: Namespace) -> None:
    """This node and its upstream, in one namespace."""
    alone.run(f"ip address add {HERE}/32 dev lo", f"ip address add {UPSTREAM}/32 dev lo")


def upstream(*, answers: bool) -> None:
    """The upstream answers, or drops everything."""
    execute("nft", "flush", "ruleset")
    if not answers:
        execute("nft", "add", "table", "ip", "drops")
        execute("nft", "add chain ip drops c { type filter hook input priority 0; }")
        execute("nft", f"add rule ip drops c ip daddr {UPSTREAM} drop")


class Said:
    """What a check has reported."""

    def __init__(self) -> None:
        self.all: list[str | None] = []
        self._more = asyncio.Event()

    def __call__(self, reason: str | None) -> None:
        """Take it down."""
        self.all.append(reason)
        self._more.set()

    async def becomes(self, *reasons: str | None) -> None:
        """Wait until these have been said, in this order, and nothing else."""
        async with asyncio.timeout(SECONDS):
            while len(self.all) < len(reasons):
                self._more.clear()
                await self._more.wait()
        assert self.all == list(reasons)


async def while_running(
    check: EchoCheck | ConnectCheck, work: Callable[[], Awaitable[None]]
) -> None:
    """Do something while a check runs."""
    task = asyncio.get_running_loop().create_task(check.run())
    try:
        await work()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def echo_check(echo: EchoSocket, said: Said) -> EchoCheck:
    """An ICMP check as of a spec."""
    check = IcmpCheck(kind="icmp", address=UPSTREAM, interval="20ms", timeout="60ms")  # type: ignore[arg-type]
    return EchoCheck(check=check, echo=echo, identifier=8192, report=said)


DEAD = f"upstream {UPSTREAM} does not answer ICMP echo"


def test_an_echo_check_says_only_what_changes() -> None:
    """Answering, silent, answering again: three reports, whatever the number of requests."""

    async def scenario() -> None:
        said, echo = Said(), EchoSocket(HERE)
        check = echo_check(echo, said)
        loop = asyncio.get_running_loop()

        def arrived() -> None:
            for reply in echo.receive():
                check.receive(reply)

        loop.add_reader(echo.socket, arrived)

        async def work() -> None:
            await said.becomes(None)
            upstream(answers=False)
            await said.becomes(None, DEAD)
            upstream(answers=True)
            await said.becomes(None, DEAD, None)

        await while_running(check, work)
        loop.remove_reader(echo.socket)
        echo.close()

    asyncio.run(scenario())


def test_foreign_replies_prove_nothing() -> None:
    """A reply with another id, token or source leaves the verdict as it is."""

    async def scenario() -> None:
        said, echo = Said(), EchoSocket(HERE)
        check = echo_check(echo, said)
        upstream(answers=False)

        async def work() -> None:
            await said.becomes(DEAD)
            good = EchoReply(source=UPSTREAM.packed, id=8192, sequence=0, payload=b"")
            for reply in (
                good,
                EchoReply(source=UPSTREAM.packed, id=8193, sequence=0, payload=b""),
                EchoReply(source=HERE.packed, id=8192, sequence=0, payload=b""),
            ):
                check.receive(reply)
            assert said.all == [DEAD]

        await while_running(check, work)
        echo.close()

    asyncio.run(scenario())


def test_an_upstream_that_answers_too_late_does_not_flap() -> None:
    """Answers that come after the timeout are none: the upstream is bad, and stays so."""

    async def scenario() -> None:
        said, echo = Said(), EchoSocket(HERE)
        check = echo_check(echo, said)
        loop = asyncio.get_running_loop()

        def late() -> None:
            for reply in echo.receive():
                loop.call_later(0.1, check.receive, reply)

        loop.add_reader(echo.socket, late)

        async def work() -> None:
            await said.becomes(DEAD)
            await asyncio.sleep(0.3)
            assert said.all == [DEAD]

        await while_running(check, work)
        loop.remove_reader(echo.socket)
        echo.close()

    asyncio.run(scenario())


REFUSED = f"upstream {UPSTREAM} port {PORT} accepts no TCP connection"


def test_a_connect_check_needs_several_failures() -> None:
    """One failure is none; the second in a row is reported, and one success ends it."""

    async def scenario() -> None:
        said = Said()
        settings = {"interval": "20ms", "timeout": "100ms", "failures": 3}
        check = TcpCheck(kind="tcp", address=UPSTREAM, port=PORT, **settings)  # type: ignore[arg-type]
        server = socket.create_server((str(UPSTREAM), PORT))

        async def work() -> None:
            await said.becomes(None)
            server.close()
            await said.becomes(None, REFUSED)
            with socket.create_server((str(UPSTREAM), PORT)):
                await said.becomes(None, REFUSED, None)
                upstream(answers=False)
                await said.becomes(None, REFUSED, None, REFUSED)

        await while_running(ConnectCheck(check=check, local=HERE, report=said), work)

    asyncio.run(scenario())


def test_an_address_that_is_not_here_is_refused() -> None:
    """A node whose address is on no link of this machine cannot check or speak."""
    stranger = IPv4Address("10.9.9.9")
    with pytest.raises(RefusedError, match=r"cannot use 10\.9\.9\.9 on this host"):
        EchoSocket(stranger)
    with pytest.raises(RefusedError, match=r"cannot use 10\.9\.9\.9 port 7000 on this host"):
        udp_socket(stranger, PORT)
    echo = EchoSocket(HERE)
    assert not echo.send(IPv4Address("192.0.2.1"), 1, 1, b"")
    echo.close()


def test_a_second_agent_is_refused() -> None:
    """Two agents cannot use the same port."""
    first = udp_socket(HERE, PORT)
    with pytest.raises(RefusedError, match="only one agent may run"):
        udp_socket(HERE, PORT)
    first.close()


def test_datagrams_are_sent_and_received() -> None:
    """Each datagram comes with its sender, and each is sent from a port of its own."""
    receiver = udp_socket(UPSTREAM, PORT)
    send_once(HERE, UPSTREAM, PORT, b"a")
    send_once(HERE, UPSTREAM, PORT, b"b")
    send_once(IPv4Address("10.9.9.9"), UPSTREAM, PORT, b"never")
    assert receive_all(receiver) == [(b"a", HERE), (b"b", HERE)]
    assert receive_all(receiver) == []
    receiver.close()
