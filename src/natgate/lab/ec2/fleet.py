"""The Auto Scaling group: one instance for each node, which is replaced when it has gone."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from natgate.lab.ec2.agenda import Agenda
from natgate.lab.ec2.bus import Bus
from natgate.lab.ec2.mirror import Standing
from natgate.lab.ec2.settings import CloudTimes, group_of, scaling_group_of
from natgate.lab.ec2.taught import Model
from natgate.lab.ec2.world import World
from natgate.model.spec import Node

STATES = {
    "pending": 0,
    "running": 16,
    "shutting-down": 32,
    "terminated": 48,
    "stopping": 64,
    "stopped": 80,
}
WAITING, IN_SERVICE, LEAVING = "Pending:Wait", "InService", "Terminating"


class Machines(Protocol):
    """What an instance is made of."""

    def kill(self, node: str) -> None:
        """Its machine is off, at once."""
        ...

    def boot(self, node: str, address: str, *, fresh: bool) -> None:
        """A machine with this address on its link, that joins and runs its agent.

        `fresh`: its disk is empty.
        """
        ...


@dataclass(slots=True, kw_only=True)
class Member:
    """An instance of the group."""

    node: Node
    instance: Model
    lifecycle: str = WAITING
    health: str = "Healthy"
    since: float = 0.0


class Fleet:
    """The members by their life: launched, in service, ill, gone, replaced."""

    def __init__(
        self,
        world: World,
        machines: Machines,
        bus: Bus,
        agenda: Agenda,
        times: CloudTimes,
        clock: Callable[[], float],
    ) -> None:
        self._world, self._machines, self._bus = world, machines, bus
        self._agenda, self._times, self._clock = agenda, times, clock
        self.name, self.group = scaling_group_of(world.scene), group_of(world.scene)
        self.size = len(world.scene.spec.nodes)
        self.members: dict[str, Member] = {}

    def begin(self) -> None:
        """The first instances: their machines are booted by who builds the lab."""
        for node in self._world.scene.spec.nodes:
            self._admit(node, self._world.launch(node, first=True))

    def standing(self) -> list[Standing]:
        """The members that run."""
        return [
            Standing(node=member.node.name, interface=member.instance.nics[0])
            for member in self.members.values()
            if member.instance.is_running()
        ]

    def of_node(self, node: str) -> Member | None:
        """The member that stands for a node."""
        return next((m for m in self.members.values() if m.node.name == node), None)

    def boot(self, member: Member, *, fresh: bool) -> None:
        """Start the machine of a member that runs."""
        address = member.instance.nics[0].private_ip_address
        self._machines.boot(member.node.name, address, fresh=fresh)

    def stop(self, member: Member) -> None:
        """StopInstances: its machine is off, and the group replaces it."""
        if not self._leave(member, "stopping"):
            return

        def stopped() -> None:
            self._state(member, "stopped")
            self._state(member, "shutting-down")
            self._agenda.after(self._times.stopping, terminated)

        def terminated() -> None:
            self._gone(member)

        self._agenda.after(self._times.stopping, stopped)

    def terminate(self, member: Member) -> None:
        """TerminateInstances, or the group's own decision."""
        if self._leave(member, "shutting-down"):
            self._agenda.after(self._times.stopping, lambda: self._gone(member))

    def judge(self, member: Member, health: str, *, respect_grace: bool) -> None:
        """SetInstanceHealth: one that is ill is terminated, but not within its grace period."""
        young = self._clock() - member.since < self._times.cooldown
        if respect_grace and young and member.lifecycle == IN_SERVICE:
            return
        member.health = health
        if health == "Unhealthy":
            self._agenda.after(0, lambda: self.terminate(member))

    def complete(self, member: Member, result: str) -> None:
        """The lifecycle hook is over; AWS says then that the launch was successful."""
        if member.lifecycle != WAITING:
            return
        if result == "ABANDON":
            self.terminate(member)
            return
        member.lifecycle, member.since = IN_SERVICE, self._clock()
        instance = member.instance
        self._bus.launched(self.name, instance.id, instance._placement.zone, instance.subnet_id)  # noqa: SLF001

    def _admit(self, node: Node, instance: Model) -> Member:
        member = Member(node=node, instance=instance, since=self._clock())
        self.members[instance.id] = member
        self._agenda.after(self._times.hook, lambda: self.complete(member, "CONTINUE"))
        return member

    def _launch(self, node: Node) -> None:
        member = self._admit(node, self._world.launch(node, first=False))
        self._state(member, "pending")

        def running() -> None:
            if member.lifecycle == LEAVING:
                return
            self._state(member, "running")
            self.boot(member, fresh=True)

        self._agenda.after(self._times.booting, running)

    def _leave(self, member: Member, state: str) -> bool:
        """The member's machine is off; False if it was leaving already."""
        if member.lifecycle == LEAVING:
            return False
        member.lifecycle = LEAVING
        self._state(member, state)
        self._machines.kill(member.node.name)
        return True

    def _gone(self, member: Member) -> None:
        if member.instance.state != "terminated":
            member.instance.terminate()
        self._bus.state(member.instance.id, "terminated")
        self.members.pop(member.instance.id, None)
        self._agenda.after(self._times.replaced_after, lambda: self._launch(member.node))

    def _state(self, member: Member, state: str) -> None:
        held = member.instance._state  # noqa: SLF001 (moto has no setter)
        held.name, held.code = state, STATES[state]
        self._bus.state(member.instance.id, state)
