"""The referee's part of a template: the function, what wakes it, and the alarms that it reads."""

from natgate.model.aws_names import METRIC, NAMESPACE, PATH_HEALTH, SOURCE, dimensions
from natgate.wire.aws_events import ALARM_CHANGED, LAUNCHED, STATE_CHANGED
from natgate.wire.cloudformation_rights import alarm_arns
from natgate.wire.cloudformation_setup import PERIOD, Deployment, Resource
from natgate.wire.referee_of_spec import setup_for
from natgate.wire.referee_setup import render_referee

COOLDOWN = 300
"""Seconds after its start in which an instance is not replaced; also the group's grace period."""

DEADLINE = 20
"""Seconds for one turn of the referee."""

RUNTIME = "python3.13"


def referee_resources(plan: Deployment) -> Resource:
    """Function, log, alarms, rules and the permissions to call it."""
    found: Resource = {
        "RefereeLog": {
            "Type": "AWS::Logs::LogGroup",
            "DeletionPolicy": "Delete",
            "UpdateReplacePolicy": "Delete",
            "Properties": {
                "LogGroupName": f"/aws/lambda/{plan.name}-referee",
                "RetentionInDays": {"Ref": "LogRetentionDays"},
            },
        },
        "Referee": _function(plan),
        "RefereeAsync": {
            "Type": "AWS::Lambda::EventInvokeConfig",
            "Properties": {
                "FunctionName": {"Ref": "Referee"},
                "Qualifier": "$LATEST",
                "MaximumEventAgeInSeconds": 300,
                "MaximumRetryAttempts": 2,
            },
        },
        "RefereeFailed": _failure_alarm(plan),
    }
    for zone in plan.zones:
        found[f"Alarm{zone.suffix}"] = _zone_alarm(plan, zone.name, plan.alarm(zone))
    for name, rule in _rules(plan).items():
        found[f"On{name}"] = _rule(f"{plan.name}-{_dashed(name)}", rule)
        found[f"On{name}Permission"] = {
            "Type": "AWS::Lambda::Permission",
            "Properties": {
                "Action": "lambda:InvokeFunction",
                "FunctionName": {"Ref": "Referee"},
                "Principal": "events.amazonaws.com",
                "SourceArn": {"Fn::GetAtt": [f"On{name}", "Arn"]},
            },
        }
    return found


def referee_setup(plan: Deployment) -> str:
    """The value of NATGATE_REFEREE, for Fn::Sub: tables are their parameters."""
    tables = {name: f"${{{parameter}}}" for name, parameter in plan.tables.items()}
    return render_referee(
        setup_for(plan.spec, plan.steering, tables, cooldown=COOLDOWN, deadline=DEADLINE)
    )


def _function(plan: Deployment) -> Resource:
    return {
        "Type": "AWS::Lambda::Function",
        "DependsOn": ["RefereeLog"],
        "Properties": {
            "FunctionName": f"{plan.name}-referee",
            "Description": "Leads the routes of natgate's gateways to a healthy zone",
            "Runtime": RUNTIME,
            "Handler": "natgate.agent.referee.handler",
            "Role": {"Fn::GetAtt": ["RefereeRole", "Arn"]},
            "Code": {
                "S3Bucket": {"Ref": "Bucket"},
                "S3Key": {"Fn::Sub": "${KeyPrefix}/${Bundle}/referee.zip"},
            },
            "MemorySize": 256,
            "Timeout": DEADLINE + 10,
            "ReservedConcurrentExecutions": 1,
            "Environment": {"Variables": {"NATGATE_REFEREE": {"Fn::Sub": referee_setup(plan)}}},
        },
    }


def _zone_alarm(plan: Deployment, zone: str, name: str) -> Resource:
    """Two of three periods of ten seconds that are not healthy, or silent."""
    return {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "AlarmName": name,
            "AlarmDescription": f"natgate's path through {zone} is broken, or silent",
            "Namespace": NAMESPACE,
            "MetricName": METRIC,
            "Dimensions": dimensions(plan.group, zone),
            "Statistic": "Minimum",
            "Unit": "Count",
            "ComparisonOperator": "LessThanThreshold",
            "Threshold": 1,
            "Period": PERIOD,
            "EvaluationPeriods": 3,
            "DatapointsToAlarm": 2,
            "TreatMissingData": "breaching",
        },
    }


def _failure_alarm(plan: Deployment) -> Resource:
    """Tells a person that turns of the referee fail: nobody else would."""
    return {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "AlarmName": f"{plan.name}-referee-failed",
            "AlarmDescription": "Turns of natgate's referee fail; its log says why",
            "Namespace": "AWS/Lambda",
            "MetricName": "Errors",
            "Dimensions": [{"Name": "FunctionName", "Value": {"Ref": "Referee"}}],
            "Statistic": "Sum",
            "ComparisonOperator": "GreaterThanOrEqualToThreshold",
            "Threshold": 1,
            "Period": 60,
            "EvaluationPeriods": 5,
            "DatapointsToAlarm": 2,
            "TreatMissingData": "notBreaching",
            "AlarmActions": {
                "Fn::If": ["HasTopic", [{"Ref": "AlarmTopicArn"}], {"Ref": "AWS::NoValue"}]
            },
        },
    }


def _rules(plan: Deployment) -> dict[str, Resource]:
    """What wakes the referee: the properties of each rule, by name."""
    alarms = alarm_arns(plan)
    return {
        "Launch": _pattern(
            "aws.autoscaling",
            LAUNCHED,
            detail={"AutoScalingGroupName": [plan.name]},
        ),
        "State": _pattern(
            "aws.ec2",
            STATE_CHANGED,
            detail={"state": ["stopping", "shutting-down"]},
        ),
        "Alarm": _pattern("aws.cloudwatch", ALARM_CHANGED, resources=alarms),
        "PathHealth": _pattern(SOURCE, PATH_HEALTH, detail={"group": [plan.group]}),
        "Tick": {"ScheduleExpression": "rate(1 minute)"},
    }


def _pattern(source: str, kind: str, **more: object) -> Resource:
    return {"EventPattern": {"source": [source], "detail-type": [kind], **more}}


def _rule(name: str, rule: Resource) -> Resource:
    target = {"Id": "referee", "Arn": {"Fn::GetAtt": ["Referee", "Arn"]}}
    properties = {"Name": name, "State": "ENABLED", "Targets": [target], **rule}
    return {"Type": "AWS::Events::Rule", "Properties": properties}


def _dashed(name: str) -> str:
    return "".join(f"-{c.lower()}" if c.isupper() else c for c in name).lstrip("-")
