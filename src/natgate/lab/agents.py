"""The agents of a lab: started, found, asked, and waited for."""

import os
import socket
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

from natgate.agent.places import SOCKET
from natgate.api.client import AgentClient
from natgate.lab import namespace, vpc
from natgate.lab.record import KEY_ENV, Lab
from natgate.lab.scene import paths
from natgate.model.error import AgentError, HostError

Status = dict[str, Any]

PATIENCE = 0.5
"""Seconds that an agent has to answer; a stopped one never does."""

DEADLINE = 30.0
POLL = 0.05


def start(lab: Lab, node: str) -> None:
    """Start a node's agent; it outlives this process."""
    argv = [sys.executable, "-m", "natgate", "agent", "--state", str(lab.state(node))]
    argv += ["--node", node, "--spec", str(lab.directory / "spec.yaml")]
    key = (lab.directory / "key").read_text()
    env = {KEY_ENV: key}
    if lab.cloud == "aws":
        env |= vpc.environment()
        _join(lab, node)
    namespace.start(lab.namespace(node), argv, log=lab.log(node), env=env)


def _join(lab: Lab, node: str) -> None:
    """Let the node's instance take the node's address, as its boot would; HostError if it may not."""
    argv = [sys.executable, "-m", "natgate", "aws", "join", "--node", node, "--deadline", "10s"]
    argv += ["--spec", str(lab.directory / "spec.yaml")]
    said = namespace.run(
        namespace.inside(lab.namespace(node), argv), env={**os.environ, **vpc.environment()}
    )
    with lab.log(node).open("a") as log:
        log.write(said)


def pids(lab: Lab, node: str) -> list[int]:
    """The processes of a node that are its agent, stopped ones included."""
    found = namespace.processes([lab.namespace(node)])
    return [pid for pid, argv in found.items() if _is_agent(argv)]


def _is_agent(argv: list[str]) -> bool:
    """`python -m natgate agent` as well as the installed `natgate agent`."""
    return any((Path(one).name, two) == ("natgate", "agent") for one, two in pairwise(argv))


def statuses(lab: Lab) -> dict[str, Status]:
    """The status of each agent that answers, by node; all are asked at once."""
    with ThreadPoolExecutor(len(lab.nodes())) as pool:
        answers = pool.map(lambda node: _ask(lab, node), lab.nodes())
        return {node: answer for node, answer in zip(lab.nodes(), answers, strict=True) if answer}


def _ask(lab: Lab, node: str) -> Status | None:
    path = lab.state(node) / SOCKET
    if not _listened_to(path):
        return None
    agent = AgentClient(path, timeout=PATIENCE)
    try:
        return agent.status()
    except AgentError:
        return None


def _listened_to(path: Path) -> bool:
    """Whether an agent listens; making a client is slow, and httpx leaks a refused connection."""
    with socket.socket(socket.AF_UNIX) as caller:
        caller.settimeout(PATIENCE)
        return caller.connect_ex(str(path)) == 0


def status(lab: Lab) -> Status:
    """What an active node's agent says, else any that answers; AgentError if none does."""
    found = statuses(lab)
    for node, answer in found.items():
        if node in answer["active"]:
            return answer
    for answer in found.values():
        return answer
    raise AgentError(f"no agent of lab {lab.name} answers; start them with natgate lab heal")


def wait_healthy(lab: Lab, nodes: Iterable[str]) -> None:
    """Return when the agents of `nodes` answer, all agree that they are healthy, and all is active.

    HostError after 30 s, with what is missing.
    """
    wait(lambda: _not_healthy(lab, tuple(nodes)))


def wait_forwarding(lab: Lab) -> None:
    """Return when all nodes are healthy and a client of each gateway reaches its target."""
    wait(lambda: _not_healthy(lab, lab.nodes()))
    wait(lambda: _not_reached(lab))


def wait_settled(lab: Lab) -> None:
    """Return when all agents find every node fit to take over at once; HostError after 30 s."""
    wait(lambda: _not_settled(lab))


def wait(missing: Callable[[], str | None]) -> None:
    """Return when nothing is missing; HostError with the sentence after 30 s."""
    deadline = time.monotonic() + DEADLINE
    while sentence := missing():
        if time.monotonic() > deadline:
            raise HostError(f"after {DEADLINE:.0f} s {sentence}")
        time.sleep(POLL)


def _not_healthy(lab: Lab, nodes: tuple[str, ...]) -> str | None:
    found = statuses(lab)
    for node in nodes:
        if node not in found:
            last = lab.log(node).read_text(errors="replace").strip().splitlines()[-1:]
            said = f' and last said "{last[0]}"' if last else ""
            return f"the agent of {node} does not answer{said}; its log is {lab.log(node)}"
    for judge, answer in found.items():
        for node in answer["nodes"]:
            if node["name"] in nodes and not node["healthy"]:
                reasons = ", ".join(node["reasons"]) or "no reason given"
                log = lab.log(node["name"])
                return f"{judge} finds {node['name']} unhealthy ({reasons}); its log is {log}"
        for gateway in answer["gateways"]:
            if not gateway["active"]:
                return f"gateway {gateway['name']} has no active node; a log is {lab.log(judge)}"
    return None


def _not_settled(lab: Lab) -> str | None:
    found = statuses(lab)
    for node in lab.nodes():
        for judge in lab.nodes():
            nodes = found[judge]["nodes"] if judge in found else []
            if not any(seen["name"] == node and seen["settled"] for seen in nodes):
                return f"{judge} does not find {node} healthy for longer than its hold-down"
    return None


def _not_reached(lab: Lab) -> str | None:
    for path in paths(lab.scene):
        try:
            fetch(lab, path.client.name, str(path.target.address))
        except HostError as error:
            return f"{path.client.name} does not reach {path.target.name}: {error}"
    return None


def fetch(lab: Lab, client: str, address: str) -> str:
    """What a target answers to curl from a client; HostError if nothing within 2 s."""
    argv = ["curl", "-sS", "--max-time", "2", f"http://{address}/"]
    return namespace.run(namespace.inside(lab.namespace(client), argv))
