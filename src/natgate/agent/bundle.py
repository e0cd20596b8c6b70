"""The files that a cloud function needs to be a referee: what is imported from its handler on."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import natgate

HANDLER = "natgate.agent.referee.handler"
"""What a cloud function is told to call."""

_PACKAGE = Path(natgate.__file__).parent


def closure() -> Mapping[str, Path]:
    """Each file by its name in an archive, such as natgate/agent/referee.py, in order."""
    found: dict[str, Path] = {}
    left = [HANDLER.rpartition(".")[0]]
    while left:
        module = left.pop()
        path = _file(module)
        name = str(path.relative_to(_PACKAGE.parent))
        if name not in found:
            found[name] = path
            left += [*_imports(path), *_parents(module)]
    return dict(sorted(found.items()))


def _imports(path: Path) -> Iterator[str]:
    """The modules of natgate that a file imports, wherever it does."""
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.ImportFrom(module=str(module), names=names) if _is_ours(module):
                yield module
                inner = (f"{module}.{each.name}" for each in names)
                yield from (name for name in inner if _file(name).exists())
            case ast.Import(names=names):
                yield from (each.name for each in names if _is_ours(each.name))


def _parents(module: str) -> Iterator[str]:
    while "." in module:
        module = module.rpartition(".")[0]
        yield module


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] == _PACKAGE.name


def _file(module: str) -> Path:
    """The file of a module or package."""
    base = _PACKAGE.parent.joinpath(*module.split("."))
    return base / "__init__.py" if base.is_dir() else base.with_suffix(".py")
