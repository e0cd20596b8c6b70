"""An allowlist as plain data."""

from collections.abc import Iterable
from typing import Any

from natgate.model.allowlist import Admitted, Allowlist, Reachable
from natgate.model.fields import Ports


def allowlist_data(found: Allowlist) -> dict[str, Any]:
    """The document of `natgate allowlist --json`; an empty list of ports means all."""
    return {
        "to": _texts(found.to),
        "sources": [_admitted(row) for row in found.sources],
        "withdrawn": [_admitted(row) for row in found.withdrawn],
        "probes": [_admitted(row) for row in found.probes],
        "reached": [_reachable(row) for row in found.reached],
    }


def port_text(ports: Ports) -> str:
    """A port or a range as firewalls write it: 100-109."""
    return str(ports).replace("/", "-")


def _admitted(row: Admitted) -> dict[str, Any]:
    return {
        "source": str(row.source),
        "source_ports": _texts(row.source_ports),
        "protocol": row.protocol,
        "ports": _texts(map(port_text, row.ports)),
        "destinations": _texts(row.destinations),
        "entries": list(row.entries),
    }


def _reachable(row: Reachable) -> dict[str, Any]:
    return {
        "address": str(row.address),
        "protocol": row.protocol,
        "ports": _texts(map(port_text, row.ports)),
        "clients": _texts(row.clients),
        "entry": row.entry,
    }


def _texts(values: Iterable[object]) -> list[str]:
    return [str(value) for value in values]
