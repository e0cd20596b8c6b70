"""Command lines as the GNU C library reads them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from natgate.wire.short_options import BadOptionError, Found, scan

LETTERS = "nX::p:"


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["-nn"], [Found("n"), Found("n")]),
        (["-ptcp"], [Found("p", "tcp")]),
        (["-np", "-n"], [Found("n"), Found("p", "-n")]),
        (["-p", ""], [Found("p", "")]),
        (["-X", "5"], [Found("X"), Found("", "5")]),
        (["-nX5"], [Found("n"), Found("X", "5")]),
        (
            ["a", "-n", "-", "--", "-n"],
            [Found("", "a"), Found("n"), Found("", "-"), Found("", "-n")],
        ),
        ([], []),
    ],
)
def test_letters_arguments_and_operands_are_told_apart(
    words: list[str], found: list[Found]
) -> None:
    """Letters share a dash, an argument may be in the same word, operands stand anywhere."""
    assert list(scan(words, LETTERS)) == found


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["-z"], "invalid option -- 'z'"),
        (["--help"], "invalid option -- '-'"),
        (["-:"], "invalid option -- ':'"),
        (["-n", "-p"], "option requires an argument -- 'p'"),
    ],
)
def test_a_complaint_is_in_the_words_of_getopt(words: list[str], complaint: str) -> None:
    """People and scripts know them."""
    with pytest.raises(BadOptionError, match=complaint):
        list(scan(words, LETTERS))


@given(st.lists(st.text(alphabet="-nXpz: a", max_size=5)))
def test_any_command_line_is_read_or_complained_of(words: list[str]) -> None:
    """Nothing else happens."""
    try:
        assert all(each.letter in "nXp" for each in scan(words, LETTERS))
    except BadOptionError as error:
        assert "option" in str(error)  # noqa: PT017 (either way is right)
