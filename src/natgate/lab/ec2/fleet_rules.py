"""The calls on instances and on the Auto Scaling group, in AWS's words."""

from natgate.lab.ec2.call import Answer, Call, RefusalError, answer
from natgate.lab.ec2.fleet import STATES, Fleet, Member
from natgate.lab.ec2.route_rules import check_dry
from natgate.lab.ec2.settings import CloudTimes
from natgate.model.aws_names import GROUP_TAG, HOOK


class InstanceRules:
    """Stopping and terminating: the group's instances have machines, others are moto's alone."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self.actions = {"StopInstances": self.stop, "TerminateInstances": self.terminate}

    def stop(self, call: Call) -> Answer | None:
        """Instances pass through `stopping`."""
        return self._leave(call, "stopping")

    def terminate(self, call: Call) -> Answer | None:
        """Instances pass through `shutting-down`."""
        return self._leave(call, "shutting-down")

    def _leave(self, call: Call, state: str) -> Answer | None:
        wanted = call.members("InstanceId")
        members = [self._fleet.members[each] for each in wanted if each in self._fleet.members]
        if len(members) != len(wanted):
            return None
        check_dry(call)
        before = {member.instance.id: member.instance.state for member in members}
        for member in members:
            (self._fleet.stop if state == "stopping" else self._fleet.terminate)(member)
        changed = [
            {
                "instanceId": each,
                "currentState": _state(self._fleet.members[each].instance.state),
                "previousState": _state(before[each]),
            }
            for each in wanted
        ]
        return answer(call, {"instancesSet": changed})


class ScalingRules:
    """Auto Scaling, as far as a group of nodes is concerned."""

    def __init__(self, fleet: Fleet, times: CloudTimes) -> None:
        self._fleet, self._times = fleet, times
        self.actions = {
            "DescribeAutoScalingGroups": self.groups,
            "DescribeAutoScalingInstances": self.instances,
            "DescribeLifecycleHooks": self.hooks,
            "SetInstanceHealth": self.health,
            "CompleteLifecycleAction": self.complete,
            "RecordLifecycleActionHeartbeat": self.heartbeat,
            "TerminateInstanceInAutoScalingGroup": self.terminate,
        }

    def groups(self, call: Call) -> Answer:
        """The one group, if it is asked for."""
        wanted = call.members("AutoScalingGroupNames")
        listed = [] if wanted and self._fleet.name not in wanted else [self._group()]
        return answer(call, {"AutoScalingGroups": listed})

    def instances(self, call: Call) -> Answer:
        """Members by id."""
        wanted = call.members("InstanceIds")
        found = [
            {**_shown(member), "AutoScalingGroupName": self._fleet.name}
            for each, member in self._fleet.members.items()
            if not wanted or each in wanted
        ]
        return answer(call, {"AutoScalingInstances": found})

    def hooks(self, call: Call) -> Answer:
        """The one hook."""
        self._is_ours(call)
        hook = {
            "LifecycleHookName": HOOK,
            "AutoScalingGroupName": self._fleet.name,
            "LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING",
            "HeartbeatTimeout": round(self._times.hook),
            "DefaultResult": "CONTINUE",
        }
        return answer(call, {"LifecycleHooks": [hook]})

    def health(self, call: Call) -> Answer:
        """An ill instance is terminated and replaced, grace period respected unless told not to."""
        member = self._member(call)
        respect = call.get("ShouldRespectGracePeriod").lower() != "false"
        self._fleet.judge(member, call.need("HealthStatus"), respect_grace=respect)
        return answer(call, {})

    def complete(self, call: Call) -> Answer:
        """A new instance says that it is ready."""
        self._is_ours(call)
        member = self._member(call)
        if call.need("LifecycleHookName") != HOOK or member.lifecycle != "Pending:Wait":
            raise RefusalError(
                "ValidationError",
                f"No active Lifecycle Action found with instance ID {member.instance.id}",
            )
        self._fleet.complete(member, call.need("LifecycleActionResult"))
        return answer(call, {})

    def heartbeat(self, call: Call) -> Answer:
        """The lab waits as long as it waits."""
        self._is_ours(call)
        self._member(call)
        return answer(call, {})

    def terminate(self, call: Call) -> Answer:
        """One member leaves and is replaced."""
        self._fleet.terminate(self._member(call))
        return answer(call, {"Activity": {"ActivityId": "0", "StatusCode": "InProgress"}})

    def _member(self, call: Call) -> Member:
        wanted = call.need("InstanceId")
        if wanted not in self._fleet.members:
            raise RefusalError("ValidationError", f"Instance Id not found - {wanted}")
        return self._fleet.members[wanted]

    def _is_ours(self, call: Call) -> None:
        wanted = call.need("AutoScalingGroupName")
        if wanted != self._fleet.name:
            raise RefusalError("ValidationError", f"AutoScalingGroup name not found - {wanted}")

    def _group(self) -> dict[str, object]:
        members = list(self._fleet.members.values())
        zones = dict.fromkeys(m.instance.availability_zone for m in members)
        size = self._fleet.size
        return {
            "AutoScalingGroupName": self._fleet.name,
            "MinSize": size,
            "MaxSize": size + 1,
            "DesiredCapacity": size,
            "DefaultCooldown": 300,
            "AvailabilityZones": list(zones),
            "HealthCheckType": "EC2",
            "HealthCheckGracePeriod": round(self._times.cooldown),
            "Instances": [_shown(member) for member in members],
            "Tags": [
                {
                    "ResourceId": self._fleet.name,
                    "ResourceType": "auto-scaling-group",
                    "Key": GROUP_TAG,
                    "Value": self._fleet.group,
                    "PropagateAtLaunch": True,
                }
            ],
        }


def _state(name: str) -> dict[str, object]:
    return {"code": STATES[name], "name": name}


def _shown(member: Member) -> dict[str, object]:
    return {
        "InstanceId": member.instance.id,
        "AvailabilityZone": member.instance.availability_zone,
        "LifecycleState": member.lifecycle,
        "HealthStatus": "HEALTHY" if member.health == "Healthy" else "UNHEALTHY",
        "ProtectedFromScaleIn": False,
    }
