"""The running agent is asked how it is, over its own socket, by those who may."""

import fcntl
import json
import os
import pty
import select
import shutil
import signal
import socket
import struct
import subprocess
import termios
import time

import pytest
from conftest import NEEDS_ROOT, binary, static_credentials, wait_until
from test_agent_loses_nothing import agent, configuration, received

NOBODY = 65534
SECRET = "planted-external-id-7319"
KEY = "planted-query-key-4471"


def ask(command, config, *flags, **options):
    return subprocess.run(
        [binary("plimsoll-agent"), command, "--config", str(config), *flags],
        capture_output=True, text=True, timeout=30, env=static_credentials(), **options,
    )


def status(config):
    answer = ask("status", config, "--json")
    assert answer.returncode in (0, 1), answer.stderr
    return json.loads(answer.stdout)


def running_agent(tmp_path, local, lines=("one", "two"), more="", interval="60s"):
    log = tmp_path / "app.log"
    log.write_text("".join(f"{line}\n" for line in lines))
    config = configuration(tmp_path, local.url, log)
    config.write_text(config.read_text().replace('"60s"', f'"{interval}"') + more)
    running = agent(tmp_path, config)
    at = tmp_path / "state" / "agent.sock"
    wait_until(lambda: running.assert_running() or at.exists(), 20, "the socket")
    return running, config, log, at


def test_the_status_of_a_running_agent_is_told_to_people_and_to_programs(local, tmp_path):
    running, config, log, at = running_agent(tmp_path, local)
    wait_until(lambda: status(config)["logs"]["events_sent"] == 2, 20, "two delivered lines")
    told = status(config)
    assert (told["health"], told["why"]) == ("ok", []), told
    assert told["pid"] == running.child.pid
    assert told["configuration"]["file"] == str(config)
    assert told["calls"]["PutLogEvents"] >= 1
    assert told["process"]["resident_bytes"] > 1_000_000
    [source] = [one for one in told["sources"] if one["kind"] == "file"]
    assert source["source"] == str(log)
    assert (source["group"], source["lag_bytes"], source["lag_seconds"]) == ("/torture", 0, 0)
    assert source["state"] == "delivered"

    # A line without its end is not late, whatever its age.
    with open(log, "a") as output:
        output.write("unfinished")
    [source] = [one for one in status(config)["sources"] if one["kind"] == "file"]
    assert (source["state"], source["lag_bytes"], source["lag_seconds"]) == ("unfinished_line", 10, 0)

    shown = ask("status", config)
    assert shown.returncode == 0 and " is ok" in shown.stdout.splitlines()[0], shown
    assert f"{log} → /torture/" in shown.stdout

    # A second agent tells that it cannot be asked, and how to change that; the first still answers.
    other = tmp_path / "other.toml"
    other.write_text(config.read_text().replace(str(tmp_path / "state"), str(tmp_path / "other"))
                     .replace("[agent]\n", f'[agent]\ncontrol_socket = "{at}"\n'))
    second = agent(tmp_path, other)
    wait_until(lambda: "another process answers at" in second.text(), 20, "the second agent's word")
    assert "give each its own control_socket" in second.text()
    assert second.stop() == 0
    assert status(config)["pid"] == running.child.pid

    # One that was killed leaves its socket, which the next one replaces.
    running.kill()
    assert at.exists()
    assert ask("status", config).returncode == 2
    running = agent(tmp_path, config)
    wait_until(lambda: ask("status", config).returncode in (0, 1), 20, "the next agent's answer")
    assert running.stop() == 0
    assert not at.exists()


def test_an_agent_that_does_not_run_is_told_with_the_remedy(local, tmp_path):
    config = configuration(tmp_path, local.url, tmp_path / "app.log")
    for flags in ([], ["--json"]):
        answer = ask("status", config, *flags)
        assert answer.returncode == 2 and answer.stdout == ""
        assert "not running" in answer.stderr and "systemctl start plimsoll-agent" in answer.stderr


def test_a_refused_configuration_degrades_the_agent_and_is_told(local, tmp_path):
    running, config, _, _ = running_agent(tmp_path, local)
    good = config.read_text()
    config.write_text(good.replace("[logs]\n", "[logs]\nin_flihgt = 1\n"))
    running.child.send_signal(signal.SIGHUP)
    wait_until(lambda: "configuration is not taken" in running.text(), 20, "the refusal")
    config.write_text(good)
    told = status(config)
    assert told["health"] == "degraded"
    assert any("was refused" in why for why in told["why"])
    assert "in_flihgt" in told["configuration"]["refused"]["mistakes"][0]
    assert any("in_flihgt" in one["text"] and one["count"] >= 1 for one in told["recent"])
    assert ask("status", config).returncode == 1
    running.stop()


def test_a_stream_whose_calls_fail_is_told_with_the_age_of_what_waits(local, tmp_path):
    fault = {"service": "logs", "operation": "PutLogEvents", "throttle": 1.0}
    local.post("/_local/faults", json.dumps(fault))
    running, config, log, _ = running_agent(tmp_path, local)

    def degraded():
        told = status(config)
        return told if any("calls for /torture/one keep failing" in why for why in told["why"]) else None

    told = wait_until(degraded, 30, "the word about the stream")
    [source] = [one for one in told["sources"] if one["kind"] == "file"]
    assert (source["state"], source["lag_bytes"]) == ("calls_fail", 8)
    assert source["lag_seconds"] >= 1
    assert told["throttles"] >= 3 and told["retries"] >= 3
    assert any("/torture" in one["text"] and one["level"] == "warn" for one in told["recent"])
    shown = ask("status", config)
    assert shown.returncode == 1
    assert "! calls for /torture/one keep failing; its logs wait" in shown.stdout
    running.kill()


def test_no_secret_of_the_configuration_is_told(local, tmp_path):
    more = f"""
[aws]
endpoint_url = "{local.url}"
role_arn = "arn:aws:iam::111122223333:role/other"
external_id = "{SECRET}"
proxy = "http://user:{KEY}@127.0.0.1:9"
no_proxy = "127.0.0.1"
region = "eu-west-1"
[[metrics.prometheus]]
url = "http://127.0.0.1:9/metrics?key={KEY}"
"""
    log = tmp_path / "app.log"
    log.write_text("one\n")
    config = configuration(tmp_path, local.url, log)
    text = config.read_text()
    start = text.index("[aws]")
    end = text.find("\n[", start)
    config.write_text(text[:start] + text[end:] + more)
    running = agent(tmp_path, config)
    at = tmp_path / "state" / "agent.sock"
    wait_until(lambda: running.assert_running() or at.exists(), 20, "the socket")
    for flags in ([], ["--json"]):
        answer = ask("status", config, *flags)
        assert answer.returncode in (0, 1), answer.stderr
        assert SECRET not in answer.stdout and KEY not in answer.stdout
        assert "127.0.0.1:9" in answer.stdout
    running.stop()


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason=f"{NEEDS_ROOT} and setpriv")
def test_another_user_is_refused_even_where_the_mode_of_the_socket_lets_him_in(local, tmp_path):
    running, config, _, at = running_agent(tmp_path, local)
    program = shutil.copy(binary("plimsoll-agent"), tmp_path / "asker")
    # A way in for everyone: what is left is the agent's own look at who asks.
    for directory in [at.parent, *tmp_path.parents[:2], tmp_path]:
        directory.chmod(0o755)

    def asked_by_nobody(*groups):
        more = ["--groups", ",".join(map(str, groups))] if groups else ["--clear-groups"]
        return subprocess.run(
            ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", *more,
             program, "status", "--json", "--socket", str(at)],
            capture_output=True, text=True, timeout=30, env=static_credentials(),
        )

    closed = asked_by_nobody()
    assert closed.returncode == 4 and "may not be opened by this user" in closed.stderr
    at.chmod(0o666)
    refused = asked_by_nobody()
    assert refused.returncode == 4 and refused.stdout == ""
    assert f"user {NOBODY} may not ask" in refused.stderr
    member = asked_by_nobody(os.getegid())
    assert json.loads(member.stdout)["pid"] == running.child.pid
    running.stop()


def test_who_asks_nonsense_too_much_or_never_reads_holds_nobody_up(local, tmp_path):
    running, config, log, at = running_agent(tmp_path, local)

    def raw(question, wait=10):
        with socket.socket(socket.AF_UNIX) as asker:
            asker.settimeout(wait)
            asker.connect(str(at))
            asker.sendall(question)
            text = b""
            while part := asker.recv(65536):
                text += part
        return json.loads(text)

    assert "there are: status, tap" in raw(b'{"request":"fly"}\n')["error"]
    assert "no line of JSON" in raw(b"\xff\x00\n")["error"]
    assert "at most" in raw(b"x" * 9000)["error"]

    wait_until(lambda: status(config)["logs"]["events_sent"] == 2, 20, "the group of the logs")
    idle = []
    for _ in range(30):
        asker = socket.socket(socket.AF_UNIX)
        asker.connect(str(at))
        idle.append(asker)
    full = ask("status", config)
    assert full.returncode == 4 and "others ask already; try again" in full.stderr
    with open(log, "a") as output:
        output.write("three\n")
    wait_until(lambda: "three" in received(local), 20, "a line while thirty connections idle")
    # Those who ask nothing are let go after some seconds.
    wait_until(lambda: ask("status", config).returncode == 0, 20, "an answer")
    for asker in idle:
        asker.close()
    running.stop()


def tapping(config, *flags):
    """A tap that has begun."""
    return subprocess.Popen(
        [binary("plimsoll-agent"), "tap", *flags, "--config", str(config)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=static_credentials(),
    )


def ended(tap, seconds=5):
    try:
        out, err = tap.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        tap.kill()
        raise AssertionError(f"the tap did not end: {tap.communicate()}") from None
    return tap.returncode, out.splitlines(), err


def feed(log, tap, text):
    """Writes again and again, because nothing tells from outside when a tap has begun."""
    end = time.monotonic() + 20
    while tap.poll() is None and time.monotonic() < end:
        with open(log, "a") as output:
            output.write(text)
        time.sleep(0.1)


def test_a_tap_shows_what_passes_redacted_filtered_and_as_much_as_asked_for(local, tmp_path):
    more = '\n[[logs.file]]\npath = "{}"\ngroup = "/other"\nredact = ["emails"]\n'.format(tmp_path / "other.log")
    running, config, log, _ = running_agent(tmp_path, local, more=more, interval="1s")
    other = tmp_path / "other.log"
    lines = "GET /a 200\nGET /b 500\n"

    tap = tapping(config, str(log), "--filter", "5\\d\\d$", "--limit", "3", "--json")
    feed(log, tap, lines)
    code, shown, _ = ended(tap)
    records = [json.loads(line) for line in shown]
    assert code == 0 and [one["text"] for one in records] == ["GET /b 500"] * 3
    assert records[0]["source"] == str(log) and records[0]["group"] == "/torture"

    tap = tapping(config, "logs", "--filter", "mail", "--limit", "1")
    feed(other, tap, "mail to someone@example.com\n")
    code, [shown], _ = ended(tap)
    assert code == 0 and f"{other}: mail to " in shown and "someone@" not in shown

    for stage, part in [("calls", '"PutLogEvents"'), ("metrics", '"name":"')]:
        tap = tapping(config, stage, "--limit", "1", "--json", "--filter", part)
        feed(log, tap, lines)
        code, [shown], _ = ended(tap)
        assert code == 0 and json.loads(shown)["stage"] == stage

    for flags, told in [(["lgos"], "there are: logs, journal"), (["logs", "--filter", "("], "no regular expression")]:
        code, shown, err = ended(tapping(config, *flags))
        assert (code, shown) == (4, []) and told in err
    assert running.stop() == 0


def test_a_tap_that_is_never_read_slows_no_line_and_its_losses_are_counted(local, tmp_path):
    running, config, log, at = running_agent(tmp_path, local)
    hanging = []
    for _ in range(2):
        asker = socket.socket(socket.AF_UNIX)
        asker.connect(str(at))
        asker.sendall(b'{"v":1,"request":"tap","of":"logs"}\n')
        assert b"begun" in asker.recv(100)
        hanging.append(asker)
    count = 50_000
    with open(log, "a") as output:
        output.writelines(f"line {number:06d} with some words to give it weight\n" for number in range(count))
    wait_until(lambda: status(config)["logs"]["events_sent"] == count + 2, 40, "all lines while two taps hang")
    # Read at last, each tells what it has lost.
    for asker in hanging:
        asker.settimeout(10)
        text = b""
        while b"dropped" not in text:
            text += asker.recv(1 << 20)
        asker.close()
    assert ask("status", config).returncode == 0
    assert running.stop() == 0


def test_top_prints_one_picture_where_there_is_no_terminal(local, tmp_path):
    running, config, log, _ = running_agent(tmp_path, local)
    wait_until(lambda: status(config)["logs"]["events_sent"] == 2, 20, "two delivered lines")
    for flags in (["--once"], []):
        answer = ask("top", config, *flags)
        assert answer.returncode == 0, answer.stderr
        assert "\x1b" not in answer.stdout
        [row] = [line for line in answer.stdout.splitlines() if line.startswith("events sent")]
        assert row.split() == ["events", "sent", "0.0", "2"]
        assert f"{log} → /torture/one" in answer.stdout
    running.stop()
    assert ask("top", config, "--once").returncode == 2


@pytest.mark.parametrize("way_out", ["q", "\x03", signal.SIGTERM], ids=["q", "Ctrl-C", "SIGTERM"])
def test_top_draws_on_a_terminal_and_gives_it_back(local, tmp_path, way_out):
    running, config, _, _ = running_agent(tmp_path, local)
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 12, 60, 0, 0))
    before = termios.tcgetattr(theirs)
    top = subprocess.Popen(
        [binary("plimsoll-agent"), "top", "--config", str(config)],
        stdin=theirs, stdout=theirs, stderr=theirs, env=static_credentials(), start_new_session=True,
    )
    shown = b""

    def drawn():
        nonlocal shown
        while select.select([ours], [], [], 0)[0]:
            shown += os.read(ours, 65536)
        return shown.count(b"q quits") >= 3

    wait_until(lambda: top.poll() is not None or drawn(), 20, "three pictures")
    assert top.poll() is None, shown
    assert termios.tcgetattr(theirs) != before
    # Twelve lines, and the last is at the foot of the screen.
    picture = shown.split(b"\x1b[H")[-1]
    assert picture.count(b"\n") <= 11 and b"plimsoll-agent" in picture
    if isinstance(way_out, str):
        os.write(ours, way_out.encode())
    else:
        top.send_signal(way_out)
    wait_until(lambda: drawn() and top.poll() is not None, 10, "the end")
    drawn()
    assert top.returncode == 0
    assert shown.startswith(b"\x1b[?1049h") and shown.endswith(b"\x1b[?7h\x1b[?25h\x1b[?1049l")
    assert termios.tcgetattr(theirs) == before
    os.close(ours)
    os.close(theirs)
    running.stop()
