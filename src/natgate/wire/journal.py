"""What an agent remembers across restarts, as JSON: failovers, roles and wishes."""

import json
from dataclasses import asdict
from ipaddress import IPv4Address
from typing import Any

from natgate.model.journal import Failover, Step
from natgate.model.roles import Roles
from natgate.model.wish import Wish, Wishes


def render_failover(failover: Failover) -> str:
    """One record."""
    return json.dumps(failover_json(failover), separators=(",", ":"))


def failover_json(failover: Failover) -> dict[str, Any]:
    """One record, ready for JSON."""
    return asdict(failover)


def parse_failover(text: str) -> Failover:
    """The inverse; ValueError, TypeError or KeyError for anything else."""
    body = _object(text)
    steps = tuple(Step(**step) for step in body.pop("steps"))
    return Failover(steps=steps, **body)


def render_roles(roles: Roles) -> str:
    """Who carries what, whose ports are handed out, and which addresses fail."""
    return json.dumps(
        {
            "carriers": dict(roles.carriers),
            "handing_out": sorted(roles.handing_out),
            "unanswered": {
                name: sorted(map(str, failed)) for name, failed in roles.unanswered.items()
            },
        }
    )


def parse_roles(text: str) -> Roles:
    """The inverse; ValueError, TypeError or KeyError for anything else."""
    body = _object(text)
    return Roles(
        carriers=dict(body["carriers"]),
        handing_out=frozenset(body["handing_out"]),
        unanswered={
            str(name): frozenset(map(IPv4Address, failed))
            for name, failed in body.get("unanswered", {}).items()
        },
    )


def render_wishes(wishes: Wishes) -> str:
    """What operators have asked for."""
    return json.dumps({key: [wish.number, wish.value] for key, wish in wishes.items()})


def parse_wishes(text: str) -> Wishes:
    """The inverse; ValueError, TypeError or KeyError for anything else."""
    return {
        key: Wish(number=int(number), value=str(value))
        for key, (number, value) in _object(text).items()
    }


def _object(text: str) -> dict[str, Any]:
    body = json.loads(text)
    if not isinstance(body, dict):
        raise TypeError(f"not an object: {text}")
    return body
