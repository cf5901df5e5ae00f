"""Metrics of applications: sent by the clients that people use and an encoder that is not ours, read back by boto3."""

import datetime
import hashlib
import hmac
import socket
import struct
import time

import pytest
from conftest import Process, binary, free_port, static_credentials, wait_until

datadog = pytest.importorskip("datadog.dogstatsd.base")
statsd = pytest.importorskip("statsd")

NAMESPACE = "Apps"


@pytest.fixture
def running(local, tmp_path):
    (tmp_path / "state").mkdir()
    (tmp_path / "users").write_text("ann: secret\n")
    ports = {"statsd": free_port(), "collectd": free_port()}
    config = tmp_path / "agent.toml"
    config.write_text(
        f"""
[agent]
state_dir = "{tmp_path}/state"
[aws]
region = "eu-west-1"
endpoint_url = "{local.url}"
[metrics]
interval = "1s"
scrapers = []
dimensions = [["Host"]]
[metrics.statsd]
address = "127.0.0.1:{ports["statsd"]}"
socket = "{tmp_path}/statsd.sock"
namespace = "{NAMESPACE}"
[metrics.collectd]
address = "127.0.0.1:{ports["collectd"]}"
namespace = "{NAMESPACE}"
security_level = "sign"
auth_file = "{tmp_path}/users"
"""
    )
    process = Process([binary("plimsoll-agent"), "run", "--config", str(config)], tmp_path / "agent.log",
                      static_credentials())
    wait_until(lambda: process.assert_running() or (tmp_path / "statsd.sock").exists(), 20, "the agent's sockets")
    process.ports = ports
    process.socket = tmp_path / "statsd.sock"
    return process


class Read:
    """What CloudWatch has of the namespace."""

    def __init__(self, local):
        self.cloudwatch = local.client("cloudwatch")

    def dimensions(self, name):
        metrics = self.cloudwatch.list_metrics(Namespace=NAMESPACE, MetricName=name)["Metrics"]
        assert len(metrics) == 1, (name, metrics)
        return {d["Name"]: d["Value"] for d in metrics[0]["Dimensions"]}

    def points(self, name, *percentiles):
        metric = self.cloudwatch.list_metrics(Namespace=NAMESPACE, MetricName=name)["Metrics"][0]
        now = datetime.datetime.now(datetime.timezone.utc)
        asked = {"ExtendedStatistics": list(percentiles)} if percentiles else {
            "Statistics": ["SampleCount", "Sum", "Minimum", "Maximum"]}
        return self.cloudwatch.get_metric_statistics(
            Namespace=NAMESPACE, MetricName=name, Dimensions=metric["Dimensions"], Period=3600,
            StartTime=now - datetime.timedelta(hours=2), EndTime=now + datetime.timedelta(hours=1), **asked,
        )["Datapoints"]

    def total(self, name, statistic):
        return sum(point[statistic] for point in self.points(name))


def own(dimensions):
    """What a metric has besides the host's name."""
    return {name: value for name, value in dimensions.items() if name not in ("Host", "InstanceId")}


def test_the_usual_clients_send_and_cloudwatch_has_what_they_said(local, running):
    pipeline = statsd.StatsClient("127.0.0.1", running.ports["statsd"], prefix="shop")
    for _ in range(10):
        pipeline.incr("orders", 3)
    with pipeline.pipeline() as together:
        for value in range(1, 101):
            together.timing("latency", value)
        together.set("users", "ann")
        together.set("users", "bob")
        together.set("users", "ann")
    pipeline.gauge("queue", 7)

    client = datadog.DogStatsd(socket_path=str(running.socket), constant_tags=["env:prod"],
                               disable_telemetry=True, disable_buffering=True, socket_timeout=5)
    for value in range(1, 101):
        client.distribution("dd.size", value, tags=["zone:a", "canary"])
    client.increment("dd.hits", 2, tags=["zone:a"])
    client.event("title", "text")
    client.service_check("db", 0)
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"rubbish\nshop.orders:nan|c",
                                                            ("127.0.0.1", running.ports["statsd"]))
    time.sleep(0.2)
    assert running.stop() == 0, running.text()
    assert not running.socket.exists()

    read = Read(local)
    assert read.total("shop.orders", "Sum") == 30
    assert read.total("shop.latency", "SampleCount") == 100
    assert read.total("shop.latency", "Sum") == 5050
    assert read.total("shop.queue", "Sum") == 7
    assert read.total("dd.size", "Sum") == 5050
    assert read.total("dd.hits", "Sum") == 2
    assert own(read.dimensions("shop.orders")) == {}
    assert own(read.dimensions("dd.size")) == {"env": "prod", "zone": "a", "canary": "true"}
    assert own(read.dimensions("dd.hits")) == {"env": "prod", "zone": "a"}
    for name in ["shop.latency", "dd.size"]:
        (point,) = [p["ExtendedStatistics"] for p in read.points(name, "p50", "p99")]
        assert abs(point["p50"] - 50) <= 2 and abs(point["p99"] - 99) <= 3, point
    for reason in ["statsd_event count=2", "statsd_malformed count=1", "statsd_value count=1"]:
        assert reason in running.text().replace('"', ""), running.text()


def part(kind, content):
    return struct.pack(">HH", kind, 4 + len(content)) + content


def collectd_packet(plugin, kind, code, value, when):
    """As in the description of collectd's binary protocol, written for this test."""
    number = struct.pack("<d", value) if code == 1 else struct.pack(">Q", value)
    return b"".join([
        part(0x0000, b"other-host\0"), part(0x0008, struct.pack(">Q", int(when * 2**30))),
        part(0x0009, struct.pack(">Q", 10 << 30)), part(0x0002, plugin.encode() + b"\0"),
        part(0x0003, b"eth0\0"), part(0x0004, kind.encode() + b"\0"), part(0x0005, b"\0"),
        part(0x0006, struct.pack(">HB", 1, code) + number),
    ])


def test_collectd_is_believed_when_it_is_signed_and_what_counts_up_becomes_a_rate(local, running):
    def signed(data, password=b"secret"):
        mac = hmac.new(password, b"ann" + data, hashlib.sha256).digest()
        return part(0x0200, mac + b"ann") + data

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        def send(data):
            sender.sendto(data, ("127.0.0.1", running.ports["collectd"]))

        now = time.time()
        send(signed(collectd_packet("memory", "bytes", 1, 12.5, now)))
        send(signed(collectd_packet("interface", "octets", 2, 1_000, now - 10)))
        send(signed(collectd_packet("interface", "octets", 2, 1_500, now)))
        send(collectd_packet("unsigned", "bytes", 1, 1.0, now))
        send(signed(collectd_packet("forged", "bytes", 1, 1.0, now), b"guess"))
    time.sleep(0.2)
    assert running.stop() == 0, running.text()
    read = Read(local)
    names = {m["MetricName"] for m in read.cloudwatch.list_metrics(Namespace=NAMESPACE)["Metrics"]}
    assert names == {"collectd_memory_value", "collectd_interface_value"}
    assert read.total("collectd_memory_value", "Sum") == 12.5
    assert abs(read.total("collectd_interface_value", "Sum") - 50) < 0.1
    assert own(read.dimensions("collectd_interface_value")) == {
        "host": "other-host", "instance": "eth0", "type": "octets"}
    assert "collectd_unproven" in running.text() and "collectd_refused" in running.text()


def test_an_address_that_is_taken_keeps_the_agent_from_starting_and_is_told_by_its_key(local, tmp_path):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        config = tmp_path / "agent.toml"
        config.write_text(
            f'[agent]\nstate_dir = "{tmp_path}"\n[aws]\nregion = "eu-west-1"\nendpoint_url = "{local.url}"\n'
            f'[metrics.statsd]\naddress = "127.0.0.1:{taken.getsockname()[1]}"\n'
        )
        process = Process([binary("plimsoll-agent"), "run", "--config", str(config)], tmp_path / "agent.log",
                          static_credentials())
        assert process.child.wait(20) != 0
    assert "metrics.statsd.address: 127.0.0.1:" in process.text() and "in use" in process.text()
