"""The referee: which zone carries each share, decided from outside the nodes.

It sees what a cloud knows (instances, alarms, routes) where `plan.failover` sees what nodes tell
each other; it also acts when no node can. The two never fight: for both the first route of a share
is the only truth about who carries it, both leave it where it is while its node is fit, and both
complete what is half done. The decision is that of research/aws.md, section 3.2.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from natgate.model.referee import (
    READY_WITHIN,
    Alarm,
    CloudEvent,
    Instance,
    Reason,
    RefereeSetup,
    RefereeShare,
    RouteChange,
    TableRoute,
    Target,
    World,
)

WORD_LASTS = 10.0
"""Seconds for which a node's word that it is ill is believed; then its alarm must say so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareTurn:
    """What is decided about one share.

    `interfaces`: that of the node in each zone. `previous`: what the first route led to. `refused`:
    routes that stay, with whom they lead to.
    """

    share: str
    interfaces: Mapping[str, str]
    healthy: Mapping[str, bool]
    current: str | None
    active: str | None
    reason: Reason
    previous: str | None
    changes: tuple[RouteChange, ...] = ()
    refused: Mapping[TableRoute, Target]

    @property
    def target(self) -> str | None:
        """The interface to which all routes are to lead."""
        return None if self.active is None else self.interfaces[self.active]


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What is to be done now: routes first; `replace` only once they all lead where they should."""

    shares: tuple[ShareTurn, ...]
    replace: Instance | None = None
    skipped: tuple[Instance, ...] = ()

    @property
    def changes(self) -> tuple[RouteChange, ...]:
        """Every route that is to be led elsewhere."""
        return tuple(change for share in self.shares for change in share.changes)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Share:
    """A share with its node in each zone, in order of preference, and how those stand."""

    setup: RefereeShare
    nodes: Mapping[str, Instance]
    alarms: Mapping[str, Alarm]

    @property
    def ok(self) -> tuple[str, ...]:
        """The zones that can carry it, those known to be well before those not known to be ill."""
        fit = [zone for zone in self.nodes if self.alarms[zone] != "ALARM"]
        return tuple(sorted(fit, key=lambda zone: self.alarms[zone] != "OK"))


def decide(setup: RefereeSetup, event: CloudEvent, world: World, now: float) -> Turn:
    """The whole turn; the same world once its changes are made gives a turn without changes."""
    present = tuple(i for i in world.instances if not _has_left(i, event))
    alarms = _alarms(setup, event, world, now)
    shares = tuple(_share(share, present, alarms, world) for share in setup.shares)
    turns = tuple(_decide(share, world, adopt=setup.adopt) for share in shares)
    due, skipped = _replacements(setup, event, world, shares, present, now)
    return Turn(shares=turns, replace=next(iter(due), None), skipped=skipped)


def concerns(setup: RefereeSetup, event: CloudEvent) -> bool:
    """Whether an event can be about this group, as far as the event itself tells."""
    return (
        event.asg in {None, setup.asg}
        and event.group in {None, setup.group}
        and (event.alarm is None or event.alarm in setup.alarms.values())
    )


def _has_left(instance: Instance, event: CloudEvent) -> bool:
    """Whether the event says that an instance stops; the list of instances may not know it yet.

    One that was started again after the event has not left.
    """
    at = instance.launched if event.at is None else event.at
    return event.leaving and event.instance == instance.instance and instance.launched <= at


def _alarms(
    setup: RefereeSetup, event: CloudEvent, world: World, now: float
) -> Mapping[str, Alarm]:
    """What is known of each zone; a node's own word that it is ill counts before its alarm does."""
    zones = {zone for share in setup.shares for zone in share.zones}
    found: dict[str, Alarm] = {z: world.alarms.get(z, "INSUFFICIENT_DATA") for z in zones}
    recent = event.at is None or now - event.at <= WORD_LASTS
    if event.ill and recent and event.zone in found:
        found[event.zone] = "ALARM"
    return found


def _share(
    share: RefereeShare,
    present: tuple[Instance, ...],
    alarms: Mapping[str, Alarm],
    world: World,
) -> _Share:
    nodes = {zone: _node(share, zone, present, world) for zone in share.zones}
    return _Share(setup=share, nodes={z: n for z, n in nodes.items() if n}, alarms=alarms)


def _node(
    share: RefereeShare, zone: str, present: tuple[Instance, ...], world: World
) -> Instance | None:
    """The instance that is the node of a zone: it has the node's address.

    Where that does not tell two apart, the one that the first route leads to, then the oldest.
    """
    address, edge = share.addresses.get(zone), world.routes.get(share.routes[0])
    led = edge.text if edge else None
    found = [i for i in present if i.zone == zone and (address is None or address in i.addresses)]
    return min(found, key=lambda i: (i.interface != led, i.launched, i.instance), default=None)


def _decide(share: _Share, world: World, *, adopt: bool) -> ShareTurn:
    setup, edge = share.setup, world.routes.get(share.setup.routes[0])
    previous = edge.text if edge else None
    zones = {node.interface: zone for zone, node in share.nodes.items()}
    current = zones.get(previous) if previous is not None else None
    refused = {
        route: target
        for route in setup.routes
        if (target := world.routes.get(route)) is not None
        and (target.kind == "unread" or (target.kind == "foreign" and not adopt))
    }
    active, reason = _choose(share, current, first=edge is None)
    if setup.routes[0] in refused:
        # Whoever decides where returns arrive is somebody else, so no client route may follow.
        active, reason = None, "edge-refused"
    return ShareTurn(
        share=setup.name,
        interfaces={zone: node.interface for zone, node in share.nodes.items()},
        healthy={zone: share.alarms[zone] != "ALARM" for zone in sorted(setup.zones)},
        current=current,
        active=active,
        reason=reason,
        previous=previous,
        changes=tuple(_changes(share, active, refused, world)) if active else (),
        refused=refused,
    )


def _choose(share: _Share, current: str | None, *, first: bool) -> tuple[str | None, Reason]:
    """The active zone. It stays where it is while that can carry it: nobody is relieved for order."""
    if not share.nodes:
        return None, "none-discovered"
    if current in share.ok:
        return current, "keep-current"
    if share.ok:
        return share.ok[0], "initial" if first else "failover"
    if current is not None:
        return current, "keep-current-all-unhealthy"
    return next(iter(share.nodes)), "tentative-all-unhealthy"


def _changes(
    share: _Share, active: str, refused: Mapping[TableRoute, Target], world: World
) -> Iterator[RouteChange]:
    """The routes that do not lead to the active node yet; the first one first."""
    interface = share.nodes[active].interface
    for route in share.setup.routes:
        target = world.routes.get(route)
        if target is None:
            yield RouteChange(kind="create", route=route, interface=interface)
        elif target.text != interface and route not in refused:
            yield RouteChange(kind="replace", route=route, interface=interface)


def _replacements(
    setup: RefereeSetup,
    event: CloudEvent,
    world: World,
    shares: tuple[_Share, ...],
    present: tuple[Instance, ...],
    now: float,
) -> tuple[list[Instance], tuple[Instance, ...]]:
    """The instances that are to be replaced, best first, and those that are too young for it.

    Only where the alarm itself says so: nodes whose common upstream is dead say that they are ill
    one after the other, and each would be replaced while the other still looks well. Once it is back
    their alarms end one after the other as well, so news of that replaces nobody either. The tick
    sees to those that were too young when their alarm began, where nothing has changed for long.
    """
    if event.mended or event.trigger not in {"alarm", "peer", "tick"}:
        return [], ()
    if event.trigger == "tick":
        world = _lasting(setup, world, now)
        sure: dict[str, Alarm] = {z: world.alarms.get(z, "ALARM") for z in setup.alarms}
        shares = tuple(replace(share, alarms=sure) for share in shares)
    named = {name: zone for zone, name in setup.alarms.items()}
    about = named.get(event.alarm) if event.alarm is not None else event.zone
    ill = [
        (zone, instance)
        for zone in dict.fromkeys(z for share in shares for z in share.setup.zones)
        if world.alarms.get(zone) == "ALARM" and _is_spared_by_all(zone, shares)
        if (instance := _to_replace(zone, shares, present))
    ]
    if event.trigger == "tick":  # one that is not ready yet is its group's to give up
        return [i for _, i in ill if now - i.launched >= READY_WITHIN + setup.cooldown], ()
    due = [(zone, i) for zone, i in ill if now - i.launched >= setup.cooldown]
    skipped = tuple(i for _, i in ill if now - i.launched < setup.cooldown)
    return [i for _, i in sorted(due, key=lambda each: each[0] != about)], skipped


def _lasting(setup: RefereeSetup, world: World, now: float) -> World:
    """With those alarms only that have said the same for the whole cooldown.

    Any other zone is neither ill enough to be relieved nor well enough to relieve.
    """
    lasting = {z for z, since in world.since.items() if now - since >= setup.cooldown}
    known = {z: a for z, a in world.alarms.items() if z in lasting and a != "INSUFFICIENT_DATA"}
    return replace(world, alarms=known)


def _is_spared_by_all(zone: str, shares: tuple[_Share, ...]) -> bool:
    """Whether each share of an ill zone has another one that can carry it."""
    return all(share.ok for share in shares if zone in share.setup.zones)


def _to_replace(
    zone: str, shares: tuple[_Share, ...], present: tuple[Instance, ...]
) -> Instance | None:
    """The node of an ill zone; the oldest instance there, if none has become its node."""
    nodes = [share.nodes[zone] for share in shares if zone in share.nodes]
    found = nodes or sorted(
        (i for i in present if i.zone == zone), key=lambda i: (i.launched, i.instance)
    )
    return next(iter(found), None)
