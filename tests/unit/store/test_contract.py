"""What every `Store` does: in memory and in a file, the same tests."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from natgate.model.error import HostError
from natgate.model.journal import Failover, Step
from natgate.store.fake import FakeStore
from natgate.store.interface import Generation, Store
from natgate.store.sqlite import SqliteStore
from tests.effort import SOME


@pytest.fixture(params=["memory", "file"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A fresh store of each kind."""
    made: Store = FakeStore() if request.param == "memory" else SqliteStore(tmp_path / "db")
    with closing(made):
        yield made


def test_a_fresh_store_holds_nothing(store: Store) -> None:
    """Before the first spec there is no generation, and nothing was made."""
    assert store.latest() is None
    assert (store.made("sysctl"), store.made("hooks")) == ({}, {})


def test_generations_count_up(store: Store) -> None:
    """Each spec is the next generation, and the last one is in force."""
    for number in (1, 2, 3):
        added = store.add(f"text {number}", f"digest {number}")
        assert added == Generation(number=number, text=f"text {number}", digest=f"digest {number}")
        assert store.latest() == added


def test_a_withdrawn_generation_gives_way_to_the_one_before(store: Store) -> None:
    """What could not be brought into force is forgotten; its number is not used again."""
    first = store.add("a", "1")
    second = store.add("b", "2")
    store.withdraw(second.number)
    assert store.latest() == first
    assert store.add("c", "3").number == 3
    store.withdraw(99)
    store.withdraw(3)
    store.withdraw(1)
    assert store.latest() is None


def test_an_edit_is_a_generation_after_the_one_it_changes(store: Store) -> None:
    """Its text is that of the spec as it was applied; the edits follow in order."""
    first = store.add("a", "1")
    one = store.amend(first, "one", "2")
    two = store.amend(one, "two", "3")
    assert two == Generation(number=3, text="a", digest="3", edits=("one", "two"))
    assert store.latest() == two
    store.withdraw(two.number)
    assert store.latest() == one
    again = store.amend(one, "three", "4")
    assert store.latest() == again == replace(again, edits=("one", "three"))
    assert store.add("b", "5").edits == ()
    latest = store.latest()
    assert latest is not None
    assert (latest.text, latest.edits) == ("b", ())


def test_a_spec_with_many_edits_is_whole_when_the_next_one_fails(store: Store) -> None:
    """However many edits there were: what is withdrawn gives way to all of them."""
    before = store.add("a", "0")
    for number in range(40):
        before = store.amend(before, str(number), str(number))
    store.withdraw(store.add("b", "1").number)
    assert store.latest() == before
    store.forget()
    assert store.latest() is None


def test_the_first_value_of_a_name_is_kept(store: Store) -> None:
    """What was there before natgate is remembered once, in the order of recording, by kind."""
    store.remember("sysctl", "z", "1")
    store.remember("sysctl", "a", "0")
    store.remember("sysctl", "z", "2")
    store.remember("hooks", "z", "")
    assert list(store.made("sysctl").items()) == [("z", "1"), ("a", "0")]
    assert store.made("hooks") == {"z": ""}


def test_forgetting_ends_everything_but_the_count(store: Store) -> None:
    """After a removal nothing is natgate's; a later spec still has a new number."""
    store.add("a", "1")
    store.remember("hooks", "eth0", "")
    store.forget()
    assert store.latest() is None
    assert store.made("hooks") == {}
    assert store.add("b", "2").number == 2
    store.withdraw(2)
    assert store.latest() is None


def test_starts_rise(store: Store) -> None:
    """Each start has a higher number, even where the clock went back, and even after a removal."""
    first = store.start(1000)
    assert first >= 1000
    second = store.start(10)
    assert second > first
    store.forget()
    third = store.start(10)
    assert third > second
    assert store.start(10**18) >= 10**18


def test_what_is_kept_takes_the_place_of_the_last(store: Store) -> None:
    """Of each name the last text is known, and after a removal none."""
    assert store.kept("roles") is None
    store.keep("roles", "one")
    store.keep("wishes", "other")
    store.keep("roles", "two")
    assert (store.kept("roles"), store.kept("wishes")) == ("two", "other")
    store.forget()
    assert (store.kept("roles"), store.kept("wishes")) == (None, None)


def test_failovers_are_numbered_and_the_latest_comes_first(store: Store) -> None:
    """A record has its number from the first writing on; the latest writing of it counts."""
    one, two = store.record(FAILOVER), store.record(FAILOVER)
    assert two.number > one.number > 0
    done = store.record(replace(one, outcome="done", steps=(STEP,), ms=3.5))
    assert done.number == one.number
    assert store.failovers() == (two, done)
    assert store.failovers(1) == (two,)


def test_the_journal_outlives_a_removal(store: Store) -> None:
    """What happened can still be looked up."""
    record = store.record(FAILOVER)
    store.forget()
    assert store.failovers() == (record,)
    assert store.record(FAILOVER).number > record.number


STEP = Step(name="routes", what="all", ms=1.5)
FAILOVER = Failover(
    share="g", before="a", after="b", reason="a is dead", started=1.5, previous={"r": None}
)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["add", "withdraw", "remember", "forget", "start", "keep", "record", "reopen"]
        ),
        st.integers(0, 5),
    ),
    max_size=20,
)


def _do(store: Store, what: str, number: int) -> object:
    match what:
        case "add":
            return store.add(f"text {number}", str(number))
        case "withdraw":
            store.withdraw(number)
        case "remember":
            store.remember("sysctl" if number % 2 else "hooks", str(number // 2), str(number))
        case "start":
            return store.start(number + 1)
        case "keep":
            store.keep("roles" if number % 2 else "wishes", str(number))
        case "record":
            known = {f.number: f for f in store.failovers()}
            return store.record(replace(known.get(number, FAILOVER), ms=float(number)))
        case "forget":
            store.forget()
    return None


@SOME
@given(STEPS)
def test_the_file_and_the_memory_agree(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]]
) -> None:
    """Whatever is done, both kinds answer alike, and a file that is opened again knows the same."""
    path = tmp_path_factory.mktemp("store") / "db"
    memory, file = FakeStore(), SqliteStore(path)
    for what, number in steps:
        if what == "reopen":
            file.close()
            file = SqliteStore(path)
        assert _do(file, what, number) == _do(memory, what, number)
        assert file.latest() == memory.latest()
        assert file.failovers() == memory.failovers()
        assert file.kept("roles") == memory.kept("roles")
        assert file.kept("wishes") == memory.kept("wishes")
        for kind in ("sysctl", "hooks"):
            assert file.made(kind) == memory.made(kind)
    file.close()


class Killed(Exception):  # noqa: N818 (no error, but the end of a process)
    """The process has ended."""


class DyingStore(SqliteStore):
    """A store whose process is killed before one of its statements."""

    left = 10**9

    def _ask(self, statement: str, *values: str | int) -> list[Any]:
        if not statement.startswith("pragma"):
            self.left -= 1
            if self.left < 0:
                raise Killed
        return super()._ask(statement, *values)


def _content(store: Store) -> tuple[object, ...]:
    return (
        store.latest(),
        dict(store.made("sysctl")),
        store.kept("roles"),
        store.kept("wishes"),
        store.failovers(),
    )


@pytest.mark.parametrize("what", ["add", "remember", "keep", "record", "again", "forget"])
def test_killed_between_any_two_statements_it_holds_the_old_or_the_new(
    tmp_path: Path, what: str
) -> None:
    """A call has been made or not, whenever its process ended; another process can go on."""

    def call(store: Store) -> None:
        match what:
            case "again":
                store.record(replace(store.failovers()[0], outcome="done"))
            case _:
                _do(store, what, 1)

    for left in range(9):
        path = tmp_path / str(left)
        with closing(SqliteStore(path)) as store:
            for step in ("add", "remember", "keep", "record"):
                _do(store, step, 3)
            before = _content(store)
        dying = DyingStore(path)
        dying.left = left
        with suppress(Killed):
            call(dying)
        dying.close()
        with closing(SqliteStore(path)) as store:
            found = _content(store)
            if found == before:
                call(store)
                assert _content(store) != before or what == "remember"
                found = _content(store)
        with closing(FakeStore()) as memory:
            for step in ("add", "remember", "keep", "record"):
                _do(memory, step, 3)
            call(memory)
            wanted = _content(memory)
        assert _unnumbered(found) == _unnumbered(wanted)


def _unnumbered(content: tuple[object, ...]) -> tuple[object, ...]:
    """A number that was given out to a record that was never whole is not used again."""
    *rest, journal = content
    assert isinstance(journal, tuple)
    return (*rest, [replace(failover, number=0) for failover in journal])


def test_only_its_owner_can_read_the_file(tmp_path: Path) -> None:
    """A spec may tell more than others should know."""
    SqliteStore(tmp_path / "db").close()
    assert (tmp_path / "db").stat().st_mode & 0o777 == 0o600


def test_what_is_no_store_is_refused(tmp_path: Path) -> None:
    """A file of another kind, or a folder, is named with the reason."""
    (tmp_path / "other").write_bytes(b"not a database" * 100)
    for name in ("other", "missing/db", "."):
        with pytest.raises(HostError, match="cannot open the store"):
            SqliteStore(tmp_path / name)


def test_two_processes_may_have_it_open(tmp_path: Path) -> None:
    """What one has recorded the other one sees, since each call is durable when it returns."""
    with (
        closing(SqliteStore(tmp_path / "db")) as one,
        closing(SqliteStore(tmp_path / "db")) as other,
    ):
        added = one.add("a", "1")
        assert other.latest() == added
        one.remember("hooks", "eth0", "")
        assert other.made("hooks") == {"eth0": ""}


def test_a_full_transaction_is_on_disk(tmp_path: Path) -> None:
    """Another reader of the file finds the generation without the store's help."""
    with closing(SqliteStore(tmp_path / "db")) as store:
        store.add("a", "1")
        with closing(sqlite3.connect(tmp_path / "db")) as reader:
            assert reader.execute("select text from generation").fetchall() == [("a",)]
