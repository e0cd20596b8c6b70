"""The only module that knows terminals: data on stdout, all else on stderr.

Colour appears on a terminal only, and never when NO_COLOR is set (https://no-color.org).
"""

import json
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # rich takes longer to import than a short list to be made
    from rich.console import Console
    from rich.table import Table

PIPED_WIDTH = 500


def out() -> "Console":
    """The console for data; piped, a line is as long as it has to be."""
    from rich.console import Console  # noqa: PLC0415 (slow)

    width = None if sys.stdout.isatty() else PIPED_WIDTH
    return Console(file=sys.stdout, highlight=False, soft_wrap=True, width=width)


def err() -> "Console":
    """The console for everything that is not data: progress, hints, errors."""
    from rich.console import Console  # noqa: PLC0415 (slow)

    return Console(file=sys.stderr, highlight=False, soft_wrap=True)


def print_json(value: Any) -> None:  # noqa: ANN401 (whatever json takes)
    """One JSON document on stdout."""
    sys.stdout.write(json.dumps(value, indent=2, default=str) + "\n")


def table(*columns: str, title: str | None = None) -> "Table":
    """An empty table in the one style that natgate uses."""
    from rich.table import Table  # noqa: PLC0415 (slow)

    grid = Table(box=None, pad_edge=False, title=title, title_justify="left", header_style="bold")
    for column in columns:
        last = column == columns[-1]
        grid.add_column(column, no_wrap=not last, overflow="fold")
    return grid


def counted(number: int, noun: str) -> str:
    """A number of things: no change, 1 change, 2 changes."""
    return f"{number or 'no'} {noun}{'s' * (number != 1)}"
