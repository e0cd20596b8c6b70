"""Idle time-outs of gateways as rules: only the first packet of a flow meets them.

They stand in the chain that translates. What is translated has the time-outs of the first gateway,
and an entry of a gateway with others gives its flows those. A flow from outside is told by the
address that it asked for. Equal time-outs of several gateways are one object.
"""

from collections.abc import Iterator

from natgate.model.gateway import Gateway
from natgate.model.table import Rule, Timeout, any_of
from natgate.model.timeouts import Timeouts

Gateways = tuple[Gateway, ...]


def objects(gateways: Gateways) -> Iterator[Timeout]:
    """The kernel's objects, each named by what it says."""
    for timeouts in dict.fromkeys(gateway.timeouts for gateway in gateways):
        yield _tcp(timeouts)
        yield _udp(timeouts)


def reached(gateways: Gateways) -> Iterator[Rule]:
    """For flows that an address has received; it is the first packet's destination."""
    for timeouts in dict.fromkeys(gateway.timeouts for gateway in gateways):
        equal = [gateway for gateway in gateways if gateway.timeouts == timeouts]
        addresses = {
            *(entry.address for gateway in equal for entry in gateway.dnat),
            *(own.address for gateway in equal for own in gateway.own),
        }
        if addresses:
            match = f"ct status dnat ct original ip daddr {any_of(addresses)}"
            yield Rule(text=f"{match} {_set(timeouts)}", comment="idle time-outs")


def leaving(gateways: Gateways) -> Iterator[Rule]:
    """For all that is translated after this rule, unless its entry says otherwise."""
    for gateway in gateways[:1]:
        yield Rule(text=f"ip saddr @inside {_set(gateway.timeouts)}", comment="idle time-outs")


def otherwise(gateways: Gateways, gateway: Gateway) -> str:
    """What an entry of a gateway says before it translates; nothing if `leaving` has said it."""
    return "" if gateway.timeouts == gateways[0].timeouts else f"{_set(gateway.timeouts)} "


def _tcp(timeouts: Timeouts) -> Timeout:
    seconds = int(timeouts.tcp)
    return Timeout(name=f"tcp-{seconds}", protocol="tcp", policy={"established": seconds})


def _udp(timeouts: Timeouts) -> Timeout:
    seconds = int(timeouts.udp)
    policy = {"unreplied": int(timeouts.unreplied), "replied": seconds}
    return Timeout(name=f"udp-{seconds}", protocol="udp", policy=policy)


def _set(timeouts: Timeouts) -> str:
    """Each is taken by flows of its protocol alone."""
    return f'ct timeout set "{_tcp(timeouts).name}" ct timeout set "{_udp(timeouts).name}"'
