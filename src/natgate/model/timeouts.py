"""How long the flows of a gateway may be idle: what the operator writes."""

from collections.abc import Callable
from typing import Annotated

from pydantic import AfterValidator, Field

from natgate.model.fields import Duration, Model, duration_text

TCP_BOUNDS = (10, 432000)
"""Seconds; the longest is what Linux gives an established connection by itself."""

UDP_BOUNDS = (2, 86400)
"""Seconds; a flow counts as a stream once it has lasted for two."""

UNREPLIED = 30
"""Seconds a UDP flow that is no stream yet may have at most, as in Linux itself."""


def _within(bounds: tuple[int, int]) -> Callable[[float], float]:
    first, last = bounds

    def check(seconds: float) -> float:
        if seconds != int(seconds) or not first <= seconds <= last:
            low, high = duration_text(first), duration_text(last)
            raise ValueError(f"write whole seconds, from {low} to {high}")
        return seconds

    return check


class Timeouts(Model):
    """After how long an idle flow is forgotten, so that its port is free again.

    They are given to new flows; what holds for others is in docs/concepts/timeouts.md.
    """

    tcp: Annotated[Duration, AfterValidator(_within(TCP_BOUNDS))] = Field(
        default=900.0, description="an established connection; 10s to 432000s, whole seconds"
    )
    udp: Annotated[Duration, AfterValidator(_within(UDP_BOUNDS))] = Field(
        default=60.0,
        description="a stream both ways; other flows have 30s, or this if it is less; 2s to 86400s, "
        "whole seconds",
    )

    @property
    def unreplied(self) -> float:
        """Seconds of a UDP flow that is no stream."""
        return min(self.udp, UNREPLIED)
