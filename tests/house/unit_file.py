"""The systemd unit as data: each setting with its values, in order."""

import subprocess
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "packaging" / "natgate.service"


def settings(path: Path = UNIT) -> dict[str, list[str]]:
    """Every setting of a unit file with all its values; ValueError on a line that is none."""
    found: dict[str, list[str]] = defaultdict(list)
    for line in path.read_text().splitlines():
        if not line or line.startswith(("#", "[")):
            continue
        key, equals, value = line.partition("=")
        if not equals or not key.isalnum():
            raise ValueError(f"not a setting: {line}")
        found[key].append(value)
    return dict(found)


def capabilities() -> list[str]:
    """The names of the capabilities that the unit leaves to the agent."""
    return settings()["CapabilityBoundingSet"][0].split()


def verified(unit: Path, folder: Path) -> tuple[int, str]:
    """Exit code and words of `systemd-analyze verify` about a unit whose program exists."""
    program = settings(unit)["ExecStart"][0].split()[0]
    copy = folder / unit.name
    copy.write_text(unit.read_text().replace(program, "/bin/true"))
    argv = ["systemd-analyze", "verify", "--man=no", str(copy)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr
