"""The documents say what the program does: links, commands, specs and the reference are checked."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from natgate.cli.main import main as natgate
from natgate.lab import catalogue
from natgate.lab.faults import FAULTS
from natgate.lab.scene import Scene
from natgate.model.spec import Spec
from natgate.model.warning import CATALOGUE
from natgate.wire.config import parse_spec

from . import files
from .files import ROOT, blocks, name_of, pages

REFERENCE = ROOT / "docs" / "reference"
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
IDS = [name_of(page) for page in pages()]


def every_page() -> pytest.MarkDecorator:
    """The same test for each page."""
    return pytest.mark.parametrize("page", pages(), ids=IDS)


def commands(command: click.Command, path: str = "natgate") -> Iterator[tuple[str, click.Command]]:
    """Every command by its full name."""
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        inner = {
            name: command.get_command(context, name) for name in command.list_commands(context)
        }
        for name, each in inner.items():
            assert each is not None, name
            yield from commands(each, f"{path} {name}")


def test_the_reference_is_what_the_code_says() -> None:
    """`make docs` would change nothing."""
    argv = [sys.executable, "-m", "tools.reference", "--check"]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_command_and_option_is_in_the_reference() -> None:
    """What can be typed can be looked up."""
    text = (REFERENCE / "cli.md").read_text()
    for path, command in commands(natgate):
        section = text.partition(f"## {path}\n")[2].partition("\n## ")[0]
        assert section, path
        options = [name for each in command.params for name in each.opts if name.startswith("--")]
        assert [name for name in options if name not in section] == [], path


def test_every_warning_and_fault_is_in_the_reference() -> None:
    """What can be shown can be looked up."""
    warnings = (REFERENCE / "warnings.md").read_text()
    assert [code for code in CATALOGUE if f"## {code}\n" not in warnings] == []
    lab = (REFERENCE / "lab-scene.md").read_text()
    assert [kind for kind in FAULTS if f"`{kind}`" not in lab] == []


@pytest.mark.parametrize(("model", "name"), [(Spec, "spec.md"), (Scene, "lab-scene.md")])
def test_every_field_is_in_the_reference(model: type[Spec | Scene], name: str) -> None:
    """What can be written in a spec or scene can be looked up."""
    text = (REFERENCE / "spec.md").read_text() + (REFERENCE / name).read_text()
    schema = model.model_json_schema(by_alias=True)
    parts = [schema, *schema["$defs"].values()]
    fields = {field for part in parts for field in part.get("properties", {})}
    assert {field for field in fields if f"| `{field}` |" not in text} == set()


@every_page()
def test_links_resolve(page: Path) -> None:
    """A link inside the repository leads to a file, and to a heading if it names one."""
    for target in LINK.findall(page.read_text()):
        if target.startswith(("https://", "http://", "mailto:")):
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        assert file.exists(), target
        if anchor:
            assert anchor in {slug(line) for line in file.read_text().splitlines()}, target


def slug(line: str) -> str | None:
    """The anchor of a heading, as forges make it."""
    if not line.startswith("#"):
        return None
    kept = re.sub(r"[^\w\- ]", "", line.lstrip("# ").lower())
    return kept.replace(" ", "-")


@every_page()
def test_make_targets_exist(page: Path) -> None:
    """`make X` in a document is a target of the Makefile."""
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:`|^\s*(?:# )?)make ([a-z]+)\b", page.read_text(), re.MULTILINE))
    assert named <= targets


@every_page()
def test_commands_in_documents_are_commands(page: Path) -> None:
    """Each `natgate ...` line of a console block has a command, and options that it takes."""
    known = dict(commands(natgate))
    for line in "\n".join(blocks(page, "console")).splitlines():
        words = shlex.split(line.removeprefix("# "), comments=True) if line[:2] == "# " else []
        if "natgate" not in [Path(word).name for word in words[:1]]:
            continue
        path = "natgate"
        for word in words[1:]:
            path = f"{path} {word}" if f"{path} {word}" in known else path
        command = known[path]
        assert not isinstance(command, click.Group) or command.invoke_without_command, line
        given = words[: words.index("--")] if "--" in words else words
        options = {name for each in command.params for name in each.opts}
        assert {word for word in given if word.startswith("--")} <= options | {"--help"}, line


@every_page()
def test_specs_in_documents_are_valid(page: Path) -> None:
    """A spec or scene that a document shows can be used as it stands."""
    for block in blocks(page, "yaml"):
        if "apiVersion: natgate/v1\n" in block and not block.startswith("apiVersion: natgate.lab"):
            parse_spec(block, name_of(page))
        elif "apiVersion: natgate.lab/v1\n" in block:
            catalogue.read_scene(block, name_of(page))


def test_pages_are_read() -> None:
    """The tests above have pages to read, and one of them shows a spec."""
    assert len(files.pages()) > 10
    assert blocks(ROOT / "README.md", "yaml")
