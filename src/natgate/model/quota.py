"""Quotas: a spec beyond one is refused with its name, the figure, and the way out."""

from collections.abc import Iterator

from natgate.model.error import Problem
from natgate.model.spec import Spec


def quota_problems(spec: Spec) -> Iterator[Problem]:
    """Every quota that a spec exceeds."""
    quotas = spec.quotas
    yield from _beyond("gateways", "gateways", len(spec.gateways), quotas.gateways)
    for g, gateway in enumerate(spec.gateways):
        path = f"gateways[{g}]"
        yield from _beyond(
            f"{path}.addresses", "addresses", len(gateway.addresses), quotas.addresses
        )
        yield from _beyond(f"{path}.snat", "snat", len(gateway.snat), quotas.snat)
        yield from _beyond(f"{path}.dnat", "dnat", len(gateway.dnat), quotas.dnat)


def _beyond(path: str, name: str, count: int, quota: int) -> Iterator[Problem]:
    if count > quota:
        message = f"{count} are more than the quota of {quota}: remove some, or raise quotas.{name}"
        yield Problem(path=path, message=message)
