"""What a lab's cloud is told when it starts; times are short, so that nobody waits for AWS's."""

from natgate.lab.scene import Scene
from natgate.model import aws_names
from natgate.model.fields import Model


class CloudTimes(Model):
    """How fast the lab's cloud is, in seconds; AWS takes minutes for most of it."""

    stopping: float = 1.0
    replaced_after: float = 3.0
    booting: float = 0.5
    hook: float = 30.0
    alarm_period: float = 2.0
    tick: float = 15.0
    cooldown: float = 20.0


def group_of(scene: Scene) -> str:
    """The group's name: the tag natgate:group."""
    return scene.spec.network.name


def scaling_group_of(scene: Scene) -> str:
    """The name of its Auto Scaling group."""
    return aws_names.scaling_group(group_of(scene))


def alarm_of(scene: Scene, zone: str) -> str:
    """The name of a zone's alarm."""
    return aws_names.alarm(group_of(scene), zone)
