"""Which open flows go on with a translation that new flows no longer get.

The kernel translates a flow as its first packet was, whatever the rules say later. That is what
lets connections survive a change; who changes an entry must know which ones still leave as before.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

from natgate.model.flow import Flow
from natgate.model.spec import Spec
from natgate.plan.resolve import Answer, Packet, Resolver

SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Stale:
    """A flow that keeps its translation, and what a new one like it would get."""

    flow: Flow
    answer: Answer

    def __str__(self) -> str:
        """As an operator reads it."""
        return f"{self.flow} {_before(self.flow)}, a new one {_now(self.answer)}"


def stale(spec: Spec, before: Spec | None, node: str, flows: Iterable[Flow]) -> tuple[Stale, ...]:
    """Of the flows of the gateways of either spec those that `spec` would translate otherwise."""
    ours = {
        fixed.address
        for each in (spec, before)
        if each is not None
        for gateway in each.gateways
        for fixed in gateway.addresses
    }
    ask = cache(Resolver(spec, node).resolve)
    found: list[Stale] = []
    for flow in flows:
        if flow.seen not in ours and flow.destination not in ours:
            continue
        answer = ask(
            Packet(
                source=flow.source,
                destination=flow.destination,
                protocol=flow.protocol,
                port=flow.port,
            )
        )
        if answer.kind != "echo" and not _as_before(flow, answer):
            found.append(Stale(flow=flow, answer=answer))
    return tuple(found)


def summary(found: tuple[Stale, ...]) -> dict[str, Any]:
    """How many there are, of how many hosts, and some of them."""
    return {
        "kept": len(found),
        "hosts": len({each.flow.source for each in found}),
        "examples": [str(each) for each in found[:SHOWN]],
    }


def _as_before(flow: Flow, answer: Answer) -> bool:
    reached = answer.destination or (flow.destination, flow.port)
    return flow.seen in answer.sources and (flow.reached, flow.reached_port) == reached


def _before(flow: Flow) -> str:
    if flow.reached != flow.destination:
        port = "" if flow.reached_port is None else f":{flow.reached_port}"
        return f"reaches {flow.reached}{port}"
    return f"leaves as {flow.seen}"


def _now(answer: Answer) -> str:
    if answer.kind in {"dropped", "inside"}:
        return "is dropped" if answer.kind == "dropped" else "stays inside"
    if answer.destination is not None:
        address, port = answer.destination
        return f"reaches {address}{'' if port is None else f':{port}'} ({answer.entry})"
    return f"leaves as {' or '.join(map(str, answer.sources))} ({answer.entry})"
