"""The collector under kill -9: every step of every incident is told once, and nothing is paid for twice."""

import collections
import json
import os
import random
import re
import time
import urllib.request

import pytest

from conftest import ACCOUNT, REGION, ROOT, Local, Process, binary, clean_environment, static_credentials, tell, wait_until

KILLS = 6
# What is printed in each mail: id, revision, severity.
TOLD = re.compile(r"Incident (INC-[0-9A-F]{6}), revision (\d+), (\w+) (?:security|cost) incident")


def asked(local, name):
    with urllib.request.urlopen(f"{local.url}/_local/{name}.json", timeout=10) as answer:
        return json.load(answer)


def paid(local):
    """Pages of Cost Explorer so far, each US$0.01."""
    operations = asked(local, "calls")["operations"]
    return sum(o["calls"] for o in operations if o["operation"] == "GetCostAndUsage")


def told(local):
    """(incident, revision, severity) of each notification, oldest first."""
    messages = [m for m in asked(local, "notifications")["notifications"] if m["topic"].endswith(":plimsoll")]
    assert len(messages) < 50, "more than the stand-in shows"
    steps = [TOLD.search(message["message"]) for message in sorted(messages, key=lambda m: m["number"])]
    assert all(steps), messages
    return [step.groups() for step in steps]


def settled(read, seconds, what):
    """What `read` gives once it is something and has been the same for two seconds."""
    last = {"value": None, "since": time.monotonic()}

    def steady():
        value = read()
        if value != last["value"]:
            last.update(value=value, since=time.monotonic())
        return value and time.monotonic() - last["since"] > 2

    wait_until(steady, seconds, what)
    return last["value"]


@pytest.fixture
def scene(tmp_path):
    local = Local(
        tmp_path, "--topic", "plimsoll", "--topic", "plimsoll-alarms", "--cost-jump", "eu-north-1=900", "--seed", "7"
    )
    for name in ["feed/cloudtrail", "feed/guardduty", "collector"]:
        (tmp_path / name).mkdir(parents=True)
    text = (ROOT / "examples" / "demo" / "collector.toml.in").read_text()
    for word, value in {"STATE": tmp_path, "URL": local.url, "REGION": REGION, "ACCOUNT": ACCOUNT}.items():
        text = text.replace(f"@{word}@", str(value))
    (tmp_path / "collector.toml").write_text(text)
    running = []

    def collector():
        arguments = [binary("plimsoll-collector"), "run", "--config", str(tmp_path / "collector.toml")]
        running.append(Process(arguments, tmp_path / "collector.log", static_credentials()))
        return running[-1]

    yield local, collector, tmp_path
    for process in running:
        if process.child.poll() is None:
            process.kill()
    local.stop()


def test_each_step_of_an_incident_is_told_once_through_kills_and_cost_is_paid_once(scene):
    local, start, directory = scene
    seed = int(os.environ.get("PLIMSOLL_SEED", random.randrange(1 << 32)))
    tell(f"PLIMSOLL_SEED={seed}")
    chance = random.Random(seed)

    collector = start()
    price = settled(lambda: paid(local), 60, "the first read of Cost Explorer")
    replay = Process(
        [binary("plimsoll-local"), "replay", "--from", str(ROOT / "examples" / "demo"),
         "--to", str(directory / "feed"), "--spread", "8s"],
        directory / "replay.log", clean_environment(),
    )
    for _ in range(KILLS):
        time.sleep(chance.uniform(0.1, 2.0))
        collector.assert_running()
        collector.kill()
        collector = start()
    assert replay.child.wait(60) == 0, replay.text()
    # One last kill when everything is there, so that a start over a full state is seen too.
    settled(lambda: told(local), 60, "notifications")
    collector.kill()
    collector = start()
    steps = settled(lambda: told(local), 60, "notifications")
    collector.assert_running()
    assert collector.stop() == 0, collector.text()[-3000:]

    repeats = collections.Counter(steps)
    by_step = collections.defaultdict(set)
    for incident, revision, severity in steps:
        by_step[incident, severity].add(revision)
    print(steps)
    assert len({incident for incident, _, _ in steps}) >= 2, "the samples hold several incidents"
    assert any(severity == "critical" for _, _, severity in steps)
    for step, revisions in by_step.items():
        assert len(revisions) == 1, f"{step} is told of in revisions {revisions}"
    # A crash between the answer of SNS and its mark repeats one notification, with the same id and revision.
    extra = sum(count - 1 for count in repeats.values())
    assert extra <= KILLS + 1, f"{extra} repeats of {KILLS + 1} kills: {repeats}"
    order = ["informational", "low", "medium", "high", "critical"]
    for incident in {incident for incident, _, _ in steps}:
        ranks = [order.index(s) for s in dict.fromkeys(s for i, _, s in steps if i == incident)]
        assert ranks == sorted(ranks), f"{incident} is told of in falling steps"
    assert paid(local) == price, "a restart pays nothing again"
