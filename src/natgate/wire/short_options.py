"""Options of one letter as getopt(3) of the GNU C library reads them, in its very words.

Operands may stand anywhere, letters may share a dash, and `--` ends the options. The standard
library's getopt knows no optional arguments and words its complaints differently.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple


class BadOptionError(ValueError):
    """An option that the program has not, or that lacks its argument; getopt's words."""


class Found(NamedTuple):
    """A letter and its argument, if it has one; an operand has no letter."""

    letter: str
    value: str | None = None


def scan(arguments: Sequence[str], accepted: str) -> Iterator[Found]:
    """What stands on a command line, in its order.

    `accepted` is getopt's: a letter, with `:` if it takes an argument, with `::` if it may have
    one in the same word. Raises BadOptionError where getopt complains, after what went before.
    """
    words = iter(arguments)
    for word in words:
        if word == "--":
            yield from (Found("", operand) for operand in words)
        elif word == "-" or not word.startswith("-"):
            yield Found("", word)
        else:
            yield from _letters(word[1:], words, accepted)


def _letters(word: str, words: Iterator[str], accepted: str) -> Iterator[Found]:
    while word:
        letter, word = word[0], word[1:]
        place = accepted.find(letter)
        if place < 0 or letter in ":;-":
            raise BadOptionError(f"invalid option -- '{letter}'")
        takes = accepted[place + 1 : place + 3]
        if not takes.startswith(":"):
            yield Found(letter)
            continue
        value = word or (None if takes == "::" else next(words, None))
        if value is None and takes != "::":
            raise BadOptionError(f"option requires an argument -- '{letter}'")
        yield Found(letter, value)
        return
