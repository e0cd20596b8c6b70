"""The tunnel to the other nodes, and the detours of what is handed to them."""

import errno
from ipaddress import IPv4Address
from itertools import chain
from socket import AF_INET

from natgate.kernel.netlink import ROUTE, NetlinkError, NetlinkSocket
from natgate.model.desired import Detour, Tunnel
from natgate.model.error import HostError, RefusedError
from natgate.wire import handover, rtnetlink
from natgate.wire.handover import EVERYWHERE, TunnelLink
from natgate.wire.rtnetlink import MAIN_TABLE, PROTOCOL, KernelRoute


class HandOver:
    """What hands packets over, in this network namespace."""

    def __init__(self) -> None:
        self._netlink = NetlinkSocket(ROUTE)

    def close(self) -> None:
        """Give the socket back."""
        self._netlink.close()

    def read(self) -> tuple[Tunnel | None, frozenset[Detour]]:
        """The tunnel and the whole detours; what is only half there is left out."""
        marks = set(
            filter(None, map(handover.parse_rule, self._netlink.dump(handover.get_rules())))
        )
        link = self._link()
        tunnel = link.tunnel if link else None
        if not marks:
            return tunnel, frozenset()
        peers = self._tunnel_peers(link.index) if link else set[IPv4Address]()
        found = (self._detour(mark, link, peers) for mark in marks)
        return tunnel, frozenset(detour for detour in found if detour is not None)

    def set_tunnel(self, tunnel: Tunnel) -> None:
        """Make the link, anew if one of its name is different; RefusedError without vxlan."""
        self.remove_tunnel()
        try:
            self._netlink.do(handover.add_tunnel(tunnel), "the tunnel to the other nodes")
        except NetlinkError as error:
            if error.code == errno.EOPNOTSUPP:
                raise RefusedError(
                    "this kernel has no vxlan (CONFIG_VXLAN): load the module vxlan, or use "
                    "handover.carrier route"
                ) from None
            raise

    def remove_tunnel(self) -> None:
        """Take the link away; it may be gone already."""
        link = self._link()
        if link is not None:
            message = handover.delete_tunnel(link.index)
            self._netlink.do(message, "removing the tunnel", allow=(errno.ENODEV,))

    def add_detour(self, detour: Detour) -> None:
        """Lead marked packets to the peer; the rule comes last."""
        via, link = self._way(detour)
        if detour.tunnelled:
            for message in handover.tunnel_peer(link, detour.peer):
                self._netlink.do(message, f"{detour.peer} in the tunnel")
        wanted = handover.detour_routes(detour, via, link)
        for old in self._routes(detour.mark):
            if old.destination not in {route.destination for route in wanted}:
                self._netlink.do(rtnetlink.delete_route(old), "an older detour")
        for route in wanted:
            self._netlink.do(rtnetlink.replace_route(route), f"the detour to {detour.peer}")
        rule = handover.add_rule(detour.mark)
        self._netlink.do(rule, f"the rule for {detour.peer}", allow=(errno.EEXIST,))

    def remove_detour(self, detour: Detour) -> None:
        """Take rule and routes away; they may be gone already."""
        rule = handover.delete_rule(detour.mark)
        self._netlink.do(rule, f"removing the rule for {detour.peer}", allow=(errno.ENOENT,))
        for route in self._routes(detour.mark):
            message = rtnetlink.delete_route(route)
            what = f"removing the detour to {detour.peer}"
            self._netlink.do(message, what, allow=(errno.ESRCH,))

    def _way(self, detour: Detour) -> tuple[IPv4Address, int]:
        """The next hop and the link: the peer in the tunnel, or this node's default route."""
        if detour.tunnelled:
            link = self._link()
            if link is None:
                raise HostError(f"link {handover.NAME} is gone")
            return detour.peer, link.index
        for route in self._routes(MAIN_TABLE):
            if route.destination == EVERYWHERE and route.gateway and route.link:
                return route.gateway, route.link
        raise HostError("this node has no default route, by which packets could be handed over")

    def _detour(self, mark: int, link: TunnelLink | None, peers: set[IPv4Address]) -> Detour | None:
        routes = {route.destination: route for route in self._routes(mark)}
        default = routes.pop(EVERYWHERE, None)
        if default is None or len(routes) != 1:
            return None
        peer = next(iter(routes)).network_address
        if link is not None and default.link == link.index:
            whole = default.gateway == peer and peer in peers
            return Detour(mark=mark, peer=peer, tunnelled=True) if whole else None
        return Detour(mark=mark, peer=peer, tunnelled=False)

    def _tunnel_peers(self, link: int) -> set[IPv4Address]:
        """The peers that both the neighbour table and the forwarding table know."""
        answers = chain.from_iterable(
            self._netlink.dump(question) for question in handover.get_tunnel_peers()
        )
        found = set(filter(None, (handover.parse_tunnel_peer(m, link) for m in answers)))
        inside = {peer for family, peer in found if family == AF_INET}
        return inside & {peer for family, peer in found if family != AF_INET}

    def _routes(self, table: int) -> list[KernelRoute]:
        found = map(rtnetlink.parse_route, self._netlink.dump(rtnetlink.get_routes()))
        mine = {PROTOCOL} if table != MAIN_TABLE else None
        return [
            route
            for route in found
            if route is not None
            and route.table == table
            and (mine is None or route.protocol in mine)
        ]

    def _link(self) -> TunnelLink | None:
        found = map(handover.parse_tunnel, self._netlink.dump(rtnetlink.get_links()))
        return next((link for link in found if link is not None), None)
