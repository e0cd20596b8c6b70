"""Programs of the system, run to their end."""

import subprocess
from collections.abc import Mapping, Sequence

from natgate.model.error import HostError


def run(argv: Sequence[str], *, stdin: str = "", env: Mapping[str, str] | None = None) -> str:
    """The standard output of a program; HostError with its command, exit code and stderr."""
    try:
        done = subprocess.run(
            argv, input=stdin, capture_output=True, text=True, check=False, env=env
        )
    except OSError as error:
        raise HostError(f"{argv[0]} cannot be started: {error.strerror}") from None
    if done.returncode:
        reason = done.stderr.strip().replace("\n", "; ")
        raise HostError(f"{' '.join(argv)} failed with exit code {done.returncode}: {reason}")
    return done.stdout
