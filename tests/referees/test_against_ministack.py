"""Agent and collector against MiniStack, which speaks CloudWatch's CBOR and evaluates alarms for real."""

import datetime
import json

from conftest import REGION, ROOT, Process, binary, client, static_credentials, wait_until


def metrics(cloudwatch, namespace):
    pages = cloudwatch.get_paginator("list_metrics").paginate(Namespace=namespace)
    return [metric for page in pages for metric in page["Metrics"]]


def test_host_metrics_arrive_over_cbor_with_sane_values(ministack, tmp_path):
    (tmp_path / "state").mkdir()
    config = tmp_path / "agent.toml"
    config.write_text(
        f"""
[agent]
state_dir = "{tmp_path}/state"
[aws]
region = "{REGION}"
endpoint_url = "{ministack}"
[metrics]
interval = "1s"
"""
    )
    running = Process(
        [binary("plimsoll-agent"), "run", "--config", str(config)], tmp_path / "agent.log", static_credentials()
    )
    cloudwatch = client("cloudwatch", ministack)

    def cpu():
        running.assert_running()
        return [m for m in metrics(cloudwatch, "Plimsoll/Host") if m["MetricName"] == "cpu_usage_active"]

    found = wait_until(cpu, 20, "the first processor metric")
    names = {metric["MetricName"] for metric in metrics(cloudwatch, "Plimsoll/Host")}
    assert {"mem_used_percent", "load_1", "disk_used_percent", "swap_used_percent", "processes_total"} <= names
    now = datetime.datetime.now(datetime.timezone.utc)
    points = cloudwatch.get_metric_statistics(
        Namespace="Plimsoll/Host", MetricName="mem_used_percent", Dimensions=found[0]["Dimensions"],
        StartTime=now - datetime.timedelta(minutes=5), EndTime=now + datetime.timedelta(minutes=1),
        Period=60, Statistics=["Average"],
    )["Datapoints"]
    assert points and all(0 < point["Average"] < 100 for point in points)
    assert running.stop() == 0


def test_the_collectors_alarm_is_evaluated_and_fires(ministack, tmp_path):
    topic = client("sns", ministack).create_topic(Name="incidents")["TopicArn"]
    attack = ROOT / "examples" / "demo"
    config = tmp_path / "collector.toml"
    config.write_text(
        f"""
[collector]
state = "{tmp_path}/state.sqlite"
interval = "5s"
[aws]
region = "{REGION}"
endpoint_url = "{ministack}"
[cloudtrail]
directory = "{tmp_path}/cloudtrail"
[notify]
topic_arn = "{topic}"
[plan]
apply = true
"""
    )
    replayed = Process(
        [binary("plimsoll-local"), "replay", "--from", str(attack), "--to", str(tmp_path)],
        tmp_path / "replay.log", static_credentials(),
    )
    assert replayed.child.wait(60) == 0, replayed.text()
    running = Process(
        [binary("plimsoll-collector"), "run", "--config", str(config)], tmp_path / "collector.log", static_credentials()
    )
    cloudwatch = client("cloudwatch", ministack)

    def alarms():
        running.assert_running()
        return cloudwatch.describe_alarms(AlarmNamePrefix="plimsoll-")["MetricAlarms"]

    wait_until(alarms, 30, "the alarms")
    fired = wait_until(
        lambda: [a for a in alarms() if a["StateValue"] == "ALARM" and "incident" in a["AlarmName"]], 90, "the incident alarm"
    )
    assert fired[0]["Namespace"] == "Plimsoll/Security"
    dashboards = cloudwatch.list_dashboards()["DashboardEntries"]
    body = json.loads(cloudwatch.get_dashboard(DashboardName=dashboards[0]["DashboardName"])["DashboardBody"])
    assert body["widgets"]
    assert running.stop() == 0
