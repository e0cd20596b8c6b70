"""What is deployed on AWS is what AWS, shells and the documents take."""

import re
import subprocess
import sys
from inspect import getsource
from pathlib import Path
from typing import Any

import pytest

from natgate.agent.aws_bundle import UNITS
from natgate.cloud import aws_fetch
from natgate.wire.cloudformation import template
from natgate.wire.cloudformation_rights import UNLIMITED
from natgate.wire.user_data import GROUNDS, VARIABLES, script
from tests.deployments import planned, specs

from .files import ROOT, blocks
from .unit_file import settings, verified

GUIDE = ROOT / "docs" / "guides" / "aws.md"
PACKAGING = ROOT / "packaging"
FETCH = getsource(aws_fetch)

every_system = pytest.mark.parametrize("system", GROUNDS)


@every_system
def test_cfn_lint_has_nothing_to_say(system: Any, tmp_path: Path) -> None:  # noqa: ANN401
    """Every resource, property and reference is one that CloudFormation knows."""
    files = []
    for name, spec in specs().items():
        files.append(tmp_path / f"{name}.json")
        files[-1].write_text(template(spec, system, FETCH))
    argv = [
        str(Path(sys.executable).parent / "cfn-lint"),
        "--regions",
        "ap-northeast-1",
        "--",
        *map(str, files),
    ]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@every_system
def test_shellcheck_has_nothing_to_say(system: Any) -> None:  # noqa: ANN401
    """Quoting, unset variables, and all that people overlook in user data."""
    text = script(planned(), system, FETCH, {name: f"<{name}>" for name in VARIABLES})
    done = subprocess.run(
        ["shellcheck", "-"], input=text, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_the_unit_of_joining_is_confined_and_comes_first(tmp_path: Path) -> None:
    """One capability, and no agent before the node has its address."""
    join = PACKAGING / "natgate-aws-join.service"
    unit, drop_in = settings(join), settings(PACKAGING / "natgate-aws.conf")
    assert unit["CapabilityBoundingSet"] == ["CAP_NET_ADMIN"]
    assert unit["ExecStart"][0].split()[1:3] == ["aws", "join"]
    assert drop_in["Requires"] == drop_in["After"] == [join.name]
    # What requires a unit is given up when that fails, and is not begun when it succeeds later.
    assert unit["Restart"] == ["on-failure"]
    assert "natgate.service" in unit["Wants"][0].split()
    assert verified(join, tmp_path) == (0, "")
    assert {path.name for path in PACKAGING.iterdir()} >= set(UNITS)


def test_the_guide_tells_every_unlimited_right_with_its_reason() -> None:
    """Nobody has to find a `*` in the template."""
    rows = re.findall(r"^\| `(\w+)` \| (.+) \|$", GUIDE.read_text(), re.MULTILINE)
    assert dict(rows) == UNLIMITED


def test_the_guide_fetches_the_packages_that_a_node_needs() -> None:
    """The list is that of the program."""
    commands = "\n".join(blocks(GUIDE, "console")).replace("\\\n", " ")
    for ground in GROUNDS.values():
        assert " ".join(ground.packages) in re.sub(r"\s+", " ", commands)


def test_the_guide_puts_no_secret_on_a_command_line() -> None:
    """Everybody on the machine may read the arguments of a program while it runs."""
    commands = "\n".join(blocks(GUIDE, "console"))
    (value,) = re.findall(r"put-parameter .*?--value (\S+)", commands, re.DOTALL)
    assert value.startswith("file://")
    file = value.removeprefix("file://")
    assert re.search(
        rf"umask 077 .*> {file}\b.*--value .*shred --remove {file}\b", commands, re.DOTALL
    )
