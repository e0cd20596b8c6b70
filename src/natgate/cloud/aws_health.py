"""Telling AWS how this node is: a CloudWatch metric, an EventBridge event, a lifecycle hook."""

import asyncio
import json

from natgate.cloud.aws_calls import AwsError
from natgate.cloud.aws_client import AwsClient
from natgate.cloud.imds import Metadata
from natgate.model.aws_names import (
    HOOK,
    METRIC,
    NAMESPACE,
    PATH_HEALTH,
    SCALING_GROUP_TAG,
    SOURCE,
    dimensions,
)
from natgate.model.error import HostError
from natgate.model.spec import Spec
from natgate.model.steering import AwsSteering
from natgate.model.view import PathHealth
from natgate.wire.aws_routes import tag_of

NO_ACTION = "ValidationError"
"""The code by which Auto Scaling says that nobody waits in the hook."""


class AwsAnnouncer:
    """An `Announcer` of one node to CloudWatch, EventBridge and Auto Scaling."""

    def __init__(
        self,
        settings: AwsSteering,
        spec: Spec,
        node: str,
        *,
        client: AwsClient | None = None,
        metadata: Metadata | None = None,
    ) -> None:
        self._client = client or AwsClient(settings.region, settings.deadline)
        self._metadata = metadata or Metadata()
        self._group = spec.network.name
        self._zone = settings.availability_zone(spec.node(node).zone)

    async def measure(self, *, healthy: bool) -> None:
        """One data point of high resolution, so that an alarm can look at ten seconds."""
        point = {
            "MetricName": METRIC,
            "Dimensions": dimensions(self._group, self._zone),
            "Value": 1.0 if healthy else 0.0,
            "Unit": "Count",
            "StorageResolution": 1,
        }
        await self._client.call(
            "cloudwatch", "PutMetricData", NAMESPACE, Namespace=NAMESPACE, MetricData=[point]
        )

    async def announce(self, health: PathHealth) -> None:
        """One event on the account's default bus."""
        detail = {
            "group": self._group,
            "zone": self._zone,
            "healthy": health.healthy,
            "reasons": health.reasons,
        }
        entry = {"Source": SOURCE, "DetailType": PATH_HEALTH, "Detail": json.dumps(detail)}
        answer = await self._client.call("events", "PutEvents", "the default bus", Entries=[entry])
        if answer.get("FailedEntryCount"):
            code = answer["Entries"][0].get("ErrorCode", "")
            raise AwsError(f"events:PutEvents did not take the event: {code}", code)

    async def ready(self) -> bool:
        """End the launch of this instance, if it is an instance, in a group, and waits to be ended."""
        try:
            me = await asyncio.to_thread(self._metadata.instance)
        except HostError:
            return False
        group = await self._group_of(me.id)
        if group is None:
            return True
        try:
            await self._client.call(
                "autoscaling",
                "CompleteLifecycleAction",
                group,
                LifecycleHookName=HOOK,
                AutoScalingGroupName=group,
                InstanceId=me.id,
                LifecycleActionResult="CONTINUE",
            )
        except AwsError as error:
            if error.code != NO_ACTION:
                raise
        return True

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()

    async def _group_of(self, instance: str) -> str | None:
        answer = await self._client.call(
            "ec2", "DescribeInstances", instance, InstanceIds=[instance]
        )
        found = [i for r in answer["Reservations"] for i in r["Instances"]]
        return next((tag_of(i.get("Tags", ()), SCALING_GROUP_TAG) for i in found), None)
