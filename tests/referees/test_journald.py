"""The journal, judged by boto3: what logger, systemd-cat and a unit write in a booted Debian arrives, across restarts,
kills, rotation and vacuum, through the packaged and hardened unit."""

import collections
import json
import re
import subprocess
import sys

from conftest import static_credentials, tell, wait_until
from debian import NEWER, URL, debian, debs, machine, needs_root  # noqa: F401

pytestmark = needs_root
CONFIGURATION = f"""
[aws]
endpoint_url = "{URL}"
[logs]
flush_interval = "200ms"
[[logs.journald]]
identifiers = ["probe", "piped"]
group = "/journal"
stream = "all"
[[logs.journald]]
units = "talker"
format = "json"
group = "/journal"
stream = "unit"
[[logs.journald]]
priority = "err"
identifiers = "probe"
format = "syslog"
group = "/journal"
stream = "errors"
[metrics]
scrapers = []
"""
# Asked from within the container's network, with the referee's own boto3.
ASK = f"""
import boto3, json, sys
logs = boto3.client("logs", endpoint_url="{URL}")
names = [g["logGroupName"] for g in logs.describe_log_groups()["logGroups"]]
pages = logs.get_paginator("filter_log_events").paginate(logGroupName="/journal") if names else []
events = [(e["logStreamName"], e["message"]) for page in pages for e in page["events"]]
json.dump(events, sys.stdout)
"""


class Journal:
    """A booted Debian with the agent from its package, and the stand-in beside it."""

    def __init__(self, machine, package):
        self.machine, self.written = machine, 0
        machine.install(package)
        machine.write("/etc/systemd/system/plimsoll-agent.service.d/often.conf", "[Unit]\nStartLimitIntervalSec=0\n")
        machine.write("/etc/plimsoll/agent.toml", CONFIGURATION)
        machine.run("systemctl", "daemon-reload")
        machine.run("logger", "-t", "probe", "before the first start")
        machine.run("systemctl", "start", "plimsoll-agent")

    def write(self, count):
        """Numbered entries, half of them through logger and half through systemd-cat."""
        first, self.written = self.written, self.written + count
        lines = [f"entry {n:05d}\n" for n in range(first, self.written)]
        for command, part in [
            (["logger", "-t", "probe"], lines[: count // 2]),
            (["systemd-cat", "-t", "piped", "cat"], lines[count // 2 :]),
        ]:
            text = "".join(part)
            subprocess.run(self.machine.enter("-a", *command), input=text, text=True, check=True, timeout=60)

    def received(self, stream="all"):
        """How often each message arrived in the stream."""
        inside = ["nsenter", "-t", self.machine.leader, "-n", sys.executable, "-c", ASK]
        answer = subprocess.run(inside, capture_output=True, text=True, timeout=60, env=static_credentials(), check=True)
        return collections.Counter(message for name, message in json.loads(answer.stdout) if name == stream)

    def wait_for_all(self):
        received = collections.Counter()

        def all_here():
            received.clear()
            received.update(self.received())
            return len(received) >= self.written

        try:
            wait_until(all_here, 60, f"entry {self.written - 1}")
        except AssertionError:
            lost = [n for n in range(self.written) if f"entry {n:05d}" not in received]
            raise AssertionError(f"missing: {lost}\n{self.said()[-3000:]}") from None

    def said(self):
        return self.machine.run("journalctl", "-u", "plimsoll-agent", "--no-pager", "-o", "cat")

    def vacuum(self):
        self.machine.run("journalctl", "--sync")
        self.machine.run("journalctl", "--rotate", "--vacuum-size=1K")


def test_journal_entries_arrive_once_across_restart_rotation_and_vacuum(machine, debs):
    journal = Journal(machine, debs["agent", NEWER])
    expected_once(journal)
    killed(journal)
    vacuumed(journal)
    said = journal.said()
    tell(f"{journal.written} entries; {sum(journal.received().values())} arrived")
    assert "cannot be read" not in said, said


def expected_once(journal):
    """Selections, formats, and restarts that repeat nothing, with a rotation and a vacuum behind the reader."""
    machine = journal.machine
    journal.write(200)
    machine.run("logger", "-t", "other", "not selected")
    machine.run("logger", "-t", "probe", "-p", "user.err", "an error")
    machine.run("systemd-run", "-q", "--wait", "--unit=talker", "sh", "-c", "echo from a unit")
    journal.written += 1
    journal.wait_for_all()
    # Written while it is down, with a rotation: nothing is read twice, nothing is passed over.
    machine.run("systemctl", "stop", "plimsoll-agent")
    journal.write(100)
    machine.run("journalctl", "--rotate")
    journal.write(100)
    machine.run("systemctl", "start", "plimsoll-agent")
    journal.write(100)
    machine.run("systemctl", "restart", "plimsoll-agent")
    journal.wait_for_all()
    journal.vacuum()
    journal.write(50)
    journal.wait_for_all()
    assert set(journal.received().values()) == {1}, "once, and none of before the first start"
    [(error, count)] = journal.received("errors").items()
    assert re.fullmatch(r"probe\[\d+\]: an error", error) and count == 1
    units = [json.loads(message) for message in journal.received("unit")]
    assert any(u["MESSAGE"] == "from a unit" and u["_SYSTEMD_UNIT"] == "talker.service" for u in units), units
    assert any(u["_PID"] == "1" for u in units), "what systemd says about the unit"


def killed(journal):
    """A kill repeats at most what was accepted within the last moments."""
    machine = journal.machine
    for _ in range(3):
        journal.write(100)
        machine.run("systemctl", "kill", "-s", "KILL", "plimsoll-agent")
        journal.write(100)
    journal.wait_for_all()
    repeated = sum(journal.received().values()) - journal.written
    assert repeated <= 600, repeated


def vacuumed(journal):
    """What was removed while the agent was down is told and counted, and the rest arrives."""
    machine = journal.machine
    machine.run("systemctl", "stop", "plimsoll-agent")
    assert "journal_gap" not in journal.said(), "no gap so far"
    machine.run("logger", "-t", "probe", "removed before anyone read it")
    journal.vacuum()
    journal.write(50)
    machine.run("systemctl", "start", "plimsoll-agent")
    journal.wait_for_all()
    machine.run("systemctl", "stop", "plimsoll-agent")
    said = journal.said()
    assert "were removed before they were read" in said, said
    assert re.search(r"problems .*reason=journal_gap|reason=journal_gap.*problems", said), said
    assert "removed before anyone read it" not in journal.received()
