"""Witnesses that kill themselves before the n-th line that serves: every step lies between two lines.

`python -m tests.fence.dying_witness SPEC` reads "N DIRECTORY" and forks such a witness, which says
"ready PID"; "dead" is said when it has ended, and then the next line is read.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

from natgate.agent.main import make_witness
from natgate.agent.witness import Witness
from natgate.cli.log import configure_log
from natgate.wire.config import parse_spec

MODULES = ("natgate.agent.witness", "natgate.store.claims", "natgate.wire.witness")


class Mortal(Witness):
    """Lives for so many lines after the first datagram, then ends without a word."""

    left = 0

    def serve(self) -> None:
        """Serve under the eyes of the interpreter's tracing."""
        sys.settrace(self._watch)
        try:
            Witness.serve(self)
        finally:
            sys.settrace(None)

    def _watch(self, frame: FrameType, event: str, argument: object) -> Any:  # noqa: ANN401 (as settrace wants it)
        del argument
        if frame.f_globals.get("__name__") not in MODULES:
            return None
        if event in {"line", "return"}:
            self.left -= 1
            if self.left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return self._watch


def live(lines: int, directory: Path, spec: str) -> None:
    """Be a witness until death, or until somebody ends it."""
    made = make_witness(parse_spec(spec), directory)
    mortal = Mortal(claims=made.claims, udp=made.udp, key=made.key)
    mortal.left = lines
    print(f"ready {os.getpid()}", flush=True)  # noqa: T201 (the test reads it)
    asyncio.run(mortal.run())


def main(spec: str) -> None:
    """One witness for each line of the input."""
    configure_log()
    for line in sys.stdin:
        lines, directory = line.split()
        child = os.fork()
        if child == 0:
            live(int(lines), Path(directory), spec)
            os._exit(0)
        os.waitpid(child, 0)
        print("dead", flush=True)  # noqa: T201 (as above)


if __name__ == "__main__":
    main(Path(sys.argv[1]).read_text())
