"""YAML to a validated model: every error at once, each with its line and path."""

import re
from ipaddress import IPv6Network
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from natgate.model import rules
from natgate.model.error import Problem, SpecError
from natgate.model.spec import Spec

ModelT = TypeVar("ModelT", bound=BaseModel)
Path = tuple[str | int, ...]
Lines = dict[Path, int]

MAX_BYTES = 64 * 1024 * 1024
"""A larger file is refused before it is read as YAML."""

_GROWTH = 10
"""By how much aliases may make a file larger than it is written."""


def parse_spec(text: str, source: str = "spec") -> Spec:
    """The spec that a YAML text states, all its rules kept; else a SpecError with every problem."""
    data, lines = read_yaml(text, source)
    found: list[Problem] = []
    spec = validate(data, Spec, found)
    if spec is not None:
        found.extend(rules.problems(spec))
    fail_if_any(found, lines, source)
    assert spec is not None  # noqa: S101 (no problem means that validation gave a spec)
    return spec


def render_spec(spec: Spec) -> str:
    """A text that states this spec: what is as it is by default is left out."""
    data = spec.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return str(yaml.safe_dump(data, sort_keys=False))


def load(text: str, model: type[ModelT], source: str) -> ModelT:
    """A YAML text as `model`; else a SpecError with every problem and its line."""
    data, lines = read_yaml(text, source)
    found: list[Problem] = []
    value = validate(data, model, found)
    fail_if_any(found, lines, source)
    assert value is not None  # noqa: S101 (as above)
    return value


def validate(data: object, model: type[ModelT], found: list[Problem]) -> ModelT | None:
    """`data` as `model`, its problems added to `found`; None if it has no meaning at all.

    Unknown keys alone do not end the work: they are reported and left out, so that the rules
    between the fields can still be checked in the same run.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        problems = _causes(error.errors(include_url=False))
    unknown = [item for item in problems if item["type"] == "extra_forbidden"]
    found.extend(_problem(item) for item in problems)
    if len(unknown) < len(problems):
        return None
    return model.model_validate(_without(data, [tuple(item["loc"]) for item in unknown]))


def _causes(items: list[Any]) -> list[Any]:
    """Without the errors that only follow from one inside: a list whose items failed is not short."""
    paths = [item["loc"] for item in items]
    return [
        item
        for item in items
        if item["type"] != "too_short"
        or not any(
            len(p) > len(item["loc"]) and p[: len(item["loc"])] == item["loc"] for p in paths
        )
    ]


def fail_if_any(found: list[Problem], lines: Lines, source: str) -> None:
    """Raise a SpecError of all problems, each with the nearest line known for its path."""
    if not found:
        return
    located = (
        Problem(path=p.path, message=p.message, line=_line(parse_path(p.path), lines))
        for p in found
    )
    ordered = sorted(dict.fromkeys(located), key=lambda p: (p.line or 0, p.path))
    raise SpecError(tuple(ordered), source=source)


def read_yaml(text: str, source: str) -> tuple[object, Lines]:
    """Plain data, and the line (from 1) of every key and item; SpecError on malformed YAML."""
    if len(text) > MAX_BYTES:
        message = f"larger than {MAX_BYTES // 2**20} MiB"
        raise SpecError((Problem(path="", message=message),), source=source)
    lines: Lines = {}
    found: list[Problem] = []
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        if root is None:
            raise SpecError((Problem(path="", message="the file is empty"),), source=source)
        _collect_lines(root, (), lines, found, _GROWTH * (len(text) + 100))
        data = yaml.constructor.SafeConstructor().construct_document(root)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else None
        message = f"not YAML: {getattr(error, 'problem', None) or 'unreadable'}"
        raise SpecError((Problem(path="", message=message, line=line),), source=source) from None
    except ValueError as error:  # a date or a number that is none
        message = f"not YAML that can be read: {error}"
        raise SpecError((Problem(path="", message=message),), source=source) from None
    except RecursionError:
        message = "not YAML that can be read: nested too deeply"
        raise SpecError((Problem(path="", message=message),), source=source) from None
    fail_if_any(found, lines, source)
    return data, lines


def _collect_lines(
    node: yaml.Node, path: Path, lines: Lines, found: list[Problem], most: int
) -> None:
    lines.setdefault(path, node.start_mark.line + 1)
    if len(lines) > most:  # written out, no file holds more values than characters
        raise ValueError("its aliases repeat each other without end")
    if isinstance(node, yaml.MappingNode):
        seen: set[Path] = set()
        for key, value in node.value:
            inner = (*path, str(key.value))
            if inner in seen:
                message = f"the key is already on line {lines[inner]}"
                found.append(Problem(path=render_path(inner), message=message))
            seen.add(inner)
            lines[inner] = key.start_mark.line + 1
            _collect_lines(value, inner, lines, found, most)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            _collect_lines(value, (*path, index), lines, found, most)


def render_path(path: Path) -> str:
    """A path as people write it: gateways[0].snat[1].sources."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def parse_path(text: str) -> Path:
    """The inverse of `render_path`, for keys without dots and brackets."""
    pieces = re.finditer(r"\[(\d+)\]|([^.\[]+)", text)
    return tuple(int(piece[1]) if piece[1] else piece[2] for piece in pieces)


def _line(path: Path, lines: Lines) -> int | None:
    for end in range(len(path), -1, -1):
        if path[:end] in lines:
            return lines[path[:end]]
    return None


_PLAIN_WORDS = (
    (r"Tuple", "List"),
    (r"valid tuple", "list"),
    (r"valid dictionary( or instance of \w+)?", "mapping"),
    (r" after validation, not 0", ""),
)
"""What pydantic says of Python, in the words of YAML."""

NO_IPV6 = "natgate translates IPv4 only, and its nodes forward no IPv6"

_UNION_TAGS = {"icmp", "tcp", "none", "lab", "vrrp", "frr", "etcd", "witness", "single", "many"}


def _problem(item: Any) -> Problem:  # noqa: ANN401 (pydantic's ErrorDetails is a private TypedDict)
    loc: Path = tuple(item["loc"])
    path: list[str | int] = []
    for index, part in enumerate(loc):
        tag = part in _UNION_TAGS and index > 0 and loc[index - 1] in {"steering", "fence"}
        if tag or (part in _UNION_TAGS and isinstance(loc[index - 1], int)):
            continue
        path.append(part)
    return Problem(path=render_path(tuple(path)), message=_sentence(item))


def _sentence(item: Any) -> str:  # noqa: ANN401 (as above)
    kind, message = item["type"], str(item["msg"])
    if kind in {"ip_v4_address", "value_error"} and _is_ipv6(item["input"]):
        kind, message = "value_error", f"{item['input']} is IPv6; {NO_IPV6}"
    if kind == "extra_forbidden":
        return "unknown key; remove it or correct its spelling (natgate schema lists all keys)"
    if kind == "missing":
        return "missing; it must be given"
    if kind == "value_error":
        return message.removeprefix("Value error, ")
    if kind == "string_pattern_mismatch":
        return f"{item['input']!r} does not match {item['ctx']['pattern']}"
    for python, plain in _PLAIN_WORDS:
        message = re.sub(python, plain, message)
    shown = repr(item["input"])
    if len(shown) > 60:  # noqa: PLR2004 (one line on a screen)
        return message
    return f"{message[0].lower()}{message[1:]}, not {shown}"


def _is_ipv6(value: object) -> bool:
    """Whether somebody wrote an IPv6 address or prefix."""
    try:
        return isinstance(value, str) and bool(IPv6Network(value, strict=False))
    except ValueError:
        return False


def _without(data: object, paths: list[Path]) -> object:
    """`data` less the given keys; pydantic's union tags in a path are not keys and are skipped."""
    if isinstance(data, dict) and paths:
        gone = {path[0] for path in paths if len(path) == 1}
        kept: dict[object, object] = {}
        for key, value in data.items():
            if key not in gone:
                kept[key] = _without(value, [p[1:] for p in paths if p[0] == key and len(p) > 1])
        tagged = [p[1:] for p in paths if p[0] not in data and len(p) > 1]
        return _without(kept, tagged)
    if isinstance(data, list) and paths:
        return [
            _without(value, [p[1:] for p in paths if p[0] == index and len(p) > 1])
            for index, value in enumerate(data)
        ]
    return data
