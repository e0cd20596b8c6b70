"""The NAT log, as the operator wants it (RFC 6888, section 4; RFC 6302)."""

from ipaddress import IPv4Address
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

from natgate.model.fields import Duration, Model, Port
from natgate.model.logged import DIRECTORY, FULL, NAMED, NONE, destinations_text


def _length(value: object) -> object:
    """Read none, full, or how many bits of a destination are kept."""
    if isinstance(value, str) and value in NAMED:
        return NAMED[value]
    if isinstance(value, int) and not isinstance(value, bool) and NONE < value < FULL:
        return value
    raise ValueError("write none, full, or a prefix length from 1 to 31, such as 24")


Destinations = Annotated[
    int,
    BeforeValidator(_length),
    PlainSerializer(destinations_text, when_used="json"),
    WithJsonSchema(
        {
            "anyOf": [
                {"const": "none"},
                {"const": "full"},
                {"type": "integer", "minimum": 1, "maximum": 31},
            ],
            "examples": ["none", 24],
        }
    ),
]


class Collector(Model):
    """Where NAT events are sent as IPFIX (RFC 7011, RFC 8158), in the clear."""

    address: IPv4Address = Field(description="the collector's address")
    port: Port = Field(default=4739, description="the port that IANA gave to IPFIX")
    protocol: Literal["udp", "tcp"] = Field(default="udp", description="how it is reached")
    domain: int = Field(
        default=1, ge=1, le=0xFFFFFFFF, description="observation domain: give each node its own"
    )
    templates: Duration = Field(
        default=60.0, description="how often templates are sent again, over UDP"
    )


class Log(Model):
    """What `natgate log run` keeps of every translated flow, and for how long."""

    directory: str = Field(
        default=DIRECTORY,
        pattern=r"^/[A-Za-z0-9._/-]+$",
        description="where it is kept; of one run at a time",
    )
    new: bool = Field(
        default=False,
        description="log a flow also when it begins: twice the records, and answers after a kill",
    )
    destinations: Destinations = Field(
        default=NONE,
        description="whether destinations are kept: none, as RFC 6888 (REQ-12) advises; full; or a "
        "prefix length, to which they are cut, without the port",
    )
    port_blocks: Literal["per-block", "per-flow"] = Field(
        default="per-block",
        description="per-block: flows of hosts with a block of ports (snat[].block_size) are not "
        "logged one by one, only who has which block since when; per-flow: they are",
    )
    retention: Duration = Field(default=2592000.0, description="how long a record is kept")
    rotate_interval: Duration = Field(
        default=3600.0, description="after how long the journal becomes a compressed file"
    )
    rotate_flows: int = Field(
        default=2_000_000,
        ge=1000,
        le=20_000_000,
        description="after how many records it does so earlier; 36 bytes each until then",
    )
    buffer: int = Field(
        default=64, ge=1, le=1024, description="MiB that events may wait in, in the kernel"
    )
    textfile: str | None = Field(
        default=None,
        pattern=r"^/[A-Za-z0-9._/-]+\.prom$",
        description="file for node_exporter's textfile collector, with the log's own metrics",
    )
    interval: Duration = Field(default=15.0, description="how often that file is written")
    ipfix: Collector | None = Field(default=None, description="a collector that is told as well")
