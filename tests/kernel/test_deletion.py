"""Protected gateways, with an agent and without one, as an operator meets them."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.kernel.net import FIXED, ONE, SPEC
from tests.namespaces import Namespace, namespace

DEADLINE = 20.0
OTHER = "- name: other"


class Machine:
    """One machine with natgate on it."""

    def __init__(self, space: Namespace, directory: Path) -> None:
        self._space = space
        self._directory = directory
        self.state = directory / "state"

    def natgate(self, verb: str, *arguments: str) -> tuple[int, str]:
        """The exit code of a command, and what it says."""
        argv = [sys.executable, "-m", "natgate", verb, "--state", str(self.state), *arguments]
        with self._space.entered():
            done = subprocess.run(argv, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    def spec(self, *replacements: tuple[str, str]) -> str:
        """A file with this network's spec, and pieces replaced."""
        text = SPEC.replace("ENTRIES", f"      - {ONE}")
        for old, new in replacements:
            text = text.replace(old, new)
        file = self._directory / "spec.yaml"
        file.write_text(text)
        return str(file)

    @contextmanager
    def agent(self) -> Iterator[None]:
        """An agent that keeps this machine."""
        argv = [sys.executable, "-m", "natgate", "agent", "--state", str(self.state)]
        with self._space.entered():
            agent = subprocess.Popen(argv)
        try:
            until(lambda: self.natgate("status")[0] == 0)
            yield
        finally:
            agent.terminate()
            agent.wait()


def until(true: Callable[[], bool]) -> None:
    """Wait until something becomes true; it must, in time."""
    deadline = time.monotonic() + DEADLINE
    while not true():
        assert time.monotonic() < deadline, "it does not come true"
        time.sleep(0.1)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """A machine with the node's address."""
    with namespace() as space:
        space.run(
            "ip link add out type veth peer name far", "ip address add 203.0.113.1/24 dev out"
        )
        yield Machine(space, tmp_path)


def test_a_gateway_is_deleted_only_by_whoever_means_it(machine: Machine) -> None:
    """Protection and entries stand against it in the same words, with an agent and without one."""
    protected = ("- name: g\n", "- name: g\n    deletion_protection: true\n")
    renamed = ("- name: g\n", f"{OTHER}\n")
    assert machine.natgate("apply", "--once", machine.spec(protected))[0] == 0
    _refused(machine, renamed, "--once")
    with machine.agent():
        _refused(machine, renamed)
        assert machine.natgate("apply", machine.spec())[0] == 0
        _said(machine.natgate("apply", machine.spec(renamed)), "or apply with --force-deletion")
        assert FIXED in machine.natgate("plan", machine.spec(renamed))[1]
    once = ("--once", machine.spec(renamed))
    _said(machine.natgate("apply", *once), "all connections of 10.1.200.5, 10.1.200.6 and the")
    _said(machine.natgate("plan", *once), "refuses that without --force-deletion", code=0)
    assert machine.natgate("apply", "--force-deletion", *once)[0] == 0
    assert machine.natgate("remove", "--once")[0] == 0


def _refused(machine: Machine, renamed: tuple[str, str], *once: str) -> None:
    sentence = "gateway g is protected against deletion: first apply it with"
    forced = machine.natgate("apply", "--force-deletion", *once, machine.spec(renamed))
    _said(forced, sentence)
    _said(machine.natgate("remove", *once), sentence)
    plan = machine.natgate("plan", *once, machine.spec(renamed))
    _said(plan, "apply refuses that while it is protected", code=0)


def _said(answer: tuple[int, str], sentence: str, *, code: int = 1) -> None:
    assert answer[0] == code, answer
    assert sentence in " ".join(answer[1].split()), answer
