"""Who asks whom for a name: the resolver of a network, which forwards zones to other servers."""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Annotated

from pydantic import BeforeValidator, Field, WithJsonSchema

from natgate.model.fields import Model, Name

DNS_PORT = 53

_LABEL = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"^(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*$")


def is_domain(text: str) -> bool:
    """Whether it can be the name of a host, in lower case and without a dot at its end."""
    return _DOMAIN.fullmatch(text) is not None


def _domain(value: object) -> object:
    """Refuse what no server of names is asked for, with a sentence that shows the way out."""
    if not isinstance(value, str) or not is_domain(value):
        raise ValueError(
            "write a domain name in lower case, without a dot at its end, such as ohio.internal"
        )
    return value


DomainName = Annotated[
    str,
    BeforeValidator(_domain),
    WithJsonSchema({"type": "string", "pattern": _DOMAIN.pattern, "examples": ["ohio.internal"]}),
]
"""As RFC 1035 (section 2.3) limits it."""


class Forward(Model):
    """A zone whose names another server knows."""

    zone: DomainName = Field(description="it and all names below it; the longest zone wins")
    to: IPv4Address = Field(description="the server that is asked")


class Resolver(Model):
    """The resolver that every client asks: it knows no name itself.

    A client's question and the resolver's own are two flows, with two sources.
    """

    name: Name
    address: IPv4Address = Field(description="where clients ask, inside the network")
    endpoint: IPv4Address = Field(
        description="where its own questions come from (an outbound endpoint)"
    )
    forwards: tuple[Forward, ...] = Field(min_length=1, description="whom it asks for which names")


class Names(Model):
    """Who knows which names."""

    resolver: Resolver
    answers: dict[IPv4Address, dict[DomainName, IPv4Address]] = Field(
        default={}, description="what each server answers: addresses by name"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class NamePath:
    """How a name becomes an address: the question that leaves the network, and its answer."""

    name: str
    resolver: str
    asked: IPv4Address
    """Where the client asks."""
    zone: str
    source: IPv4Address
    """Where the resolver's own question comes from, before anybody translates it."""
    server: IPv4Address
    """Whom the resolver asks."""
    answer: IPv4Address
