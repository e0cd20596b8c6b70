"""The files of the repository, and what its documents say, for the tests of the house."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
LICENCES = {"LICENSE", "uv.lock"}


def tracked() -> list[Path]:
    """Every file that is, or would be, committed."""
    argv = [
        "git",
        "-c",
        "safe.directory=*",
        "ls-files",
        "--cached",
        "--others",
        "--exclude-standard",
    ]
    listed = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in sorted(set(listed.splitlines())) if (ROOT / name).is_file()]


def texts() -> Iterator[tuple[str, str]]:
    """Every file that people wrote, by its name in the repository."""
    for path in tracked():
        if path.name not in LICENCES:
            yield str(path.relative_to(ROOT)), path.read_text()


def python() -> list[Path]:
    """Every Python file."""
    return [path for path in tracked() if path.suffix == ".py"]


def pages() -> list[Path]:
    """Every Markdown page."""
    return [path for path in tracked() if path.suffix == ".md"]


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of a page in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


def name_of(path: Path) -> str:
    """A file as the repository names it."""
    return str(path.relative_to(ROOT))


def unless_excepted(found: set[str], excepted: dict[str, str]) -> None:
    """Nothing may be found but what is excepted, and no exception may be out of date."""
    assert found - excepted.keys() == set()
    assert excepted.keys() - found == set(), "these exceptions are no longer needed"
