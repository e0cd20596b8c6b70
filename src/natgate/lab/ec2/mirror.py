"""The VPC's routes and addresses in the kernel of the lab's router."""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from natgate.kernel.netlink import ROUTE, NetlinkSocket
from natgate.lab import network
from natgate.lab.ec2.taught import Model, addresses_of, leads_on
from natgate.lab.ec2.world import World
from natgate.lab.namespace import load_rules
from natgate.lab.vpc import HOST, PORT
from natgate.model.error import HostError
from natgate.wire import rtnetlink
from natgate.wire.rtnetlink import BLACKHOLE, KernelRoute

PROTOCOL = 69
"""The route protocol by which the mirror knows its own routes ("E")."""

CHECKS = "source-checks"

Key = tuple[int, IPv4Network]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A running instance that stands for a node of the scene."""

    node: str
    interface: Model


class Mirror:
    """Makes the router's tables what the VPC's are; whatever natgate's rules let through is there."""

    def __init__(self, world: World, router: str, namespaces: Path) -> None:
        self._world, self._router = world, router
        self._netlink = NetlinkSocket(ROUTE, namespaces / router)
        self._links = self._find_links()
        self._checks = ""
        spec = world.scene.spec
        self._numbers = network.tables(spec)
        self._ports = {**network.ports(world.scene), HOST: PORT}
        self._own = {node.name: dict.fromkeys((node.address, node.sync)) for node in spec.nodes}

    def close(self) -> None:
        """Give the socket back; routes stay."""
        self._netlink.close()

    def sync(self, standing: Iterable[Standing]) -> None:
        """Change what differs, in one send; HostError if the kernel refuses anything."""
        nodes = tuple(standing)
        wanted = dict(self._wanted(nodes))
        held = self._held()
        messages = [
            rtnetlink.delete_route(route) for key, route in held.items() if key not in wanted
        ]
        messages += [
            rtnetlink.replace_route(route)
            for key, route in wanted.items()
            if held.get(key) != route
        ]
        failed = [code for code in self._netlink.ask(messages) if code]
        if failed:
            raise HostError(f"the lab's router takes no route: {os.strerror(failed[0])}")
        self._check_sources(nodes)

    def _wanted(self, nodes: tuple[Standing, ...]) -> Iterator[tuple[Key, KernelRoute]]:
        by_interface = {each.interface.id: each for each in nodes}
        tables = {name: self._numbers[name] for name in self._world.tables}
        for name, number in tables.items():
            for route in self._world.ec2.route_tables[self._world.tables[name]].routes:
                made = self._led(route, number, by_interface)
                if made is not None:
                    yield (number, made.destination), made
        for each in nodes:
            for address in map(IPv4Address, addresses_of(each.interface)):
                for number in (*tables.values(), network.API_TABLE):
                    local = self._local(each, address, number)
                    yield (number, local.destination), local

    def _led(self, route: Model, table: int, nodes: Mapping[str, Standing]) -> KernelRoute | None:
        """A route of the VPC; None for what stays local."""
        destination = IPv4Network(route.destination_cidr_block)
        gateways = {number: name for name, number in self._world.gateways.items()}
        if route.interface is not None:
            node = nodes.get(route.interface.id)
            if node is None or not leads_on(route):
                return KernelRoute(
                    destination=destination, table=table, type=BLACKHOLE, protocol=PROTOCOL
                )
            return self._via(destination, table, node.node, _hop(node, self._own[node.node]))
        if route.gateway_id in gateways:
            name = gateways[route.gateway_id]
            routers = {router.name: router.address for router in self._world.scene.routers}
            return self._via(destination, table, name, routers[name])
        return None

    def _via(
        self, destination: IPv4Network, table: int, host: str, hop: IPv4Address
    ) -> KernelRoute:
        link = self._links[self._ports[host]]
        return KernelRoute(
            destination=destination, table=table, gateway=hop, link=link, protocol=PROTOCOL
        )

    def _local(self, standing: Standing, address: IPv4Address, table: int) -> KernelRoute:
        """An address of an interface: on the link, but for those that the node only translates."""
        destination, own = IPv4Network(address), self._own[standing.node]
        primary = str(address) == standing.interface.private_ip_address
        if address in own or primary:
            link = self._links[self._ports[standing.node]]
            return KernelRoute(destination=destination, table=table, link=link, protocol=PROTOCOL)
        return self._via(destination, table, standing.node, _hop(standing, own))

    def _held(self) -> dict[Key, KernelRoute]:
        found = map(rtnetlink.parse_route, self._netlink.dump(rtnetlink.get_routes()))
        return {(r.table, r.destination): r for r in found if r and r.protocol == PROTOCOL}

    def _find_links(self) -> dict[str, int]:
        found = map(rtnetlink.parse_link, self._netlink.dump(rtnetlink.get_links()))
        return {link.name: link.index for link in found if link is not None}

    def _check_sources(self, nodes: tuple[Standing, ...]) -> None:
        """Drop what an interface with the source/destination check neither sends nor is sent to."""
        rules = [
            rule
            for each in nodes
            if each.interface.source_dest_check
            for rule in _rules(self._ports[each.node], addresses_of(each.interface))
        ]
        table = f"table ip {CHECKS}"
        hook = "type filter hook forward priority filter - 1; policy accept;"
        chain = "\n".join(("chain forward {", hook, *rules, "}"))
        script = f"{table}\ndelete {table}\n{table} {{\n{chain}\n}}\n"
        if script != self._checks:
            load_rules(self._router, script)
            self._checks = script


def _hop(standing: Standing, own: Iterable[IPv4Address]) -> IPv4Address:
    """The node's own address, or the instance's first one before it has taken the node's."""
    wanted = next(iter(own))
    held = set(map(IPv4Address, addresses_of(standing.interface)))
    return wanted if wanted in held else IPv4Address(standing.interface.private_ip_address)


def _rules(port: str, addresses: Iterable[str]) -> tuple[str, str]:
    listed = ", ".join(addresses)
    return (
        f'iifname "{port}" ip saddr != {{ {listed} }} drop',
        f'oifname "{port}" ip daddr != {{ {listed} }} drop',
    )
