"""A real etcd, alone and as a cluster of three, passes the contract of fences and bounds every wait."""

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from natgate.model.claim import Claim
from natgate.model.error import FenceAwayError, HostError
from natgate.store.etcd import PREFIX, EtcdFence
from tests.fence_contract import KEY, SLACK, Bench, FenceContract, patiently, won
from tests.namespaces import nft

from .cluster import TIMEOUT, Cluster, etcd
from .one_way import OneWay
from .processes import PATIENCE, stopped


class _Etcd(FenceContract):
    members = 1

    @pytest.fixture
    def bench(self, tmp_path: Path) -> Iterator[Bench]:
        """An etcd whose members can be paused."""
        with etcd(tmp_path, self.members) as cluster:
            processes = cluster.members.values()
            yield Bench(open=cluster.fence, away=lambda: stopped(*processes), timeout=TIMEOUT)


class TestOneMember(_Etcd):
    """The contract, with one member."""


class TestThreeMembers(_Etcd):
    """The contract, with a cluster."""

    members = 3


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """Three members."""
    with etcd(tmp_path, 3) as made:
        yield made


@pytest.fixture
def single(tmp_path: Path) -> Iterator[Cluster]:
    """One member."""
    with etcd(tmp_path) as made:
        yield made


async def timed(fence: EtcdFence, owner: str, expected: int) -> Claim | None:
    """A claim that ends within the bound; None if the fence was away."""
    began = time.monotonic()
    try:
        return await fence.claim(KEY, owner, expected)
    except FenceAwayError:
        return None
    finally:
        assert time.monotonic() - began < TIMEOUT + SLACK


async def keep_claiming(fence: EtcdFence, owner: str, *, wins: list[int], ended: float) -> None:
    """Take the next epoch again and again, until two seconds after the fence was last away."""
    expected, until = 0, time.monotonic() + 2
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < min(until, deadline):
        answer = await timed(fence, owner, expected)
        if answer is None:
            until = time.monotonic() + ended
            continue
        if won(answer, owner, expected):
            wins.append(answer.epoch)
        expected = answer.epoch
        await asyncio.sleep(0.005)
    assert time.monotonic() < deadline, "claims do not work again"


def test_a_dead_leader_costs_time_and_no_claim(cluster: Cluster) -> None:
    """Two nodes claim while the leader is killed: no wait is longer than the bound.

    After the election claims work again, no epoch was won twice, and every claim that was answered
    as won is in the history that etcd keeps.
    """
    leader = cluster.leader()
    wins: dict[str, list[int]] = {"node-a": [], "node-c": []}

    async def run() -> None:
        fences = {owner: cluster.fence() for owner in wins}
        async with asyncio.TaskGroup() as group:
            for owner, fence in fences.items():
                group.create_task(keep_claiming(fence, owner, wins=wins[owner], ended=2.0))
            await asyncio.sleep(0.5)
            before = sum(map(len, wins.values()))
            cluster.members[leader].kill()
        assert before > 0
        assert sum(map(len, wins.values())) > before, "no claim was won after the election"
        for fence in fences.values():
            fence.close()

    asyncio.run(run())
    cluster.members[leader].wait()
    won_epochs = sorted(epoch for each in wins.values() for epoch in each)
    assert len(won_epochs) == len(set(won_epochs)), "an epoch was won twice"
    rest = Cluster(members={e: p for e, p in cluster.members.items() if e != leader})
    history = owners_by_epoch(rest)
    for owner, epochs in wins.items():
        assert [history.get(epoch) for epoch in epochs] == [owner] * len(epochs)


def owners_by_epoch(cluster: Cluster) -> dict[int, str]:
    """Every owner that the share ever had, as etcd's own history tells."""
    lines = cluster.etcdctl("get", PREFIX + KEY, "--write-out=fields").splitlines()
    fields = dict(line.split(" : ", 1) for line in lines if " : " in line)
    first, last = (int(fields[f'"{name}"']) for name in ("CreateRevision", "ModRevision"))
    found: dict[int, str] = {}
    for revision in range(first, last + 1):
        lines = cluster.etcdctl(
            "get", PREFIX + KEY, f"--rev={revision}", "--write-out=fields"
        ).splitlines()
        fields = dict(line.split(" : ", 1) for line in lines if " : " in line)
        found[int(fields['"Version"'])] = fields['"Value"'].strip('"')
    return found


def test_a_minority_is_away_within_the_bound(cluster: Cluster) -> None:
    """With two of three members mute nothing is claimed; once they speak, everything goes on."""
    processes = list(cluster.members.values())

    async def run() -> None:
        with closing(cluster.fence()) as fence:
            assert won(await patiently(lambda: fence.claim(KEY, "node-a", 0)), "node-a", 0)
            with stopped(*processes[1:]):
                for _ in range(5):
                    assert await timed(fence, "node-c", 1) is None
            later = await patiently(lambda: fence.claim(KEY, "node-c", 1))
            assert won(later, "node-c", 1)

    asyncio.run(run())


@pytest.mark.parametrize("member", [0, 1, 2])
def test_one_mute_member_stops_no_claim(cluster: Cluster, member: int) -> None:
    """A member that accepts and never answers is passed over within the bound, whichever it is."""
    endpoint = list(cluster.members)[member]
    if endpoint == cluster.leader():
        other = next(each for each in cluster.members if each != endpoint)
        cluster.etcdctl("move-leader", member_id(cluster, other), f"--endpoints={endpoint}")

    async def run() -> None:
        with closing(cluster.fence()) as used, stopped(cluster.members[endpoint]):
            for expected in range(5):
                for fence in (cluster.fence(), used):
                    answer = await patiently(lambda f=fence, e=expected: f.claim(KEY, "node-a", e))  # type: ignore[misc]
                    assert won(answer, "node-a", expected)

    asyncio.run(run())


def member_id(cluster: Cluster, endpoint: str) -> str:
    """How etcd calls a member."""
    lines = [line.split(", ") for line in cluster.etcdctl("member", "list").splitlines()]
    return next(columns[0] for columns in lines if endpoint in columns)


@contextmanager
def cut_off() -> Iterator[None]:
    """Nothing passes between this namespace's programs, and nobody is told."""
    nft("add table ip cut; add chain ip cut in { type filter hook input priority 0; policy drop; }")
    try:
        yield
    finally:
        nft("delete table ip cut")


def test_a_path_that_is_whole_again_is_used_at_once(single: Cluster) -> None:
    """After 5 s without a path a claim is won within 1.5 s, where TCP alone would wait for longer."""

    async def run() -> None:
        with closing(single.fence()) as fence:
            assert won(await patiently(lambda: fence.claim(KEY, "node-a", 0)), "node-a", 0)
            with cut_off():
                until = time.monotonic() + 5
                while time.monotonic() < until:
                    assert await timed(fence, "node-a", 1) is None
            began = time.monotonic()
            assert won(await patiently(lambda: fence.claim(KEY, "node-a", 1)), "node-a", 1)
            assert time.monotonic() - began < 1.5

    asyncio.run(run())


@contextmanager
def mute_listener() -> Iterator[str]:
    """An endpoint that accepts connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_set_up_is_within_the_bound_too(single: Cluster) -> None:
    """Mute, refusing, unreachable and unknown endpoints: alone they are away, beside a good one not."""
    (good,) = single.members
    with mute_listener() as mute:
        bad = (mute, "http://127.0.0.1:9", "http://192.0.2.1:2379", "http://nowhere.invalid:2379")

        async def run() -> None:
            for endpoints in (*((each,) for each in bad), bad):
                fence = single.fence(endpoints=endpoints, insecure=True)
                for _ in range(3):
                    assert await timed(fence, "node-a", 0) is None
            refusing = single.fence(endpoints=bad[1:2])
            with pytest.raises(FenceAwayError, match=r"127\.0\.0\.1:9: .*refused"):
                await refusing.read(KEY)
            with closing(single.fence(endpoints=(*bad, good), insecure=True)) as fence:
                for expected in range(3):
                    answer = await patiently(lambda e=expected: fence.claim(KEY, "node-a", e))  # type: ignore[misc]
                    assert won(answer, "node-a", expected)

        asyncio.run(run())


def test_a_claim_whose_answer_was_lost_is_won_again(single: Cluster) -> None:
    """The work is done and the answer is cut off: reading tells, and the repetition is won."""
    (good,) = single.members

    async def run() -> None:
        async with OneWay(int(good.rsplit(":", 1)[1])) as way:
            cut = single.fence(endpoints=(way.endpoint,))
            assert won(await patiently(lambda: cut.claim(KEY, "node-a", 0)), "node-a", 0)
            way.deaf = True
            assert await timed(cut, "node-c", 1) is None
            whole = single.fence()
            done = Claim(owner="node-c", epoch=2)
            assert await patiently(lambda: whole.claim(KEY, "node-a", 1)) == done
            assert await whole.read(KEY) == done
            way.deaf = False
            assert await patiently(lambda: cut.claim(KEY, "node-c", 1)) == done

    asyncio.run(run())


def test_a_lost_answer_is_asked_for_at_another_member(single: Cluster) -> None:
    """With a second way to the cluster one call is enough: the claim is won, and told."""
    (good,) = single.members

    async def run() -> None:
        async with OneWay(int(good.rsplit(":", 1)[1])) as way:
            with closing(single.fence(endpoints=(way.endpoint, good))) as fence:
                assert won(await patiently(lambda: fence.claim(KEY, "node-a", 0)), "node-a", 0)
                way.deaf = True
                answer = await patiently(lambda: fence.claim(KEY, "node-a", 1))
                assert won(answer, "node-a", 1)

    asyncio.run(run())


def test_what_is_no_name_in_etcd_is_not_believed(single: Cluster) -> None:
    """A key that somebody else wrote into is an error that says so, and no claim."""
    single.etcdctl("put", PREFIX + KEY, "Somebody Else")

    async def run() -> None:
        with closing(single.fence()) as fence:
            for call in (fence.read(KEY), fence.claim(KEY, "node-a", 0)):
                with pytest.raises(HostError, match="holds no name of a node"):
                    await call

    asyncio.run(run())


def test_the_environment_leads_no_claim_astray(
    single: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy for other purposes is not asked."""
    for name in ("http_proxy", "https_proxy", "grpc_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    async def run() -> None:
        with closing(single.fence()) as fence:
            assert won(await patiently(lambda: fence.claim(KEY, "node-a", 0)), "node-a", 0)

    asyncio.run(run())


def test_the_agents_unit_lets_it_work(single: Cluster, tmp_path: Path) -> None:
    """With the address families, system calls and memory that an agent has, a claim is won.

    Nothing else is said: the client library writes into no log of the agent.
    """
    (endpoint,) = single.members
    claim = f"""
import asyncio
from natgate.model.steering import EtcdFence as Settings
from natgate.store.etcd import Credentials, EtcdFence
fields = {{"kind": "etcd", "endpoints": ("http://127.0.0.1:9", "{endpoint}"), "timeout": "5s"}}
fence = EtcdFence(Settings.model_validate(fields), Credentials())
print(asyncio.run(fence.claim("{KEY}", "node-a", 0)))
"""
    confined = ["unshare", "--mount", sys.executable, "-m", "tests.house.confined"]
    argv = [*confined, "CAP_NET_ADMIN CAP_NET_RAW", str(tmp_path), sys.executable, "-c", claim]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=30)
    assert (done.stdout.strip(), done.stderr) == ("Claim(owner='node-a', epoch=1)", "")


def test_nothing_is_left_of_many_calls(single: Cluster) -> None:
    """Fences that are away again and again keep no connection that nobody uses."""

    async def run() -> None:
        with ExitStack() as stack:
            mute = stack.enter_context(mute_listener())
            fence = single.fence(endpoints=(mute,), timeout=0.02)
            before = descriptors()
            for _ in range(50):
                with pytest.raises(FenceAwayError):
                    await fence.claim(KEY, "node-a", 0)
            assert descriptors() < before + 10

    asyncio.run(run())


def descriptors() -> int:
    """How many files and sockets this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))
