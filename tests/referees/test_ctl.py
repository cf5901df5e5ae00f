"""A host that changes over from amazon-cloudwatch-agent: `ctl` as scripts call it, configurations out of SSM as moto
keeps them, and logs that go on where the other agent stopped.

systemd is played by a script that notes how it was called; the unit itself is judged in test_packages.py.
"""

import json
import os
import re
import subprocess

import pytest

from conftest import ROOT, Process, binary, client, static_credentials, wait_until

SYSTEMCTL = """#!/bin/sh
echo "$@" >> "$0.calls"
if [ "$1" = show ]; then
    [ "$TZ" = UTC ] || exit 9
    if [ -e "$0.runs" ]; then
        echo "ActiveState=active"; echo "ExecMainStartTimestamp=Wed 2026-11-25 01:02:03 UTC"
    else
        echo "ActiveState=inactive"; echo "ExecMainStartTimestamp=n/a"
    fi
fi
case "$1" in restart) touch "$0.runs" ;; stop) rm -f "$0.runs" ;; esac
"""
MEMORY = {"metrics": {"metrics_collected": {"mem": {"measurement": ["mem_used_percent"]}}}}
SWAP = {"metrics": {"metrics_collected": {"swap": {"measurement": ["swap_used_percent"]}}}}


class Host:
    """A host's root for `ctl`, with a systemd that notes what it is told."""

    def __init__(self, root):
        self.root = root
        self.directory = root / "etc" / "cloudwatch-agent.d"
        (root / "bin").mkdir()
        (root / "etc").mkdir()
        self.systemctl = root / "bin" / "systemctl"
        self.systemctl.write_text(SYSTEMCTL)
        self.systemctl.chmod(0o755)

    def try_ctl(self, *arguments, **environment):
        path = f"{self.root / 'bin'}:{os.environ['PATH']}"
        return subprocess.run(
            [ROOT / "packaging/compat/amazon-cloudwatch-agent-ctl", "--directory", self.directory, *arguments],
            env=static_credentials(PATH=path, PLIMSOLL_AGENT=binary("plimsoll-agent"), **environment),
            capture_output=True, text=True, timeout=60, check=False,
        )

    def ctl(self, *arguments, **environment):
        done = self.try_ctl(*arguments, **environment)
        assert done.returncode == 0, f"{arguments}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def refused(self, *arguments, **environment):
        done = self.try_ctl(*arguments, **environment)
        assert done.returncode == 1, f"{arguments}\n{done.stdout}\n{done.stderr}"
        return done.stderr

    def held(self):
        return {path.name: json.loads(path.read_text()) for path in self.directory.iterdir()}

    def told_systemd(self):
        calls = self.systemctl.with_name("systemctl.calls")
        text = calls.read_text() if calls.exists() else ""
        calls.unlink(missing_ok=True)
        return [line for line in text.splitlines() if not line.startswith("show ")]

    def status(self):
        return json.loads(self.ctl("-a", "status"))

    def file(self, name, content):
        path = self.root / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path


@pytest.fixture
def host(tmp_path):
    return Host(tmp_path)


RESTARTED = ["daemon-reload", "enable --quiet plimsoll-agent.service", "restart plimsoll-agent.service"]


def test_configurations_are_fetched_appended_and_removed(host):
    memory, swap = host.file("memory.json", MEMORY), host.file("my swap.json", SWAP)
    host.ctl("-a", "fetch-config", "-m", "ec2", "-c", f"file:{memory}")
    assert host.held() == {"file_memory.json": MEMORY}
    assert host.told_systemd() == []
    assert host.status()["configstatus"] == "configured"
    host.ctl("-a", "append-config", "-m", "onPremise", "-c", f"file:{swap}", "-s")
    assert host.held() == {"file_memory.json": MEMORY, "file_my_swap.json": SWAP}
    assert host.told_systemd() == RESTARTED
    # What lies in the directory already is not named twice.
    host.ctl("-a", "append-config", "-c", f"file:{host.directory / 'file_memory.json'}")
    assert set(host.held()) == {"file_memory.json", "file_my_swap.json"}
    host.ctl("-a", "remove-config", "-m", "auto", "-c", f"file:{memory}")
    assert host.held() == {"file_my_swap.json": SWAP}
    host.ctl("-a", "fetch-config", "-c", "default")
    assert set(host.held()) == {"default"}
    assert "removed" in host.ctl("-a", "remove-config", "-c", "all")
    assert host.held() == {}
    assert host.status()["configstatus"] == "not configured"
    assert memory.exists() and swap.exists()


def test_a_configuration_that_does_not_translate_is_refused_and_the_old_one_stays(host):
    good = host.file("good.json", MEMORY)
    host.ctl("-a", "fetch-config", "-c", f"file:{good}")
    bad = host.file("bad.json", '{\n  "metrics": {"metrics_collected": {"swap": {"measurement": ["nonsense"]}}}\n}')
    torn = host.file("torn.json", '{\n  "metrics": {')
    for action in ("fetch-config", "append-config"):
        told = host.refused("-a", action, "-c", f"file:{torn}", "-s")
        assert re.search(r"cloudwatch-agent\.d/file_torn\.json:\d+:\d+", told), told
        assert "nonsense" in host.refused("-a", action, "-c", f"file:{bad}", "-s")
    assert "cannot be read" in host.refused("-a", "fetch-config", "-c", f"file:{host.root}/none.json")
    assert "no configuration" in host.refused("-a", "remove-config", "-c", "file:none.json")
    assert "remove" in host.refused("-a", "fetch-config", "-c", "all")
    assert host.held() == {"file_good.json": MEMORY}
    assert host.told_systemd() == []
    assert sorted(path.name for path in (host.root / "etc").iterdir()) == ["cloudwatch-agent.d"]


def test_the_status_is_that_of_the_original(host):
    status = host.status()
    assert list(status) == ["status", "starttime", "configstatus", "version"]
    assert (status["status"], status["starttime"], status["configstatus"]) == ("stopped", "", "not configured")
    assert re.fullmatch(r"\d+\.\d+\.\d+", status["version"])
    # Without any configuration the built-in one is taken.
    host.ctl("-a", "start", "-m", "ec2")
    assert set(host.held()) == {"default"}
    assert host.told_systemd() == RESTARTED
    status = host.status()
    assert (status["status"], status["configstatus"]) == ("running", "configured")
    assert status["starttime"] == "2026-11-25T01:02:03+00:00"
    assert "already been started" in host.ctl("-a", "start")
    host.ctl("-a", "prep-restart")
    host.ctl("-a", "stop")
    assert "already been stopped" in host.ctl("-a", "stop")
    assert host.told_systemd() == ["stop plimsoll-agent.service"]
    host.ctl("-a", "cond-restart")
    assert host.told_systemd() == RESTARTED
    host.ctl("-a", "cond-restart")
    assert host.told_systemd() == []
    host.ctl("-a", "set-log-level", "-l", "DEBUG")
    assert host.told_systemd() == ["reload plimsoll-agent.service"]
    assert json.loads((host.root / "etc/env-config.json").read_text()) == {"CWAGENT_LOG_LEVEL": "DEBUG"}
    host.ctl("-a", "preun")
    assert "disable --quiet plimsoll-agent.service" in host.told_systemd()
    for wrong in (["-a", "fly"], ["-a", "start", "-m", "moon"], ["-a", "set-log-level", "-l", "LOUD"], ["-x"], []):
        host.refused(*wrong)


def test_a_configuration_out_of_ssm_is_decrypted(host, moto):
    ssm = client("ssm", moto)
    ssm.put_parameter(Name="/fleet/cwa", Value=json.dumps(MEMORY), Type="SecureString", Overwrite=True)
    ssm.put_parameter(Name="AmazonCloudWatch-linux", Value=json.dumps(SWAP), Type="String", Overwrite=True)
    host.ctl("-a", "fetch-config", "-m", "ec2", "-c", "ssm:/fleet/cwa", AWS_ENDPOINT_URL=moto)
    host.ctl("-a", "append-config", "-c", "ssm:AmazonCloudWatch-linux", AWS_ENDPOINT_URL_SSM=moto)
    assert host.held() == {"ssm__fleet_cwa": MEMORY, "ssm_AmazonCloudWatch-linux": SWAP}
    told = host.refused("-a", "fetch-config", "-c", "ssm:none", AWS_ENDPOINT_URL=moto)
    assert "the parameter none cannot be read" in told and "does not exist" in told
    assert len(host.held()) == 2
    checked = subprocess.run(
        [binary("plimsoll-agent"), "validate", "--cloudwatch-agent-config", "ssm:/fleet/cwa"],
        env=static_credentials(AWS_ENDPOINT_URL=moto), capture_output=True, text=True, timeout=60, check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "no mistakes" in checked.stdout


def test_logs_go_on_where_the_other_agent_stopped(local, tmp_path):
    """Nothing before its offset is sent again, and nothing after it is lost."""
    logs, state = tmp_path / "logs", tmp_path / "state"
    logs.mkdir()
    state.mkdir()
    files = {}
    for name, delivered in (("whole", 40), ("gap", 40), ("torn", 40)):
        path = logs / f"{name}.log"
        lines = [f"{name} {n:03d}\n" for n in range(60)]
        path.write_text("".join(lines))
        files[name] = (path, len("".join(lines[:delivered])), len(lines[0]))
    for name, (path, offset, line) in files.items():
        stretches = {"whole": f"0-{offset}", "gap": f"0-{10 * line},{30 * line}-{offset}", "torn": ""}[name]
        text = f"{offset}\n{path}\n{stretches}" if name != "torn" else ""
        (state / str(path).replace("/", "_")).write_text(text)
    configuration = tmp_path / "agent.toml"
    configuration.write_text(f"""
[agent]
state_dir = "{tmp_path}/own"
[aws]
endpoint_url = "{local.url}"
[logs]
flush_interval = "200ms"
cloudwatch_agent_state = "{state}"
[[logs.file]]
path = "{logs}/*.log"
group = "/taken"
stream = "{{file_name}}"
start = "beginning"
[metrics]
scrapers = []
""")

    def sent():
        asked = local.client("logs")
        groups = asked.describe_log_groups()["logGroups"]
        pages = asked.get_paginator("filter_log_events").paginate(logGroupName="/taken") if groups else []
        found = {name: [] for name in files}
        for page in pages:
            for event in page["events"]:
                name, number = event["message"].split()
                found[name].append(int(number))
        return found

    def run():
        return Process(
            [binary("plimsoll-agent"), "run", "--config", str(configuration)], tmp_path / "agent.log",
            static_credentials(),
        )

    agent = run()
    expected = {"whole": list(range(40, 60)), "gap": list(range(10, 60)), "torn": list(range(60))}
    wait_until(lambda: sent() == expected, 30, "the rest of the logs")
    assert "does not say where amazon-cloudwatch-agent stopped" in agent.text()
    assert agent.stop() == 0
    # From then on its own positions count, whatever the other agent has left.
    for name, (path, _, _) in files.items():
        with path.open("a") as file:
            file.write(f"{name} 060\n")
        expected[name].append(60)
    agent = run()
    wait_until(lambda: sent() == expected, 30, "what was written meanwhile")
    assert agent.stop() == 0
