"""A table that is owned: others cannot touch it, and it outlives its owner."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import closing

import pytest

from natgate.kernel.host import HostKernel
from natgate.model.change import AddTable, ChangeTable, DeleteTable
from natgate.model.error import HostError
from natgate.plan.diff import diff
from tests.kernel_contract import bring
from tests.namespaces import execute, nft
from tests.states import differences


@pytest.fixture
def second() -> Iterator[HostKernel]:
    """Another process's view of the same kernel."""
    with closing(HostKernel()) as made:
        yield made


def handles() -> list[int]:
    """The kernel's own numbers of all that is in the ruleset: they change when it is made anew."""
    items = json.loads(execute("nft", "-j", "list", "ruleset"))["nftables"]
    return [body["handle"] for item in items for body in item.values() if "handle" in body]


@pytest.mark.parametrize(
    "script",
    [
        "flush ruleset",
        "delete table ip natgate",
        "flush table ip natgate",
        "add rule ip natgate postrouting drop",
        "add element ip natgate snat28 { 10.9.9.9 : drop }",
        "flush chain ip natgate postrouting",
        "add table ip natgate { flags dormant; }",
        "add chain ip natgate more",
    ],
)
def test_others_change_nothing(kernel: HostKernel, script: str) -> None:
    """Whatever another process tries, the table stays as it is."""
    desired = bring(kernel)
    before = handles()
    subprocess.run(["nft", script], check=False, capture_output=True)
    assert handles() == before
    assert differences(desired, kernel.observe()) == {}


def test_a_flush_takes_the_other_tables(kernel: HostKernel) -> None:
    """`nft flush ruleset` succeeds, takes the tables that nobody owns, and leaves natgate's."""
    desired = bring(kernel)
    nft("add table ip other")
    execute("nft", "flush", "ruleset")
    assert execute("nft", "list", "tables") == "table ip natgate\n"
    assert differences(desired, kernel.observe()) == {}


def test_a_new_owner_adopts_it_without_changes(kernel: HostKernel) -> None:
    """After the owner's end the table is still in force; its successor changes nothing and owns it."""
    desired = bring(kernel)
    before = handles()
    kernel.close()
    with closing(HostKernel()) as successor:
        assert diff(desired, successor.observe()) == ()
        assert successor.observe().ownership == "mine"
        assert handles() == before
        subprocess.run(["nft", "flush ruleset"], check=False, capture_output=True)
        assert handles() == before


def test_an_orphan_can_be_flushed(kernel: HostKernel) -> None:
    """While nobody owns the table it can be flushed, and it comes back owned."""
    desired = bring(kernel)
    kernel.close()
    execute("nft", "flush", "ruleset")
    with closing(HostKernel()) as successor:
        assert successor.observe().table is None
        assert differences(bring(successor), successor.observe()) == {}
        assert desired == bring(successor)


def test_an_orphan_that_was_put_to_sleep_is_woken(kernel: HostKernel) -> None:
    """A table that others disabled after its owner's end is in force again with its successor."""
    bring(kernel)
    kernel.close()
    subprocess.run(
        ["nft", "add table ip natgate { flags dormant; }"], check=False, capture_output=True
    )
    with closing(HostKernel()) as successor:
        assert differences(bring(successor), successor.observe()) == {}
        assert "dormant" not in execute("nft", "list", "table", "ip", "natgate")


def test_a_second_process_sees_who_owns_it(kernel: HostKernel, second: HostKernel) -> None:
    """A table of another living process is foreign: it can be read and not be changed."""
    desired = bring(kernel)
    observed = second.observe()
    assert observed.ownership == "foreign"
    assert observed.table == desired.table
    for steps in ((DeleteTable(),), (DeleteTable(), AddTable(owned=True)), (AddTable(owned=True),)):
        with pytest.raises(HostError):
            second.apply(ChangeTable(steps=steps))
    assert differences(desired, kernel.observe()) == {}
    assert second.counters()["no_entry"] == 0


def test_a_plain_table_can_be_changed_by_all(kernel: HostKernel, second: HostKernel) -> None:
    """Without ownership every process may change the table, which is why it is watched."""
    kernel.apply(ChangeTable(steps=(AddTable(),)))
    second.apply(ChangeTable(steps=(DeleteTable(),)))
    assert kernel.observe().table is None


def test_the_end_of_an_owner_is_seen_at_the_next_look(
    kernel: HostKernel, second: HostKernel
) -> None:
    """A process that waited for the table takes it as soon as its owner has ended."""
    desired = bring(kernel)
    assert second.observe().ownership == "foreign"
    kernel.close()
    assert second.observe().ownership == "mine"
    assert diff(desired, second.observe()) == ()
