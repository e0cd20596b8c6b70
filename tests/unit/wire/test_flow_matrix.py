"""Very many flows as the same table as a few."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from natgate.model.flow_columns import NAMES, Columns, Numbers
from natgate.model.open_flow import IPV4, OpenFlow
from natgate.wire.flow_matrix import Column, Table
from natgate.wire.flow_text import HEADINGS, NONE, Shown, cells, table
from tests.unit.open_flows import BOTH, columns, flow, flows

NOW = 10**18 + 65 * 10**9
SOME = st.sampled_from(BOTH).flatmap(lambda family: st.lists(flows(family), min_size=1, max_size=8))


def named(*texts: str) -> Column:
    """The texts in turn, by the id of a flow."""
    return Column(texts=list(texts), places=lambda part: part.id % len(texts))


def lines(made: Columns, entries: Column, nodes: Column, order: Numbers | None = None) -> list[str]:
    """What is written."""
    places = np.arange(len(made)) if order is None else order
    written = b"".join(Table(made, places, entries, nodes, NOW).lines())
    return written.decode().splitlines()


@given(SOME)
def test_the_lines_are_those_of_single_flows(found: list[OpenFlow]) -> None:
    """All but for blanks between them, of which there may be some more."""
    names = ("g/one", NONE, "g/three")
    made = columns(found, found[0].family)
    wide = lines(made, named(*names), named("a"))
    shown = (Shown(flow=f, now=NOW, entry=names[f.id % 3], node="a") for f in found)
    rows = [cells(each) for each in shown]
    head = wide[0].split("  ")
    kept = [i for i, name in enumerate(HEADINGS) if name in {h.strip() for h in head}]
    expected = [[row[i] for i in kept] for row in rows]
    assert [line.split() for line in wide[1:]] == expected
    assert {
        name for name in HEADINGS if any(row[HEADINGS.index(name)] != NONE for row in rows)
    } <= {HEADINGS[i] for i in kept}
    assert len({line.index("SEEN AS") for line in wide[:1] if "SEEN AS" in line}) <= 1
    assert not any(line.endswith(" ") for line in wide)


def test_of_one_width_they_are_the_very_same() -> None:
    """Also in an order, and without counts and times."""
    found = [flow(id=i, source=0x0A000005 + i, timeout=10 + i) for i in range(3)]
    wanted = set(NAMES) - {"packets", "bytes", "reply_packets", "reply_bytes", "start_ns"}
    made = columns(found, IPV4, sorted(wanted))
    nothing = Column(texts=[NONE], places=lambda part: np.zeros(len(part), np.int64))
    order = np.array([2, 0, 1])
    rows = [cells(Shown(flow=found[i], now=NOW)) for i in order]
    assert "\n".join(lines(made, nothing, nothing, order)) + "\n" == table(HEADINGS, rows)
    left = np.array([0])
    alone = lines(made, named("g/e", "longer/name"), nothing, left)
    assert alone[1].endswith("  g/e")
