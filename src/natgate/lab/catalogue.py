"""Scenes by name or file: read, checked, and written back."""

from importlib.resources import files
from pathlib import Path
from typing import Literal, get_args

import yaml
from pydantic import BaseModel

from natgate.lab import check
from natgate.lab.scene import Scene
from natgate.model.error import Problem, RefusedError
from natgate.model.gateway import Failback, Gateway
from natgate.wire import config

Ownership = Literal["auto", "off"]

MODES: tuple[str, ...] = get_args(Gateway.model_fields["mode"].annotation)
"""Every mode that a gateway may have."""

PROMPT = Failback.model_validate({"policy": "preferred", "delay": "1s"})

DEFAULT_SCENE = "fixed-source"

_SCENES = files("natgate.lab") / "scenes"


def built_in() -> tuple[str, ...]:
    """The names of the scenes that come with natgate."""
    return tuple(sorted(f.name.removesuffix(".yaml") for f in _SCENES.iterdir()))


def text_of(wanted: str) -> str:
    """The YAML of a built-in scene, or of a file; RefusedError if there is neither."""
    if wanted in built_in():
        return (_SCENES / f"{wanted}.yaml").read_text()
    try:
        return Path(wanted).read_text()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text file"
        known = ", ".join(built_in())
        raise RefusedError(
            f"{wanted} is neither a built-in scene ({known}) nor a readable file: {reason}"
        ) from None


def read_scene(text: str, source: str) -> Scene:
    """The scene that a YAML text states; else a SpecError with every problem and its line."""
    data, lines = config.read_yaml(text, source)
    found: list[Problem] = []
    scene = config.validate(data, Scene, found)
    if scene is not None:
        found.extend(check.problems(scene))
    config.fail_if_any(found, lines, source)
    assert scene is not None  # noqa: S101 (no problem means that validation gave a scene)
    return scene


def prepared(wanted: str, ownership: Ownership | None = None) -> Scene:
    """A built-in scene, or one from a file, with spec.host.ownership overridden if asked."""
    scene = read_scene(text_of(wanted), wanted)
    return scene if ownership is None else with_ownership(scene, ownership)


def with_ownership(scene: Scene, ownership: Ownership) -> Scene:
    """The scene with spec.host.ownership set."""
    host = scene.spec.host.model_copy(update={"ownership": ownership})
    return scene.model_copy(update={"spec": scene.spec.model_copy(update={"host": host})})


def with_mode(scene: Scene, mode: str) -> Scene:
    """The scene with all its gateways in one mode; SpecError if they cannot be.

    In active-active a node takes its own zone back soon after it is well again, so that each fault
    finds all of them at work.
    """
    back = {"failback": PROMPT} if mode == "active-active" else {}
    changed = {"mode": mode, **back}
    gateways = tuple(g.model_copy(update=changed) for g in scene.spec.gateways)
    spec = scene.spec.model_copy(update={"gateways": gateways})
    return read_scene(
        as_yaml(scene.model_copy(update={"spec": spec})), f"{scene.name} in mode {mode}"
    )


def modes_of(scene: Scene) -> tuple[str, ...]:
    """The modes that a scene can show: all if nodes stand in several zones, else its own."""
    if len({node.zone for node in scene.spec.nodes}) > 1:
        return MODES
    return tuple(dict.fromkeys(gateway.mode for gateway in scene.spec.gateways))


def as_yaml(model: BaseModel) -> str:
    """A scene or spec as YAML that reads back as the same."""
    return yaml.safe_dump(model.model_dump(mode="json", by_alias=True), sort_keys=False)
