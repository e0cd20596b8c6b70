"""Files are short, named after what is in them, and each decision has its tests."""

import ast
import re
import statistics
from pathlib import Path

from . import files
from .files import ROOT, name_of, unless_excepted

LONGEST = 500
MEDIAN = 150
DRAWERS = {"utils", "util", "common", "helpers", "helper", "misc"}
FLOORS = ("model", "wire", "plan")

WITHOUT_TESTS: dict[str, str] = {}
"""Modules of the pure floors that have no test file of their own, with the reason."""

PROCESS = {
    "a numbered task": r"\bissues? (?:no\.? ?|#)?\d+\b",
    "a way of working": r"\b(?:helper|coding|working) sessions?\b|\bsub-?agents?\b",
    "a place of work": r"/work/(?:main|shared)",
    "an unfinished thought": r"\b(?:TODO|FIXME|XXX|HACK)\b",
}


def test_no_file_is_long() -> None:
    """A file of code or text that nobody can keep in mind is split by concern."""
    long = {name for name, text in files.texts() if text.count("\n") > LONGEST}
    unless_excepted(long, {"docs/reference/cli.md": "written from the code, and looked up in"})


def test_most_modules_fit_on_few_screens() -> None:
    """The median module of natgate has at most 150 lines."""
    lengths = [len(path.read_text().splitlines()) for path in (ROOT / "src").rglob("*.py")]
    assert statistics.median(lengths) <= MEDIAN


def test_no_module_is_a_drawer() -> None:
    """A module is named after what is in it."""
    assert [name_of(path) for path in files.python() if path.stem in DRAWERS] == []


def test_each_pure_module_has_its_test_file() -> None:
    """tests/unit mirrors the floors that decide."""
    missing = {
        f"{floor}/{path.name}"
        for floor in FLOORS
        for path in (ROOT / "src/natgate" / floor).glob("*.py")
        if path.name != "__init__.py"
        and not (ROOT / "tests/unit" / floor / f"test_{path.name}").exists()
    }
    unless_excepted(missing, WITHOUT_TESTS)


def test_each_test_states_its_property() -> None:
    """The docstring of a test says what must be true, whatever the code looks like."""
    silent = [
        f"{name_of(path)}::{function.name}"
        for path in files.python()
        if path.name.startswith("test_")
        for function in _functions(path)
        if function.name.startswith("test_") and not ast.get_docstring(function)
    ]
    assert silent == []


def _functions(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    tree = ast.parse(path.read_text())
    return [
        node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def test_files_speak_of_natgate_only() -> None:
    """Nothing tells how the work was organised: who reads a file needs what it is about."""
    here = name_of(Path(__file__))
    found = [
        f"{name}: {what}: {match.group()}"
        for name, text in files.texts()
        for what, pattern in PROCESS.items()
        for match in re.finditer(pattern, text, re.IGNORECASE)
        if name != here
    ]
    assert found == []
