"""What netstat-nat asks the machine: names of hosts, of services and of protocols."""

from dataclasses import dataclass
from typing import Protocol


class UnknownHostError(Exception):
    """A host that was named on the command line has no address; the resolver's own words."""


class Names(Protocol):
    """A resolver. What has no name is given back as it came."""

    def host(self, address: str) -> str:
        """The name of an address."""
        ...

    def service(self, port: str, protocol: str) -> str:
        """The name of a port, as /etc/services has it."""
        ...

    def protocol(self, number: str) -> str:
        """The name of a protocol, as /etc/protocols has it."""
        ...

    def plain(self, address: str) -> str:
        """An address in its canonical text, for 2a, which shortens IPv6."""
        ...

    def addresses(self, host: str) -> tuple[str, ...]:
        """Every address of a host, in canonical text. Raises UnknownHostError."""
        ...

    def ipv4(self, host: str) -> str:
        """The first IPv4 address of a host. Raises UnknownHostError."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command line that lists nothing is told."""

    code: int
    out: str = ""
    err: str = ""
