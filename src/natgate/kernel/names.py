"""Names of hosts, services and protocols as this machine knows them (resolver, /etc)."""

import socket
from contextlib import closing
from pathlib import Path

from natgate.kernel.links import Links
from natgate.wire.netstat_nat_names import UnknownHostError

_PROTOCOLS = Path("/etc/protocols")
_INET6 = Path("/proc/net/if_inet6")


class MachineNames:
    """The resolver of the C library. What has no name is given back as it came."""

    def __init__(self) -> None:
        self._protocols: dict[int, str] | None = None

    def host(self, address: str) -> str:
        """The name of an address, by one look-up of the system's resolver."""
        try:
            return socket.getnameinfo((address, 0), socket.NI_NAMEREQD)[0]
        except (OSError, UnicodeError):
            return address

    def service(self, port: str, protocol: str) -> str:
        """The name of a port in /etc/services; as with atoi(3), the digits in front count."""
        digits = _digits(port)
        try:
            return socket.getservbyport(int(digits) & 0xFFFF, protocol) if digits else port
        except OSError:
            return port

    def protocol(self, number: str) -> str:
        """The name of a protocol in /etc/protocols."""
        if self._protocols is None:
            self._protocols = _read_protocols()
        return self._protocols.get(int(_digits(number) or "0"), number)

    def plain(self, address: str) -> str:
        """An address in the text of inet_ntop(3), which shortens IPv6."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        try:
            return socket.inet_ntop(family, socket.inet_pton(family, address))
        except (OSError, ValueError):
            return address

    def addresses(self, host: str) -> tuple[str, ...]:
        """Every address of a host, IPv4 and IPv6."""
        try:
            found = socket.getaddrinfo(host, None)
        except socket.gaierror as error:
            raise UnknownHostError(error.strerror) from None
        except UnicodeError:
            raise UnknownHostError("Name or service not known") from None
        return tuple(dict.fromkeys(str(each[4][0]) for each in found))

    def ipv4(self, host: str) -> str:
        """The first IPv4 address that gethostbyname(3) finds."""
        try:
            return socket.gethostbyname_ex(host)[2][0]
        except (OSError, UnicodeError):
            raise UnknownHostError(host) from None


def _digits(text: str) -> str:
    return text[: len(text) - len(text.lstrip("0123456789"))][:18]


def _read_protocols() -> dict[int, str]:
    try:
        lines = _PROTOCOLS.read_text("utf-8", "replace").splitlines()
    except OSError:
        return {}
    words = (line.partition("#")[0].split() for line in lines)
    found: dict[int, str] = {}
    for name, number, *_ in (each for each in words if len(each) > 1 and each[1].isdigit()):
        found.setdefault(int(number), name)
    return found


def own_addresses() -> frozenset[str]:
    """The addresses of this network namespace, IPv4 and IPv6, in the text of inet_ntop(3)."""
    with closing(Links()) as links:
        found = {str(address) for address in links.addresses()}
    try:
        lines = _INET6.read_text("ascii").splitlines()
    except OSError:
        return frozenset(found)
    six = (bytes.fromhex(line.split()[0]) for line in lines)
    return frozenset(found.union(socket.inet_ntop(socket.AF_INET6, packed) for packed in six))
