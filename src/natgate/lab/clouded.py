"""What the demo asks where routes lie in an API: its tables, its instances, and how long it took."""

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import Field

from natgate.agent.places import SOCKET
from natgate.api.client import AgentClient
from natgate.lab import agents, carriers, control, faults, namespace, network, vpc
from natgate.lab.carriers import Carriers
from natgate.lab.faults import Fault
from natgate.lab.record import Lab
from natgate.lab.scene import Path, Scene
from natgate.model.error import RefusedError
from natgate.model.fields import Model

MODE = "active-standby"
"""The mode that the demo shows on a cloud."""

ASK = "natgate.lab.ec2.asked"

ALLOWED_MS = 1000
"""The longest outage, apart from the time that the API takes for the routes."""

REFEREE = "referee"

PATIENCE = 5.0
"""Seconds that an agent has to show its journal."""


class ApiCost(Model):
    """What a fault came to at the cloud's API."""

    routes_ms: float | None = Field(
        description="that the API took for the routes of the take-over, by the journal of the node "
        "that took over; null if that node moved none"
    )
    moved_by: tuple[str, ...] = Field(
        description="who moved the routes: the node that took over by its journal, `referee` by its "
        "log; both if they met, empty if none was moved"
    )
    carriers: dict[str, str | None] = Field(
        description="the node that each route table leads to, as the API tells it"
    )
    one_node: bool = Field(description="whether all of them lead to one node")
    accepted: bool = Field(
        description=f"outage of at most {ALLOWED_MS} ms plus routes_ms, the download survived, no "
        "packet with a wrong source"
    )


class Rejoin(Model):
    """How the node that was broken came back."""

    replaced: bool = Field(description="whether another instance stands for it now")
    instance: str = Field(description="the id of the one that does")
    failed_back: bool = Field(description="whether it carries again what was taken over from it")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the API tells: the node of each route table, the instance of each node, alarms."""

    carriers: Carriers
    instances: Mapping[str, str]
    alarms: tuple[str, ...]


def _stop(lab: Lab, node: str) -> str:
    return control.ask(vpc.control_path(lab.directory), "stop", node)


STOPPED = Fault(
    kind="instance-stopped",
    summary="somebody stops the instance through the API; it is replaced",
    inject=_stop,
)

KINDS = (STOPPED.kind, "rules-deleted", "node-dead", "upstream-dead")
"""What the demo breaks if nothing else is asked for."""


def kind_of(name: str) -> Fault:
    """The fault of that kind, those of the API included; RefusedError if there is none."""
    return STOPPED if name == STOPPED.kind else faults.kind_of(name)


def modes_of(asked: Sequence[str]) -> tuple[str, ...]:
    """The one mode that is shown; RefusedError if another one is asked for."""
    others = [mode for mode in asked if mode != MODE]
    if others:
        raise RefusedError(f"natgate lab demo --cloud aws shows {MODE} only, not {others[0]}")
    return (MODE,)


def look(lab: Lab, ways: Iterable[Path]) -> Seen:
    """Ask the API, from beside it."""
    argv = [sys.executable, "-m", ASK, lab.scene.spec.network.name]
    inside = namespace.inside(lab.namespace(vpc.HOST), argv)
    return read(
        lab.scene,
        ways,
        json.loads(namespace.run(inside, env={**os.environ, **vpc.environment()})),
    )


def read(scene: Scene, ways: Iterable[Path], told: Mapping[str, Any]) -> Seen:
    """The same from the answer: pure. A route to what no running instance has leads to nobody."""
    numbers = network.tables(scene.spec)
    addresses = {node.name: str(node.address) for node in scene.spec.nodes}
    instances = told["instances"]
    at = {held["interface"]: addresses[name] for name, held in instances.items()}
    routes = [
        {"table": numbers[table], "dst": destination, "gateway": at.get(interface, "")}
        for table, entries in told["tables"].items()
        for destination, interface in entries.items()
    ]
    return Seen(
        carriers=carriers.read(scene, ways, routes),
        instances={name: held["id"] for name, held in instances.items()},
        alarms=tuple(told["alarms"]),
    )


def settle(lab: Lab, ways: Sequence[Path]) -> Seen:
    """What the API tells once each node has a running instance and no alarm is left.

    Before that, the referee might end an instance while another one is being broken.
    """
    seen: list[Seen] = []

    def missing() -> str | None:
        seen[:] = [look(lab, ways)]
        for node in lab.nodes():
            if node not in seen[0].instances:
                return f"no instance stands for {node}"
        return next((f"alarm {name} is not OK" for name in seen[0].alarms), None)

    agents.wait(missing)
    return seen[0]


def routes_ms(lab: Lab, gateway: str, heir: str, since: float) -> float | None:
    """What the API took for the routes of a take-over by `heir`, once that has ended."""
    journal: list[dict[str, Any]] = []

    def running() -> str | None:
        journal[:] = AgentClient(lab.state(heir) / SOCKET, timeout=PATIENCE).failovers()
        return f"{heir} is still taking over" if unended(journal, since) else None

    agents.wait(running)
    return time_of(journal, gateway, heir, since)


def unended(journal: Iterable[Mapping[str, Any]], since: float) -> bool:
    """Whether a take-over that began after a time goes on: pure."""
    return any(each["outcome"] == "running" and each["started"] >= since for each in journal)


def time_of(
    journal: Iterable[Mapping[str, Any]], share: str, heir: str, since: float
) -> float | None:
    """The milliseconds of all steps `routes` of a share's take-overs after a time: pure."""
    steps = [
        float(step["ms"])
        for each in journal
        if (each["share"], each["after"]) == (share, heir) and each["started"] >= since
        for step in each["steps"]
        if step["name"] == "routes"
    ]
    return round(sum(steps), 1) if steps else None


def log_size(lab: Lab) -> int:
    """How much the cloud has said so far."""
    return lab.log(vpc.HOST).stat().st_size


def referee_moved(lab: Lab, said: int) -> bool:
    """Whether the referee has led an edge route elsewhere since the cloud had said so much."""
    with lab.log(vpc.HOST).open("rb") as log:
        log.seek(said)
        return any(map(is_move, log.read().decode(errors="replace").splitlines()))


def is_move(line: str) -> bool:
    """Whether a line of the cloud's log tells that the referee has moved an edge route: pure."""
    try:
        told = json.loads(line)
    except ValueError:
        return False
    if not isinstance(told, dict) or told.get("message") != "routes synced":
        return False
    return bool(told.get("target") != told.get("prevGatewayEni"))


def one_node(held: Carriers) -> bool:
    """Whether all route tables lead to one node."""
    return len(set(held.values())) == 1 and None not in held.values()


def accepted(outage_ms: float, api_ms: float | None, *, survived: bool, wrong: int) -> bool:
    """Whether a fault cost no more than is promised: the API's own time comes on top."""
    return outage_ms <= ALLOWED_MS + (api_ms or 0) and survived and not wrong


def rejoin(node: str, before: Seen, broken: Carriers, after: Seen) -> Rejoin:
    """How a node came back: `before` it was broken, what was carried while it was, and `after`."""
    moved = [table for table, held in broken.items() if before.carriers[table] == node != held]
    return Rejoin(
        replaced=before.instances[node] != after.instances[node],
        instance=after.instances[node],
        failed_back=any(after.carriers[table] == node for table in moved),
    )
