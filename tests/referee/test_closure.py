"""The handler needs its listed files, the standard library and boto3, and nothing else."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from natgate.agent.closure import closure

FILES = closure("natgate.agent.referee")
BOTO3 = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3")
"""What `pip install boto3` brings, and a cloud function's Python has."""

PROGRAM = """\
import sys
sys.path[:0] = sys.argv[1:]
from natgate.agent.referee import handler
from natgate.cloud.aws_calls import client_of
from natgate.model.error import NatgateError
{body}
"""


def _place(directory: Path) -> None:
    for name, content in FILES.items():
        target = directory / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


def _run(body: str, *paths: Path) -> str:
    """What a program prints, in an interpreter that knows no packages but those of `paths`."""
    argv = [sys.executable, "-I", "-S", "-c", PROGRAM.format(body=body), *map(str, paths)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def alone(tmp_path: Path) -> Path:
    """The listed files, in a directory of their own."""
    _place(tmp_path / "code")
    return tmp_path / "code"


@pytest.fixture
def boto3_only(tmp_path: Path) -> Path:
    """boto3 and what it needs."""
    directory = tmp_path / "boto3"
    directory.mkdir()
    for name in BOTO3:
        found = find_spec(name)
        assert found is not None
        assert found.origin is not None
        origin = Path(found.origin)
        source = origin.parent if origin.name == "__init__.py" else origin
        (directory / source.name).symlink_to(source)
    return directory


def test_the_handler_runs_on_boto3_alone(alone: Path, boto3_only: Path) -> None:
    """Clients of all its APIs are made."""
    body = (
        "give = client_of('ap-northeast-1')\n"
        "print(*(give(name).meta.region_name for name in ('ec2', 'cloudwatch', 'autoscaling')))"
    )
    assert _run(body, alone, boto3_only) == " ".join(3 * ["ap-northeast-1"])


def test_the_handler_says_what_it_lacks(alone: Path) -> None:
    """Without boto3 it can still be imported."""
    body = "try: client_of('ap-northeast-1')\nexcept NatgateError as error: print(error)"
    assert _run(body, alone) == "steering aws needs boto3: pip install 'natgate[aws]'"


def test_importing_the_handler_imports_what_is_listed(alone: Path) -> None:
    """No file is missing, and none is listed for nothing."""
    body = (
        "names = {m.__file__ for n, m in sys.modules.items() if n.partition('.')[0] == 'natgate'}\n"
        "print(*sorted(names), sep='\\n')"
    )
    loaded = {str(Path(name).relative_to(alone)) for name in _run(body, alone).splitlines()}
    assert loaded == FILES.keys()


def test_the_files_are_few_and_small() -> None:
    """The spec and what it needs are not among them."""
    assert "natgate/agent/referee.py" in FILES
    assert "natgate/model/spec.py" not in FILES
    assert sum(map(len, FILES.values())) < 100_000
