"""Processes as the agent measures them against psutil, which reads the same host by other code."""

import datetime
import subprocess
import sys

import psutil
import pytest
from conftest import REGION, Process, binary, static_credentials, wait_until

# Holds memory, descriptors and threads, and works about half of the time.
LOAD = """
import os, sys, threading, time
held = bytearray(os.urandom(1 << 20) * 48)
files = [open(os.devnull) for _ in range(25)]
for _ in range(3):
    threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
print("ready", flush=True)
while True:
    end = time.process_time() + 0.01
    while time.process_time() < end:
        pass
    time.sleep(0.01)
"""


@pytest.fixture
def children():
    started = [
        subprocess.Popen([sys.executable, "-c", LOAD, "plimsoll-referee"], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for child in started:
        assert child.stdout.readline() == "ready\n"
    yield [psutil.Process(child.pid) for child in started]
    for child in started:
        child.kill()
        child.wait(10)


def configuration(tmp_path, url, children):
    (tmp_path / "state").mkdir()
    (tmp_path / "one.pid").write_text(f"{children[0].pid}\n")
    config = tmp_path / "agent.toml"
    measured = [
        "cpu_usage", "cpu_time", "memory_rss", "memory_vms", "memory_swap", "num_fds", "num_threads", "pid",
        "nice_priority", "rlimit_num_fds_soft", "rlimit_memory_stack_soft", "write_count",
        "voluntary_context_switches", "pid_count",
    ]
    config.write_text(
        f"""
[agent]
state_dir = "{tmp_path}/state"
[aws]
region = "{REGION}"
endpoint_url = "{url}"
[metrics]
interval = "1s"
scrapers = []
dimensions = [["Host"]]
[[metrics.procstat]]
pid_file = "{tmp_path}/one.pid"
measurements = {measured}
[[metrics.procstat]]
pattern = "plimsoll-refere[e]"
measurements = {measured}
[[metrics.procstat]]
exe = "^no-such-program$"
"""
    )
    return config


def test_processes_are_as_psutil_sees_them(local, tmp_path, children):
    config = configuration(tmp_path, local.url, children)
    cpu_before = [sum(child.cpu_times()[:2]) for child in children]
    began = datetime.datetime.now(datetime.timezone.utc)
    running = Process(
        [binary("plimsoll-agent"), "run", "--config", str(config)], tmp_path / "agent.log", static_credentials()
    )
    cloudwatch = local.client("cloudwatch")

    def series(name):
        listed = cloudwatch.list_metrics(Namespace="Plimsoll/Host", MetricName=f"procstat_{name}")["Metrics"]
        found = {}
        for metric in listed:
            dimensions = {one["Name"]: one["Value"] for one in metric["Dimensions"]}
            finder = next(key for key in ("pidfile", "pattern", "exe") if key in dimensions)
            found[finder] = metric["Dimensions"]
        return found

    def points(name, finder):
        dimensions = series(name).get(finder)
        if dimensions is None:
            return []
        now = datetime.datetime.now(datetime.timezone.utc)
        return cloudwatch.get_metric_statistics(
            Namespace="Plimsoll/Host", MetricName=f"procstat_{name}", Dimensions=dimensions,
            StartTime=began - datetime.timedelta(seconds=2), EndTime=now + datetime.timedelta(seconds=2),
            Period=1, Statistics=["Average", "Minimum", "Maximum", "Sum", "SampleCount"],
        )["Datapoints"]

    wait_until(lambda: len(points("cpu_usage", "pattern")) >= 6, 40, "six ticks with usage")
    ended = datetime.datetime.now(datetime.timezone.utc)
    cpu_after = [sum(child.cpu_times()[:2]) for child in children]
    running.assert_running()
    one, both = children[0], children

    def last(name, finder):
        return max(points(name, finder), key=lambda point: point["Timestamp"])

    for name, theirs in [
        ("pid", lambda child: child.pid),
        ("num_fds", lambda child: child.num_fds()),
        ("num_threads", lambda child: child.num_threads()),
        ("memory_vms", lambda child: child.memory_info().vms),
        ("memory_swap", lambda child: child.memory_full_info().swap),
        ("nice_priority", lambda child: 20 - child.nice()),
        ("rlimit_num_fds_soft", lambda child: child.rlimit(psutil.RLIMIT_NOFILE)[0]),
    ]:
        assert last(name, "pidfile")["Average"] == theirs(one), name
        together = last(name, "pattern")
        assert together["Sum"] == sum(theirs(child) for child in both), name
        assert together["SampleCount"] == 2, name
    stack = one.rlimit(psutil.RLIMIT_STACK)[0]
    told = [point["Maximum"] for point in points("rlimit_memory_stack_soft", "pidfile")]
    assert set(told) == (set() if stack == psutil.RLIM_INFINITY else {stack})
    # The kernel counts resident pages in batches for each thread.
    rss = sum(child.memory_info().rss for child in both)
    assert last("memory_rss", "pattern")["Sum"] == pytest.approx(rss, rel=0.02)

    seconds = (ended - began).total_seconds()
    usage = sum(after - before for after, before in zip(cpu_after, cpu_before)) * 100 / seconds
    ours = [point["Sum"] for point in points("cpu_usage", "pattern")]
    assert sum(ours) / len(ours) == pytest.approx(usage, rel=0.3, abs=10)
    added = sum(point["Sum"] for point in points("cpu_time", "pattern"))
    assert 0 < added <= sum(cpu_after) - sum(cpu_before) + 2
    assert all(point["Minimum"] >= 0 for point in points("voluntary_context_switches", "pidfile"))

    counts = {finder: last("lookup_pid_count", finder)["Maximum"] for finder in ("pidfile", "pattern", "exe")}
    assert counts == {"pidfile": 1, "pattern": 2, "exe": 0}
    names = {d["Value"] for d in series("memory_rss")["pidfile"] if d["Name"] == "process_name"}
    assert names == {one.name()}

    children[0].kill()
    children[0].wait(10)
    wait_until(lambda: last("lookup_pid_count", "pidfile")["Maximum"] == 0, 20, "the count of an ended process")
    assert running.stop() == 0
