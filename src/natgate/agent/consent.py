"""What stands against a spec on this node before anything is done."""

from natgate.model.error import RefusedError
from natgate.model.spec import Spec
from natgate.plan.deletion import refuse_deletion


def refuse_foreign(node: str, spec: Spec) -> None:
    """RefusedError if the spec does not have this node."""
    names = [each.name for each in spec.nodes]
    if node not in names:
        raise RefusedError(
            f"this is node {node}, which the spec does not have ({', '.join(names)}); "
            "add it, or remove natgate from this machine first: natgate remove"
        )


def refuse(node: str, before: Spec | None, spec: Spec, *, force_deletion: bool) -> None:
    """RefusedError if the spec is not this node's, or takes away what may not go."""
    refuse_foreign(node, spec)
    refuse_deletion(before, spec, force=force_deletion)
