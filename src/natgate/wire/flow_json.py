"""Reads flows again that another node wrote as JSON."""

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any

from natgate.model.error import RefusedError
from natgate.model.open_flow import IPV4, IPV6, NUMBERS, OpenFlow, state_text

Key = tuple[int, int, int, int, int, int, int]
_ENDS = ("source", "destination", "reply_source", "reply_destination")
_COUNTS = ("packets", "bytes", "reply_packets", "reply_bytes")


def flow_key(flow: OpenFlow) -> Key:
    """What two nodes' copies of one flow have in common."""
    return (
        flow.family,
        flow.protocol,
        flow.source,
        flow.source_port,
        flow.destination,
        flow.destination_port,
        flow.zone,
    )


def flow_of(body: Mapping[str, Any]) -> OpenFlow:
    """The flow that `wire.flow_text.as_json` described, without its times; RefusedError if it is none."""
    try:
        return _flow(body)
    except (KeyError, TypeError, ValueError) as error:
        raise RefusedError(f"this is no flow of natgate flows --json: {error}") from None


def _flow(body: Mapping[str, Any]) -> OpenFlow:
    name = str(body["protocol"])
    protocol = NUMBERS[name] if name in NUMBERS else int(name)
    addresses = {end: ip_address(body[end]) for end in _ENDS}
    status = int(body["status"])
    versions = {address.version for address in addresses.values()}
    numbers: dict[str, Any] = {
        **{end: int(address) for end, address in addresses.items()},
        **{f"{end}_port": int(body[f"{end}_port"] or 0) for end in _ENDS},
        **{name: int(body[name] or 0) for name in _COUNTS},
    }
    return OpenFlow(
        family=IPV4 if versions == {4} else IPV6,
        protocol=protocol,
        status=status,
        id=int(body["id"]),
        state=_state(protocol, str(body["state"]), status),
        timeout=int(body["timeout_s"]),
        mark=int(body["mark"]),
        zone=int(body["zone"]),
        **numbers,
    )


def _state(protocol: int, text: str, status: int) -> int:
    states = (state for state in range(256) if state_text(protocol, state, status) == text)
    return next(states, 0)
