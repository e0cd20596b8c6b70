"""An agent that is killed (SIGKILL) right after one of its writes to the journal.

`python -m tests.lab.dying_agent NUMBER agent ARGUMENTS...`: a take-over writes its intent, then each
step once it is done; the process dies after the write of that number, counted from 1.
"""

import os
import signal
import sys

from natgate.cli.main import main
from natgate.model.journal import Failover
from natgate.store.sqlite import SqliteStore


def kill_after(number: int) -> None:
    """Let every store of this process end it after so many writes of a take-over."""
    write = SqliteStore.record
    written = 0

    def record(store: SqliteStore, failover: Failover) -> Failover:
        nonlocal written
        done = write(store, failover)
        if failover.outcome != "seen":
            written += 1
        if written == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return done

    setattr(SqliteStore, "record", record)  # noqa: B010 (a test takes the place of a method)


if __name__ == "__main__":
    kill_after(int(sys.argv[1]))
    sys.argv = ["natgate", *sys.argv[2:]]
    main()
