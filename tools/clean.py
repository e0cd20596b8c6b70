"""Takes down what interrupted tests and measurements left behind, and removes caches.

Labs that somebody brought up stay: those of tests are named t and a process id, and are taken down
only if that process has ended.
"""

import re
import shutil
import sys
from pathlib import Path

from natgate.lab import life, record

ROOT = Path(__file__).parents[1]
CACHES = (
    ".mypy_cache",
    ".ruff_cache",
    ".pytest_cache",
    ".hypothesis",
    ".import_linter_cache",
    ".coverage",
)


def main() -> None:
    """Clean, and say what was taken down."""
    for name in record.names():
        made_by = re.match(r"t(\d+)-", name)
        if made_by and not Path("/proc", made_by[1]).exists():
            life.take_away(name)
            sys.stdout.write(f"lab {name} is down\n")
    for cache in CACHES:
        path = ROOT / cache
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
