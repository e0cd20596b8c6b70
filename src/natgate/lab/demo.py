"""The demo as data: every fault in turn, on the node that is active, with what it cost."""

import os
import platform
from collections import defaultdict, deque
from collections.abc import Callable, Generator, Iterator, Sequence

from natgate.lab import agents, faults, life, picture, witness
from natgate.lab.catalogue import with_ownership
from natgate.lab.events import (
    DemoEnded,
    Event,
    FaultBegan,
    FaultEnded,
    FaultInjected,
    LabBuilt,
    Machine,
    Outcome,
    Result,
    SourceSeen,
)
from natgate.lab.measure import figures
from natgate.lab.probe import INTERVAL, PROGRESS_TICKS
from natgate.lab.record import Lab
from natgate.lab.scene import Path, Scene, paths
from natgate.lab.watch import Sampled, Watch
from natgate.model.error import HostError, RefusedError

Say = Callable[[str], None]

PROGRESS = PROGRESS_TICKS * INTERVAL

UNOWNED = ("rules-deleted", "ruleset-flushed")
"""Faults that an owned table prevents: they are run again as on kernels without ownership."""

BASELINE = 0.5
OBSERVED = 3.0
LONGEST = 15.0
"""Seconds before a fault, at least after it, and at most until traffic flows again."""

QUIET = 5
"""Samples in a row (0.5 s) without a lost probe that mean that traffic flows again."""


def story(name: str, scene: Scene, kinds: Sequence[str], say: Say) -> Generator[Event, None, None]:
    """Run the demo; the lab is taken down however this generator ends.

    `say` gets a line for each step of building. RefusedError if the name is in use or the scene
    has no client whose way an entry covers.
    """
    chosen = [faults.kind_of(kind) for kind in kinds]
    ways = _ways(scene)
    gateway = ways[0].gateway
    seen: dict[str, str] = {}
    outcomes: list[Outcome] = []
    rounds = [(scene, chosen)]
    if scene.spec.host.ownership == "auto":
        again = [fault for fault in chosen if fault.kind in UNOWNED]
        rounds += [(with_ownership(scene, "off"), again)] if again else []
    for built, planned in rounds:
        lab = life.up(name, built, say)
        try:
            ownership = built.spec.host.ownership
            yield LabBuilt(ownership=ownership, picture=picture.draw(built))
            for asked in _ask(lab) if not seen else ():
                seen.setdefault(asked.client, asked.answer.rpartition("=")[2])
                yield asked
            for fault in planned:
                ended = yield from _show(lab, fault, ways)
                outcomes.append(ended)
        finally:
            life.take_away(name)
    yield DemoEnded(
        result=Result(
            fixed_source=", ".join(str(fixed.address) for fixed in gateway.addresses),
            sources_seen=seen,
            faults=tuple(outcomes),
            machine=_machine(),
        )
    )


def _ways(scene: Scene) -> list[Path]:
    """The ways of the first gateway that has any."""
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


def _show(lab: Lab, fault: faults.Fault, ways: list[Path]) -> Generator[Event, None, Outcome]:
    """One fault, from its first probe until all nodes are healthy again; returns its outcome."""
    gateway = ways[0].gateway.name
    node = _active(lab, gateway)
    if node is None:
        raise HostError(f"gateway {gateway} has no active node to break")
    ownership = lab.scene.spec.host.ownership
    yield FaultBegan(kind=fault.kind, summary=fault.summary, node=node, ownership=ownership)
    wrong = _wrong_packets(lab)
    with Watch(lab, ways) as watch:
        yield from watch.samples(BASELINE)
        happened = fault.inject(lab, node)
        yield FaultInjected(happened=happened)
        yield from _until_quiet(watch)
        after = _active(lab, gateway)
        cost = figures(watch.stop())
    outcome = Outcome(
        kind=fault.kind,
        node=node,
        ownership=ownership,
        happened=happened,
        wrong_source_packets=_wrong_packets(lab) - wrong,
        active_before=node,
        active_after=after,
        repaired_in_place=node == after,
        **cost.model_dump(),
    )
    yield FaultEnded(outcome=outcome)
    faults.heal(lab, lab.nodes())
    return outcome


def _until_quiet(watch: Watch) -> Iterator[Sampled]:
    """Samples for at least 3 s, then until no probe was lost for half a second, or 15 s passed."""
    recent: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=QUIET))
    elapsed = 0.0
    while elapsed < LONGEST:
        for sample in watch.samples(OBSERVED if not elapsed else QUIET * PROGRESS):
            recent[sample.client].append(sample.share)
            yield sample
        elapsed += OBSERVED if not elapsed else QUIET * PROGRESS
        if all(min(shares) == 1 for shares in recent.values()):
            return


def _active(lab: Lab, gateway: str) -> str | None:
    for found in agents.status(lab)["gateways"]:
        if found["name"] == gateway and found["active"]:
            return str(found["active"])
    return None


def _wrong_packets(lab: Lab) -> int:
    """Packets with a wrong source that any target has seen so far."""
    spaces = [lab.namespace(target.name) for target in lab.scene.targets]
    return sum(sum(witness.packets(space, "wrong").values()) for space in spaces)


def _machine() -> Machine:
    return Machine(
        kernel=platform.release(),
        cores=os.cpu_count() or 0,
        probe_interval_ms=round(INTERVAL * 1000),
        network="namespaces on one machine",
    )
