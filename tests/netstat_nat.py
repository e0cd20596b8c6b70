"""Recorded cases of the real netstat-nat programs, and names that do not depend on the machine."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from natgate.kernel.names import MachineNames
from natgate.wire.netstat_nat_names import UnknownHostError

CASES = Path(__file__).parent / "data" / "netstat_nat_cases"
CRASHED = -11
OWN = frozenset((CASES / "local-addrs.txt").read_text("ascii").split())
"""The addresses of the gateway that the cases were recorded on."""

SERVICES = {"9": "discard", "22": "ssh", "53": "domain", "80": "http", "123": "ntp", "443": "https"}
PROTOCOLS = {"4": "ipencap", "50": "esp", "89": "ospf", "103": "pim"}


@dataclass(frozen=True)
class Case:
    """What a program was asked, and what it said."""

    name: str
    arguments: tuple[str, ...]
    table: Path | None
    code: int
    out: str
    err: str

    def lines(self) -> list[str]:
        """The lines of the table, with their ends."""
        return [] if self.table is None else lines_of(self.table.read_bytes().decode("latin-1"))


def lines_of(text: str) -> list[str]:
    r"""A text divided after each \n and nowhere else."""
    return [line + "\n" for line in text.split("\n")[:-1]] + [
        line for line in [text.rpartition("\n")[2]] if line
    ]


@cache
def cases(mode: str) -> tuple[Case, ...]:
    """The cases of a program, by its version."""
    lines = (CASES / "cases.jsonl").read_text("utf-8").splitlines()
    return tuple(
        Case(
            each["case"],
            tuple(each["args"]),
            None if each["table"] is None else CASES / "tables" / each["table"],
            **each[mode],
        )
        for each in map(json.loads, lines)
        if mode in each
    )


class FixedNames(MachineNames):
    """The names of hosts.txt, and the few services and protocols that the cases show."""

    def __init__(self) -> None:
        words = [line.split() for line in (CASES / "hosts.txt").read_text("ascii").splitlines()]
        self._by_address = {address: name for address, name, *_ in words}
        self._by_name = {name: address for address, *names in words for name in names}

    def host(self, address: str) -> str:
        """The first name that hosts.txt gives an address."""
        return self._by_address.get(address, address)

    def service(self, port: str, protocol: str) -> str:
        """A service of TCP or UDP."""
        return SERVICES.get(port, port) if protocol in {"tcp", "udp"} else port

    def protocol(self, number: str) -> str:
        """A protocol by its number."""
        return PROTOCOLS.get(number, number)

    def addresses(self, host: str) -> tuple[str, ...]:
        """An address as it is, or that of a name."""
        if host.replace(".", "").isdigit() or ":" in host:
            return (self.plain(host),)
        if host not in self._by_name:
            raise UnknownHostError("Name or service not known")
        return (self._by_name[host],)

    def ipv4(self, host: str) -> str:
        """The same for IPv4 alone."""
        address = self.addresses(host)[0]
        if ":" in address:
            raise UnknownHostError(host)
        return address
