"""A lab brought up and taken down again."""

import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from natgate.lab import agents, namespace, network, record, resolving, routing, vpc, witness
from natgate.lab.record import Lab
from natgate.lab.scene import VPC, Scene, admitted
from natgate.model.error import HostError, RefusedError

Say = Callable[[str], None]


def up(name: str, scene: Scene, say: Say, cloud: vpc.Cloud = "lab") -> Lab:
    """Bring a lab up and return when its gateways forward; nothing is left if that fails.

    `say` gets one line for each step. RefusedError if the name is in use; HostError with what is
    missing if traffic does not flow after 30 s.
    """
    record.need_root()
    lab = Lab(name=record.check_name(name), scene=scene, cloud=cloud)
    if cloud == "aws":
        vpc.check(scene, lab.spec())
    record.claim(lab)
    try:
        record.write(lab)
        say(f"building {len(lab.hosts())} namespaces for scene {scene.name}")
        build(lab)
        serve(lab)
        if cloud == "aws":
            say("starting the API of EC2")
            _start(lab, vpc.HOST, vpc.command(lab.name))
            agents.wait(lambda: _no_api(lab))
        if routing.used(lab):
            say("starting zebra, bfdd and bgpd of the router and of each node")
            each(routing.speakers(lab), lambda host: routing.start(lab, host))
            agents.wait(lambda: routing.missing(lab))
        say(f"starting the agents of {', '.join(lab.nodes())}")
        each(lab.nodes(), lambda node: agents.start(lab, node))
        agents.wait_forwarding(lab)
        agents.wait(lambda: resolving.missing(lab))
    except BaseException:
        take_away(name)
        raise
    say(f"lab {name} is up")
    return lab


def build(lab: Lab) -> None:
    """Make the namespaces, links, addresses and static routes of a scene."""
    scene = lab.scene
    namespace.create(lab.namespaces())
    routers = (VPC, *(router.name for router in scene.routers))
    each(routers, lambda r: namespace.set_sysctls(lab.namespace(r), network.ROUTER_SYSCTLS))
    each(
        network.wiring(scene, lab.name, lab.cloud).items(),
        lambda wire: namespace.configure(*wire),
    )
    each(
        lab.hosts(),
        lambda host: namespace.configure(
            lab.namespace(host.name), network.setup(scene, host.name, lab.cloud)
        ),
    )


def serve(lab: Lab) -> None:
    """Start what stands behind the routers, with the far side's own count of sources."""
    server = [sys.executable, "-m", "natgate.lab.servers"]
    addresses = {router.name: router.address for router in lab.scene.routers}
    for target in lab.scene.targets:
        rules = witness.script(addresses[target.router], admitted(lab.scene, target))
        namespace.load_rules(lab.namespace(target.name), rules)
        _start(lab, target.name, [*server, "target"])
    for router in lab.scene.routers:
        if router.tcp_ports:
            _start(lab, router.name, [*server, "router", *map(str, router.tcp_ports)])
    resolving.start(lab)


def _no_api(lab: Lab) -> str | None:
    """A sentence until the API takes orders, which it does last."""
    if vpc.control_path(lab.directory).exists():
        return None
    last = lab.log(vpc.HOST).read_text(errors="replace").strip().splitlines()[-1:]
    if last and not namespace.processes([lab.namespace(vpc.HOST)]):
        raise HostError(f"the API of EC2 ended, and last said: {last[0]}")
    return f"the API of EC2 does not answer; its log is {lab.log(vpc.HOST)}"


def _start(lab: Lab, host: str, argv: list[str]) -> None:
    namespace.start(lab.namespace(host), argv, log=lab.log(host), env={})


def each(items: Iterable[object], act: Callable[..., None]) -> None:
    """Do the same for all items at once; the first failure is raised."""
    with ThreadPoolExecutor() as pool:
        for _ in pool.map(act, items):
            pass


def down(name: str) -> None:
    """Take a lab away, also one that was killed half way; RefusedError if there is none."""
    record.need_root()
    if record.check_name(name) not in record.names():
        raise RefusedError(f"no lab {name} is up, so there is nothing to take down")
    take_away(name)


def take_away(name: str) -> None:
    """End every process of a lab, then remove its namespaces and its directory."""
    namespace.delete(namespace.existing(network.namespace(name, "")))
    record.forget(name)
