"""The agent's first promise, judged by boto3: every line arrives, whatever is done to the agent or the network."""

import collections
import json
import sys
import threading
import time

from conftest import ROOT, Process, binary, static_credentials, tell, wait_until

sys.path.append(str(ROOT / "tests" / "torture"))
from judge import LostAnswers  # noqa: E402

LINES = 100_000
KILLS = 5


def configuration(directory, url, logs, **agent):
    path = directory / "agent.toml"
    path.write_text(
        f"""
[agent]
state_dir = "{directory}/state"
drain_timeout = "{agent.get("drain_timeout", "20s")}"

[aws]
region = "eu-west-1"
endpoint_url = "{url}"

[logs]
flush_interval = "200ms"

[[logs.file]]
path = "{logs}"
start = "beginning"
group = "/torture"
stream = "one"

[metrics]
interval = "60s"
"""
    )
    (directory / "state").mkdir(exist_ok=True)
    return path


def agent(directory, config, *flags):
    return Process(
        [binary("plimsoll-agent"), "run", "--config", str(config), *flags],
        directory / "agent.log",
        static_credentials(),
    )


def events(local, group="/torture"):
    """Every event of the group, read through boto3's paginator."""
    pages = local.client("logs").get_paginator("filter_log_events").paginate(logGroupName=group)
    return [event for page in pages for event in page["events"]]


def received(local, group="/torture"):
    """How often each message arrived."""
    return collections.Counter(event["message"] for event in events(local, group))


def events_accepted(local):
    logs = local.client("logs")
    groups = [g["logGroupName"] for g in logs.describe_log_groups()["logGroups"]]
    return sum(received(local).values()) if "/torture" in groups else 0


def test_100_000_lines_survive_five_kills_under_throttling_and_resets(local, tmp_path):
    file = tmp_path / "app.log"
    config = configuration(tmp_path, local.url, file)
    faults = {"service": "logs", "throttle": 0.10, "reset": 0.025, "reset_after": 0.025, "latency_ms": 20, "seed": 7}
    for operation in ["PutLogEvents", "CreateLogGroup", "CreateLogStream"]:
        local.post("/_local/faults", json.dumps({**faults, "operation": operation}))
    lost_answers = LostAnswers(local.url)
    lost_answers.start()
    expected = [f"line {n:06d} of the torture test, with some words to give it weight" for n in range(LINES)]

    def write():
        with open(file, "w") as output:
            for start in range(0, LINES, 500):
                output.write("".join(line + "\n" for line in expected[start : start + 500]))
                output.flush()
                time.sleep(0.085)

    writer = threading.Thread(target=write)
    writer.start()
    kills = []
    for _ in range(KILLS):
        running = agent(tmp_path, config)
        time.sleep(3)
        running.assert_running()
        running.kill()
        kills.append(time.time() * 1000)
    last = agent(tmp_path, config)
    writer.join()
    wait_until(lambda: len(received(local)) >= LINES, 90, "the last line")
    assert last.stop() == 0

    got = events(local)
    counts = collections.Counter(event["message"] for event in got)
    lost = [line for line in expected if line not in counts]
    duplicates = len(got) - len(counts)
    # What may come twice: what was taken in shortly before a kill, and was not yet durable in the
    # agent's positions (a second, and some time to write them); and each put whose answer was lost.
    not_durable = sum(any(0 <= kill - event["ingestionTime"] <= 1500 for kill in kills) for event in got)
    unanswered = lost_answers.count()
    tell(
        f"{LINES} lines, {KILLS} kills: lost {len(lost)}, duplicates {duplicates}; in flight: "
        f"{not_durable} not yet durable at a kill, {unanswered} in puts whose answer was lost"
    )
    assert lost == []
    assert set(counts) == set(expected), "nothing arrived that was not written"
    assert duplicates <= not_durable + unanswered


def test_rotation_by_rename_and_by_truncation_loses_no_complete_line(local, tmp_path):
    renamed, truncated = tmp_path / "renamed.log", tmp_path / "truncated.log"
    config = configuration(tmp_path, local.url, tmp_path / "*.log")
    renamed.touch()
    truncated.touch()
    # The agent's and the stand-in's own logs match the glob too; only our lines are counted.
    running = agent(tmp_path, config)
    expected = set()

    def write(path, text):
        with open(path, "a") as output:
            output.write(text + "\n")
        expected.add(text)

    def arrived(text):
        return lambda: text in received(local) if events_accepted(local) else False

    for turn in range(5):
        for n in range(200):
            write(renamed, f"renamed {turn} {n}")
            write(truncated, f"truncated {turn} {n}")
        # copytruncate itself loses what was never read, so the copy waits for the reader.
        wait_until(arrived(f"truncated {turn} 199"), 30, "the last line before the truncation")
        with open(truncated, "w"):
            pass
        renamed.rename(tmp_path / f"renamed.log.{turn}")
        renamed.touch()
        time.sleep(0.3)
    running.stop()
    ours = {text for text in received(local) if text.startswith(("renamed ", "truncated "))}
    assert ours == expected


def test_a_file_renamed_while_the_agent_was_down_is_finished(local, tmp_path):
    file = tmp_path / "app.log"
    config = configuration(tmp_path, local.url, file)
    file.write_text("before\n")
    running = agent(tmp_path, config)
    wait_until(lambda: events_accepted(local) >= 1, 20, "the first line")
    running.stop()
    with open(file, "a") as output:
        output.write("while it was down\n")
    file.rename(tmp_path / "app.log.1")
    file.write_text("after\n")
    running = agent(tmp_path, config)
    wait_until(lambda: len(received(local)) >= 3, 20, "the lines of both files")
    running.stop()
    assert received(local) == {"before": 1, "while it was down": 1, "after": 1}


def test_input_that_is_not_as_it_should_be_costs_nothing_else(local, tmp_path):
    file = tmp_path / "app.log"
    config = configuration(tmp_path, local.url, file)
    long = b"x" * 10_000_000
    file.write_bytes(
        b"first\n" + b"nul \0 inside\n" + b"not utf-8 \xff\xfe\n" + b"\n" + b"crlf\r\n" + long + b"\n"
        + b"y" * 1_048_550 + b"\n" + "fünf\n".encode() + b"no newline at the end"
    )
    assert agent(tmp_path, config, "--once").child.wait(60) == 0
    texts = set(received(local))
    assert {"first", "nul \0 inside", "not utf-8 \ufffd\ufffd", "crlf", "fünf", "no newline at the end"} <= texts
    messages = [event["message"] for event in events(local)]
    # A line that fits an event is whole; a longer one is marked wherever it goes on, and is what its parts say.
    assert "y" * 1_048_550 in messages
    parts = [message for message in messages if "xxx" in message]
    assert sum(part.startswith("[continued] ") for part in parts) == len(parts) - 1 == 9
    assert sum(part.endswith(" [continues]") for part in parts) == len(parts) - 1
    unmarked = [part.removeprefix("[continued] ").removesuffix(" [continues]") for part in parts]
    assert "".join(unmarked) == long.decode()


def test_an_outage_and_an_abrupt_end_of_the_drain_lose_nothing(local, tmp_path):
    file = tmp_path / "app.log"
    config = configuration(tmp_path, local.url, file, drain_timeout="1s")
    local.post("/_local/faults", json.dumps({"service": "logs", "outage": True}))
    expected = [f"line {n}" for n in range(5_000)]
    file.write_text("".join(line + "\n" for line in expected))
    running = agent(tmp_path, config)
    time.sleep(2)
    running.stop(20)
    local.post("/_local/faults", json.dumps({"service": "logs"}))
    running = agent(tmp_path, config)
    wait_until(lambda: events_accepted(local) >= len(expected), 40, "the lines of the outage")
    running.stop()
    assert set(received(local)) == set(expected)
