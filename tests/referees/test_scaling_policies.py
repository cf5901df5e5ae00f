"""The policies in packaging are what CloudFormation, botocore, moto and the stand-in accept."""

import copy
import json

import botocore.exceptions
import botocore.session
import botocore.validate
import pytest

from conftest import ROOT, cfn_lint, client

FILES = sorted((ROOT / "packaging" / "scaling").glob("*.json"))
TEMPLATE = ROOT / "packaging" / "cloudformation" / "scaling-policies.yaml"
GROUP = "web"
DIMENSIONS = [{"Name": "AutoScalingGroupName", "Value": GROUP}]
PLACES = {"GROUP": GROUP, "QUEUE": "orders", "TOPIC_ARN": "arn:aws:sns:eu-west-1:111122223333:people"}

NO_ARN = "arn:aws:autoscaling:eu-west-1:111122223333:scalingPolicy:0"


def read(path, **arns):
    text = path.read_text()
    for place, value in {**arns, **PLACES}.items():
        text = text.replace(f'"{place}"', f'"{value}"').replace(f'"{place}-', f'"{value}-')
    return json.loads(text)


def is_alarm(path):
    return path.name.startswith("alarm-")


def watched(call):
    """The metrics that a call is about: name, namespace, dimensions."""
    spec = call.get("TargetTrackingConfiguration", {}).get("CustomizedMetricSpecification", call)
    queries = [query["MetricStat"]["Metric"] for query in spec.get("Metrics", []) if "MetricStat" in query]
    return queries or ([spec] if "MetricName" in spec else [])


def mistakes(call):
    """What is not as the agent tells its signals."""
    found = []
    for metric in watched(call):
        if metric["Namespace"] == "AWS/SQS":
            continue
        if metric["Dimensions"] != DIMENSIONS:
            found.append(f"dimensions of {metric['MetricName']}: {metric['Dimensions']}")
        if metric["Namespace"] not in ("Plimsoll/Signal", "AWS/AutoScaling"):
            found.append(metric["Namespace"])
    return found


def validated(path, call):
    service, operation = ("cloudwatch", "PutMetricAlarm") if is_alarm(path) else ("autoscaling", "PutScalingPolicy")
    shape = botocore.session.get_session().get_service_model(service).operation_model(operation).input_shape
    return botocore.validate.ParamValidator().validate(call, shape).generate_report()


def put_all(scaling, watch):
    """Puts every file, and gives the policies and alarms by file name."""
    scaling.create_auto_scaling_group(
        AutoScalingGroupName=GROUP, MinSize=1, MaxSize=6, DesiredCapacity=1,
        LaunchConfigurationName="lc", AvailabilityZones=["eu-west-1a"],
    )
    arns, calls = {}, {}
    for path in (path for path in FILES if not is_alarm(path)):
        calls[path.stem] = read(path)
        # moto's answer has no ARN.
        arns[path.stem] = scaling.put_scaling_policy(**calls[path.stem]).get("PolicyARN", NO_ARN)
    for path in (path for path in FILES if is_alarm(path)):
        calls[path.stem] = read(path, POLICY_ARN_OUT=arns["step-out"], POLICY_ARN_IN=arns["step-in"])
        watch.put_metric_alarm(**calls[path.stem])
    return calls


def contains(found, sent):
    """Whether all that was sent is in what was found; lists in their order."""
    if isinstance(sent, dict):
        return all(name in found and contains(found[name], value) for name, value in sent.items())
    if isinstance(sent, list):
        return len(found) == len(sent) and all(map(contains, found, sent))
    return found == sent


def read_back(scaling, watch, calls):
    policies = {p["PolicyName"]: p for p in scaling.describe_policies(AutoScalingGroupName=GROUP)["ScalingPolicies"]}
    alarms = {a["AlarmName"]: a for a in watch.describe_alarms()["MetricAlarms"]}
    for name, call in calls.items():
        found = alarms[call["AlarmName"]] if name.startswith("alarm-") else policies[call["PolicyName"]]
        assert contains(found, call), f"{name}: {found}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_file_is_a_valid_call_about_exactly_what_the_agent_tells(path):
    call = read(path)
    assert validated(path, call) == "" and mistakes(call) == []
    assert watched(call) or path.stem in ("step-out", "step-in")
    spoiled = copy.deepcopy(call)
    for metric in watched(spoiled):
        metric["Dimensions"].append({"Name": "InstanceId", "Value": "i-1"})
    assert bool(mistakes(spoiled)) == bool(watched(spoiled)), "an instance more would be found"
    assert validated(path, {**call, "Surplus": 1}) != ""


def test_a_signal_is_tracked_at_ten_seconds_and_never_scales_out_on_silence():
    names = set()
    for path in FILES:
        for metric in watched(read(path)):
            names.add(metric["MetricName"])
            if path.name.startswith("track-") and "Period" in metric:
                assert (metric["Period"], metric["Statistic"]) == (10, "Average"), path
    presets = (ROOT / "agent" / "src" / "signal" / "preset.rs").read_text()
    signals = {"saturation", "pressure", "requests_in_flight", "requests_per_second", "latency_p99"}
    assert all(f'name: "{name}"' in presets for name in signals) and signals | {"cpu"} < names
    silence = {p.stem: read(p)["TreatMissingData"] for p in FILES if is_alarm(p)}
    assert silence == {"alarm-step-out": "missing", "alarm-step-in": "missing", "alarm-signal-missing": "breaching"}
    assert ":sns:" in read(FILES[0])["AlarmActions"][0], "a missing signal only notifies"


def test_the_stand_in_takes_all_of_them_and_gives_them_back(local):
    scaling, watch = local.client("autoscaling"), local.client("cloudwatch")
    read_back(scaling, watch, put_all(scaling, watch))


def test_moto_takes_all_of_them(moto):
    scaling, watch = client("autoscaling", moto), client("cloudwatch", moto)
    scaling.create_launch_configuration(LaunchConfigurationName="lc", ImageId="ami-12345678", InstanceType="t3.micro")
    calls = put_all(scaling, watch)
    policies = scaling.describe_policies(AutoScalingGroupName=GROUP)["ScalingPolicies"]
    assert {p["PolicyName"] for p in policies} == {c["PolicyName"] for c in calls.values() if "PolicyName" in c}


def test_cfn_lint_finds_nothing_in_the_template_and_something_in_a_spoiled_one(tmp_path):
    result = cfn_lint(TEMPLATE)
    assert (result.returncode, result.stdout + result.stderr) == (0, "")
    spoiled = tmp_path / "spoiled.yaml"
    spoiled.write_text(TEMPLATE.read_text().replace("Statistic: Average", "Statistics: Average"))
    assert cfn_lint(spoiled).returncode != 0


def test_the_template_says_what_the_files_say():
    text = TEMPLATE.read_text()
    for path in FILES:
        call = read(path)
        for step in call.get("StepAdjustments", []):
            assert f"ScalingAdjustment: {step['ScalingAdjustment']}\n" in text, path
        for metric in watched(call):
            assert metric["MetricName"] in text, path
        for key in ("TreatMissingData", "ComparisonOperator", "EvaluationPeriods", "AlarmDescription", "PolicyType"):
            if key in call:
                assert f"{key}: {call[key]}" in text or f'{key}: "{call[key]}"' in text, path
