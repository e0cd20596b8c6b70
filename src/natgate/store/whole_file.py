"""A file that is there wholly or as it was before, whatever happens meanwhile."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path, *, mode: int, lasting: bool) -> Iterator[Path]:
    """A temporary file beside `path` to write to; it takes its place if nothing goes wrong.

    If `lasting`, a power failure does not take it back; that waits for the disk.
    """
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    made = Path(name)
    try:
        os.fchmod(handle, mode)
        yield made
        if lasting:
            os.fsync(handle)
        made.rename(path)
    finally:
        os.close(handle)
        made.unlink(missing_ok=True)


def replace_text(path: Path, text: str) -> None:
    """The whole text or the one before; everybody may read it."""
    with replacing(path, mode=0o644, lasting=False) as made:
        made.write_text(text)
