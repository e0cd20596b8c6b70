"""The handler needs its listed files, the standard library and boto3, and nothing else."""

import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from natgate.agent.bundle import HANDLER, closure

BOTO3 = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3")
"""What `pip install boto3` brings, and a cloud function's Python has."""

PROGRAM = """\
import sys
sys.path[:0] = sys.argv[1:]
from natgate.agent.referee import handler
from natgate.cloud.aws_calls import clients
from natgate.model.error import NatgateError
{body}
"""


def _place(directory: Path) -> None:
    for name, path in closure().items():
        target = directory / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)


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
    body = "print(sorted(clients('ap-northeast-1')))"
    assert _run(body, alone, boto3_only) == "['autoscaling', 'cloudwatch', 'ec2']"


def test_the_handler_says_what_it_lacks(alone: Path) -> None:
    """Without boto3 it can still be imported."""
    body = "try: clients('ap-northeast-1')\nexcept NatgateError as error: print(error)"
    assert _run(body, alone) == "steering aws needs boto3: pip install 'natgate[aws]'"


def test_importing_the_handler_imports_what_is_listed(alone: Path) -> None:
    """No file is missing, and none is listed for nothing."""
    body = (
        "names = {m.__file__ for n, m in sys.modules.items() if n.partition('.')[0] == 'natgate'}\n"
        "print(*sorted(names), sep='\\n')"
    )
    loaded = {str(Path(name).relative_to(alone)) for name in _run(body, alone).splitlines()}
    assert loaded == closure().keys()


def test_the_list_begins_with_the_handler() -> None:
    """Names are those of an archive, in order; spec and pydantic are not among them."""
    names = list(closure())
    assert names == sorted(names)
    assert HANDLER.rpartition(".")[0].replace(".", "/") + ".py" in names
    assert "natgate/model/spec.py" not in names
    assert sum(path.stat().st_size for path in closure().values()) < 100_000
