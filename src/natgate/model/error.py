"""What can go wrong, by what the reader can conclude.

NatgateError
 ├── SpecError     fix the file: every place, all at once          exit code 1
 ├── RefusedError  valid, but not possible or not safe now          exit code 1
 ├── HostError     the kernel, a tool or the disk failed            exit code 3
 │    └── FenceAwayError   the fence gave no answer in time
 ├── AgentError    no agent answers                                 exit code 5
 └── BugError      an invariant of natgate broke: it fails closed   exit code 3
"""

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass


class NatgateError(Exception):
    """Any failure that natgate explains in a sentence."""

    exit_code = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One mistake in a file: where it is, what is wrong, and the way out."""

    path: str
    message: str
    line: int | None = None

    def __str__(self) -> str:
        """The place first, as editors expect it."""
        place = f"line {self.line}: " if self.line else ""
        return f"{place}{self.path or '(file)'}: {self.message}"


def twice(path: str, what: str, values: Iterable[Hashable]) -> Iterator[Problem]:
    """A problem at each value that occurred before; `path` holds one {} for the index."""
    first: dict[Hashable, int] = {}
    for index, value in enumerate(values):
        if value in first:
            at = path.format(first[value])
            yield Problem(path=path.format(index), message=f"{what} {value} is already at {at}")
        first.setdefault(value, index)


class SpecError(NatgateError):
    """The file says something that cannot be; carries every problem, in file order."""

    exit_code = 1

    def __init__(self, problems: tuple[Problem, ...], *, source: str = "spec") -> None:
        self.problems = problems
        self.source = source
        super().__init__("\n".join(f"{source}: {problem}" for problem in problems))


class RefusedError(NatgateError):
    """Valid, but refused now; the sentence says what would make it possible."""

    exit_code = 1


class HostError(NatgateError):
    """This host failed at something natgate asked of it."""


class FenceAwayError(HostError):
    """The fence gave no answer in time: whether a claim was won is not known until it is read."""


class AgentError(NatgateError):
    """The agent cannot be reached."""

    exit_code = 5


class BugError(NatgateError):
    """An invariant of natgate's own broke; nothing further is done."""
