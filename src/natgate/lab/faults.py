"""Faults, injected as a foreign root process would, and undone again.

What is broken is read from the kernel when it is healed, so that no record can go stale.
"""

import json
import signal
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from natgate.lab import agents, control, namespace, network, routing, vpc
from natgate.lab.namespace import inside, run
from natgate.lab.record import Lab
from natgate.lab.scene import VPC
from natgate.model.error import HostError, RefusedError

TABLE = "natgate"
CHAIN = "postrouting"
TUNNEL, PROTOCOL = "ng-vx", "78"
"""What an agent makes beside rules: a link, and rules and routes under its own number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One kind of fault; `inject` returns a sentence that says what came of it.

    `partition`: the network is divided between living nodes; the demo leaves these out.
    """

    kind: str
    summary: str
    inject: Callable[[Lab, str], str]
    partition: bool = False


def _kill_node(lab: Lab, node: str) -> str:
    name = lab.namespace(node)
    namespace.configure(name, ["link set eth0 down"])
    namespace.send(namespace.processes([name]), signal.SIGKILL)
    return f"{node} is dead: its link is down and all its processes were killed"


def _delete_rules(lab: Lab, node: str) -> str:
    try:
        run(inside(lab.namespace(node), ["nft", "flush", "chain", "ip", TABLE, CHAIN]))
    except HostError as error:
        if "Operation not permitted" not in str(error):
            raise
        return f"the kernel refused to delete the SNAT rules of {node}: its agent owns the table"
    return f"the SNAT rules of {node} were deleted"


def _flush_ruleset(lab: Lab, node: str) -> str:
    before = _tables(lab.namespace(node))
    run(inside(lab.namespace(node), ["nft", "flush", "ruleset"]))
    # A table that was flushed and repaired meanwhile has another handle.
    if before.get(TABLE) and before[TABLE] == _tables(lab.namespace(node)).get(TABLE):
        return f"the kernel kept table {TABLE} of {node}: its agent owns it; all else was flushed"
    return f"the whole ruleset of {node} was flushed"


def _tables(name: str) -> dict[str, int]:
    """The nftables tables of a namespace with their handles."""
    listing = json.loads(run(inside(name, ["nft", "-j", "list", "tables"])))
    found = (item["table"] for item in listing["nftables"] if "table" in item)
    return {table["name"]: table["handle"] for table in found}


def _stop_forwarding(lab: Lab, node: str) -> str:
    namespace.set_sysctls(lab.namespace(node), {"net.ipv4.ip_forward": 0})
    return f"forwarding was switched off on {node}"


def _cut_upstream(lab: Lab, node: str) -> str:
    prefixes = ", ".join(str(router.prefix) for router in lab.scene.routers)
    if not prefixes:
        raise RefusedError(f"scene {lab.scene.name} has no router, so there is no upstream to cut")
    port = network.ports(lab.scene)[node]
    rules = (
        f'iifname "{port}" ip daddr {{ {prefixes} }} drop',
        f'oifname "{port}" ip saddr {{ {prefixes} }} drop',
    )
    _drop(lab, "upstream-dead", node, rules)
    return f"everything between {node} and {prefixes} is silently dropped"


def _lose_heartbeats(lab: Lab, node: str) -> str:
    port, udp = network.ports(lab.scene)[node], lab.scene.spec.heartbeat.port
    rules = (
        f'iifname "{port}" udp dport {udp} drop',
        f'oifname "{port}" udp dport {udp} drop',
    )
    _drop(lab, "heartbeats-lost", node, rules)
    return f"heartbeats from and to {node} (UDP port {udp}) are dropped, all else passes"


def _cut_path(lab: Lab, node: str) -> str:
    peers = _peers(lab, node)
    _drop(lab, "path-cut", node, (*_from(lab, node, peers), *_to(lab, node, peers)))
    return f"everything between {node} and {peers} is silently dropped; all of them live"


def _cut_one_way(lab: Lab, node: str) -> str:
    peers = _peers(lab, node)
    _drop(lab, "one-way", node, _from(lab, node, peers))
    return f"everything from {node} to {peers} is silently dropped, the other way passes"


def _isolate(lab: Lab, node: str) -> str:
    peers = _peers(lab, node)
    port = network.ports(lab.scene)[node]
    fence = (
        f'iifname "{port}" meta l4proto {{ tcp, udp }} th dport {number} drop'
        for number in _fence_ports(lab)
    )
    rules = (*_from(lab, node, peers), *_to(lab, node, peers), *fence)
    _drop(lab, "isolated", node, rules)
    return f"{node} reaches neither {peers} nor the fence; all of them live"


def _fence_ports(lab: Lab) -> list[int]:
    fence = lab.scene.spec.fence
    if fence.kind == "etcd":
        return [int(endpoint.rpartition(":")[2]) for endpoint in fence.endpoints]
    return [fence.port] if fence.kind == "witness" else []


def _peers(lab: Lab, node: str) -> str:
    """The addresses of the other nodes, as nft and people read them."""
    others = (n for n in lab.scene.spec.nodes if n.name != node)
    return ", ".join(str(a) for n in others for a in dict.fromkeys((n.address, n.sync)))


def _from(lab: Lab, node: str, addresses: str) -> tuple[str, ...]:
    return (f'iifname "{network.ports(lab.scene)[node]}" ip daddr {{ {addresses} }} drop',)


def _to(lab: Lab, node: str, addresses: str) -> tuple[str, ...]:
    return (f'oifname "{network.ports(lab.scene)[node]}" ip saddr {{ {addresses} }} drop',)


def _drop(lab: Lab, kind: str, node: str, rules: Iterable[str]) -> None:
    """Drop packets in the VPC router or switch, by a table that is named after the fault."""
    family = "bridge" if lab.scene.fabric == "flat" else "ip"
    table = f"table {family} {kind}.{node}"
    hook = "type filter hook forward priority filter; policy accept;"
    chain = "\n".join(("chain forward {", hook, *rules, "}"))
    namespace.load_rules(lab.namespace(VPC), f"{table}\ndelete {table}\n{table} {{\n{chain}\n}}\n")


def _stop_agent(lab: Lab, node: str) -> str:
    namespace.send(agents.pids(lab, node), signal.SIGSTOP)
    return f"the agent of {node} is stopped (SIGSTOP); the node still forwards"


def _kill_agent(lab: Lab, node: str) -> str:
    namespace.send(agents.pids(lab, node), signal.SIGKILL)
    return f"the agent of {node} was killed (SIGKILL); the node still forwards"


FAULTS = {
    fault.kind: fault
    for fault in (
        Fault(
            kind="node-dead",
            summary="the node loses its link and all its processes at once",
            inject=_kill_node,
        ),
        Fault(
            kind="rules-deleted",
            summary="somebody deletes the SNAT rules (nft flush chain)",
            inject=_delete_rules,
        ),
        Fault(
            kind="ruleset-flushed",
            summary="somebody flushes all of nftables (nft flush ruleset)",
            inject=_flush_ruleset,
        ),
        Fault(
            kind="forwarding-off",
            summary="somebody sets net.ipv4.ip_forward to 0",
            inject=_stop_forwarding,
        ),
        Fault(
            kind="upstream-dead",
            summary="the network silently drops all between the node and the routers' prefixes",
            inject=_cut_upstream,
        ),
        Fault(
            kind="agent-stopped",
            summary="the agent hangs (SIGSTOP), the node goes on forwarding",
            inject=_stop_agent,
        ),
        Fault(
            kind="agent-killed",
            summary="the agent dies (SIGKILL), the node goes on forwarding",
            inject=_kill_agent,
        ),
        Fault(
            kind="heartbeats-lost",
            summary="the network drops heartbeats from and to the node, all else passes",
            inject=_lose_heartbeats,
        ),
        Fault(
            kind="path-cut",
            summary="the network drops all between the node and the other nodes",
            inject=_cut_path,
            partition=True,
        ),
        Fault(
            kind="isolated",
            summary="the network drops all between the node and the other nodes and the fence",
            inject=_isolate,
            partition=True,
        ),
        Fault(
            kind="one-way",
            summary="the network drops all from the node to the other nodes, the other way passes",
            inject=_cut_one_way,
            partition=True,
        ),
    )
}


OF_ONE_NODE = tuple(kind for kind, fault in FAULTS.items() if not fault.partition)
"""The faults of one node, which the demo shows."""


def kind_of(name: str) -> Fault:
    """The fault of that kind; RefusedError if there is none."""
    if name not in FAULTS:
        raise RefusedError(f"no fault is called {name}; there are {', '.join(FAULTS)}")
    return FAULTS[name]


def heal(lab: Lab, nodes: Iterable[str]) -> None:
    """Undo every fault of the nodes, start what is dead, and wait until they are healthy.

    Rules and forwarding are left to the agent: repairing them is its work.
    """
    healed = tuple(nodes)
    for node in healed:
        _restore_network(lab, node)
        if lab.cloud == "aws" and not (link_is_up(lab, node) and agents.pids(lab, node)):
            _boot_instance(lab, node)
            continue
        if not link_is_up(lab, node):
            boot(lab, node)
        routing.start(lab, node)
        running = agents.pids(lab, node)
        namespace.send(running, signal.SIGCONT)
        if not running:
            agents.start(lab, node)
    agents.wait_healthy(lab, healed)


def _restore_network(lab: Lab, node: str) -> None:
    for table in _tables(lab.namespace(VPC)):
        if table.endswith(f".{node}"):
            family = "bridge" if lab.scene.fabric == "flat" else "ip"
            run(inside(lab.namespace(VPC), ["nft", "delete", "table", family, table]))


def link_is_up(lab: Lab, node: str) -> bool:
    """Whether a node has its link."""
    links = json.loads(run(["ip", "-n", lab.namespace(node), "-j", "link", "show", "eth0"]))
    return "UP" in links[0]["flags"]


def _boot_instance(lab: Lab, node: str) -> None:
    """Have the cloud start an instance's machine; one that has gone is replaced without being asked."""
    try:
        control.ask(vpc.control_path(lab.directory), control.BOOT, node)
    except RefusedError:
        return


def boot(lab: Lab, node: str, address: str | None = None) -> None:
    """Bring a dead node back as a machine that has just booted: no rules, flows or settings.

    `address` is its own one, if it is another than the scene's.
    """
    name = lab.namespace(node)
    namespace.end_processes([name])
    namespace.load_rules(name, "flush ruleset\n")
    run(inside(name, ["conntrack", "--flush"]))
    if "clsact" in run(["tc", "-n", name, "qdisc", "show", "dev", "eth0"]):
        run(["tc", "-n", name, "qdisc", "delete", "dev", "eth0", "clsact"])
    links = json.loads(run(["ip", "-n", name, "-j", "link", "show"]))
    if TUNNEL in {link["ifname"] for link in links}:
        namespace.configure(name, [f"link delete {TUNNEL}"])
    run(["ip", "-n", name, "rule", "flush", "protocol", PROTOCOL])
    run(["ip", "-n", name, "route", "flush", "table", "all", "protocol", PROTOCOL])
    namespace.set_sysctls(name, {"net.ipv4.ip_forward": 0})
    flushes = ("route flush table main", "address flush dev eth0")
    namespace.configure(name, [*flushes, *network.setup(lab.scene, node, lab.cloud, address)])
