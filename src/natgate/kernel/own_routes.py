"""This host's links, rules and routes, or those of a namespace, as a trace reads them."""

from collections.abc import Mapping, Sequence

from natgate.kernel.program import run
from natgate.model.topology import RoutedHost
from natgate.wire.topology import ADDRESSES, ROUTES, RULES, Heard, host_of

FORWARDING = "net.ipv4.ip_forward"


def read_host(
    name: str,
    role: str,
    *,
    enter: Sequence[str] = (),
    segments: Mapping[str, str] | None = None,
    tables: Mapping[str, str] | None = None,
) -> RoutedHost:
    """What `ip` says; `enter` is put before each command, to run it in a namespace.

    HostError if `ip` fails, or a rule looks at what a trace does not know.
    """
    ip = [*enter, "ip", "-j"]
    heard = Heard(
        name=name,
        role=role,
        forwards=run([*enter, "sysctl", "--values", FORWARDING]).strip() == "1",
        addresses=run([*ip, *ADDRESSES]),
        rules=run([*ip, *RULES]),
        routes=run([*ip, *ROUTES]),
        segments=segments or {},
        tables=tables or {},
    )
    return host_of(heard)
