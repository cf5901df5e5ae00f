"""What a person can do about what was not delivered, and what the agent does before the instance goes."""

import json
import subprocess

from conftest import Process, binary, static_credentials, wait_until
from test_agent_loses_nothing import agent, configuration, events, events_accepted, received


def command(*arguments):
    return subprocess.run(
        [binary("plimsoll-agent"), *arguments], capture_output=True, text=True, timeout=60, env=static_credentials()
    )


def dead_letter(message, **fields):
    letter = {
        "time": "2020-01-01T00:00:00.000Z", "group": "/torture", "stream": "one", "file": "/var/log/app.log",
        "reason": "too_old", "offset": 0, "message": message, **fields,
    }
    return json.dumps(letter) + "\n"


def test_refused_events_are_listed_sent_again_and_purged_while_the_agent_runs(local, tmp_path):
    file = tmp_path / "app.log"
    config = configuration(tmp_path, local.url, file)
    file.write_text("alive\n")
    running = agent(tmp_path, config)
    wait_until(lambda: events_accepted(local) >= 1, 20, "the first line")
    kept = tmp_path / "state" / "dead-letters.jsonl"
    kept.write_text(
        "".join(dead_letter(f"old {n}") for n in range(3)) + dead_letter("odd", reason="rejected") + '{"torn'
    )
    flags = ["--config", str(config)]
    listed = [json.loads(line) for line in command("dlq", "ls", "--json", *flags).stdout.splitlines()]
    assert [row.get("message") for row in listed] == ["old 0", "old 1", "old 2", "odd", None]
    assert "offset  0" in command("dlq", "show", "4", *flags).stdout
    again = command("dlq", "retry", "--reason", "too_old", *flags)
    assert again.returncode == 1 and "3 refused again: too_old" in again.stdout, again
    assert kept.read_text().count("old ") == 3
    again = command("dlq", "retry", "--reason", "too_old", "--now", *flags)
    assert again.returncode == 0 and "3 accepted" in again.stdout, again
    assert {"old 0", "old 1", "old 2"} <= {event["message"] for event in events(local)}
    assert command("dlq", "purge", *flags).returncode == 1, "nothing was chosen"
    assert "1 purged" in command("dlq", "purge", "--reason", "rejected", *flags).stdout
    assert kept.read_text().strip() == '{"torn'
    assert command("dlq", "purge", "--yes", *flags).returncode == 0
    assert kept.read_text() == ""
    assert running.stop() == 0


def test_positions_are_listed_while_the_agent_runs_and_set_when_it_does_not(local, tmp_path):
    file = tmp_path / "app.log"
    config = configuration(tmp_path, local.url, file)
    file.write_text("one\ntwo\n")
    running = agent(tmp_path, config)
    wait_until(lambda: events_accepted(local) >= 2, 20, "both lines")
    flags = ["--config", str(config)]

    def position():
        return json.loads(command("positions", "ls", "--json", *flags).stdout)

    wait_until(lambda: position()["offset"] == 8, 10, "the position")
    assert (position()["state"], position()["lag_bytes"], position()["guard_holds"]) == ("followed", 0, True)
    refused = command("positions", "reset", str(file), "--to", "beginning", *flags)
    assert refused.returncode == 1 and "systemctl stop" in refused.stderr, refused
    running.stop()
    assert command("positions", "reset", str(file), "--to", "5", *flags).returncode == 1, "inside a line"
    assert command("positions", "reset", str(file), "--to", "4", *flags).returncode == 0
    assert position()["lag_bytes"] == 4
    assert agent(tmp_path, config, "--once").child.wait(60) == 0
    assert received(local) == {"one": 1, "two": 2}


def test_what_is_held_is_sent_before_the_instance_goes(local, tmp_path):
    file = tmp_path / "app.log"
    config = configuration(tmp_path, local.url, file)
    text = config.read_text().replace('"200ms"', '"60s"')
    config.write_text(text.replace("[logs]", f'[aws.endpoint_urls]\nimds = "{local.url}"\n\n[logs]', 1))
    file.touch()
    running = Process(
        [binary("plimsoll-agent"), "run", "--config", str(config)],
        tmp_path / "agent.log",
        {**static_credentials(), "AWS_EC2_METADATA_DISABLED": "false"},
    )
    wait_until(lambda: "started" in running.text(), 20, "the start")
    local.post("/_local/instance", json.dumps({"lifecycle_state": "Terminated"}))
    wait_until(lambda: "the time line of leaving" in running.text(), 20, "the notice")
    file.write_text("the last words\n")
    wait_until(lambda: events_accepted(local) >= 1, 10, "the last words, long before the flush interval")
    assert running.stop() == 0


def test_what_could_not_be_sent_is_written_down_and_a_run_that_is_stuck_ends(local, tmp_path):
    file = tmp_path / "app.log"
    config = configuration(tmp_path, local.url, file, drain_timeout="2s")
    local.post("/_local/faults", json.dumps({"service": "logs", "outage": True}))
    file.write_text("one\ntwo\n")
    stuck = agent(tmp_path, config, "--once")
    assert stuck.child.wait(30) == 1
    assert "8 bytes of the files are left" in stuck.text()
    unsent = tmp_path / "state" / "unsent.json"
    assert json.loads(unsent.read_text())["left"] == [{"path": str(file), "offset": 0, "bytes": 8}]
    local.post("/_local/faults", json.dumps({"service": "logs"}))
    assert agent(tmp_path, config, "--once").child.wait(60) == 0
    assert not unsent.exists()
    assert received(local) == {"one": 1, "two": 1}
