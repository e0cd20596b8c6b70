"""Whatever a file says: a spec or a SpecError, and nothing else."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from natgate.model.error import Problem, SpecError
from natgate.model.spec import Spec
from natgate.wire.config import parse_spec
from tests.effort import FEW, SOME
from tests.specs import TWO_ZONES, Document, documents

WRONG: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.dates()
    | st.binary(max_size=4)
    | st.sampled_from(["10.10.0.0/28", "0.0.0.0/0", "50ms", "a", "icmp", "lab", "node", ".inf"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=4,
)


def _places(value: object, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _places(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _places(inner, (*path, index))


def _change(document: Document, path: tuple[Any, ...], data: st.DataObject) -> None:
    """Replace, take away or add something at a place that may be gone by now."""
    try:
        holder: Any = document
        for step in path[:-1]:
            holder = holder[step]
        way = data.draw(st.sampled_from(["replace", "remove", "add"]))
        if way == "replace":
            holder[path[-1]] = data.draw(WRONG)
        elif way == "remove":
            del holder[path[-1]]
        elif isinstance(holder, list):
            holder.append(data.draw(WRONG | st.just(deepcopy(holder[-1]))))
        else:
            holder[data.draw(st.text(max_size=5) | st.integers())] = data.draw(WRONG)
    except (KeyError, IndexError, TypeError, AttributeError):
        return


def _check(text: str) -> None:
    """A spec, or problems that each have a sentence; the same answer each time."""
    first, again = _parse(text), _parse(text)
    assert first == again
    if isinstance(first, tuple):
        assert first
        assert all(problem.message for problem in first)
        assert len(set(first)) == len(first)


def _parse(text: str) -> Spec | tuple[Problem, ...]:
    try:
        return parse_spec(text)
    except SpecError as error:
        return error.problems


@given(documents(), st.data())
def test_a_mutilated_spec_is_a_spec_or_a_spec_error(
    document: Document, data: st.DataObject
) -> None:
    """However a valid spec is mutilated, it is read or refused in sentences."""
    for _ in range(data.draw(st.integers(1, 4))):
        _change(document, data.draw(st.sampled_from(list(_places(document)))), data)
    _check(yaml.safe_dump(document))


@SOME
@given(st.integers(0, len(TWO_ZONES)), st.integers(0, 5), st.text(max_size=5))
def test_a_mistyped_spec_is_a_spec_or_a_spec_error(at: int, lost: int, typed: str) -> None:
    """Whatever is typed over a valid file, it is read or refused in sentences."""
    _check(TWO_ZONES[:at] + typed + TWO_ZONES[at + lost :])


@given(st.text(st.sampled_from("ab: -[]{}&*!|>'\"%@`#?,\n\t0123.~=<"), max_size=40))
def test_any_yaml_is_refused_in_sentences(text: str) -> None:
    """Whatever YAML can express, the answer is a sentence."""
    _check(text)


@FEW
@given(documents())
def test_a_valid_spec_is_read(document: Document) -> None:
    """A valid spec is read, and what it says is what was written."""
    spec = parse_spec(yaml.safe_dump(document))
    assert [node.name for node in spec.nodes] == [node["name"] for node in document["nodes"]]
