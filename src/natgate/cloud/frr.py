"""Steering by BGP: this node's claims in a running bgpd, and what its routers tell of the others'.

Only statements whose route map is natgate's own are touched, and nothing is written to FRR's files.
BGP has one table: routes of several tables to one destination are one announcement.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from natgate.cloud.interface import Target
from natgate.cloud.vty import Vty
from natgate.model.error import HostError
from natgate.model.routes import Route, wanted_routes
from natgate.model.spec import Spec
from natgate.model.steering import FrrSteering as FrrSettings
from natgate.wire import frr
from natgate.wire.frr import Claim, Verdict

SETTLED = 2.0
"""Seconds after which a session is held to have told all of its router's routes."""

CONFIRMED = 1.0
"""Seconds that routers have to follow a claim; FRR takes 0.1 s (twice a queue of 50 ms)."""

QUIET = 0.3
"""Seconds after which routers that tell nothing back are held to follow: not all tell a node its own
path."""

POLL = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What bgpd says at one moment; `ill` is why this node cannot carry routes, None if it can."""

    system: int
    ill: str | None
    prefixes: Mapping[IPv4Network, Verdict]


class FrrSteering:
    """A `Steering` that announces this node, and no other, through the bgpd beside it."""

    def __init__(self, settings: FrrSettings, spec: Spec, node: str) -> None:
        self._me = spec.node(node).address
        self._routers = settings.routers
        self._vty = Vty(Path(settings.vty_dir.replace("{node}", node)) / "bgpd.vty")
        self._order = {
            route.destination: names.index(node)
            for gateway in spec.gateways
            if node in (names := spec.nodes_of(gateway))
            for route in wanted_routes(spec, gateway)
        }
        self._made = frr.Made(networks={}, maps=frozenset(), foreign=frozenset())
        self._lowest = frr.RANKS
        self._turn = asyncio.Lock()

    async def read(self, routes: Sequence[Route]) -> Mapping[Route, Target | None]:
        """What the routers lead each route to; HostError if no session to one is up."""
        async with self._turn:
            seen = await self._look(_destinations(routes))
        return {route: seen.prefixes[route.destination].holder for route in routes}

    async def point(self, routes: Sequence[Route], node: IPv4Address) -> Mapping[Route, str]:
        """Claim each route with a lower MED than any seen, and wait until the routers follow.

        Where they do not within 1 s this node stands in again, and the route's error says so.
        """
        if node != self._me:
            return dict.fromkeys(routes, f"{self._me} can announce itself only")
        wanted = _destinations(routes)
        try:
            async with self._turn:
                await self._claim(wanted)
            left = await self._unconfirmed(wanted)
        except HostError as error:
            return dict.fromkeys(routes, str(error))
        return {r: left[r.destination] for r in routes if r.destination in left}

    async def refused(self, routes: Sequence[Route]) -> Mapping[Route, str]:
        """Those that the operator announces by a statement of his own; all, if bgpd is out of reach."""
        try:
            async with self._turn:
                await self._connect()
        except HostError as error:
            return dict.fromkeys(routes, str(error))
        return {r: _foreign(r.destination) for r in routes if r.destination in self._made.foreign}

    async def offer(
        self, routes: Sequence[Route], node: IPv4Address, *, fit: bool | None
    ) -> str | None:
        """Stand in where the node is fit and not active, and be the last choice where it is not."""
        if node != self._me:
            return None
        wanted = [prefix for prefix in _destinations(routes) if prefix in self._order]
        try:
            async with self._turn:
                return await self._settle(wanted, fit=fit)
        except HostError as error:
            return str(error)

    async def withdraw(self) -> None:
        """Take away every statement and route map that natgate made in this bgpd."""
        async with self._turn:
            system = await self._connect()
            made = frr.parse_running(await self._vty.run(frr.RUNNING))
            await self._vty.configure(frr.withdraw(system, made.networks, sorted(made.maps)))
            self._made = replace(made, networks={}, maps=frozenset())

    def close(self) -> None:
        """Give the connection back; what is announced stays announced."""
        self._vty.close()

    async def _connect(self) -> int:
        """The AS of bgpd; a fresh connection is told first what natgate had made before it."""
        fresh = await self._vty.connect()
        system = frr.parse_summary(await self._vty.run(frr.SUMMARY)).autonomous_system
        if fresh:
            self._made = frr.parse_running(await self._vty.run(frr.RUNNING))
            stale = [prefix for prefix in self._made.networks if prefix not in self._order]
            if stale:
                await self._vty.configure(frr.withdraw(system, stale, ()))
                kept = {p: name for p, name in self._made.networks.items() if p not in stale}
                self._made = replace(self._made, networks=kept)
        return system

    async def _look(self, prefixes: Iterable[IPv4Network], *, strict: bool = True) -> Seen:
        """What is announced and told; `strict`: no session at all is an error."""
        await self._connect()
        summary = frr.parse_summary(await self._vty.run(frr.SUMMARY))
        system, sessions = summary.autonomous_system, summary.sessions
        ages = {router: sessions[router] for router in self._routers if router in sessions}
        up = [router for router, age in ages.items() if age is not None and age >= SETTLED]
        ill = frr.illness(ages, self._routers, SETTLED)
        if strict and not up:
            raise HostError(ill or "no session")
        found = {
            prefix: frr.verdict(frr.parse_paths(await self._vty.run(frr.show(prefix)), system), up)
            for prefix in prefixes
        }
        self._lowest = frr.lowest_med(found.values(), self._made, self._lowest)
        return Seen(system=system, ill=ill, prefixes=found)

    async def _claim(self, prefixes: list[IPv4Network]) -> None:
        seen = await self._look(prefixes)
        missing = [p for p in prefixes if not self._holds(seen.prefixes[p])]
        if not missing:
            return
        if self._lowest <= 1:
            raise HostError("no lower MED is left; run natgate remove on all nodes, then apply")
        await self._announce(seen.system, dict.fromkeys(missing, self._lowest - 1))

    def _holds(self, verdict: Verdict) -> bool:
        own = verdict.own
        return verdict.holder == self._me and own is not None and own.active

    def _confirmed(self, verdict: Verdict, *, quiet: bool) -> bool:
        return self._holds(verdict) and (quiet or verdict.told == verdict.own)

    async def _unconfirmed(self, prefixes: list[IPv4Network]) -> dict[IPv4Network, str]:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + CONFIRMED
        while True:
            async with self._turn:
                seen = await self._look(prefixes)
                quiet = loop.time() > deadline - CONFIRMED + QUIET
                left = [p for p in prefixes if not self._confirmed(seen.prefixes[p], quiet=quiet)]
                if not left:
                    return {}
                if loop.time() > deadline:
                    await self._announce(
                        seen.system, {p: frr.STAND_IN + self._order[p] for p in left}
                    )
                    return {p: _refusal(seen.prefixes[p]) for p in left}
            await asyncio.sleep(POLL)

    async def _settle(self, prefixes: list[IPv4Network], *, fit: bool | None) -> str | None:
        seen = await self._look(prefixes, strict=False)
        if seen.ill is not None:
            fit = False
        if fit is None:
            return None
        meds: dict[IPv4Network, int] = {}
        for prefix, verdict in seen.prefixes.items():
            med = frr.place(verdict, self._me, self._order[prefix], fit=fit)
            if verdict.own != Claim(node=self._me, med=med):
                meds[prefix] = med
        if meds:
            await self._announce(seen.system, meds)
            again = await self._look(meds, strict=False)
            lost = next((p for p, verdict in again.prefixes.items() if verdict.own is None), None)
            if lost is not None:
                return f"bgpd does not announce {lost}; it needs no bgp network import-check"
        return seen.ill

    async def _announce(self, system: int, meds: Mapping[IPv4Network, int]) -> None:
        """Announce prefixes; route maps that no statement uses any more are taken away."""
        made = self._made
        taken = next((prefix for prefix in meds if prefix in made.foreign), None)
        if taken is not None:
            raise HostError(_foreign(taken))
        for med in sorted(set(meds.values())):
            chosen = [prefix for prefix, value in meds.items() if value == med]
            claim = Claim(node=self._me, med=med)
            await self._vty.configure(frr.announce(system, claim, chosen))
        networks = {**made.networks, **{p: frr.map_name(m) for p, m in meds.items()}}
        used = frozenset(networks.values())
        self._made = frr.Made(networks=networks, maps=made.maps | used, foreign=made.foreign)
        unused = sorted(self._made.maps - used)
        if unused:
            await self._vty.configure(frr.withdraw(system, (), unused))
            self._made = replace(self._made, maps=used)


def _destinations(routes: Iterable[Route]) -> list[IPv4Network]:
    """Each prefix once, whatever the tables are."""
    return list(dict.fromkeys(route.destination for route in routes))


def _foreign(prefix: IPv4Network) -> str:
    return f"bgpd announces {prefix} by a statement that natgate did not make; remove it"


def _refusal(verdict: Verdict) -> str:
    who = verdict.holder or "another node that stands in"
    return f"the routers do not follow within {CONFIRMED:.0f} s: they still lead it to {who}"
