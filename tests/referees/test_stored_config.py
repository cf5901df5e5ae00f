"""A configuration that is kept in parameters of SSM: followed without a restart, and nothing that goes wrong changes anything."""

import http.server
import json
import signal
import subprocess
import threading
import urllib.error
import urllib.request

import pytest

from conftest import Process, binary, client, static_credentials, tell, wait_until

FAULTS = {
    "throttled": (400, "ThrottlingException"),
    "denied": (400, "AccessDeniedException"),
    "unreachable": None,
}


class Door:
    """What stands between the agent and moto: counts requests, and fails them when it is told to."""

    def __init__(self, target):
        self.fault, self.asked = None, 0
        door = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                door.asked += 1
                if door.fault == "unreachable":
                    self.close_connection = True
                elif door.fault:
                    code, word = FAULTS[door.fault]
                    self.answer(code, json.dumps({"__type": word, "message": word}).encode())
                else:
                    request = urllib.request.Request(target, data=body, headers=dict(self.headers), method="POST")
                    try:
                        with urllib.request.urlopen(request, timeout=10) as answer:
                            self.answer(answer.status, answer.read())
                    except urllib.error.HTTPError as error:
                        self.answer(error.code, error.read())

            def answer(self, code, body):
                self.send_response(code)
                self.send_header("content-type", "application/x-amz-json-1.1")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"


class Agent:
    """An agent whose configuration is in two parameters: what every agent has, and its files."""

    def __init__(self, name, directory, moto, local, check):
        self.directory = directory / name
        self.directory.mkdir()
        self.ssm, self.local, self.door = client("ssm", moto), local, Door(moto)
        self.names = [f"/{name}/common", f"/{name}/files"]
        self.put(self.names[0], f'[agent]\nstate_dir = "{self.directory}/state"\nconfig_check = "{check}"\n'
                 f'[aws]\nendpoint_url = "{local.url}"\n[logs]\nflush_interval = "200ms"\n')
        self.follow("a")
        environment = static_credentials(AWS_ENDPOINT_URL_SSM=self.door.url)
        self.process = Process([binary("plimsoll-agent"), "run", "--config", f"ssm:{','.join(self.names)}"],
                               self.directory / "agent.log", environment)
        self.name = name
        self.write("a", "first")
        self.wait_for("a", "first")

    def put(self, name, text):
        self.ssm.put_parameter(Name=name, Value=text, Type="SecureString", Overwrite=True)

    def follow(self, *files):
        """Puts the parameter of the files."""
        self.put(self.names[1], "".join(
            f'[[logs.file]]\npath = "{self.directory}/{file}.log"\ngroup = "/{self.directory.name}/{file}"\n'
            'stream = "one"\nstart = "beginning"\n' for file in files))

    def write(self, file, text):
        with open(self.directory / f"{file}.log", "a", encoding="ascii") as log:
            log.write(text + "\n")

    def events(self, file):
        group, logs = f"/{self.name}/{file}", self.local.client("logs")
        if not logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
            return []
        return [event["message"] for event in logs.filter_log_events(logGroupName=group)["events"]]

    def wait_for(self, file, text, seconds=30):
        wait_until(lambda: self.process.assert_running() or text in self.events(file), seconds, f"{text} in {file}")

    def status(self):
        told = subprocess.run(
            [binary("plimsoll-agent"), "status", "--json", "--socket", self.directory / "state/agent.sock"],
            text=True, check=False, timeout=30, stdout=subprocess.PIPE, env=static_credentials(),
        )
        return json.loads(told.stdout)

    def refusals(self):
        return self.process.text().count("the configuration is not taken")


def test_a_changed_parameter_is_followed_and_a_broken_one_is_refused_once(moto, local, tmp_path):
    agent = Agent("changed", tmp_path, moto, local, "10s")
    failing = {fault: Agent(fault, tmp_path, moto, local, "10s") for fault in FAULTS}
    for fault, one in failing.items():
        one.door.fault = fault

    agent.write("b", "second")
    agent.follow("a", "b")
    agent.wait_for("b", "second")
    assert agent.status()["configuration"]["reloads"] == 1
    agent.put(agent.names[1], '[[logs.file]]\npaht = "/x"\n')
    wait_until(agent.refusals, 30, "the refusal")
    asked = agent.door.asked
    # Two parameters a look.
    wait_until(lambda: agent.door.asked >= asked + 4, 60, "two looks")
    assert agent.refusals() == 1, "told once"
    told = agent.status()
    assert told["health"] == "degraded" and "paht" in str(told["configuration"]["refused"]), told
    agent.write("b", "third")
    agent.wait_for("b", "third")
    assert agent.events("a") == ["first"] and agent.events("b") == ["second", "third"]

    for fault, one in failing.items():
        count = wait_until(lambda: one.status()["problems"].get("config_check_failed"), 60, f"the count of {fault}")
        tell(f"{fault}: {count} looks have failed")
        text = one.process.text()
        assert text.count("whether the configuration has changed is not known") == 1, text
        told = one.status()
        assert told["health"] == "ok" and told["configuration"]["reloads"] == 0 and one.refusals() == 0, told
        one.write("a", "second")
        one.wait_for("a", "second")
        assert one.events("a") == ["first", "second"]
    for one in [agent, *failing.values()]:
        assert one.process.stop() == 0


def test_a_reload_reads_parameters_again_also_where_they_are_not_looked_at(moto, local, tmp_path):
    agent = Agent("reloaded", tmp_path, moto, local, "off")
    agent.write("b", "second")
    agent.follow("a", "b")
    agent.process.child.send_signal(signal.SIGHUP)
    agent.wait_for("b", "second")
    agent.put(agent.names[1], '[[logs.file]]\npaht = "/x"\n')
    agent.process.child.send_signal(signal.SIGHUP)
    wait_until(agent.refusals, 30, "the refusal")
    agent.write("b", "third")
    agent.wait_for("b", "third")
    assert agent.door.asked == 6, "two parameters at the start and for each reload"
    assert agent.process.stop() == 0
