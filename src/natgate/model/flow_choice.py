"""Which flows somebody asks for."""

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network

from natgate.model.open_flow import IPV4, IPV6, Kind, OpenFlow, state_of

Network = IPv4Network | IPv6Network
WAYS: tuple[Kind, ...] = ("snat", "dnat", "both")
"""The kinds that the kernel translated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What a flow must be; None is anything. Prefixes of one length are single addresses.

    `source` began it, `destination` is who is reached in the end, `client` the host behind the
    gateway, `address` and `port` the gateway's. `mark` has a mask.
    `without`: IPv4 sources that are left out.
    """

    family: int | None = None
    kinds: tuple[Kind, ...] = WAYS
    protocol: int | None = None
    source: Network | None = None
    destination: Network | None = None
    client: Network | None = None
    address: Network | None = None
    port: int | None = None
    state: str | None = None
    mark: tuple[int, int] | None = None
    zone: int | None = None
    without: tuple[int, ...] = ()


EVERY = Choice(kinds=("none", *WAYS))
"""All flows, translated or not."""


def family_of(network: Network) -> int:
    """The address family of a prefix."""
    return IPV4 if isinstance(network, IPv4Network) else IPV6


def families(choice: Choice) -> tuple[int, ...]:
    """The address families that can have such flows; none if prefixes contradict each other."""
    named = {family_of(n) for n in _networks(choice).values()} | (
        {choice.family} if choice.family is not None else set()
    )
    return tuple(f for f in (IPV4, IPV6) if named <= {f})


def single(network: Network | None) -> bool:
    """Whether a prefix is one address."""
    return network is not None and network.prefixlen == network.max_prefixlen


def takes(choice: Choice, flow: OpenFlow) -> bool:
    """Whether a flow is such a one."""
    return matching(choice)(flow)


def matching(choice: Choice) -> Callable[[OpenFlow], bool]:
    """The same for many flows."""
    asked, networks, tests = families(choice), _networks(choice), _tests(choice)
    within = [(name, *bounds(network)) for name, network in networks.items()]

    def matches(flow: OpenFlow) -> bool:
        return (
            flow.family in asked
            and flow.kind in choice.kinds
            and all(first <= getattr(flow, name) <= last for name, first, last in within)
            and all(holds(flow) for holds in tests)
        )

    return matches


def _networks(choice: Choice) -> dict[str, Network]:
    """The field of a flow that each prefix speaks of."""
    named = {
        "source": choice.source,
        "reply_source": choice.destination,
        "client": choice.client,
        "address": choice.address,
    }
    return {name: network for name, network in named.items() if network is not None}


def bounds(network: Network) -> tuple[int, int]:
    """The first and the last address of a prefix."""
    return int(network.network_address), int(network.broadcast_address)


def _tests(choice: Choice) -> list[Callable[[OpenFlow], bool]]:
    found: list[Callable[[OpenFlow], bool]] = []
    if choice.protocol is not None:
        found.append(lambda flow: flow.protocol == choice.protocol)
    if choice.port is not None:
        found.append(lambda flow: flow.address_port == choice.port)
    if choice.state is not None:
        found.append(lambda flow: state_of(flow) == choice.state)
    if choice.mark is not None:
        mark, mask = choice.mark
        found.append(lambda flow: flow.mark & mask == mark & mask)
    if choice.without:
        found.append(lambda flow: flow.family != IPV4 or flow.source not in choice.without)
    if choice.zone is not None:
        found.append(lambda flow: flow.zone == choice.zone)
    return found
