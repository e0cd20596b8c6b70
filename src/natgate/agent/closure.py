"""The modules of natgate that one of them needs: what a cloud function is made of."""

import ast
from collections.abc import Iterator
from pathlib import Path

import natgate
from natgate.model.error import RefusedError

HOME = Path(natgate.__file__).parent.parent


def closure(start: str) -> dict[str, bytes]:
    """Each file that a module of natgate's needs when it is imported or called, by its path.

    Imports for type checkers count as well: they are few, and a missing one would be worse.
    """
    found: dict[str, bytes] = {}
    waiting = [start]
    while waiting:
        path = _file(waiting.pop())
        if path is None or (name := path.relative_to(HOME).as_posix()) in found:
            continue
        found[name] = path.read_bytes()
        waiting += _imported(ast.parse(found[name]))
    if not found:
        raise RefusedError(f"this natgate has no module {start}")
    return dict(sorted(found.items()))


def _file(module: str) -> Path | None:
    """The file of a module; None if it is a name inside one, or somebody else's."""
    path = HOME.joinpath(*module.split("."))
    files = (path / "__init__.py", path.with_suffix(".py"))
    return next((file for file in files if module.startswith("natgate") and file.is_file()), None)


def _imported(tree: ast.Module) -> Iterator[str]:
    """Every name that could be a module, with the packages above it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            parts = name.split(".")
            yield from (".".join(parts[:count]) for count in range(1, len(parts) + 1))
