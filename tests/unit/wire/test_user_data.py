"""The script of a fresh instance: short, strict, and nothing is used before it is checked."""

import shlex
from typing import Any

import pytest

from natgate.wire.user_data import GROUNDS, VARIABLES, script, user_data
from tests.deployments import TWO_ZONES, planned
from tests.specs import replaced

FETCH = "print('fetching')\n"
VALUES = {name: f"<{name}>" for name in VARIABLES}
LARGEST = 16_384
"""Bytes of user data that EC2 takes."""

every_system = pytest.mark.parametrize("system", GROUNDS)


@every_system
def test_it_is_strict_and_small(system: Any) -> None:  # noqa: ANN401 (a literal)
    """The first failure ends it; EC2 takes it."""
    text = script(planned(), system, FETCH, VALUES)
    assert text.startswith("#!/bin/bash\n")
    assert "\nset -euo pipefail\n" in text
    assert len(text) < LARGEST / 2


@every_system
def test_nothing_is_used_before_it_is_checked(system: Any) -> None:  # noqa: ANN401 (a literal)
    """The digest in the script, then those in SHA256SUMS, then the archive."""
    text = script(planned(), system, FETCH, VALUES)
    steps = [
        "fetch SHA256SUMS",
        'echo "$BUNDLE  SHA256SUMS" | sha256sum --check',
        "fetch bundle.tar",
        "sha256sum --check --strict --quiet --ignore-missing SHA256SUMS",
        "tar --extract",
        GROUNDS[system].install,
        "pip install",
        "boto3.client",
        "systemctl start --no-block natgate-aws-join.service natgate.service",
    ]
    assert sorted(steps, key=text.index) == steps


def test_nothing_is_taken_from_the_network() -> None:
    """A closed network has no mirror."""
    debian, amazon = (script(planned(), system, FETCH, VALUES) for system in GROUNDS)
    assert "apt-get" not in debian
    assert "--disablerepo='*'" in amazon
    assert "--no-index" in debian


def test_the_head_sets_what_a_template_fills_in() -> None:
    """As references in a template, as texts elsewhere."""
    values = {name: {"Ref": name} for name in VARIABLES}
    parts = user_data(planned(), "debian-12", FETCH, values)["Fn::Join"][1]
    assert [part for part in parts if isinstance(part, dict)] == list(values.values())
    assert "BUCKET='<BUCKET>'\n" in script(planned(), "debian-12", FETCH, VALUES)


def test_any_path_of_the_key_is_one_word() -> None:
    """Whatever a spec calls it."""
    path = "/etc/nat gate's/key"
    text = replaced(TWO_ZONES, ("key_file: /etc/natgate/key", f'key_file: "{path}"'))
    made = script(planned(text), "debian-12", FETCH, VALUES)
    (line,) = [line for line in made.splitlines() if 'KEY_PARAMETER" ' in line]
    assert path in shlex.split(line.partition(" <<")[0])
