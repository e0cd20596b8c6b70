"""This host's links, rules and routes, or those of a namespace, as a trace reads them."""

import subprocess
from collections.abc import Mapping, Sequence

from natgate.model.error import HostError
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
        forwards=_run([*enter, "sysctl", "--values", FORWARDING]).strip() == "1",
        addresses=_run([*ip, *ADDRESSES]),
        rules=_run([*ip, *RULES]),
        routes=_run([*ip, *ROUTES]),
        segments=segments or {},
        tables=tables or {},
    )
    return host_of(heard)


def _run(argv: list[str]) -> str:
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
    except OSError as error:
        raise HostError(f"{argv[0]} cannot be started: {error.strerror}") from None
    if done.returncode:
        reason = done.stderr.strip().replace("\n", "; ")
        raise HostError(f"{' '.join(argv)} failed with exit code {done.returncode}: {reason}")
    return done.stdout
