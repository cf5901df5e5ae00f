"""Configurations of the amazon-cloudwatch-agent, and what arrives when our agent runs on them.

Each `cloudwatch_agent/NAME.json` (or directory `NAME.d`) has a `NAME.expected.json`: the exit code, the
pointers that are warned of, and each metric that arrives as name, unit and dimensions. A dimension is told
by its name, or as `name=value` where the value matters. A name that begins with `?` may be missing on this
machine. The expectations are written from the other agent's documentation and source, not from ours.
"""

import datetime
import json
import pathlib
import subprocess

import pytest

from conftest import binary, static_credentials

CASES = pathlib.Path(__file__).parent / "cloudwatch_agent"
NAMES = sorted(path.name.removesuffix(".expected.json") for path in CASES.glob("*.expected.json"))


def environment(local, directory):
    state = directory / "state"
    state.mkdir(exist_ok=True)
    return {
        **static_credentials(),
        "AWS_ENDPOINT_URL": local.url,
        "AWS_EC2_METADATA_SERVICE_ENDPOINT": local.url,
        "AWS_EC2_METADATA_DISABLED": "false",
        "STATE_DIRECTORY": str(state),
        "CASE_DIR": str(directory),
        "CASE_SERVICE": "checkout",
    }


def agent(local, directory, *arguments):
    return subprocess.run(
        [binary("plimsoll-agent"), *arguments],
        capture_output=True, text=True, timeout=90, env=environment(local, directory),
    )


def source(name):
    return str(CASES / (name if name.endswith(".d") else f"{name}.json"))


def expected(name):
    return json.loads((CASES / f"{name}.expected.json").read_text())


def arrived(local, namespace):
    """Every metric of the namespace as name, unit and dimensions, read through boto3."""
    cloudwatch = local.client("cloudwatch")
    now = datetime.datetime.now(datetime.timezone.utc)
    pages = cloudwatch.get_paginator("list_metrics").paginate(Namespace=namespace)
    found = []
    for metric in (metric for page in pages for metric in page["Metrics"]):
        points = cloudwatch.get_metric_statistics(
            **{key: metric[key] for key in ("Namespace", "MetricName", "Dimensions")},
            StartTime=now - datetime.timedelta(minutes=10), EndTime=now + datetime.timedelta(minutes=1),
            Period=60, Statistics=["Sum"],
        )["Datapoints"]
        dimensions = {dimension["Name"]: dimension["Value"] for dimension in metric["Dimensions"]}
        units = {point["Unit"] for point in points}
        assert len(units) == 1, f"{metric} has the units {units}"
        found.append((metric["MetricName"], units.pop(), dimensions))
    return found


def fits(metric, wanted):
    """Whether a metric that arrived is the one that is wanted."""
    (name, unit, dimensions), (wanted_name, wanted_unit, wanted_dimensions) = metric, wanted
    told = dict(dimension.partition("=")[::2] for dimension in wanted_dimensions)
    return (
        (name, unit, set(dimensions)) == (wanted_name.lstrip("?"), wanted_unit, set(told))
        and all(value in ("", dimensions[key]) or (value == "cpu0" and dimensions[key] != "cpu-total"
                                                   and dimensions[key].startswith("cpu"))
                for key, value in told.items())
    )


def check_metrics(found, wanted):
    strangers = [metric for metric in found if not any(fits(metric, one) for one in wanted)]
    assert not strangers, f"nobody asked for {strangers}"
    missing = [one for one in wanted
               if not one[0].startswith("?") and not any(fits(metric, one) for metric in found)]
    assert not missing, f"did not arrive: {missing}; did arrive: {found}"


def check_problems(run, problems):
    lines = run.stderr.splitlines()
    for line, pointer, told in problems:
        assert any(f":{line}:" in text and f" {pointer}" in text and told in text for text in lines), run.stderr
    assert f"{len(problems)} problem" in lines[-1], run.stderr


def check_logs(local, case):
    logs = local.client("logs")
    groups = {group["logGroupName"]: group for group in logs.describe_log_groups()["logGroups"]}
    assert set(groups) == set(case["events"])
    for group, days in case["retention"].items():
        assert groups[group]["retentionInDays"] == days
    for group, streams in case["events"].items():
        events = logs.filter_log_events(logGroupName=group)["events"]
        for stream, messages in streams.items():
            told = [event["message"] for event in events if event["logStreamName"].startswith(stream)]
            assert sorted(told) == sorted(messages), (group, stream, events)
        assert sum(map(len, streams.values())) == len(events), events


def warned(report):
    """The pointers of all lines that tell of a change or of what is not supported."""
    pointers = []
    for line in report.splitlines():
        for outcome in (": changed: ", ": not supported: "):
            if outcome in line and not line.startswith("#"):
                pointers.append(line.split(outcome)[0].split(": ")[-1])
    return pointers


@pytest.mark.parametrize("name", NAMES)
def test_a_configuration_does_what_it_does_with_the_other_agent(name, local, tmp_path):
    case = expected(name)
    yesterday = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=1)
    for file, text in case.get("files", {}).items():
        (tmp_path / file).write_text(text.replace("{yesterday}", yesterday.strftime("%Y-%m-%d")))
    migrated = agent(local, tmp_path, "migrate", source(name))
    assert migrated.returncode == case["exit"], migrated.stderr
    flags = ["--once"] if case.get("once") else ["--for", "5s"]
    run = agent(local, tmp_path, "run", "--cloudwatch-agent-config", source(name), *flags)
    assert run.returncode == case["exit"], run.stderr
    if "problems" in case:
        check_problems(migrated, case["problems"])
        check_problems(run, case["problems"])
        return
    assert sorted(warned(migrated.stderr)) == sorted(case["warnings"])
    for pointer in case["warnings"]:
        assert pointer in run.stderr, run.stderr
    if "metrics" in case:
        check_metrics(arrived(local, case["namespace"]), case["metrics"])
    if "events" in case:
        check_logs(local, case)


def test_what_migrate_writes_is_what_runs(local, tmp_path):
    output = tmp_path / "agent.toml"
    first = agent(local, tmp_path, "migrate", source("instance"), "--output", str(output))
    assert first.returncode == 0 and "taken" in first.stdout, first
    again = agent(local, tmp_path, "migrate", source("instance"), "--output", str(output))
    assert again.returncode == 1 and "exists" in again.stderr, "nothing is written over"
    run = agent(local, tmp_path, "run", "--config", str(output), "--for", "5s")
    assert run.returncode == 0, run.stderr
    case = expected("instance")
    check_metrics(arrived(local, case["namespace"]), case["metrics"])


def test_without_any_configuration_memory_and_disks_are_measured(local, tmp_path):
    empty = tmp_path / "empty.d"
    empty.mkdir()
    run = agent(local, tmp_path, "run", "--cloudwatch-agent-config", str(empty), "--once")
    assert run.returncode == 0, run.stderr
    instance = ["ImageId", "InstanceId", "InstanceType", "AutoScalingGroupName"]
    check_metrics(
        arrived(local, "CWAgent"),
        [["mem_used_percent", "Percent", instance],
         ["disk_used_percent", "Percent", [*instance, "path", "device", "fstype"]]],
    )
