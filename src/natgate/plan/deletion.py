"""Which gateways a new spec, or none at all, takes away, and what stands against it.

A gateway is known by its name: one that is renamed is another one.
"""

from collections.abc import Iterator

from natgate.model.error import RefusedError
from natgate.model.gateway import Gateway
from natgate.model.spec import Spec


def deleted(before: Spec | None, after: Spec | None) -> tuple[Gateway, ...]:
    """The gateways that are in force and would be no more."""
    left = {gateway.name for gateway in after.gateways} if after else set[str]()
    return tuple(g for g in before.gateways if g.name not in left) if before else ()


def refuse_deletion(before: Spec | None, after: Spec, *, force: bool = False) -> None:
    """RefusedError if a gateway that would go is protected, or has entries and `force` is not set."""
    reasons = [*_protected(before, after)]
    if not force:
        reasons += [
            f"{ends(gateway)}: take its entries out first, or apply with --force-deletion"
            for gateway in deleted(before, after)
            if gateway.entry_names and not gateway.deletion_protection
        ]
    if reasons:
        raise RefusedError("; ".join(reasons))


def refuse_removal(before: Spec | None) -> None:
    """RefusedError if natgate may not be taken off a node, since a gateway of it is protected."""
    reasons = tuple(_protected(before, None))
    if reasons:
        raise RefusedError("; ".join(reasons))


def notes(before: Spec | None, after: Spec) -> tuple[str, ...]:
    """What an apply would take away, and whether it would be refused."""
    return tuple(
        f"{ends(gateway)}; apply refuses that "
        + ("while it is protected" if gateway.deletion_protection else "without --force-deletion")
        for gateway in deleted(before, after)
        if gateway.entry_names or gateway.deletion_protection
    )


def ends(gateway: Gateway) -> str:
    """What ends with a gateway."""
    addresses = ", ".join(str(fixed.address) for fixed in gateway.addresses)
    text = f"gateway {gateway.name} would be deleted, and with it all connections of {addresses}"
    entries = ", ".join(gateway.entry_names)
    return f"{text} and the entries {entries}" if entries else text


def _protected(before: Spec | None, after: Spec | None) -> Iterator[str]:
    for gateway in deleted(before, after):
        if gateway.deletion_protection:
            yield (
                f"gateway {gateway.name} is protected against deletion: first apply it with "
                "deletion_protection: false"
            )
