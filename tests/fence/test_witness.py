"""A real witness passes the contract of fences, loses nothing when killed, and speaks to no stranger."""

import asyncio
import os
import secrets
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from natgate.agent.places import CLAIMS
from natgate.model.claim import NOBODY, Claim
from natgate.model.error import FenceAwayError
from natgate.store.claims import Claims
from natgate.store.fence import Fence
from natgate.wire.witness import NONCE, SIZE, Question, parse_answer, render_question
from tests.fence_contract import KEY, Bench, FenceContract, patiently, won

from . import witness_process as place
from .processes import stopped
from .witness_process import client, witness


class TestWitness(FenceContract):
    """The contract, with a witness in a process of its own."""

    @pytest.fixture
    def bench(self, tmp_path: Path) -> Iterator[Bench]:
        """A witness that can be paused."""
        with witness(tmp_path) as process:
            yield Bench(open=client, away=lambda: stopped(process), timeout=place.TIMEOUT)


def claimed(fence: Fence, owner: str, expected: int) -> Claim:
    """A claim that is answered in the end."""

    async def run() -> Claim:
        return await patiently(lambda: fence.claim(KEY, owner, expected))

    return asyncio.run(run())


def once(fence: Fence, owner: str, expected: int) -> Claim | None:
    """A claim; None if no answer came."""
    try:
        return asyncio.run(fence.claim(KEY, owner, expected))
    except FenceAwayError:
        return None


@contextmanager
def mortals(directory: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that makes witnesses which live for so many lines."""
    spec = directory / "spec.yaml"
    spec.write_text(place.SPEC)
    argv = [sys.executable, "-m", "tests.fence.dying_witness", str(spec)]
    environment = {**os.environ, "NATGATE_KEY": place.KEY.decode()}
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, stdin=pipe, stdout=pipe, text=True, env=environment) as process:
        yield process


def outlived(maker: subprocess.Popen[str], pid: int, *, answered: bool) -> bool:
    """Whether a witness is alive after it was asked; it is ended in any case."""
    assert maker.stdout
    alive = not select.select([maker.stdout], [], [], 0.5 if answered else 10)[0]
    if alive:
        os.kill(pid, signal.SIGKILL)
    assert maker.stdout.readline() == "dead\n"
    return alive


def test_a_witness_killed_between_any_two_steps_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """Killed before each line that serves a claim in turn: the claim is whole or was never made.

    What was answered as won is held, the repetition is won with the same epoch, and the other
    node's claim is lost.
    """
    with mortals(tmp_path) as maker:
        assert maker.stdin
        assert maker.stdout
        answers = []
        for lines in range(1, 200):
            directory = tmp_path / str(lines)
            maker.stdin.write(f"{lines} {directory}\n")
            maker.stdin.flush()
            pid = int(maker.stdout.readline().split()[1])
            answer = once(client(timeout=0.1), "node-a", 0)
            alive = outlived(maker, pid, answered=answer is not None)
            with closing(Claims(directory / CLAIMS)) as restarted:
                held = restarted.read(KEY)
                assert held in (NOBODY, Claim(owner="node-a", epoch=1)), lines
                assert answer in (None, held), lines
                assert restarted.claim(KEY, "node-a", 0) == Claim(owner="node-a", epoch=1), lines
                assert restarted.claim(KEY, "node-c", 0) == Claim(owner="node-a", epoch=1), lines
                assert restarted.claim(KEY, "node-c", 1) == Claim(owner="node-c", epoch=2), lines
            answers.append((answer is not None, held != NOBODY))
            if alive:
                break
    assert answers[-1] == (True, True), "it never lived through a claim"
    assert set(answers) == {(False, False), (False, True), (True, True)}


def test_a_claim_whose_answer_was_lost_is_won_again(tmp_path: Path) -> None:
    """A witness that is killed after its work, before its answer: the next one confirms it."""
    with witness(tmp_path):
        question = Question(nonce=secrets.token_bytes(NONCE), key=KEY, owner="node-a")
        with stranger() as udp:
            udp.send(render_question(question, place.KEY))  # and nobody hears the answer
        assert claimed(client(), "node-c", 0) == Claim(owner="node-a", epoch=1)
        assert won(claimed(client(), "node-a", 0), "node-a", 0)


@contextmanager
def stranger() -> Iterator[socket.socket]:
    """A socket towards the witness."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.connect((place.ADDRESS, place.PORT))
        udp.settimeout(5)
        yield udp


def test_who_has_no_key_is_neither_served_nor_answered(tmp_path: Path) -> None:
    """Bytes of any kind earn nothing, and the next honest question is answered first."""
    with witness(tmp_path), stranger() as udp:
        question = Question(nonce=secrets.token_bytes(NONCE), key=KEY, owner="thief")
        for noise in (
            render_question(question, b"another key here"),
            b"",
            b"NWQ\1",
            os.urandom(SIZE),
            os.urandom(60_000),
        ):
            udp.send(noise)
        honest = Question(nonce=secrets.token_bytes(NONCE), key=KEY)
        udp.send(render_question(honest, place.KEY))
        answer = parse_answer(udp.recv(SIZE + 1), place.KEY)
        assert answer is not None
        assert (answer.nonce, answer.claim.epoch) == (honest.nonce, 0)
    assert "thief" not in (tmp_path / "log").read_text()


def test_a_replayed_claim_changes_nothing(tmp_path: Path) -> None:
    """A recorded claim that is sent again after the next owner's is answered with the next owner."""
    with witness(tmp_path), stranger() as udp:
        question = Question(nonce=secrets.token_bytes(NONCE), key=KEY, owner="node-a")
        recorded = render_question(question, place.KEY)
        udp.send(recorded)
        udp.recv(SIZE + 1)
        later = claimed(client(), "node-c", 1)
        udp.send(recorded)
        answer = parse_answer(udp.recv(SIZE + 1), place.KEY)
        assert answer is not None
        assert answer.claim == later == Claim(owner="node-c", epoch=2)


def test_an_old_answer_is_not_believed() -> None:
    """Whoever has recorded an answer cannot give it to a later question."""
    recorded: list[bytes] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as liar:
        liar.bind((place.ADDRESS, place.PORT))
        liar.setblocking(False)

        async def lie() -> None:
            loop = asyncio.get_running_loop()
            while True:
                data, source = await loop.sock_recvfrom(liar, SIZE + 1)
                for each in (*recorded, data, os.urandom(SIZE)):
                    await loop.sock_sendto(liar, each, source)
                recorded.append(data)

        async def run() -> None:
            async with asyncio.TaskGroup() as group:
                lying = group.create_task(lie())
                with pytest.raises(FenceAwayError, match="no answer within 250ms"):
                    await client().claim(KEY, "node-a", 0)
                lying.cancel()

        asyncio.run(run())
    assert len(recorded) > 1, "it was asked again"


def test_nobody_there_is_away_within_the_bound() -> None:
    """A machine that refuses is away like one that is silent, and its key is not told."""
    with pytest.raises(FenceAwayError) as caught:
        asyncio.run(client().claim(KEY, "node-a", 0))
    assert place.KEY.decode() not in str(caught.value)


def test_it_ends_in_order_and_says_where_it_listens(tmp_path: Path) -> None:
    """The line at the start names network, address and claims; SIGTERM ends it with 0."""
    with witness(tmp_path) as process:
        assert won(claimed(client(), "node-a", 0), "node-a", 0)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    with witness(tmp_path):
        said = (tmp_path / "log").read_text()
        assert said.startswith("witness of main at 127.0.0.1 port 4650, 1 claim")
        again = natgate_witness(tmp_path, place.SPEC)
        assert again.returncode == 1
        assert "only one witness may run" in again.stderr
    assert (tmp_path / "state" / "claims.db").stat().st_mode & 0o777 == 0o600


def natgate_witness(directory: Path, spec: str) -> subprocess.CompletedProcess[str]:
    """The command, where it should refuse."""
    path = directory / "other.yaml"
    path.write_text(spec)
    argv = [sys.executable, "-m", "natgate", "witness", "--spec", str(path)]
    return subprocess.run(
        [*argv, "--state", str(directory / "other")],
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
        env={**os.environ, "NATGATE_KEY": place.KEY.decode()},
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("kind: witness, address: 127.0.0.1", "kind: none", "this spec has no witness"),
        ("127.0.0.1", "192.0.2.77", "must be on a link of this machine"),
        ("key_env: NATGATE_KEY", "key_env: NOWHERE", "NOWHERE is not set"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    """Exit code 1 and one sentence on standard error."""
    done = natgate_witness(tmp_path, place.SPEC.replace(old, new))
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
    assert "Traceback" not in done.stderr
