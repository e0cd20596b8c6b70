"""An address that fails by itself takes no new flows, and takes them again when it is well."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from natgate.lab import agents, namespace

from .conftest import Bench

pytestmark = pytest.mark.lab

WORLD = "203.0.113.20"
ONE, TWO = "198.51.100.1", "198.51.100.2"
CLIENTS = ("client-a", "client-c")
SCENE = Path(__file__).with_name("addresses.yaml")
FILTER = """\
table ip filtered
delete table ip filtered
table ip filtered {{
  chain forward {{
    type filter hook input priority 0; policy accept;
    ip saddr {{ {addresses} }} drop
  }}
  chain through {{
    type filter hook forward priority 0; policy accept;
    ip saddr {{ {addresses} }} drop
  }}
}}
"""


@pytest.fixture(scope="module", params=["active-standby", "active-active"])
def lab(request: pytest.FixtureRequest, bring_up: Callable[..., Bench], tmp_path_factory: pytest.TempPathFactory) -> Bench:  # fmt: skip
    """The scene in each mode of its gateway, up."""
    scene = tmp_path_factory.mktemp("scene") / "addresses.yaml"
    text = SCENE.read_text().replace("- name: web\n", f"- name: web\n      mode: {request.param}\n")
    scene.write_text(text)
    return bring_up(str(scene))


def upstream_drops(lab: Bench, *addresses: str) -> None:
    """The upstream lets nothing from these addresses through any more."""
    router = lab.lab.namespace("internet")
    if addresses:
        namespace.load_rules(router, FILTER.format(addresses=", ".join(addresses)))
    else:
        namespace.load_rules(router, "table ip filtered\ndelete table ip filtered\n")


def warned(lab: Bench, subject: str) -> bool:
    """Whether the active node says that an address, or all of a gateway, fail."""
    found = agents.status(lab.lab)["warnings"]
    return ("address-unanswered", subject) in {(w["code"], w["subject"]) for w in found}


def wait(true: Callable[[], bool], what: str) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + 10
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def seen(lab: Bench, times: int = 12) -> set[str | None]:
    """The sources of so many connections of each client."""
    return {lab.fetch(client, WORLD) for client in CLIENTS for _ in range(times)}


def of(*addresses: str) -> set[str | None]:
    """What a target answers to whom it sees with these addresses."""
    return {f"ok: source={address}\n" for address in addresses}


def test_new_flows_have_the_other_address_until_it_is_well_again(lab: Bench) -> None:
    """Nobody touches the gateway; on both nodes, since each of them may give out addresses."""
    assert seen(lab) == of(ONE, TWO)
    upstream_drops(lab, TWO)
    wait(lambda: warned(lab, TWO), "the failure of an address was not seen")
    assert seen(lab) == of(ONE)
    upstream_drops(lab)
    wait(lambda: not warned(lab, TWO), "the address did not come back")
    assert seen(lab) == of(ONE, TWO)
    assert lab.packets("wrong") == {}


def test_a_node_that_takes_over_knows_which_address_fails(lab: Bench) -> None:
    """It goes by what the other said until its own checks have an answer."""
    upstream_drops(lab, ONE)
    wait(lambda: warned(lab, ONE), "the failure of an address was not seen")
    lab.settle()
    dead = lab.active()
    lab.ok("fault", "node-dead", dead)
    wait(lambda: lab.active() != dead, "nobody took over")
    assert seen(lab) == of(TWO)
    assert warned(lab, ONE)
    upstream_drops(lab)
    lab.heal()
    wait(lambda: not warned(lab, ONE), "the address did not come back")
    assert lab.packets("wrong") == {}


def test_where_every_address_fails_all_of_them_stay_in_use(lab: Bench) -> None:
    """What no address helps against is no failure of an address."""
    router = lab.lab.namespace("internet")
    echoes = FILTER.format(addresses=f"{ONE}, {TWO}").replace(
        " drop", " icmp type echo-request drop"
    )
    namespace.load_rules(router, echoes)
    wait(lambda: warned(lab, "web"), "the failure of all addresses was not seen")
    assert seen(lab) == of(ONE, TWO)
    upstream_drops(lab)
    wait(lambda: not warned(lab, "web"), "the addresses did not come back")
