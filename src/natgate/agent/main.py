"""The wiring of an agent: the only module that names every class."""

import asyncio
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from natgate.agent.credentials import read_credentials
from natgate.agent.edits import stored_spec
from natgate.agent.keeper import FLOW_LIMIT, Keeper
from natgate.agent.key import read_key, read_token
from natgate.agent.loop import Agent
from natgate.agent.places import CLAIMS, DATABASE, REPLICATION
from natgate.agent.replication import Replication
from natgate.agent.report import Report
from natgate.agent.takeover import Local
from natgate.agent.watch import Post, Watch, Watched
from natgate.agent.witness import Witness, listen
from natgate.cloud.aws import AwsSteering
from natgate.cloud.aws_health import AwsAnnouncer
from natgate.cloud.frr import FrrSteering
from natgate.cloud.interface import Steering
from natgate.cloud.lab import LabSteering
from natgate.cloud.none import NoSteering
from natgate.cloud.vrrp import VrrpSteering, end_keepalived
from natgate.kernel import sysctl
from natgate.kernel.conntrackd import Conntrackd
from natgate.kernel.host import HostKernel
from natgate.kernel.links import Links
from natgate.kernel.notices import Notices
from natgate.model.error import HostError, NatgateError, RefusedError
from natgate.model.observed import Observed
from natgate.model.spec import Spec
from natgate.plan.state import State
from natgate.store.claims import Claims
from natgate.store.etcd import EtcdFence
from natgate.store.fake import FakeStore
from natgate.store.fence import Fence
from natgate.store.interface import Store
from natgate.store.sqlite import SqliteStore
from natgate.store.witness import WitnessFence
from natgate.wire.config import parse_spec
from natgate.wire.conntrackd import Pairing


@dataclass(frozen=True, slots=True, kw_only=True)
class Hands:
    """What works on this host without an agent, for `--once`."""

    keeper: Keeper
    kernel: HostKernel
    store: Store
    node: str

    def close(self) -> None:
        """Give everything back; what was applied stays."""
        self.kernel.close()
        self.store.close()


def open_store(state: Path) -> SqliteStore:
    """The store of a state directory, which is made if need be."""
    return SqliteStore(make_directory(state) / DATABASE)


def make_directory(state: Path) -> Path:
    """A state directory, made for its owner alone if need be."""
    try:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise RefusedError(f"cannot make {state}: {error.strerror}; run as root") from None
    return state


def make_hands(state: Path | None, spec: Spec, node: str | None) -> Hands:
    """Everything to apply a spec once; without a state directory only to plan it."""
    kernel = HostKernel()
    name = which_node(spec, kernel.observe(), node)
    store = open_store(state) if state else FakeStore()
    keeper = Keeper(node=name, kernel=kernel, store=store, end_daemons=daemons_end(state))
    return Hands(keeper=keeper, kernel=kernel, store=store, node=name)


def pairing_of(spec: Spec, me: str, peer: str, directory: str) -> Pairing:
    """What conntrackd on one node must know of the other; HostError if its address is not here."""
    local = spec.node(me).sync
    with closing(Links()) as links:
        link = links.link_of(local)
    if link is None:
        raise HostError(f"no link of this host has {local}, to which flow replication is bound")
    return Pairing(
        local=local,
        peer=spec.node(peer).sync,
        link=link,
        port=spec.replication.port,
        directory=directory,
        ignored=tuple(a for n in spec.nodes for a in (n.address, n.sync)),
        limit=int(sysctl.read(FLOW_LIMIT) or 262144),
    )


def daemons_end(state: Path | None) -> Callable[[], None]:
    """What ends the daemons of a state directory, when natgate is removed."""

    def end() -> None:
        if state is not None:
            end_keepalived(state)
            Conntrackd(state / REPLICATION).remove()

    return end


def make_agent(state: Path, node: str | None, first_spec: Path | None) -> Agent:
    """An agent for this host; `first_spec` counts only while the store holds none."""
    store = open_store(state)
    latest = store.latest()
    first = read_file(first_spec) if latest is None and first_spec is not None else None
    kernel = HostKernel()
    if latest is not None or first is not None:
        text = latest.text if latest is not None else first or ""
        spec = parse_spec(text, "stored spec" if latest else str(first_spec))
        node = which_node(spec, kernel.observe(), node)
    elif node is None:
        raise RefusedError("no spec yet, so name this node: natgate agent --node NAME")
    name = node

    def make_watch(watched: Watched, local: Local, post: Post) -> Watch:
        key = read_key(watched.spec.heartbeat)
        read_token(watched.spec.metrics)  # a spec without it is refused
        return Watch(
            watched=watched,
            key=key,
            start=store.start(time.time_ns()),
            steering=make_steering(watched.spec, name, state),
            fence=make_fence(watched.spec, key),
            local=local,
            post=post,
            report=make_report(watched.spec, name),
        )

    def make_replication(spec: Spec, now: Callable[[], State | None]) -> Replication:
        daemon = Conntrackd(state / REPLICATION)
        return Replication(
            spec=spec,
            me=name,
            daemon=daemon,
            pairing=lambda spec, me, peer: pairing_of(spec, me, peer, daemon.directory),
            state=now,
        )

    return Agent(
        node=name,
        keeper=Keeper(node=name, kernel=kernel, store=store, end_daemons=daemons_end(state)),
        store=store,
        first_spec=first,
        notices=Notices(kernel.port),
        make_watch=make_watch,
        make_replication=make_replication,
        wall_clock=time.time,
    )


def make_steering(spec: Spec, node: str, state: Path) -> Steering:
    """The steering that a spec names; the daemon of another kind is ended."""
    if spec.steering.kind == "vrrp":
        return VrrpSteering(spec, node, state)
    end_keepalived(state)
    if spec.steering.kind == "lab":
        return LabSteering(spec.steering, spec, node)
    if spec.steering.kind == "frr":
        return FrrSteering(spec.steering, spec, node)
    if spec.steering.kind == "aws":
        return AwsSteering(spec.steering, spec, node)
    return NoSteering(spec.node(node).address)


def make_report(spec: Spec, node: str) -> Report | None:
    """What tells the cloud how this node is, where the spec's steering has one that listens."""
    if spec.steering.kind == "aws":
        announcer = AwsAnnouncer(spec.steering, spec, node)
        return Report(node, announcer, spec.steering.publish_interval)
    return None


def make_fence(spec: Spec, key: bytes) -> Fence | None:
    """The fence that a spec names, or None; RefusedError if a file or a package is missing."""
    fence = spec.fence
    if fence.kind == "etcd":
        return EtcdFence(fence, read_credentials(fence))
    if fence.kind == "witness":
        return WitnessFence(fence, key)
    return None


def make_witness(spec: Spec, state: Path) -> Witness:
    """The witness that a spec names, listening, with the claims of a state directory."""
    fence, heartbeat = spec.fence, spec.heartbeat
    if fence.kind != "witness":
        raise RefusedError(f"this spec has no witness: its fence.kind is {fence.kind}")
    if not (heartbeat.key_file or heartbeat.key_env):
        raise RefusedError("a witness believes only the shared key: set heartbeat.key_file")
    key = read_key(heartbeat)
    udp = listen(fence.address, fence.port)
    try:
        return Witness(claims=Claims(make_directory(state) / CLAIMS), udp=udp, key=key)
    except NatgateError:
        udp.close()
        raise


def withdraw_steering(state: Path, kernel: HostKernel, store: Store) -> str | None:
    """Take away, without an agent, what the stored spec announces or routes; why that failed, or None."""
    latest = store.latest()
    try:
        spec = stored_spec(latest) if latest is not None else None
        if spec is None or spec.steering.kind not in {"aws", "frr", "lab"}:
            return None
        steering = make_steering(spec, which_node(spec, kernel.observe(), None), state)
        try:
            asyncio.run(steering.withdraw())
        finally:
            steering.close()
    except NatgateError as error:
        return str(error)
    return None


def which_node(spec: Spec, observed: Observed, named: str | None) -> str:
    """The node of the spec that this host is: by name, else by its addresses."""
    names = [node.name for node in spec.nodes]
    if named is not None:
        if named not in names:
            raise RefusedError(f"the spec has no node {named} ({', '.join(names)})")
        return named
    here = [node.name for node in spec.nodes if node.address in observed.addresses]
    if len(here) != 1:
        which = f"several nodes ({', '.join(here)})" if here else "no node of the spec"
        raise RefusedError(f"this host has the address of {which}: name it with --node")
    return here[0]


def read_file(path: Path) -> str:
    """A text file, or one sentence why not."""
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise RefusedError(f"cannot read {path}: {reason}") from None
