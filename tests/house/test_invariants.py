"""The pages about design name tests that exist."""

import ast
import re

from .files import ROOT

PAGE = ROOT / "docs" / "design" / "invariants.md"
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def test_each_invariant_names_tests_that_exist() -> None:
    """Every section has a test, and none was renamed or removed without the page."""
    sections = PAGE.read_text().split("\n## ")[1:]
    for section in sections:
        named = NAMED.findall(section)
        assert named, section.splitlines()[0]
        for name, function in named:
            tree = ast.parse((ROOT / name).read_text())
            found = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
            assert function in found, f"{name}::{function}"


def test_every_decision_is_listed() -> None:
    """The list of decisions leads to each page, and each page begins with its date."""
    directory = ROOT / "docs" / "decisions"
    listed = (directory / "README.md").read_text()
    for page in directory.glob("2*.md"):
        assert f"({page.name})" in listed
        assert page.read_text().startswith(f"# {page.name[:10]}: ")


def test_each_rule_names_tests_that_exist() -> None:
    """A page that says which test holds a rule is right."""
    made = {
        node.name
        for file in (ROOT / "tests").rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.FunctionDef)
    }
    for page in (ROOT / "docs" / "concepts").glob("*.md"):
        for name in re.findall(r"`(test_\w+)`", page.read_text()):
            assert name in made, f"{page.name}: {name}"
