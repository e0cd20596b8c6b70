"""All parts of a lab's cloud put together."""

import threading
import time
from collections.abc import Callable

from natgate.lab.control import BOOT
from natgate.lab.ec2.address_rules import AddressRules
from natgate.lab.ec2.agenda import Agenda
from natgate.lab.ec2.alarms import Alarms
from natgate.lab.ec2.bus import Bus, Listener
from natgate.lab.ec2.call import Call
from natgate.lab.ec2.endpoint import Endpoint, moto_application
from natgate.lab.ec2.faults import ApiFaults
from natgate.lab.ec2.fleet import Fleet, Machines, Member
from natgate.lab.ec2.fleet_rules import InstanceRules, ScalingRules
from natgate.lab.ec2.metadata import Metadata
from natgate.lab.ec2.mirror import Standing
from natgate.lab.ec2.route_rules import RouteRules
from natgate.lab.ec2.settings import CloudTimes
from natgate.lab.ec2.taught import addresses_of, backends, teach
from natgate.lab.ec2.world import World
from natgate.lab.scene import Scene
from natgate.lab.vpc import REGION
from natgate.model.error import RefusedError

POLL = 0.05

Sync = Callable[[list[Standing]], None]


class Cloud:
    """A scene's API and metadata service, and the life of its instances.

    `sync` brings the kernel to what the VPC is; it is called before a change is answered.
    """

    def __init__(self, scene: Scene, machines: Machines, times: CloudTimes) -> None:
        ec2, cloudwatch = backends(REGION)
        teach()
        self.lock = threading.RLock()
        self.world = World(scene=scene, ec2=ec2)
        self.world.build()
        self._agenda = Agenda()
        self._sync: Sync = lambda _: None
        self._bus = bus = Bus(REGION)
        self.fleet = Fleet(self.world, machines, bus, self._agenda, times, time.time)
        self.faults = ApiFaults(lambda: self.world.tables)
        zones = dict.fromkeys(self.world.zone(node.zone) for node in scene.spec.nodes)
        self._alarms = Alarms(cloudwatch, scene, zones, bus, times, time.time)
        self._alarms.build()
        self._agenda.every(times.alarm_period / 2, self._alarms.judge)
        self._agenda.every(times.tick, bus.tick)
        rules = (
            RouteRules(ec2),
            AddressRules(ec2),
            InstanceRules(self.fleet),
            ScalingRules(self.fleet, times),
            bus,
        )
        self.api = Endpoint(moto_application(), rules, self.faults, self._changed, self.lock)
        self.metadata = Metadata(self._member_at)

    def begin(self, sync: Sync, listener: Listener) -> None:
        """Launch the first instances; the kernel follows and the listener is told from now on."""
        with self.lock:
            self._bus.listen(listener)
            self._sync = sync
            self.fleet.begin()
            self._follow()

    def run(self, ended: threading.Event) -> None:
        """Do what is due until the end."""
        while not ended.wait(POLL):
            with self.lock:
                if self._agenda.run():
                    self._follow()

    def act(self, verb: str, argument: str) -> str:
        """A verb of `natgate lab api`: a fault of the API, or the end of an instance."""
        if verb not in {"stop", "terminate", BOOT}:
            return self.faults.set(verb, argument)
        with self.lock:
            member = self.fleet.of_node(argument)
            if member is None:
                raise RefusedError(f"no instance stands for {argument} at the moment")
            if verb == BOOT:
                return self._boot(member)
            (self.fleet.stop if verb == "stop" else self.fleet.terminate)(member)
            self._follow()
        return f"instance {member.instance.id} of {argument} is {member.instance.state}"

    def _boot(self, member: Member) -> str:
        if not member.instance.is_running():
            raise RefusedError(f"instance {member.instance.id} is {member.instance.state}")
        self.fleet.boot(member, fresh=False)
        return f"the machine of {member.node.name} is starting"

    def _changed(self, call: Call) -> None:
        if call.service in {"ec2", "autoscaling"}:
            self._follow()

    def _follow(self) -> None:
        self._sync(self.fleet.standing())

    def _member_at(self, source: str) -> Member | None:
        with self.lock:
            for member in self.fleet.members.values():
                if source in addresses_of(member.instance.nics[0]):
                    return member
        return None
