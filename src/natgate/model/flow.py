"""A flow of the kernel, as far as an operator's question needs it."""

from dataclasses import dataclass
from ipaddress import IPv4Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """Where its first packet came from and went to, and what became of both.

    `port` is its destination port, None for a protocol without. `seen` is the source that the far
    side sees; `reached` and `reached_port` are who is reached. `key` and `tuple` name it in the
    kernel.
    """

    source: IPv4Address
    destination: IPv4Address
    protocol: str
    port: int | None
    seen: IPv4Address
    reached: IPv4Address
    reached_port: int | None
    key: bytes = b""
    tuple: bytes = b""

    def __str__(self) -> str:
        """As people name it."""
        port = "" if self.port is None else f":{self.port}"
        return f"{self.protocol} {self.source} to {self.destination}{port}"
