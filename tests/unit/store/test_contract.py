"""What every `Store` does: in memory and in a file, the same tests."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from natgate.model.error import HostError
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


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["add", "withdraw", "remember", "forget", "start", "reopen"]),
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
        for kind in ("sysctl", "hooks"):
            assert file.made(kind) == memory.made(kind)
    file.close()


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
