"""The way of a name: which zone forwards it, from where, to whom, and what comes back."""

from natgate.model.error import RefusedError
from natgate.model.resolver import DNS_PORT, Forward, NamePath, Names, Resolver
from natgate.model.trace import Packet


def path(name: str, names: Names) -> NamePath:
    """How a client gets the address of a name; RefusedError if nobody forwards or knows it.

    Upper case and a dot at the end make no difference. Two flows come of it: the client's to
    the address, and before it the resolver's own, which is `question`.
    """
    resolver = names.resolver
    wanted = name.lower().removesuffix(".")
    forward = _longest(wanted, resolver)
    if forward is None:
        zones = ", ".join(each.zone for each in resolver.forwards)
        raise RefusedError(
            f"resolver {resolver.name} forwards no zone that {wanted} lies in ({zones}); ask for "
            "a name in one of these, or give the address"
        )
    known = names.answers.get(forward.to, {})
    if wanted not in known:
        listed = ", ".join(sorted(known)) or "none"
        raise RefusedError(
            f"{forward.to}, which is asked for {forward.zone}, does not know {wanted}; the names "
            f"that it knows: {listed}"
        )
    return NamePath(
        name=wanted,
        resolver=resolver.name,
        asked=resolver.address,
        zone=forward.zone,
        source=resolver.endpoint,
        server=forward.to,
        answer=known[wanted],
    )


def question(way: NamePath) -> Packet:
    """What the resolver sends, before anybody translates it; its port is drawn by the kernel."""
    return Packet(
        protocol="udp",
        source=way.source,
        destination=way.server,
        destination_port=DNS_PORT,
    )


def _longest(name: str, resolver: Resolver) -> Forward | None:
    """The forward of the longest zone that a name is, or lies below."""
    covering = [each for each in resolver.forwards if f".{name}".endswith(f".{each.zone}")]
    return max(covering, key=lambda each: len(each.zone), default=None)
