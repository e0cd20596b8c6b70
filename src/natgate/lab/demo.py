"""The demo as data: every fault in turn, in each mode, on a node that carries, with its cost."""

import os
import platform
import time
from collections import defaultdict, deque
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass

from natgate.lab import agents, clouded, faults, life, picture, vpc, witness
from natgate.lab.carriers import Carriers, carriers, heir
from natgate.lab.catalogue import modes_of, with_mode, with_ownership
from natgate.lab.events import (
    DemoEnded,
    Event,
    FaultBegan,
    FaultEnded,
    FaultInjected,
    LabBuilt,
    Machine,
    NodeBack,
    Outcome,
    Result,
    SourceSeen,
)
from natgate.lab.faults import Fault
from natgate.lab.measure import figures
from natgate.lab.probe import INTERVAL, PROGRESS_TICKS
from natgate.lab.record import Lab
from natgate.lab.scene import Path, Scene, paths, subnet_of
from natgate.lab.watch import Sampled, Watch
from natgate.model.error import HostError, RefusedError

Say = Callable[[str], None]

PROGRESS = PROGRESS_TICKS * INTERVAL

SHARED = "active-active"
"""The mode in which every node carries a part."""

UNOWNED = ("rules-deleted", "ruleset-flushed")
"""Faults that an owned table prevents: they are run again as on kernels without ownership."""

BASELINE = 0.5
OBSERVED = 2.0
LONGEST = 15.0
"""Seconds before a fault, at least after it, and at most until traffic flows again."""

QUIET = 5
"""Samples in a row (0.5 s) without a lost probe that mean that traffic flows again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """A fault of the node that carries the returns, or of one that carries only its own zone."""

    fault: Fault
    returns: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What is broken in one lab, one after the other."""

    scene: Scene
    mode: str
    breaks: tuple[Break, ...]


def rounds(
    scene: Scene, kinds: Sequence[str], modes: Sequence[str], cloud: vpc.Cloud = "lab"
) -> list[Round]:
    """A lab for each mode, and one more where an owned table would prevent a fault.

    Where every node carries a part, one that does not carry the returns dies as well.
    """
    kind_of = clouded.kind_of if cloud == "aws" else faults.kind_of
    chosen = [Break(fault=kind_of(kind)) for kind in kinds]
    found = []
    for number, mode in enumerate(modes or modes_of(scene)):
        built = with_mode(scene, mode)
        other = [b.fault for b in chosen if b.fault.kind == "node-dead" and mode == SHARED]
        every = (*chosen, *(Break(fault=fault, returns=False) for fault in other))
        found.append(Round(scene=built, mode=mode, breaks=every))
        again = tuple(b for b in chosen if b.fault.kind in UNOWNED)
        if again and not number and scene.spec.host.ownership == "auto":
            found.append(Round(scene=with_ownership(built, "off"), mode=mode, breaks=again))
    return found


def story(
    name: str,
    scene: Scene,
    kinds: Sequence[str],
    modes: Sequence[str],
    say: Say,
    cloud: vpc.Cloud = "lab",
) -> Generator[Event, None, None]:
    """Run the demo; the lab is taken down however this generator ends.

    `say` gets a line for each step of building; no `modes` are those that the scene can show.
    RefusedError if the name is in use or the scene has no client whose way an entry covers.
    """
    planned = rounds(scene, kinds, modes, cloud)
    ways = ways_of(scene)
    gateway = ways[0].gateway
    seen: dict[str, str] = {}
    outcomes: list[Outcome] = []
    for each in planned:
        lab = life.up(name, each.scene, say, cloud)
        try:
            ownership = each.scene.spec.host.ownership
            drawn = picture.draw(each.scene)
            yield LabBuilt(mode=each.mode, ownership=ownership, picture=drawn)
            for asked in _ask(lab) if not seen else ():
                seen.setdefault(asked.client, asked.answer.rpartition("=")[2])
                yield asked
            for planned_break in each.breaks:
                ended = yield from show(lab, each.mode, planned_break)
                outcomes.append(ended)
        finally:
            life.take_away(name)
    yield DemoEnded(
        result=Result(
            fixed_source=", ".join(str(fixed.address) for fixed in gateway.addresses),
            sources_seen=seen,
            faults=tuple(outcomes),
            machine=_machine(cloud),
        )
    )


def ways_of(scene: Scene) -> list[Path]:
    """The ways of the first gateway that has any; RefusedError if none has."""
    found = list(paths(scene))
    if not found:
        raise RefusedError(f"no entry of scene {scene.name} takes a client to a target")
    return [way for way in found if way.gateway.name == found[0].gateway.name]


def _ask(lab: Lab) -> Iterator[SourceSeen]:
    for way in paths(lab.scene):
        answer = agents.fetch(lab, way.client.name, str(way.target.address)).strip()
        logged = lab.log(way.target.name).read_text().splitlines()[-1]
        yield SourceSeen(
            client=way.client.name,
            target=way.target.name,
            url=f"http://{way.target.address}/",
            answer=answer,
            logged=logged,
        )


def show(lab: Lab, mode: str, planned: Break) -> Generator[Event, None, Outcome]:
    """One fault, from its first probe until all nodes are healthy again; returns its outcome."""
    ways, fault = ways_of(lab.scene), planned.fault
    settle(lab, mode)
    told = clouded.settle(lab, ways) if lab.cloud == "aws" else None
    before = carriers(lab, ways)
    node = choose(lab, before, returns=planned.returns)
    ownership = lab.scene.spec.host.ownership
    yield FaultBegan(
        kind=fault.kind, summary=fault.summary, node=node, mode=mode, ownership=ownership
    )
    wrong = _wrong_packets(lab)
    with Watch(lab, ways) as watch:
        yield from watch.samples(BASELINE)
        began, said = time.time(), clouded.log_size(lab) if told else 0
        happened = fault.inject(lab, node)
        yield FaultInjected(happened=happened)
        yield from _until_quiet(watch)
        after = carriers(lab, ways)
        cost = figures(watch.stop())
    outcome = Outcome(
        mode=mode,
        kind=fault.kind,
        node=node,
        ownership=ownership,
        happened=happened,
        wrong_source_packets=_wrong_packets(lab) - wrong,
        active_before=node,
        active_after=heir(node, before, after),
        carried_returns=node == before[lab.scene.spec.network.edge_table],
        repaired_in_place=before == after,
        carriers_before=dict(before),
        carriers_after=dict(after),
        **cost.model_dump(),
    )
    if told is not None:
        outcome = outcome.model_copy(update={"api": _api_cost(lab, ways, outcome, began, said)})
    yield FaultEnded(outcome=outcome)
    faults.heal(lab, lab.nodes())
    if told is None:
        return outcome
    settle(lab, mode)
    rejoin = clouded.rejoin(node, told, after, clouded.settle(lab, ways))
    yield NodeBack(node=node, rejoin=rejoin)
    return outcome.model_copy(update={"rejoin": rejoin})


def _api_cost(
    lab: Lab, ways: Sequence[Path], found: Outcome, began: float, said: int
) -> clouded.ApiCost:
    """What a fault came to at the API; asked after the probes, which it would disturb."""
    gateway, heir = ways[0].gateway.name, found.active_after
    moved = heir if not found.repaired_in_place else None
    took = clouded.routes_ms(lab, gateway, moved, began) if moved else None
    referee = moved is not None and clouded.referee_moved(lab, said)
    movers = (moved if took is not None else None, clouded.REFEREE if referee else None)
    held = clouded.look(lab, ways).carriers
    survived, wrong = found.download_survived, found.wrong_source_packets
    return clouded.ApiCost(
        routes_ms=took,
        moved_by=tuple(mover for mover in movers if mover),
        carriers=dict(held),
        one_node=clouded.one_node(held),
        accepted=clouded.accepted(found.outage_ms, took, survived=survived, wrong=wrong),
    )


def choose(lab: Lab, held: Carriers, *, returns: bool) -> str:
    """The node that carries the returns, or one that carries something else; HostError if none."""
    first = held[lab.scene.spec.network.edge_table]
    others = [node for node in held.values() if node and node != first]
    node = first if returns else next(iter(others), None)
    if node is None:
        part = "the returns" if returns else "a zone apart from the returns"
        raise HostError(f"no node of lab {lab.name} carries {part}, so there is none to break")
    return node


def settle(lab: Lab, mode: str) -> None:
    """Return when every node may take over, and carries its own zone in the mode where all carry."""
    agents.wait_settled(lab)
    if mode == SHARED:
        agents.wait(lambda: _away_from_home(lab))


def _away_from_home(lab: Lab) -> str | None:
    """The first client that goes through another zone than its own, as a sentence."""
    ways = ways_of(lab.scene)
    held = carriers(lab, ways)
    spec = lab.scene.spec
    zones = {node: spec.node(node).zone for node in spec.nodes_of(ways[0].gateway)}
    for way in ways:
        subnet = subnet_of(lab.scene, way.client.address)
        node = held.get(subnet.table) if subnet else None
        if subnet and subnet.zone in zones.values() and zones.get(node or "") != subnet.zone:
            return f"{way.client.name} of zone {subnet.zone} goes through {node}"
    return None


def _until_quiet(watch: Watch) -> Iterator[Sampled]:
    """Samples for at least 2 s, then until no probe was lost for half a second, or 15 s passed."""
    recent: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=QUIET))
    elapsed = 0.0
    while elapsed < LONGEST:
        for sample in watch.samples(OBSERVED if not elapsed else QUIET * PROGRESS):
            recent[sample.client].append(sample.share)
            yield sample
        elapsed += OBSERVED if not elapsed else QUIET * PROGRESS
        if all(min(shares) == 1 for shares in recent.values()):
            return


def _wrong_packets(lab: Lab) -> int:
    """Packets with a wrong source that any target has seen so far."""
    spaces = [lab.namespace(target.name) for target in lab.scene.targets]
    return sum(sum(witness.packets(space, "wrong").values()) for space in spaces)


def _machine(cloud: vpc.Cloud) -> Machine:
    return Machine(
        kernel=platform.release(),
        cores=os.cpu_count() or 0,
        probe_interval_ms=round(INTERVAL * 1000),
        network="namespaces on one machine" + (", routes by an API" if cloud == "aws" else ""),
    )
