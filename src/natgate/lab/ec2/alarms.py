"""CloudWatch's alarms of a group, judged by what its nodes say: Minimum of PathHealthy below 1."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from natgate.lab.ec2.bus import Bus
from natgate.lab.ec2.settings import CloudTimes, alarm_of, group_of
from natgate.lab.ec2.taught import Model
from natgate.lab.scene import Scene
from natgate.model.aws_names import METRIC, NAMESPACE, dimensions

PERIODS, BREACHING = 3, 2
OK, ALARM = "OK", "ALARM"


def verdict(points: Iterable[float | None]) -> str:
    """The state by the last three periods; None: nobody said anything, which is breaching."""
    bad = sum(1 for point in points if point is None or point < 1)
    return ALARM if bad >= BREACHING else OK


class Alarms:
    """One alarm for each zone; AWS has periods of 10 s at least, the lab's are shorter."""

    def __init__(
        self,
        cloudwatch: Model,
        scene: Scene,
        zones: Iterable[str],
        bus: Bus,
        times: CloudTimes,
        clock: Callable[[], float],
    ) -> None:
        self._cloudwatch, self._bus, self._clock = cloudwatch, bus, clock
        self._period, self._group = times.alarm_period, group_of(scene)
        self._alarms = {zone: alarm_of(scene, zone) for zone in zones}
        self._born = clock()

    def build(self) -> None:
        """Make the alarms; they say INSUFFICIENT_DATA until three periods have passed."""
        for zone, name in self._alarms.items():
            self._cloudwatch.put_metric_alarm(
                name=name,
                namespace=NAMESPACE,
                metric_name=METRIC,
                comparison_operator="LessThanThreshold",
                evaluation_periods=PERIODS,
                datapoints_to_alarm=BREACHING,
                period=max(1, round(self._period)),
                threshold=1.0,
                statistic="Minimum",
                description="the path through a zone",
                dimensions=dimensions(self._group, zone),
                alarm_actions=[],
                treat_missing_data="breaching",
            )

    def judge(self) -> None:
        """Look at what was said, and tell of each alarm that changed."""
        end = self._clock() // self._period * self._period
        start = end - PERIODS * self._period
        self._forget(start)
        if start < self._born:
            return
        for zone, name in self._alarms.items():
            alarm = self._cloudwatch.alarms.get(name)
            if alarm is None:
                continue
            points = self._points(zone, start)
            state, before = verdict(points), alarm.state_value
            if state != before:
                reason = f"Threshold Crossed: {points} against 1.0 over {self._period:g} s each"
                alarm.update_state(reason, "{}", state)
                self._bus.alarm(name, before, state, reason, self._metric(zone))

    def _points(self, zone: str, start: float) -> list[float | None]:
        wanted = {"Group": self._group, "Zone": zone}
        points: list[float | None] = [None] * PERIODS
        for datum in self._cloudwatch.metric_data:
            if (datum.namespace, datum.name) != (NAMESPACE, METRIC):
                continue
            if {each.name: each.value for each in datum.dimensions} != wanted:
                continue
            index = int((_seconds(datum.timestamp) - start) // self._period)
            if 0 <= index < PERIODS:
                held = points[index]
                points[index] = datum.value if held is None else min(held, datum.value)
        return points

    def _forget(self, start: float) -> None:
        self._cloudwatch.metric_data = [
            each for each in self._cloudwatch.metric_data if _seconds(each.timestamp) >= start
        ]

    def _metric(self, zone: str) -> dict[str, object]:
        named = {"Group": self._group, "Zone": zone}
        metric = {"namespace": NAMESPACE, "name": METRIC, "dimensions": named}
        return {"metric": metric, "period": self._period, "stat": "Minimum"}


def _seconds(when: object) -> float:
    """A time of moto's, which is in UTC whether it says so or not."""
    if not isinstance(when, datetime):
        return 0.0
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
