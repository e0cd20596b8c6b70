"""Links, their egress guards, and natgate's own routes."""

import errno
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv4Network

from natgate.kernel.netlink import ROUTE, NetlinkError, NetlinkSocket
from natgate.model.desired import Guard
from natgate.model.error import RefusedError
from natgate.model.observed import UnknownGuard
from natgate.wire import rtnetlink
from natgate.wire.guard import parse_guard, render_guard
from natgate.wire.rtnetlink import BLACKHOLE, MAIN_TABLE, PROTOCOL, KernelRoute, Link


class Links:
    """The links of this network namespace, the loopback left out."""

    def __init__(self) -> None:
        self._netlink = NetlinkSocket(ROUTE)

    def close(self) -> None:
        """Give the socket back."""
        self._netlink.close()

    def all(self) -> dict[str, Link]:
        """Every link by name."""
        return {link.name: link for link in self._every() if not link.loopback}

    def addresses(self) -> tuple[IPv4Address, ...]:
        """Every local IPv4 address."""
        found = map(rtnetlink.parse_address, self._netlink.dump(rtnetlink.get_addresses()))
        return tuple(address for address in found if address is not None)

    def link_of(self, address: IPv4Address) -> str | None:
        """The link that has a local address; None if none has it."""
        found = map(rtnetlink.parse_address_link, self._netlink.dump(rtnetlink.get_addresses()))
        index = next((held[1] for held in found if held is not None and held[0] == address), None)
        return next((link.name for link in self._every() if link.index == index), None)

    def add_address(self, name: str, address: IPv4Address) -> bool:
        """Give a link an address, as /32; whether it was not there before. RefusedError: no link."""
        if address in self.addresses():
            return False
        message = rtnetlink.add_address(self._find(name).index, address)
        self._netlink.do(message, f"address {address} on {name}", allow=(errno.EEXIST,))
        return True

    def blackholes(self) -> frozenset[IPv4Network]:
        """The destinations of natgate's own blackhole routes."""
        routes = map(rtnetlink.parse_route, self._netlink.dump(rtnetlink.get_routes()))
        return frozenset(
            route.destination
            for route in routes
            if route is not None
            and route.protocol == PROTOCOL
            and route.type == BLACKHOLE
            and route.table == MAIN_TABLE
        )

    def add_blackhole(self, prefix: IPv4Network) -> None:
        """Make the route; it may be there already."""
        route = KernelRoute(destination=prefix, type=BLACKHOLE)
        self._netlink.do(rtnetlink.replace_route(route), f"blackhole route for {prefix}")

    def remove_blackhole(self, prefix: IPv4Network) -> None:
        """Remove the route; it may be gone already."""
        route = KernelRoute(destination=prefix, type=BLACKHOLE)
        what = f"removing the blackhole route for {prefix}"
        self._netlink.do(rtnetlink.delete_route(route), what, allow=(errno.ESRCH,))

    def guards(self, links: Mapping[str, Link]) -> dict[str, Guard | UnknownGuard]:
        """The guard of each link that has one."""
        found: dict[str, Guard | UnknownGuard] = {}
        hooks = self._clsacts()
        for name, link in links.items():
            if link.index not in hooks:
                continue
            for message in self._netlink.dump(rtnetlink.get_filters(link.index)):
                program = rtnetlink.parse_guard_program(message)
                if program is not None:
                    guard = parse_guard(program, ethernet=link.ethernet)
                    found[name] = guard or UnknownGuard()
        return found

    def dropped(self, links: Mapping[str, Link]) -> int:
        """Packets that classifiers of these links have dropped."""
        hooks = self._clsacts()
        return sum(hooks.get(link.index, 0) for link in links.values())

    def hooks(self, links: Mapping[str, Link]) -> frozenset[str]:
        """The links that have classifier hooks."""
        found = self._clsacts()
        return frozenset(name for name, link in links.items() if link.index in found)

    def set_guard(self, link: str, guard: Guard) -> None:
        """Put the guard on a link; RefusedError if the kernel lacks clsact or cls_bpf."""
        found = self._find(link)
        program = render_guard(guard, ethernet=found.ethernet)
        try:
            what = f"classifier hooks of {link}"
            self._netlink.do(rtnetlink.add_clsact(found.index), what, allow=(errno.EEXIST,))
            message = rtnetlink.replace_guard(found.index, program)
            self._netlink.do(message, f"egress guard of {link}")
        except NetlinkError as error:
            if error.code in {errno.ENOENT, errno.EOPNOTSUPP}:
                raise RefusedError(
                    "this kernel lacks the classifiers that the egress guard needs "
                    "(CONFIG_NET_SCH_INGRESS, CONFIG_NET_CLS_BPF): load sch_ingress and cls_bpf"
                ) from None
            raise

    def remove_guard(self, link: str, *, hooks: bool) -> None:
        """Take the guard off; also the hooks if natgate made them and nobody else uses them."""
        found = self.all().get(link)
        if found is None:
            return
        index = found.index
        gone = (errno.ENOENT, errno.EINVAL)
        what = f"removing the egress guard of {link}"
        self._netlink.do(rtnetlink.delete_guard(index), what, allow=gone)
        if hooks and not self._filters(index):
            self._netlink.do(rtnetlink.delete_clsact(index), f"hooks of {link}", allow=gone)

    def _filters(self, index: int) -> bool:
        both = (rtnetlink.get_filters(index, egress=side) for side in (True, False))
        return any(
            rtnetlink.is_filter(m) for question in both for m in self._netlink.dump(question)
        )

    def _clsacts(self) -> dict[int, int]:
        found = map(rtnetlink.parse_clsact, self._netlink.dump(rtnetlink.get_qdiscs()))
        return dict(filter(None, found))

    def _find(self, name: str) -> Link:
        for link in self._every():
            if link.name == name:
                return link
        raise RefusedError(f"link {name} is gone")

    def _every(self) -> list[Link]:
        links = map(rtnetlink.parse_link, self._netlink.dump(rtnetlink.get_links()))
        return [link for link in links if link is not None]
