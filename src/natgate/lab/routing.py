"""FRR in a lab: zebra, bfdd and bgpd on each node and in the VPC router, never the machine's own.

Their configuration is what an operator has before natgate: sessions, BFD and policy, no routes.
"""

import json
import shutil
from collections.abc import Iterable
from pathlib import Path

from natgate.cloud.frr import SETTLED
from natgate.lab import namespace
from natgate.lab.network import GATEWAY
from natgate.lab.record import Lab
from natgate.lab.scene import VPC
from natgate.model.error import HostError
from natgate.model.steering import FrrSteering

NODES_AS, ROUTER_AS = 65010, 65000
PROGRAMS = Path("/usr/lib/frr")
DAEMONS = ("zebra", "bfdd", "bgpd")
USER = "frr"
"""FRR gives up its rights to this user, who must reach its directory."""

_BFD = ("bfd", " profile fast", "  receive-interval 50", "  transmit-interval 50", "!")


def used(lab: Lab) -> bool:
    """Whether the lab's routes are announced by BGP."""
    return isinstance(lab.scene.spec.steering, FrrSteering)


def speakers(lab: Lab) -> tuple[str, ...]:
    """The hosts that speak BGP."""
    return (VPC, *lab.nodes()) if used(lab) else ()


def router_configuration(nodes: Iterable[str]) -> str:
    """The VPC router's: a neighbour for each node's address, which calls."""
    neighbours = [f" neighbor {node} peer-group nodes" for node in nodes]
    lines = (
        *_BFD,
        f"router bgp {ROUTER_AS}",
        f" bgp router-id {GATEWAY}",
        " no bgp ebgp-requires-policy",
        " neighbor nodes peer-group",
        f" neighbor nodes remote-as {NODES_AS}",
        " neighbor nodes ebgp-multihop 2",
        f" neighbor nodes update-source {GATEWAY}",
        " neighbor nodes passive",
        " neighbor nodes timers 3 9",
        " neighbor nodes bfd profile fast",
        *neighbours,
    )
    return "\n".join(lines) + "\n"


def node_configuration(address: str) -> str:
    """A node's: one neighbour; what it hears is kept out of the node's own kernel."""
    neighbour = f" neighbor {GATEWAY}"
    lines = (
        *_BFD,
        "ip nht resolve-via-default",
        "route-map keep-out deny 10",
        "exit",
        f"router bgp {NODES_AS}",
        f" bgp router-id {address}",
        " no bgp ebgp-requires-policy",
        " no bgp network import-check",
        f"{neighbour} remote-as {ROUTER_AS}",
        f"{neighbour} ebgp-multihop 2",
        f"{neighbour} update-source {address}",
        f"{neighbour} timers 3 9",
        f"{neighbour} timers connect 1",
        f"{neighbour} bfd profile fast",
        " address-family ipv4 unicast",
        f" {neighbour} allowas-in 1",
        "  table-map keep-out",
    )
    return "\n".join(lines) + "\n"


def start(lab: Lab, host: str) -> None:
    """Start what does not run of a host's daemons, with a configuration that natgate left alone."""
    if host not in speakers(lab):
        return
    place = lab.daemons(host)
    place.mkdir(mode=0o750, parents=True, exist_ok=True)
    for directory in (lab.directory, place.parent):
        directory.chmod(0o711)
    shutil.chown(place, USER, USER)
    (place / "frr.conf").write_text(_configuration(lab, host))
    running = {Path(argv[0]).name for argv in _processes(lab, host).values() if argv}
    for daemon in DAEMONS:
        if daemon not in running:
            namespace.run(namespace.inside(lab.namespace(host), command(place, daemon)))


def pid(lab: Lab, host: str, daemon: str) -> int:
    """The process of a daemon; HostError if it does not run."""
    for number, argv in _processes(lab, host).items():
        if argv and Path(argv[0]).name == daemon:
            return number
    raise HostError(f"{host} runs no {daemon}")


def missing(lab: Lab) -> str | None:
    """A sentence while a node has no settled session with the VPC router."""
    for node in lab.nodes() if used(lab) else ():
        argv = ["vtysh", "--vty_socket", str(lab.daemons(node)), "-c", "show bgp summary json"]
        try:
            told = json.loads(namespace.run(argv) or "{}")
        except HostError as error:
            return f"the bgpd of {node} does not answer: {error}"
        peer = told.get("ipv4Unicast", {}).get("peers", {}).get(GATEWAY, {})
        if peer.get("peerUptimeMsec", 0) < 1000 * SETTLED or peer.get("state") != "Established":
            return f"the BGP session of {node} is not up; its log is {lab.daemons(node)}/log"
    return None


def command(place: Path, daemon: str) -> list[str]:
    """How a daemon is started; all that FRR would put into its system directories lies in `place`."""
    special = {"bfdd": ["--bfdctl", str(place / "bfdd.sock")]}
    return [
        str(PROGRAMS / daemon),
        "--daemon",
        *("--config_file", str(place / "frr.conf")),
        *("--pid_file", str(place / f"{daemon}.pid")),
        *("--socket", str(place / "zserv.api")),
        *("--vty_socket", str(place)),
        *("--vty_port", "0"),
        *("--user", USER, "--group", USER),
        *("--log", f"file:{place}/log"),
        *special.get(daemon, []),
    ]


def _processes(lab: Lab, host: str) -> dict[int, list[str]]:
    return namespace.processes([lab.namespace(host)])


def _configuration(lab: Lab, host: str) -> str:
    if host == VPC:
        return router_configuration(tuple(str(n.address) for n in lab.scene.spec.nodes))
    return node_configuration(str(lab.scene.spec.node(host).address))
