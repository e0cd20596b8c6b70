"""YAML to a spec: every mistake at once, each with its line and its path."""

import pytest
from hypothesis import given
from pydantic import BaseModel

from natgate.model.error import Problem, SpecError
from natgate.model.spec import Spec
from natgate.wire import config
from natgate.wire.config import (
    fail_if_any,
    load,
    parse_path,
    parse_spec,
    read_yaml,
    render_path,
    render_spec,
)
from tests.gateways import every_entry
from tests.specs import TWO_ZONES, spec_with, specs, two_zones


def problems(text: str) -> list[str]:
    """What is wrong with a text, each as `line path: message`."""
    with pytest.raises(SpecError) as caught:
        parse_spec(text, "spec.yaml")
    return [f"{p.line} {p.path}: {p.message}" for p in caught.value.problems]


BAD_INPUT = {
    "unknown key": (
        spec_with(
            ("cidr: 10.10.0.80/28, kind: address", "cidr: 10.10.0.80/28, kin: d, kind: address")
        ),
        "11 network.subnets[4].kin: unknown key; remove it or correct its spelling "
        "(natgate schema lists all keys)",
    ),
    "overlapping subnets": (
        spec_with(("cidr: 10.10.0.48/28", "cidr: 10.10.0.32/27")),
        "10 network.subnets[3].cidr: 10.10.0.32/27 overlaps 10.10.0.32/28 of network.subnets[2] "
        "(clients-c)",
    ),
    "address outside every range": (
        spec_with(("10.10.0.85", "192.0.2.85")),
        "18 gateways[0].addresses[0].address: 192.0.2.85 is outside every allowed range "
        "(10.10.0.0/24); take one inside, or add its prefix to network.address_ranges",
    ),
    "address inside a client subnet": (
        spec_with(("10.10.0.85", "10.10.0.40")),
        "18 gateways[0].addresses[0].address: 10.10.0.40 lies in client subnet clients-c "
        "(10.10.0.32/28); a cloud refuses a route for part of a subnet (its destination must match "
        "a whole subnet), and one for the whole would take its hosts along: give it a subnet of "
        "kind address",
    ),
    "same source twice": (
        spec_with(
            ("sources: [10.10.0.0/28, 10.10.0.32/28]", "sources: [10.10.0.0/28, 10.10.0.0/28]")
        ),
        "21 gateways[0].snat[0].sources[1]: source 10.10.0.0/28 is already at "
        "gateways[0].snat[0].sources[0]",
    ),
    "unknown node": (
        spec_with(("  - name: partner\n", "  - name: partner\n    nodes: [node-a, node-b]\n")),
        "17 gateways[0].nodes[1]: node node-b is not in nodes (node-a, node-c)",
    ),
}


@pytest.mark.parametrize(("text", "problem"), BAD_INPUT.values(), ids=BAD_INPUT)
def test_bad_input_is_one_sentence_with_line_and_path(text: str, problem: str) -> None:
    """Each mistake that operators make is answered by one sentence that shows its place."""
    assert problems(text) == [problem]


def test_all_mistakes_are_reported_at_once_in_file_order() -> None:
    """Unknown keys and broken rules appear together, sorted by line, with the file's name."""
    text = spec_with(
        ("  name: main\n", "  name: main\n  colour: red\n"),
        ("cidr: 10.10.0.48/28", "cidr: 10.10.0.32/27"),
        ("10.10.0.85", "10.10.0.40"),
        ("  - name: partner\n", "  - name: partner\n    nodes: [node-b]\n"),
        ("{key_env: NATGATE_KEY}", "{key_env: NATGATE_KEY, secret: x}"),
    )
    found = problems(text)
    assert [" ".join(line.split()[:2]) for line in found] == [
        "4 network.colour:",
        "11 network.subnets[3].cidr:",
        "18 gateways[0].nodes[0]:",
        "20 gateways[0].addresses[0].address:",
        "28 heartbeat.secret:",
    ]
    with pytest.raises(SpecError, match=r"^spec.yaml: line 4: network.colour: unknown key"):
        parse_spec(text, "spec.yaml")


def test_wrong_types_do_not_hide_unknown_keys() -> None:
    """Where the shape is wrong, the shape is reported, and unknown keys with it."""
    text = spec_with(
        ("zones: [a, c]", "zones: 7"),
        ("zone: a, address: 10.10.0.20}", "zone: a, adress: 10.10.0.20}"),
    )
    assert problems(text) == [
        "5 network.zones: input should be a list, not 7",
        "13 nodes[0].address: missing; it must be given",
        "13 nodes[0].adress: unknown key; remove it or correct its spelling "
        "(natgate schema lists all keys)",
    ]


MESSAGES = [
    (
        ("apiVersion: natgate/v1", "apiVersion: natgate/v2"),
        "1 apiVersion: input should be 'natgate/v1', not 'natgate/v2'",
    ),
    (
        ("10.10.0.20", "10.10.0.300"),
        "13 nodes[0].address: input is not a valid IPv4 address, not '10.10.0.300'",
    ),
    (
        ("cidr: 10.10.0.0/28", "cidr: 10.10.0.1/28"),
        "7 network.subnets[0].cidr: 10.10.0.1/28 has host bits set; the prefix is 10.10.0.0/28",
    ),
    (
        ("name: node-a", "name: Node A"),
        "13 nodes[0].name: 'Node A' does not match ^[a-z0-9][a-z0-9-]{0,30}$",
    ),
    (
        ("{key_env:", "{interval: 50, key_env:"),
        "26 heartbeat.interval: write a duration with its unit, such as 50ms, 1.5s, 2m, 1h or 30d",
    ),
    (("kind: icmp", "kind: ping"), None),
    (("ranges: [10.10.0.0/24]", "ranges: []"), None),
    (("kind: icmp, address", "kind: icmp, colour: red, address"), None),
    (("heartbeat:", "steering: {kind: lab, colour: red}\nheartbeat:"), None),
    (("heartbeat:", "steering: {kind: none, router: x}\nheartbeat:"), None),
    (("kind: icmp, address: 192.168.100.5", "kind: tcp, address: x, port: 99999"), None),
]
PLACES = {
    5: ["25 gateways[0].health.upstream[0]"],
    6: ["4 network.ranges"],
    7: ["25 gateways[0].health.upstream[0].colour"],
    8: ["26 steering.colour"],
    9: ["26 steering.router"],
    10: ["25 gateways[0].health.upstream[0].address", "25 gateways[0].health.upstream[0].port"],
}


@pytest.mark.parametrize("index", range(len(MESSAGES)))
def test_each_kind_of_mistake_is_worded_for_people(index: int) -> None:
    """The place is what was written in the file, and the sentence says what would be right."""
    replacement, message = MESSAGES[index]
    found = problems(spec_with(replacement))
    if message is not None:
        assert found == [message]
    else:
        assert [line.split(": ")[0] for line in found] == PLACES[index]


def test_a_long_value_is_not_repeated() -> None:
    """A value that would fill the screen is left out of the sentence."""
    (problem,) = problems(spec_with(("zones: [a, c]", "zones: " + "x" * 80)))
    assert problem == "5 network.zones: Input should be a list"


def test_an_empty_list_whose_items_failed_is_not_also_short() -> None:
    """One mistake is one sentence: what only follows from another is left out."""
    found = problems(spec_with(("ranges: [10.10.0.0/24]", "ranges: [10.10.0.1/24]")))
    assert found == [
        "4 network.ranges[0]: 10.10.0.1/24 has host bits set; the prefix is 10.10.0.0/24"
    ]


YAML = {
    "empty": ("", "None : the file is empty"),
    "only a comment": ("# nothing\n", "None : the file is empty"),
    "a tab": (
        "apiVersion:\n\tx: 1\n",
        "2 : not YAML: found character '\\t' that cannot start any token",
    ),
    "two documents": ("a: 1\n---\nb: 2\n", "2 : not YAML: but found another document"),
    "a control character": ("a: \x01", "None : not YAML: unreadable"),
    "no mapping": (
        "- a\n- b\n",
        "1 : input should be a mapping, not ['a', 'b']",
    ),
    "a word": (
        "natgate",
        "1 : input should be a mapping, not 'natgate'",
    ),
    "a tag": ("a: !!python/object:os.system x", None),
    "a date that is none": ("a: 2026-13-45", None),
    "a number that is none": ("a: !!int x", None),
    "too long a number": ("a: " + "9" * 5000, None),
    "too deep": ("[" * 3000, "None : not YAML that can be read: nested too deeply"),
    "much too deep": ("[" * 90000 + "]" * 90000, None),
    "an alias to itself": ("a: &a [*a]", None),
    "an alias to its own mapping": ("&a a: *a", None),
}


@pytest.mark.parametrize(("text", "problem"), YAML.values(), ids=YAML)
def test_what_is_no_yaml_is_refused_in_one_sentence(text: str, problem: str | None) -> None:
    """Whatever a file holds, the answer is a sentence and never a trace."""
    found = problems(text)
    assert found == [problem] if problem else found


@given(specs())
def test_a_spec_can_be_written_and_read_again(spec: Spec) -> None:
    """As a text that states it; what is as it is by default is left out."""
    assert parse_spec(render_spec(spec)) == spec


def test_every_kind_of_entry_can_be_written_and_read_again() -> None:
    """With ports, ranges and addresses."""
    assert parse_spec(render_spec(every_entry())) == every_entry()


def test_an_alias_bomb_is_refused_at_once() -> None:
    """A small file that would grow to billions of values is refused, and quickly."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
    assert problems("\n".join(lines))


def test_aliases_of_ordinary_size_are_allowed() -> None:
    """An anchor may be used again, as YAML has it."""
    text = spec_with(
        ("sources: [10.10.0.0/28, 10.10.0.32/28]", "sources: [&a 10.10.0.0/28, 10.10.0.32/28]"),
        (
            "    - {name: clients-a, zone: a, cidr: 10.10.0.0/28}",
            "    - {name: clients-a, zone: a, cidr: &c 10.10.0.0/28}",
        ),
    ).replace("[&a 10.10.0.0/28", "[*c")
    assert parse_spec(text) == two_zones()


def test_a_key_given_twice_is_refused() -> None:
    """A second key of the same name would silently replace the first one."""
    text = TWO_ZONES + "host: {ownership: off}\nhost: {ownership: auto}\n"
    assert problems(text) == ["28 host: the key is already on line 27"]


def test_a_file_that_is_too_large_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """The size is looked at before the content."""
    monkeypatch.setattr(config, "MAX_BYTES", 2**20)
    assert problems("x" * (2**20 + 1)) == ["None : larger than 1 MiB"]


@pytest.mark.parametrize(
    "key", ["a.b", "a[0]", "a[b", "a]b[", "", ".", "[1]", "1", "null", "~", "1.5"]
)
def test_a_strange_key_is_an_unknown_key(key: str) -> None:
    """No spelling of a key can end in anything but a sentence."""
    assert any("key" in line.lower() for line in problems(f"'{key}': 1\n{TWO_ZONES}"))
    assert problems(f"{key or '?'}: 1\n{TWO_ZONES}")


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), ""),
        (("a",), "a"),
        (("a", 0, "b"), "a[0].b"),
        (("a", 1, 2), "a[1][2]"),
        ((0, "a"), "[0].a"),
    ],
)
def test_paths_are_written_and_read_back(path: tuple[str | int, ...], text: str) -> None:
    """A path is written as people write it, and read back as the same."""
    assert render_path(path) == text
    assert parse_path(text) == path


def test_a_problem_without_a_place_has_no_line() -> None:
    """Where no line is known, none is made up; without problems nothing is raised."""
    fail_if_any([], {}, "spec")
    with pytest.raises(SpecError) as caught:
        fail_if_any([Problem(path="x", message="y")], {}, "spec")
    assert caught.value.problems[0].line is None


class _Inner(BaseModel, extra="forbid"):
    icmp: int = 0


class _Outer(BaseModel, extra="forbid"):
    many: list[_Inner] = []
    by_name: dict[str, _Inner] = {}
    number: int


def test_any_model_can_be_loaded() -> None:
    """Other documents than specs are read in the same way."""
    assert load("number: 3", _Outer, "x") == _Outer(number=3)
    with pytest.raises(SpecError) as caught:
        load("number: 3\nmany: [{icmp: 1, a: 2}, {}]\nby_name:\n  z: {b: 1}\n", _Outer, "x")
    assert [(p.line, p.path) for p in caught.value.problems] == [
        (2, "many[0].a"),
        (4, "by_name.z.b"),
    ]


def test_the_lines_are_those_of_the_file() -> None:
    """Every key and every item has its line, counted from one."""
    data, lines = read_yaml("a:\n  - 1\n  - b: 2\n", "x")
    assert data == {"a": [1, {"b": 2}]}
    assert lines == {(): 1, ("a",): 1, ("a", 0): 2, ("a", 1): 3, ("a", 1, "b"): 3}


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ("10.10.0.85", "fd00::1", "gateways[0].addresses[0].address"),
        ("{address: 10.10.0.85}", "{range: 'fd00::/64'}", "gateways[0].addresses[0].range"),
        ("10.10.0.20", "fd00::20", "nodes[0].address"),
        ("ranges: [10.10.0.0/24]", "ranges: ['fd00::1/64']", "network.ranges[0]"),
        ("192.168.100.0/24", "'::/0'", "gateways[0].snat[0].destinations[0]"),
        ("address: 192.168.100.5", "address: '2001:db8::5'", "gateways[0].health.upstream[0].address"),
    ],
)  # fmt: skip
def test_ipv6_is_refused_in_one_sentence_that_says_so(old: str, new: str, path: str) -> None:
    """Wherever an address may stand: it is known, and not translated."""
    (told,) = problems(spec_with((old, new)))
    assert f" {path}: " in told
    assert told.endswith(" is IPv6; natgate translates IPv4 only, and its nodes forward no IPv6")
