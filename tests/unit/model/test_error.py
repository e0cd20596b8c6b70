"""Failures: what the reader can conclude, and the exit code that says so."""

import pytest

from natgate.model.error import (
    AgentError,
    BugError,
    FenceAwayError,
    HostError,
    NatgateError,
    Problem,
    RefusedError,
    SpecError,
)


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (NatgateError, 3),
        (RefusedError, 1),
        (HostError, 3),
        (FenceAwayError, 3),
        (AgentError, 5),
        (BugError, 3),
    ],
)
def test_every_failure_has_its_exit_code(kind: type[NatgateError], code: int) -> None:
    """Each kind of failure is a NatgateError with the exit code of DESIGN section 7."""
    assert issubclass(kind, NatgateError)
    assert kind("why").exit_code == code


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (
            Problem(path="nodes[0].zone", message="is wrong", line=7),
            "line 7: nodes[0].zone: is wrong",
        ),
        (Problem(path="nodes", message="is wrong"), "nodes: is wrong"),
        (Problem(path="", message="the file is empty"), "(file): the file is empty"),
    ],
)
def test_a_problem_names_its_place_first(problem: Problem, text: str) -> None:
    """Line and path come first, as editors expect them."""
    assert str(problem) == text


def test_a_spec_error_says_everything_at_once() -> None:
    """One line for each problem, each with the name of the file."""
    error = SpecError((Problem(path="a", message="x"), Problem(path="b", message="y")), source="f")
    assert str(error) == "f: a: x\nf: b: y"
    assert (error.exit_code, error.source, len(error.problems)) == (1, "f", 2)
