"""Worlds for the referee: two zones, an edge route and a client route, as in the source's scene."""

from natgate.model.referee import (
    Alarm,
    CloudEvent,
    Instance,
    RefereeSetup,
    RefereeShare,
    TableRoute,
    Target,
    Trigger,
    World,
)

A, C = "ap-northeast-1a", "ap-northeast-1c"
EDGE = TableRoute(table="rtb-edge", destination="10.10.0.80/28")
CLIENT = TableRoute(table="rtb-a", destination="192.168.100.0/24")
NOW, COOLDOWN = 10_000.0, 300.0
ZONES = {"a": A, "c": C}
ALARMS: dict[str, Alarm] = {"o": "OK", "!": "ALARM", "?": "INSUFFICIENT_DATA"}

SHARE = RefereeShare(name="partner", zones=(A, C), routes=(EDGE, CLIENT))
SETUP = RefereeSetup(
    group="closed-network",
    region="ap-northeast-1",
    asg="natgate-closed-network",
    alarms={A: "alarm-a", C: "alarm-c"},
    shares=(SHARE,),
    cooldown=COOLDOWN,
)


def node(name: str, *, age: float = 5000.0, address: str | None = None) -> Instance:
    """A running instance; its name is the letter of its zone, and perhaps a number."""
    return Instance(
        zone=ZONES[name[0]],
        interface=f"eni-{name}",
        instance=f"i-{name}",
        launched=NOW - age,
        addresses=frozenset() if address is None else frozenset({address}),
    )


def leads(name: str | None) -> Target | None:
    """Where a route leads: `a`; `a gone`; `nat foreign`; nowhere."""
    if name is None:
        return None
    who, _, kind = name.partition(" ")
    match kind:
        case "":
            return Target(kind="ours", text=f"eni-{who}")
        case "gone":
            return Target(kind="gone", text=f"eni-{who}")
        case "unread":
            return Target(kind="unread", text="there is no such table")
        case _:
            return Target(kind="foreign", text=who)


def world(
    *nodes: Instance | str, alarms: str = "oo", edge: str | None = "a", client: str | None = "a"
) -> World:
    """What was read: `alarms` has that of a and that of c, o for OK, ! for ALARM, ? for neither."""
    return World(
        instances=tuple(node(n) if isinstance(n, str) else n for n in nodes),
        alarms={zone: ALARMS[mark] for zone, mark in zip((A, C), alarms, strict=True)},
        routes={EDGE: leads(edge), CLIENT: leads(client)},
    )


def event(trigger: Trigger = "tick", **facts: object) -> CloudEvent:
    """Something happened now."""
    return CloudEvent(**{"trigger": trigger, "kind": trigger, "at": NOW, **facts})  # type: ignore[arg-type]
