"""Embedded metric format and metrics of log lines, judged by the client of AWS, by boto3, and by Python's own sums."""

import datetime
import json
import math
import random
import subprocess
import sys

import pytest

from conftest import Process, binary, free_port, static_credentials, wait_until

# What an application does, with the library that AWS publishes for it.
APPLICATION = """
import asyncio
from aws_embedded_metrics import metric_scope

@metric_scope
def order(n, metrics):
    metrics.set_dimensions({"Service": "cart"}, {"Service": "cart", "Shop": "eu"})
    metrics.put_metric("Orders", 1, "Count")
    metrics.put_metric("Total", 10 * n, "None", 1)
    for value in range(n):
        metrics.put_metric("Step", value, "Milliseconds")
    metrics.set_property("order", n)

for n in range(1, 6):
    order(n)
"""


@pytest.fixture
def agent(local, tmp_path):
    """Starts an agent with a configuration; gives it."""
    started = []

    def start(text):
        path = tmp_path / "agent.toml"
        path.write_text(
            f'[agent]\nstate_dir = "{tmp_path}/state"\n[aws]\nendpoint_url = "{local.url}"\n{text}'
        )
        command = [binary("plimsoll-agent"), "run", "--config", str(path)]
        process = Process(command, tmp_path / "agent.log", static_credentials())
        started.append(process)
        wait_until(lambda: "started" in process.text(), 20, "the agent's start")
        return process

    yield start
    for process in started:
        if process.child.poll() is None:
            process.stop()


def points(local, namespace, name, dimensions=(), percentiles=()):
    """Everything that was told of a series, folded into one period."""
    now = datetime.datetime.now(datetime.timezone.utc)
    query = {
        "Namespace": namespace,
        "MetricName": name,
        "Dimensions": [{"Name": key, "Value": value} for key, value in dict(dimensions).items()],
        "StartTime": now - datetime.timedelta(hours=2),
        "EndTime": now + datetime.timedelta(hours=1),
        "Period": 60,
    }
    cloudwatch = local.client("cloudwatch")
    found = cloudwatch.get_metric_statistics(
        **query, Statistics=["Sum", "SampleCount", "Minimum", "Maximum"]
    )["Datapoints"]
    told = {
        "Sum": sum(point["Sum"] for point in found),
        "SampleCount": sum(point["SampleCount"] for point in found),
        "Minimum": min((point["Minimum"] for point in found), default=None),
        "Maximum": max((point["Maximum"] for point in found), default=None),
        "Unit": {point["Unit"] for point in found},
    }
    if percentiles:
        ranked = cloudwatch.get_metric_statistics(**query, ExtendedStatistics=list(percentiles))["Datapoints"]
        assert len(ranked) == 1, ranked
        told.update(ranked[0]["ExtendedStatistics"])
    return told


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_the_client_of_aws_is_heard_over_tcp_and_udp(local, agent, protocol):
    port = free_port()
    process = agent(
        f'[metrics]\nscrapers = []\ninterval = "1s"\n[metrics.emf]\n{protocol} = "127.0.0.1:{port}"\n'
    )
    wait_until(lambda: "is received at" in process.text(), 20, "the listener")
    environment = static_credentials(
        AWS_EMF_ENVIRONMENT="default",
        AWS_EMF_AGENT_ENDPOINT=f"{protocol}://127.0.0.1:{port}",
        AWS_EMF_NAMESPACE="Shop",
        AWS_EMF_SERVICE_NAME="cart",
    )
    subprocess.run([sys.executable, "-c", APPLICATION], env=environment, check=True, timeout=60)
    for dimensions in [{"Service": "cart"}, {"Service": "cart", "Shop": "eu"}]:
        wait_until(lambda: points(local, "Shop", "Orders", dimensions)["Sum"] == 5, 20, f"orders {dimensions}")
        total = points(local, "Shop", "Total", dimensions)
        assert (total["Sum"], total["SampleCount"], total["Maximum"]) == (150, 5, 50)
        steps = points(local, "Shop", "Step", dimensions)
        assert (steps["Sum"], steps["SampleCount"], steps["Maximum"]) == (20, 15, 4)
        assert steps["Unit"] == {"Milliseconds"}
    process.stop()
    assert "reason=emf_" not in process.text(), process.text()[-2000:]


def document(metrics, value):
    now = int(datetime.datetime.now().timestamp() * 1000)
    names = [f"m{n}" for n in range(metrics)]
    directive = {"Namespace": "Files", "Dimensions": [["Service"]], "Metrics": [{"Name": name} for name in names]}
    return json.dumps(
        {"_aws": {"Timestamp": now, "CloudWatchMetrics": [directive]}, "Service": "cart", "note": "x",
         **{name: value + n for n, name in enumerate(names)}}
    )


@pytest.mark.parametrize("emf", ["ship", "extract"])
def test_documents_in_a_followed_file_become_metrics_also_with_250_of_them(local, agent, tmp_path, emf):
    log = tmp_path / "app.log"
    log.write_text(f"before\n{document(250, 1)}\n{document(3, 1000)}\nafter\n")
    process = agent(
        f'[logs]\nflush_interval = "200ms"\n[[logs.file]]\npath = "{log}"\nstart = "beginning"\ngroup = "/files"\n'
        f'stream = "s"\nemf = "{emf}"\n[metrics]\nscrapers = []\ninterval = "1s"\n'
    )
    dimensions = {"Service": "cart"}

    def told():
        last = points(local, "Files", "m249", dimensions)
        return last["SampleCount"] == 1 and points(local, "Files", "m2", dimensions)["SampleCount"] == 2

    wait_until(told, 20, "the metrics")
    for number in range(250):
        series = points(local, "Files", f"m{number}", dimensions)
        count, total = (2, 1001 + 2 * number) if number < 3 else (1, 1 + number)
        assert (series["SampleCount"], series["Sum"]) == (count, total), number
    process.stop()
    events = local.client("logs").filter_log_events(logGroupName="/files")["events"]
    messages = [event["message"] for event in events]
    assert (messages[0], messages[-1]) == ("before", "after")
    assert len(messages) == (6 if emf == "ship" else 2)
    notes = [message for message in messages if '"note"' in message]
    assert len(notes) == (2 if emf == "ship" else 0), "what is no metric is sent once per document"


def nearest_rank(values, share):
    return sorted(values)[math.ceil(share * len(values)) - 1]


def test_an_access_log_tells_requests_errors_and_percentiles_without_being_sent(local, agent, tmp_path):
    chance = random.Random(7)
    at = datetime.datetime.now(datetime.timezone.utc).replace(second=0, microsecond=0) - datetime.timedelta(minutes=5)
    lines, seconds, sent = [], [], 0
    classes = {2: 0, 3: 0, 4: 0, 5: 0}
    for number in range(5000):
        status = chance.choices([200, 304, 404, 499, 502], [80, 5, 8, 2, 5])[0]
        took, size = round(chance.lognormvariate(-3, 1), 3), chance.randrange(100_000)
        stamp = (at + datetime.timedelta(milliseconds=number * 10)).strftime("%d/%b/%Y:%H:%M:%S +0000")
        lines.append(f'203.0.113.9 - - [{stamp}] "GET /a?n={number} HTTP/1.1" {status} {size} "-" "curl/8.5" {took:.3f}')
        classes[status // 100] += 1
        seconds.append(took)
        sent += size
    log = tmp_path / "access.log"
    log.write_text("\n".join(lines) + "\nnot a request\n")
    process = agent(
        f'[[logs.file]]\npath = "{log}"\nstart = "beginning"\nship = false\ntimestamp = "%d/%b/%Y:%H:%M:%S %z"\n'
        '[[logs.file.metric]]\naccess_log = "nginx"\nnamespace = "Shop"\nlabels = { Service = "web" }\n'
        "[[logs.file.metric]]\nname = \"Curls\"\nmatch = '\"curl/(?<version>[0-9]+)'\ndimensions = \"version\"\n"
        'namespace = "Shop"\n[metrics]\nscrapers = []\ninterval = "1s"\ndimensions = [["Region"]]\n'
        '[metrics.logs]\ninterval = "60s"\n'
    )
    region = {"Region": "eu-west-1"}
    web = {**region, "Service": "web"}
    wait_until(lambda: points(local, "Shop", "Requests", web)["Sum"] == 5000, 30, "all requests")
    for number, count in classes.items():
        assert points(local, "Shop", f"Responses{number}xx", web)["Sum"] == count, number
    assert points(local, "Shop", "ResponseBytes", web)["Sum"] == sent
    assert points(local, "Shop", "Curls", {**region, "version": "8"})["Sum"] == 5000
    latency = points(local, "Shop", "Latency", web, ["p50", "p99"])
    assert latency["SampleCount"] == pytest.approx(5000)
    assert latency["Sum"] == pytest.approx(sum(seconds))
    assert (latency["Minimum"], latency["Maximum"]) == (min(seconds), max(seconds))
    for name, share in [("p50", 0.5), ("p99", 0.99)]:
        # The stated error, and the step between two neighbours for the way to interpolate.
        assert latency[name] == pytest.approx(nearest_rank(seconds, share), rel=0.03), name
    process.stop()
    text = process.text()
    assert local.client("logs").describe_log_groups()["logGroups"] == []
    assert "access_log_unreadable" in text and "not_shipped" in text, text[-2000:]
    assert "events_dropped=5001" in text, text[-2000:]
