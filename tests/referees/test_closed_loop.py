"""The loop is closed: the agent's real signal scales a simulated group out and in, and withheld it scales nothing in.

The stand-in's clock runs 60 times as fast: a second here is a minute there. The policy and its alarms are left as AWS
documents and shows them: 3 periods of 60 s above the target, 15 minutes below 70 % of it. The test is the application
and its load balancer: it tells the agent by StatsD what the load is on each instance in service.
"""

import json
import socket
import subprocess
import threading
import time
import urllib.request
import xml.etree.ElementTree as ElementTree

import pytest

from conftest import Local, Process, binary, free_port, static_credentials, tell, wait_until

RATE = 60
GROUP, SIGNAL, TARGET = "web", "load_per_instance", 50.0
LOW_MINUTES = 15
# How long nothing may scale in while the signal is withheld: longer than the low alarm needs.
WITHHELD_MINUTES = 22


class Application:
    """Tells every half second what the load is on each instance of the group that serves."""

    def __init__(self, local, port):
        self.local, self.address = local, ("127.0.0.1", port)
        self.load, self.trouble, self.over = 40.0, None, threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            while not self.over.wait(0.5):
                try:
                    share = self.load / max(1, self.local.group()["in_service"])
                    sender.sendto(f"load:{share}|g".encode(), self.address)
                except OSError as error:
                    self.trouble = error

    def end(self):
        self.over.set()
        self.thread.join(15)


class Loop(Local):
    """The stand-in with its group."""

    def read(self, path):
        with urllib.request.urlopen(self.url + path, timeout=10) as answer:
            return answer.read().decode()

    def group(self):
        return json.loads(self.read(f"/_local/groups/{GROUP}"))

    def alarms(self):
        """The states of the policy's two alarms."""
        found = self.client("cloudwatch").describe_alarms()["MetricAlarms"]
        return {"high" if "AlarmHigh" in one["AlarmName"] else "low": one["StateValue"] for one in found}

    def record(self):
        """What the group's history knows of each whole minute: when, the signal's average, instances in service."""
        minutes = {one["at_ms"] // 60_000 * 60: one for one in self.group()["history"] if one["metric"] is not None}
        return [(at, one["metric"], one["in_service"]) for at, one in sorted(minutes.items()) if one["in_service"]]

    def signals(self):
        return json.loads(self.read(f"/_local/arrivals?metric={SIGNAL}"))


@pytest.fixture
def loop(tmp_path):
    local = Loop(tmp_path, "--accelerate", str(RATE))
    scaling = local.client("autoscaling")
    scaling.create_auto_scaling_group(
        AutoScalingGroupName=GROUP, MinSize=1, MaxSize=6, DesiredCapacity=1,
        LaunchConfigurationName="lc", AvailabilityZones=["eu-west-1a"], DefaultInstanceWarmup=180,
    )
    scaling.put_scaling_policy(
        AutoScalingGroupName=GROUP, PolicyName="keep", PolicyType="TargetTrackingScaling",
        TargetTrackingConfiguration={
            "TargetValue": TARGET,
            "CustomizedMetricSpecification": {
                "Namespace": "Plimsoll/Signal", "MetricName": SIGNAL, "Statistic": "Average",
                "Dimensions": [{"Name": "AutoScalingGroupName", "Value": GROUP}],
            },
        },
    )
    port = free_port()
    ready = tmp_path / "ready-to-serve"
    ready.touch()
    config = tmp_path / "agent.toml"
    config.write_text(
        f'[agent]\nstate_dir = "{tmp_path}/state"\n[aws]\nregion = "eu-west-1"\nendpoint_url = "{local.url}"\n'
        f'[metrics]\nscrapers = []\n[metrics.statsd]\naddress = "127.0.0.1:{port}"\n'
        f'[signals]\ninterval = "1s"\ngroup = "{GROUP}"\n'
        f'[[signal]]\nname = "{SIGNAL}"\nexpression = "statsd:load"\n'
        f'health = [{{ file = "{ready}", interval = "500ms", timeout = "500ms", failures = 1 }}]\n'
    )
    agent = Process([binary("plimsoll-agent"), "run", "--config", str(config)], tmp_path / "agent.log",
                    static_credentials())
    application = Application(local, port)
    yield local, agent, application, ready
    application.end()
    assert agent.stop() == 0, agent.text()
    local.stop()


def settled(local, agent, least):
    """Whether the group wants so many instances or more and has them in service. More are right: on a busy machine a
    signal from before the new instances served is still judged after it."""
    agent.assert_running()
    group = local.group()
    return group["desired"] >= least and group["desired"] == group["in_service"] and group


def test_a_group_follows_the_agents_signal_and_stays_as_it_is_while_that_is_withheld(loop, tmp_path):
    local, agent, application, ready = loop
    began, line = time.monotonic(), []

    def told(what):
        group = local.group()
        line.append(f"{(time.monotonic() - began) * RATE / 60:5.1f} min  {what}: desired {group['desired']}, "
                    f"in service {group['in_service']}, alarms {local.alarms()}")

    wait_until(local.signals, 30, "the first signal")
    wait_until(lambda: settled(local, agent, 1), 30, "the first instance")
    told("load 40")

    application.load = 120.0
    wait_until(lambda: settled(local, agent, 3), 90, "the scale-out to three times the load")
    told("load 120")

    application.load, back = 40.0, time.monotonic()
    wait_until(lambda: local.group()["desired"] == 1, 90, "the scale-in")
    waited = (time.monotonic() - back) * RATE / 60
    told("load 40 again")
    # No sooner than the low alarm can: 15 minutes less what the newest period had already seen.
    assert waited >= LOW_MINUTES - 2, line

    application.load = 120.0
    wait_until(lambda: settled(local, agent, 3), 90, "the second scale-out")
    told("load 120")

    ready.unlink()
    count = -1

    def is_silent():
        nonlocal count
        before, count = count, len(local.signals())
        time.sleep(1.5)
        return before == count

    wait_until(is_silent, 30, "the end of the signal")
    application.load = 0.0
    wait_until(lambda: local.alarms()["low"] == "INSUFFICIENT_DATA", 45, "an alarm that knows that it knows nothing")
    told("load 0, signal withheld")
    held = local.group()["desired"]
    assert held > 1, line
    end = time.monotonic() + WITHHELD_MINUTES * 60 / RATE
    while time.monotonic() < end:
        assert local.group()["desired"] == held, line
        assert local.alarms()["low"] == "INSUFFICIENT_DATA"
        time.sleep(0.5)
    assert len(local.signals()) == count and application.trouble is None
    told(f"{WITHHELD_MINUTES} minutes later")

    plot = tmp_path / f"{GROUP}.svg"
    plot.write_text(local.read(f"/_local/groups/{GROUP}.svg"))
    assert ElementTree.parse(plot).getroot().tag.endswith("svg")
    assert {one["storage_resolution"] for one in local.signals()} == {1}
    table = replayed(local, tmp_path)
    tell("\n".join(line) + f"\nthrash: {local.group()['thrash']}; plot: {plot}")
    tell("The record of this, replayed by the collector:\n" + table)


def replayed(local, directory):
    """The back-test of what was recorded, with the same policy: another implementation of the same rules."""
    record = directory / "record.csv"
    rows = "".join(f"{at},{value},{count}\n" for at, value, count in local.record())
    record.write_text("time,value,capacity\n" + rows)
    plot = directory / "record.svg"
    arguments = [binary("plimsoll-collector"), "backtest", record, "--per-instance", "--target", TARGET, "--min", 1,
                 "--max", 6, "--warm-up", "0s"]
    table, told = (
        subprocess.run([str(one) for one in [*arguments, *more]], capture_output=True, text=True, timeout=60, check=True)
        .stdout for more in (["--svg", plot], ["--json"])
    )
    assert ElementTree.parse(plot).getroot().tag.endswith("svg")
    ours = json.loads(told)["alternatives"][0]
    # What scaled the group out twice and in once does so here; the withheld end is a gap, in which nothing is decided.
    steps = [decision["to"] > decision["from"] for decision in ours["decisions"]]
    assert steps[0] and steps[-1] and not all(steps), ours
    return table
