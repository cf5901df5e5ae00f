"""boto3 drives a simulated group: policy and alarms, hooks, activities, tags, and the plot."""

import json
import urllib.request

import botocore.exceptions
import pytest

from conftest import Local, wait_until

GROUP = "web"
SIGNAL = {"Namespace": "Plimsoll/Signal", "MetricName": "saturation"}
DIMENSIONS = [{"Name": "AutoScalingGroupName", "Value": GROUP}]


def read(local, path):
    with urllib.request.urlopen(local.url + path, timeout=10) as answer:
        return answer.read().decode()


@pytest.fixture
def fast(tmp_path):
    server = Local(tmp_path, "--accelerate", "60")
    scaling = server.client("autoscaling")
    scaling.create_auto_scaling_group(
        AutoScalingGroupName=GROUP, MinSize=1, MaxSize=6, DesiredCapacity=1,
        LaunchConfigurationName="lc", AvailabilityZones=["eu-west-1a"], DefaultInstanceWarmup=30,
    )
    yield server, scaling
    server.stop()


def test_a_group_scales_out_on_its_signal(fast):
    local, scaling = fast
    made = scaling.put_scaling_policy(
        AutoScalingGroupName=GROUP, PolicyName="keep", PolicyType="TargetTrackingScaling",
        TargetTrackingConfiguration={
            "TargetValue": 50.0,
            "CustomizedMetricSpecification": {
                "Metrics": [
                    {"Id": "m", "ReturnData": False, "MetricStat": {
                        "Metric": {**SIGNAL, "Dimensions": DIMENSIONS}, "Stat": "Average", "Period": 10}},
                    {"Id": "e", "Expression": "m * 1", "ReturnData": True},
                ]
            },
        },
    )
    names = [alarm["AlarmName"] for alarm in made["Alarms"]]
    assert names[0].startswith("TargetTracking-web-AlarmHigh-") and len(names) == 2
    watch = local.client("cloudwatch")
    assert len(watch.describe_alarms(AlarmNames=names)["MetricAlarms"]) == 2

    def scaled():
        watch.put_metric_data(Namespace=SIGNAL["Namespace"], MetricData=[
            {"MetricName": SIGNAL["MetricName"], "Dimensions": DIMENSIONS, "Value": 100.0, "StorageResolution": 1}])
        return scaling.describe_auto_scaling_groups()["AutoScalingGroups"][0]["DesiredCapacity"] > 1

    wait_until(scaled, 30, "the scale-out")
    causes = [activity["Cause"] for activity in scaling.describe_scaling_activities()["Activities"]]
    assert any("triggered policy keep changing the desired capacity from 1 to 2" in cause for cause in causes)
    shown = json.loads(read(local, f"/_local/groups/{GROUP}"))
    assert {"reversals_per_hour", "wasted_share"} <= set(shown["thrash"])
    assert read(local, f"/_local/groups/{GROUP}.svg").startswith("<svg")
    newest = json.loads(read(local, "/_local/arrivals?metric=saturation"))[-1]
    assert newest["value"] == 100.0 and newest["storage_resolution"] == 1
    assert scaling.describe_policies(PolicyTypes=["TargetTrackingScaling"])["ScalingPolicies"][0]["Alarms"]


def test_a_hook_is_completed_once_and_tags_are_ec2s(fast):
    local, scaling = fast
    scaling.put_lifecycle_hook(
        AutoScalingGroupName=GROUP, LifecycleHookName="ready", HeartbeatTimeout=7200,
        LifecycleTransition="autoscaling:EC2_INSTANCE_LAUNCHING",
    )
    assert scaling.describe_lifecycle_hooks(AutoScalingGroupName=GROUP)["LifecycleHooks"][0]["DefaultResult"] == "ABANDON"

    def waiting():
        found = scaling.describe_auto_scaling_instances()["AutoScalingInstances"]
        return [one["InstanceId"] for one in found if one["LifecycleState"] == "Pending:Wait"]

    (instance,) = wait_until(waiting, 20, "the hook")
    wanted = dict(AutoScalingGroupName=GROUP, LifecycleHookName="ready", InstanceId=instance)
    scaling.record_lifecycle_action_heartbeat(**wanted)
    scaling.complete_lifecycle_action(**wanted, LifecycleActionResult="CONTINUE")
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        scaling.complete_lifecycle_action(**wanted, LifecycleActionResult="CONTINUE")
    assert refused.value.response["Error"]["Code"] == "ValidationError"
    assert "No active Lifecycle Action found" in str(refused.value)
    filters = [{"Name": "resource-id", "Values": [instance]}]
    tags = local.client("ec2").describe_tags(Filters=filters)["Tags"]
    assert [(tag["Key"], tag["Value"]) for tag in tags] == [("aws:autoscaling:groupName", GROUP)]
