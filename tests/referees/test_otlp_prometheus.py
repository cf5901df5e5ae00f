"""Metrics over HTTP, judged by the official SDK and client library that send and serve them, and by boto3."""

import datetime
import random
import socket
import time
import urllib.request

import pytest
from conftest import Process, binary, free_port, static_credentials, wait_until
from opentelemetry.exporter.otlp.proto.http.metric_exporter import Compression, OTLPMetricExporter
from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import AggregationTemporality, PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client import Counter as PrometheusCounter
from prometheus_client import Gauge as PrometheusGauge
from prometheus_client import Histogram as PrometheusHistogram
from prometheus_client import Summary as PrometheusSummary

NAMESPACE = "Plimsoll/Host"
DAY = datetime.timedelta(days=1)
# The factor by which buckets of an exponential histogram grow: 160 of them hold values from 1 to
# 1000 at the scale 4.
FACTOR = 2 ** (1 / 16)


def agent(directory, url, metrics):
    (directory / "state").mkdir(exist_ok=True)
    config = directory / "agent.toml"
    config.write_text(
        f"""
[agent]
state_dir = "{directory}/state"

[aws]
region = "eu-west-1"
endpoint_url = "{url}"

[metrics]
scrapers = []
interval = "1s"
{metrics}
"""
    )
    return Process(
        [binary("plimsoll-agent"), "run", "--config", str(config)],
        directory / "agent.log",
        static_credentials(),
    )


def series(local, name):
    """The dimensions of each series of this name, without those of the host."""
    found = local.client("cloudwatch").list_metrics(Namespace=NAMESPACE, MetricName=name)["Metrics"]
    return [{d["Name"]: d["Value"] for d in one["Dimensions"]} for one in found]


def statistics(local, name, percentiles=(), **dimensions):
    """Sum, count and percentiles over all that was sent of one series; nothing if it is not there."""
    found = [one for one in series(local, name) if dimensions.items() <= one.items()]
    if len(found) != 1:
        return None
    midnight = datetime.datetime.now(datetime.timezone.utc).replace(hour=0, minute=0, second=0, microsecond=0)

    def ask(**what):
        answer = local.client("cloudwatch").get_metric_statistics(
            Namespace=NAMESPACE,
            MetricName=name,
            Dimensions=[{"Name": k, "Value": v} for k, v in found[0].items()],
            StartTime=midnight - DAY,
            EndTime=midnight + DAY,
            Period=86400,
            **what,
        )
        return answer["Datapoints"][-1] if answer["Datapoints"] else {}

    told = ask(Statistics=["Sum", "SampleCount", "Minimum", "Maximum"])
    if percentiles:
        told.update(ask(ExtendedStatistics=list(percentiles))["ExtendedStatistics"])
    return told


def has(local, name, statistic, value, **dimensions):
    told = statistics(local, name, **dimensions)
    return told if told and told.get(statistic) == pytest.approx(value, rel=1e-9) else None


def listening(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def at(values, share):
    """The value below or at which this share of all values is."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


@pytest.mark.parametrize("temporality", [AggregationTemporality.CUMULATIVE, AggregationTemporality.DELTA])
def test_what_the_sdk_exports_is_what_boto3_reads(local, tmp_path, temporality):
    port = free_port()
    running = agent(tmp_path, local.url, f'[metrics.otlp]\naddress = "127.0.0.1:{port}"\n')
    wait_until(lambda: running.assert_running() or listening(port), 20, "the port of OTLP")
    exporter = OTLPMetricExporter(
        endpoint=f"http://127.0.0.1:{port}/v1/metrics",
        compression=Compression.Gzip,
        preferred_temporality={Counter: temporality, Histogram: temporality},
    )
    provider = MeterProvider(
        metric_readers=[PeriodicExportingMetricReader(exporter, export_interval_millis=3_600_000)],
        resource=Resource.create({"service.name": "shop", "host.arch": "amd64"}),
        views=[View(instrument_name="wait", aggregation=ExponentialBucketHistogramAggregation())],
    )
    meter = provider.get_meter("referee")
    hits = meter.create_counter("hits", unit="{request}")
    size = meter.create_histogram("size", unit="By")
    wait = meter.create_histogram("wait", unit="ms")
    depth = meter.create_up_down_counter("depth")
    chance = random.Random(7)
    sizes, waits = [], []
    for count in (7, 5):
        hits.add(count, {"route": "/", "code": 200})
        hits.add(1, {"route": "/cart", "code": 500})
        depth.add(2)
        for _ in range(500):
            sizes.append(chance.uniform(0, 9000))
            size.record(sizes[-1], {"route": "/"})
            waits.append(1000 ** chance.random())
            wait.record(waits[-1], {"route": "/"})
        assert provider.force_flush()
        time.sleep(1.2)
    provider.shutdown()

    wait_until(lambda: has(local, "hits", "Sum", 12, route="/"), 20, "the first counter")
    wait_until(lambda: has(local, "hits", "Sum", 2, route="/cart", code="500"), 20, "the second counter")
    assert all(one["service.name"] == "shop" and "host.arch" not in one for one in series(local, "hits"))
    assert statistics(local, "depth")["Maximum"] == 4
    wait_until(lambda: has(local, "size", "SampleCount", 1000, route="/"), 20, "the histogram")
    told = statistics(local, "size", ["p50", "p99"], route="/")
    assert told["Sum"] == pytest.approx(sum(sizes), rel=1e-6)
    # The buckets that the median and the 99th percentile of 0 to 9000 fall into.
    assert 2500 <= told["p50"] <= 5000 and 7500 <= told["p99"] <= 10000, told
    assert told["Minimum"] >= 0 and told["Maximum"] <= max(sizes)
    told = statistics(local, "wait", ["p50", "p99"], route="/")
    assert told["SampleCount"] == 1000 and told["Sum"] == pytest.approx(sum(waits), rel=1e-6)
    for name, share in (("p50", 0.5), ("p99", 0.99)):
        # The bucket's error, and that of CloudWatch's own interpolation between two of the values.
        assert told[name] == pytest.approx(at(waits, share), rel=FACTOR**2 - 1), name
    assert running.stop() == 0
    assert "by OTLP" not in running.text(), running.text()


def test_what_is_no_export_is_refused_and_the_next_one_taken(local, tmp_path):
    port = free_port()
    running = agent(tmp_path, local.url, f'[metrics.otlp]\naddress = "127.0.0.1:{port}"\n')
    wait_until(lambda: running.assert_running() or listening(port), 20, "the port of OTLP")

    def post(body, kind):
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/v1/metrics", data=body, headers={"content-type": kind}
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code

    assert post(b"\xff\xff", "application/x-protobuf") == 400
    assert post(b"{", "application/json") == 400
    assert post(b"x", "text/plain") == 415
    point = b'{"timeUnixNano":"0","asInt":"3"}'
    metric = b'{"name":"depth","gauge":{"dataPoints":[' + point + b"]}}"
    body = b'{"resourceMetrics":[{"scopeMetrics":[{"metrics":[' + metric + b"]}]}]}"
    assert post(body, "application/json") == 200
    wait_until(lambda: has(local, "depth", "Sum", 3), 20, "the gauge")
    running.assert_running()


def test_what_the_client_library_serves_is_what_boto3_reads(local, tmp_path):
    registry = CollectorRegistry()
    hits = PrometheusCounter("hits", "x", ["code"], registry=registry)
    depth = PrometheusGauge("depth", "x", registry=registry)
    wait = PrometheusHistogram("wait_seconds", "x", registry=registry)
    size = PrometheusSummary("size_bytes", "x", registry=registry)
    depth.set(3)
    hits.labels("200").inc(1000)
    server, thread = start_http_server(0, "127.0.0.1", registry=registry)
    running = agent(
        tmp_path,
        local.url,
        f"""
[[metrics.prometheus]]
name = "library"
url = "http://127.0.0.1:{server.server_port}/metrics"

[[metrics.prometheus]]
name = "gone"
url = "http://127.0.0.1:{free_port()}/metrics"

[metrics.prometheus.labels]
add = {{ job = "unused" }}
""",
    )
    told = wait_until(lambda: statistics(local, "depth"), 20, "the first scrape")
    assert (told["Minimum"], told["Maximum"]) == (3, 3)
    # What was counted before the agent looked is not told; what is counted from now on is, also of a
    # series that is new.
    hits.labels("200").inc(5)
    hits.labels("500").inc(2)
    chance = random.Random(7)
    waits = [chance.uniform(0.001, 4) for _ in range(400)]
    for one in waits:
        wait.observe(one)
        size.observe(100 * one)
    wait_until(lambda: has(local, "hits_total", "Sum", 5, code="200"), 20, "the counter")
    wait_until(lambda: has(local, "hits_total", "Sum", 2, code="500"), 20, "the counter that is new")
    wait_until(lambda: has(local, "wait_seconds", "SampleCount", 400), 20, "the histogram")
    told = statistics(local, "wait_seconds", ["p50", "p99"])
    assert told["Sum"] == pytest.approx(sum(waits), rel=1e-6)
    assert 1.0 <= told["p50"] <= 2.5 and 2.5 <= told["p99"] <= 5, told
    wait_until(lambda: has(local, "size_bytes_count", "Sum", 400), 20, "the summary")
    assert statistics(local, "size_bytes_sum")["Sum"] == pytest.approx(100 * sum(waits), rel=1e-9)
    assert statistics(local, "prometheus_up", target="library")["Minimum"] == 1
    assert statistics(local, "prometheus_up", target="gone")["Maximum"] == 0
    assert not series(local, "hits_created"), "times of creation are no metrics"
    server.shutdown()
    server.server_close()
    thread.join(10)
    wait_until(
        lambda: statistics(local, "prometheus_up", target="library")["Minimum"] == 0, 20, "the end of the target"
    )
    assert running.stop() == 0
    assert running.text().count("a target cannot be scraped") == 2, running.text()
