"""An instance that is taken away hands over everything: Spot, scale-in and rebalance, in a namespace of its own.

The namespace has the address of instance metadata; the stand-in answers there as metadata and as every service. While
CloudWatch takes nothing, 50,000 lines and a spool of metrics gather; then the notice comes and the outage ends.
"""

import ctypes
import json
import os
import subprocess
import time
import urllib.request

import pytest

from conftest import NEEDS_ROOT, Local, Process, binary, clean_environment, tell, wait_until

CLONE_NEWNET = 0x40000000
ADDRESS = "169.254.169.254"
GROUP, HOOK = "web", "drain"
LINES = 50_000
# The services that take nothing before the notice.
CUT_OFF = ["logs", "monitoring"]

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason=f"a network namespace {NEEDS_ROOT}")


def run(*arguments):
    subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL)


def enter(namespace):
    if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


@pytest.fixture
def instance(tmp_path):
    """A host with the stand-in as its metadata; this thread is on it as well, and comes back at the end."""
    name = f"plimsoll-l{os.getpid()}"
    run("ip", "netns", "add", name)
    try:
        run("ip", "-n", name, "link", "set", "lo", "up")
        run("ip", "-n", name, "addr", "add", f"{ADDRESS}/32", "dev", "lo")
        with open("/proc/thread-self/ns/net") as before, open(f"/run/netns/{name}") as there:
            enter(there)
            try:
                local = Local(tmp_path, listen=f"{ADDRESS}:80")
                yield Instance(local, tmp_path)
                local.stop()
            finally:
                enter(before)
    finally:
        run("ip", "netns", "del", name)


class Instance:
    def __init__(self, local, directory):
        self.local, self.directory = local, directory
        self.scaling = local.client("autoscaling")
        self.id = self.metadata("instance-id")
        self.log = directory / "app.log"
        self.agent = None
        local.post("/_local/instance", json.dumps({"life_cycle": "spot"}))
        self.scaling.create_auto_scaling_group(
            AutoScalingGroupName=GROUP, MinSize=0, MaxSize=2, DesiredCapacity=0,
            LaunchConfigurationName="lc", AvailabilityZones=["eu-west-1a"], DefaultInstanceWarmup=0,
        )
        self.scaling.attach_instances(AutoScalingGroupName=GROUP, InstanceIds=[self.id])
        self.scaling.put_lifecycle_hook(
            AutoScalingGroupName=GROUP, LifecycleHookName=HOOK, HeartbeatTimeout=300,
            LifecycleTransition="autoscaling:EC2_INSTANCE_TERMINATING",
        )

    def metadata(self, path):
        def read(method, path, headers):
            request = urllib.request.Request(f"http://{ADDRESS}/latest/{path}", method=method, headers=headers)
            with urllib.request.urlopen(request, timeout=5) as answer:
                return answer.read().decode()

        token = read("PUT", "api/token", {"X-aws-ec2-metadata-token-ttl-seconds": "60"})
        return read("GET", f"meta-data/{path}", {"X-aws-ec2-metadata-token": token})

    def start(self, lifecycle="", command="true"):
        script = self.directory / "leave"
        script.write_text(f'#!/bin/sh\necho "$PLIMSOLL_NOTICE $1" >> {self.directory}/left\n{command}\n')
        script.chmod(0o755)
        config = self.directory / "agent.toml"
        config.write_text(
            f'[agent]\nstate_dir = "{self.directory}/state"\n[aws]\nendpoint_url = "http://{ADDRESS}"\n'
            f'[logs]\nflush_interval = "1s"\n[[logs.file]]\npath = "{self.log}"\ngroup = "/app"\nstart = "beginning"\n'
            '[metrics]\ninterval = "1s"\nnamespace = "Leaving"\ndimensions = [["InstanceId"]]\nscrapers = ["load"]\n'
            f'[lifecycle]\nlog_group = "/lifecycle"\ntermination_hook = "{HOOK}"\n{lifecycle}\n'
            f'commands = [{{ command = ["{script}", "now"], timeout = "2s" }}]\n'
        )
        self.agent = Process(
            [binary("plimsoll-agent"), "run", "--config", str(config)],
            self.directory / "agent.log",
            clean_environment(AWS_REGION="eu-west-1"),
        )

    def cut_off(self, outage):
        for service in CUT_OFF:
            self.local.post("/_local/faults", json.dumps({"service": service, "outage": outage}))

    def gather(self):
        """Lines and metrics that wait for a service that takes nothing."""
        self.cut_off(True)
        self.log.write_text("")
        self.begun = int(time.time())
        self.start_writing()
        spool = self.directory / "state" / "metrics-spool"
        wait_until(lambda: list(spool.glob("*")), 20, "the spool")
        time.sleep(4)

    def start_writing(self):
        with open(self.log, "a") as log:
            log.writelines(f"line {number}\n" for number in range(LINES))

    def announce(self, notice):
        self.announced = time.time()
        if notice != "scale_in":
            self.local.post("/_local/instance", json.dumps(notice))
            # The group follows; what matters here is that the first notice begins the departure.
            wait_until(lambda: (self.directory / "left").exists(), 20, "the notice")
        self.scaling.terminate_instance_in_auto_scaling_group(
            InstanceId=self.id, ShouldDecrementDesiredCapacity=True
        )
        self.cut_off(False)

    def state(self):
        found = self.scaling.describe_auto_scaling_instances(InstanceIds=[self.id])["AutoScalingInstances"]
        return found[0]["LifecycleState"] if found else "gone"

    def is_let_go(self):
        return self.state() not in ("InService", "Terminating", "Terminating:Wait")

    def messages(self, group):
        pages = self.local.client("logs").get_paginator("filter_log_events")
        return [event["message"] for page in pages.paginate(logGroupName=group) for event in page["events"]]

    def seconds(self):
        """The seconds for which load was told."""
        client = self.local.client("cloudwatch")
        [metric] = client.list_metrics(Namespace="Leaving", MetricName="load_1")["Metrics"]
        query = {"Id": "m", "MetricStat": {"Metric": metric, "Period": 1, "Stat": "SampleCount"}}
        answer = client.get_metric_data(
            MetricDataQueries=[query], StartTime=self.begun - 60, EndTime=time.time() + 5
        )["MetricDataResults"][0]
        return {int(at.timestamp()) for at in answer["Timestamps"]}

    def time_line(self):
        lines = [line for line in self.agent.text().splitlines() if "the time line of leaving" in line]
        return lines[-1] if lines else ""


def check_all_was_handed_over(instance, notice):
    wait_until(instance.is_let_go, 60, "the completion of the hook")
    took = time.time() - instance.announced
    wait_until(instance.time_line, 10, "the time line")
    tell(f"{notice}: let go after {took:.1f} s; {instance.time_line().split('leaving: ')[-1]}")
    # Read at the moment at which the group lets the instance go: nothing may come later.
    assert set(instance.messages("/app")) >= {f"line {number}" for number in range(LINES)}
    told = instance.seconds()
    gaps = [at for at in range(min(told), int(instance.announced) - 1) if at not in told]
    assert gaps == [] and min(told) <= instance.begun + 3
    assert took < 110
    events = [json.loads(message) for message in instance.messages("/lifecycle")]
    names = [event["event"] for event in events]
    assert names[0] == "notice" and {"command", "drained"} <= set(names)
    assert all(event["instance_id"] == instance.id and event["group"] == GROUP for event in events)
    assert (instance.directory / "left").read_text() == f"{notice} now\n"
    assert "completed with CONTINUE" in instance.agent.text()
    assert instance.agent.stop() == 0


@pytest.mark.parametrize(
    ("notice", "steer", "lifecycle"),
    [
        ("spot_interruption", {"spot": "terminate"}, ""),
        ("scale_in", "scale_in", ""),
        ("rebalance", {"rebalance": True}, 'rebalance = "drain"'),
    ],
)
def test_an_instance_that_is_taken_away_hands_over_everything(instance, notice, steer, lifecycle):
    instance.log.write_text("")
    instance.start(lifecycle)
    instance.gather()
    instance.announce(steer)
    check_all_was_handed_over(instance, notice)


def test_a_hook_that_is_over_and_a_command_that_hangs_cost_nothing(instance):
    instance.log.write_text("")
    instance.start(command="sleep 60")
    wait_until(lambda: "started" in instance.agent.text(), 20, "the start")
    with open(instance.log, "a") as log:
        log.write("the last line\n")
    instance.announce("scale_in")
    instance.scaling.complete_lifecycle_action(
        AutoScalingGroupName=GROUP, LifecycleHookName=HOOK, InstanceId=instance.id, LifecycleActionResult="CONTINUE"
    )
    line = wait_until(instance.time_line, 30, "the time line")
    assert "all delivered" in line and "hook completed" in line
    assert "was over already" in instance.agent.text()
    assert "the last line" in instance.messages("/app")


def test_an_agent_that_is_killed_while_it_drains_goes_on_with_it(instance):
    instance.log.write_text("")
    instance.start(command="sleep 1.5")
    instance.gather()
    instance.announce("scale_in")
    wait_until(lambda: (instance.directory / "left").exists(), 30, "the command")
    instance.agent.kill()
    instance.start()
    wait_until(instance.is_let_go, 60, "the completion of the hook")
    assert set(instance.messages("/app")) >= {f"line {number}" for number in range(LINES)}
