"""The kinds of values that a spec holds."""

from ipaddress import IPv4Network

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from natgate.model.fields import Duration, Name, PortRange, PortRangeOrAny, Ports, Prefix


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("50ms", 0.05),
        ("1.5s", 1.5),
        ("2m", 120.0),
        ("1h", 3600.0),
        ("30d", 2592000.0),
        ("0.25s", 0.25),
    ],
)
def test_durations_are_seconds(text: object, seconds: float) -> None:
    """A duration is written with its unit and read as seconds."""
    assert TypeAdapter(Duration).validate_python(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text", ["50", "50 ms", "-1s", "ms", "1w", 50, True, None, [], "0s", 0.0, 1.5, "9" * 400 + "h"]
)
def test_a_duration_without_unit_is_refused(text: object) -> None:
    """A number without a unit could mean anything, and nothing happens in no time."""
    with pytest.raises(ValidationError):
        TypeAdapter(Duration).validate_python(text)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("10.0.0.1/24", "10.0.0.1/24 has host bits set; the prefix is 10.0.0.0/24"),
        ("10.0.0.0/33", "'10.0.0.0/33' is not an IPv4 prefix, such as 10.10.0.0/27"),
        ("2001:db8::/32", "'2001:db8::/32' is not an IPv4 prefix, such as 10.10.0.0/27"),
        (10, "write an IPv4 prefix, such as 10.10.0.0/27"),
        (None, "write an IPv4 prefix, such as 10.10.0.0/27"),
    ],
)
def test_a_wrong_prefix_is_explained(value: object, message: str) -> None:
    """What is no whole IPv4 prefix is refused with the way out."""
    with pytest.raises(ValidationError, match="Value error") as caught:
        TypeAdapter(Prefix).validate_python(value)
    assert caught.value.errors()[0]["msg"] == f"Value error, {message}"


def test_a_prefix_is_read_from_text_or_taken_as_it_is() -> None:
    """A prefix may be text, or a prefix already; a single address is a prefix of its own."""
    adapter = TypeAdapter(Prefix)
    assert adapter.validate_python("10.0.0.7") == IPv4Network("10.0.0.7/32")
    assert adapter.validate_python(IPv4Network("10.0.0.0/8")) == IPv4Network("10.0.0.0/8")


@pytest.mark.parametrize("name", ["", "A", "a_b", "-a", "a" * 32, "a\n", "ä"])
def test_names_are_short_and_plain(name: str) -> None:
    """A name fits into comments, counters and host names."""
    with pytest.raises(ValidationError):
        TypeAdapter(Name).validate_python(name)


DURATIONS = st.builds(
    lambda number, unit: f"{number:.6f}{unit}",
    st.floats(0.000001, 1e9),
    st.sampled_from(["ms", "s", "m", "h"]),
) | st.builds("{}ms".format, st.integers(1, 10**9))


@given(DURATIONS)
@example("50ms")
@example("1234567ms")
def test_a_duration_reads_back_from_its_own_json(text: str) -> None:
    """Written out, a duration is text with a unit again, and means exactly the same."""
    adapter = TypeAdapter(Duration)
    seconds = adapter.validate_python(text)
    assert adapter.validate_json(adapter.dump_json(seconds)) == seconds


@pytest.mark.parametrize(
    ("value", "ports"),
    [
        (443, Ports(443, 443)),
        ("443", Ports(443, 443)),
        ("10/20", Ports(10, 20)),
        (Ports(1, 2),) * 2,
    ],
)
def test_ports_are_one_or_a_range(value: object, ports: Ports) -> None:
    """As source 001 writes them, and read back from their own JSON."""
    adapter = TypeAdapter[Ports](PortRange)
    assert adapter.validate_python(value) == ports
    assert adapter.validate_json(adapter.dump_json(ports)) == ports
    assert len(list(ports)) == len(ports)
    assert ports.first in ports
    assert None not in ports
    assert ports.overlaps(Ports(ports.last, 65535))
    assert not ports.overlaps(Ports(ports.last + 1, ports.last + 1))


def test_any_port_is_a_port_too_where_it_may_be() -> None:
    """It is read back from its own JSON, and what is neither has one sentence at its own place."""
    adapter = TypeAdapter[Ports | str](PortRangeOrAny)
    for value in ("any", Ports(10, 20)):
        assert adapter.validate_python(value) == value
        assert adapter.validate_json(adapter.dump_json(value)) == value
    with pytest.raises(ValidationError) as caught:
        adapter.validate_python("all")
    (problem,) = caught.value.errors()
    assert problem["loc"] == ()
    assert problem["msg"].endswith("or a range such as 8000/8010, or any")


@pytest.mark.parametrize("value", [0, 65536, True, "20/10", "1-2", "", "a", None, [1], 1.5])
def test_what_is_no_port_is_explained(value: object) -> None:
    """With the two forms that are."""
    with pytest.raises(ValidationError, match="write a port such as 443, or a range such as"):
        TypeAdapter[Ports](PortRange).validate_python(value)
