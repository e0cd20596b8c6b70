"""Which flows a command speaks of: the options that say it."""

from collections.abc import Callable
from functools import wraps
from ipaddress import ip_address, ip_network
from typing import Any, TypeVar, cast, get_args

import click

from natgate.model.error import RefusedError
from natgate.model.flow_choice import EVERY, Choice, Network, families
from natgate.model.open_flow import IPV4, IPV6, NUMBERS, Kind

Command = TypeVar("Command", bound=Callable[..., Any])
HIGHEST = 0xFFFF
_OPTIONS = (
    click.option("--client", metavar="ADDRESS", help="The host behind the gateway; or a prefix."),
    click.option("--source", metavar="ADDRESS", help="Who began it; or a prefix."),
    click.option(
        "--destination", metavar="ADDRESS", help="Who is reached in the end; or a prefix."
    ),
    click.option("--address", metavar="ADDRESS", help="The gateway's address; or a prefix."),
    click.option("--port", type=click.IntRange(0, HIGHEST), help="Its port, or the id of an echo."),
    click.option("--proto", metavar="NAME", help="tcp, udp, icmp, icmpv6, sctp, gre, or a number."),
    click.option(
        "--kind",
        type=click.Choice([*get_args(Kind), "all"]),
        help="What the kernel translated; if left out, anything but none.",
    ),
    click.option(
        "--flow-state", "state_", metavar="STATE", help="As the list shows it: established."
    ),
    click.option("--mark", metavar="MARK[/MASK]", help="The flow's mark."),
    click.option(
        "--zone", type=click.IntRange(0, HIGHEST), help="The zone of connection tracking."
    ),
    click.option("--entry", metavar="ENTRY", help="The entry that translated it: gateway/entry."),
    click.option("--node", metavar="NODE", help="The node that carries it."),
    click.option("-4", "family", flag_value=IPV4, type=int, help="IPv4 only."),
    click.option("-6", "family", flag_value=IPV6, type=int, help="IPv6 only."),
)


def choosing(command: Command) -> Command:
    """Give a command the options by which flows are chosen, as its parameters `choice` and `named`.

    `named` has the entry and the node, which the kernel does not know.
    """

    @wraps(command)
    def chosen(**given: Any) -> Any:  # noqa: ANN401 (click's)
        own = {key: given.pop(key) for key in _NAMES}
        named = {key: own.pop(key) for key in ("entry", "node")}
        return command(choice=choice_of(**own), named=named, **given)

    for option in reversed(_OPTIONS):
        chosen = option(chosen)
    return cast("Command", chosen)


_NAMES = (
    "client", "source", "destination", "address", "port", "proto", "kind", "state_", "mark",
    "zone", "entry", "node", "family",
)  # fmt: skip


def choice_of(
    *,
    proto: str | None = None,
    kind: str | None = None,
    state_: str | None = None,
    mark: str | None = None,
    family: int | None = None,
    port: int | None = None,
    zone: int | None = None,
    **prefixes: str | None,
) -> Choice:
    """The choice that options describe; RefusedError names the one that cannot be read."""
    kinds = EVERY.kinds if kind == "all" else (cast("Kind", kind),) if kind else Choice().kinds
    found = Choice(
        family=family,
        kinds=kinds,
        protocol=None if proto is None else protocol_of(proto),
        port=port,
        state=state_,
        mark=None if mark is None else _mark_of(mark),
        zone=zone,
        **prefixes_of(prefixes),
    )
    if not families(found):
        raise RefusedError("no flow has addresses of IPv4 and of IPv6: choose by one family")
    return found


def prefixes_of(given: dict[str, str | None]) -> Any:  # noqa: ANN401 (some fields of a choice)
    """The prefixes that were given, by name."""
    return {name: network_of(text, name) for name, text in given.items() if text is not None}


def protocol_of(text: str) -> int:
    """The number of a protocol; RefusedError if it has none."""
    number = NUMBERS.get(text.lower(), int(text) if text.isdecimal() else -1)
    if not 0 <= number <= 255:  # noqa: PLR2004 (a byte)
        raise RefusedError(f"--proto {text}: there are {', '.join(NUMBERS)}, and numbers to 255")
    return number


def network_of(text: str, name: str) -> Network:
    """A prefix, or a single address as one; RefusedError if it is neither."""
    try:
        return ip_network(text)
    except ValueError as error:
        raise RefusedError(f"--{name} {text} is no address and no prefix: {error}") from None


def end_of(text: str) -> tuple[int, int, int | None]:
    """Family, address and port of ADDRESS:PORT, [ADDRESS]:PORT or ADDRESS; RefusedError if none."""
    address, _, port = text.rpartition(":")
    if not address or (":" in address and not address.startswith("[")):
        address, port = text, ""
    try:
        found = ip_address(address.strip("[]"))
    except ValueError:
        raise RefusedError(f"{text} is no address with a port: write 203.0.113.1:2048") from None
    if port and not (port.isdecimal() and int(port) <= HIGHEST):
        raise RefusedError(f"{text}: {port} is no port")
    return IPV4 if found.version == 4 else IPV6, int(found), int(port) if port else None  # noqa: PLR2004


def _mark_of(text: str) -> tuple[int, int]:
    mark, _, mask = text.partition("/")
    try:
        return int(mark, 0), int(mask, 0) if mask else 0xFFFFFFFF
    except ValueError:
        raise RefusedError(f"--mark {text} is no number, and no number with a mask") from None
