"""Those who operate the collector: it is asked how it is, reads its configuration again, is examined and bundled."""

import json
import os
import signal
import socket
import subprocess
import tarfile

import pytest

from conftest import ACCOUNT, NEEDS_ROOT, REGION, Local, Process, binary, clean_environment, client, free_port, static_credentials, wait_until
from test_doctor import Answers, all_rights_are_told, judged

PLANTED = "pl4nted-Secret-0123456789"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:plimsoll"
RIGHTS = {"queue", "notifications", "metrics", "alarms", "dashboard", "cost"}


class Scene:
    """A collector's configuration beside its state and a directory of CloudTrail files."""

    def __init__(self, directory, endpoint):
        self.directory, self.endpoint = directory, endpoint
        self.config, self.socket = directory / "collector.toml", directory / "collector.sock"
        (directory / "trail").mkdir()
        self.write()

    def write(self, aws="", trail=None, more="", notify=TOPIC, collector=""):
        feed = trail or f'directory = "{self.directory}/trail"'
        self.config.write_text(
            f'[collector]\nstate = "{self.directory}/state.sqlite"\ninterval = "1s"\n{collector}\n'
            f'[aws]\nregion = "{REGION}"\nendpoint_url = "{self.endpoint}"\n{aws}\n'
            f'[cloudtrail]\n{feed}\nhome_regions = ["{REGION}"]\n[notify]\ntopic_arn = "{notify}"\n{more}'
        )

    def start(self, **environment):
        command = [binary("plimsoll-collector"), "run", "--config", str(self.config)]
        running = Process(command, self.directory / "collector.log", {**static_credentials(), **environment})
        wait_until(lambda: running.assert_running() or self.socket.exists(), 20, "the socket")
        return running

    def ask(self, *words, environment=None, **more):
        command = [binary("plimsoll-collector"), words[0], "--config", str(self.config), *words[1:]]
        return subprocess.run(
            command, capture_output=True, text=True, timeout=60, check=False, env=environment or static_credentials(), **more
        )

    def status(self):
        command = [binary("plimsoll-collector"), "status", "--socket", str(self.socket), "--json"]
        answer = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False, env=static_credentials())
        assert answer.returncode in (0, 1), answer
        return json.loads(answer.stdout)

    def doctor(self, *flags, environment=None):
        done = self.ask("doctor", "--json", *flags, environment=environment)
        findings = [json.loads(line) for line in done.stdout.splitlines()]
        assert findings, done.stderr
        assert done.returncode == int(any(one["verdict"] == "failed" for one in findings)), findings
        return findings


@pytest.fixture
def stand_in(tmp_path):
    (tmp_path / "local").mkdir()
    server = Local(tmp_path / "local", "--topic", "plimsoll")
    yield server
    server.stop()


@pytest.fixture
def scene(stand_in, tmp_path):
    return Scene(tmp_path, stand_in.url)


def test_a_running_collector_tells_how_it_is_and_who_does_not_run_is_told_apart(scene):
    assert (scene.ask("status").returncode, "is not running" in scene.ask("status").stderr) == (2, True)
    running = scene.start()
    told = wait_until(lambda: (one := scene.status())["sources"][-1]["worked"] and one, 20, "a look at the directory")
    assert (told["health"], told["why"], told["pid"], told["region"]) == ("ok", [], running.child.pid, REGION)
    assert {one["kind"] for one in told["sources"]} == {"notifications", "metrics", "plan", "cloudtrail"}
    assert told["stored"]["bytes"] > 0 and told["rules"] > 0 and told["process"]["resident_bytes"] > 1_000_000
    shown = scene.ask("status")
    assert shown.returncode == 0 and shown.stdout.startswith("plimsoll-collector 0.1.0 is ok\n"), shown
    assert f"cloudtrail {scene.directory}/trail: worked 2" in shown.stdout
    running.stop()
    assert not scene.socket.exists() and scene.ask("status").returncode == 2
    scene.write(collector='control_socket = "off"')
    assert "is \"off\"" in scene.ask("status").stderr


@pytest.mark.skipif(os.geteuid() != 0, reason=NEEDS_ROOT)
def test_who_is_neither_root_nor_in_the_group_may_not_ask(scene):
    running = scene.start()
    for parent in [scene.directory, *scene.directory.parents][:3]:
        parent.chmod(0o755)
    scene.socket.chmod(0o666)
    stranger = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
    command = [*stranger, binary("plimsoll-collector"), "status", "--socket", str(scene.socket)]
    refused = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False, env=static_credentials())
    assert refused.returncode == 4 and "may not ask" in refused.stderr, refused
    running.stop()


def test_a_queue_that_cannot_be_read_is_told_with_its_reason(moto, tmp_path):
    scene = Scene(tmp_path, moto)
    scene.write(trail=f'queue_url = "https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/plimsoll-nowhere"')
    running = scene.start()
    queue = lambda: next(one for one in scene.status()["sources"] if one["kind"] == "cloudtrail")
    told = wait_until(lambda: (one := queue())["failing_since"] and one, 20, "the failure")
    assert told["failures"] >= 1 and "ReceiveMessage" in told["why"] and told["worked"] is None, told
    shown = scene.ask("status")
    assert shown.returncode == 1 and "is degraded" in shown.stdout and "FAILS since" in shown.stdout, shown
    running.stop()


def test_a_new_configuration_is_taken_on_sighup_and_a_broken_one_is_told_and_not_taken(scene):
    running = scene.start()
    (scene.directory / "other").mkdir()
    scene.write(trail=f'dirctory = "{scene.directory}/other"')
    running.child.send_signal(signal.SIGHUP)
    told = wait_until(lambda: (one := scene.status())["configuration"]["refused"] and one, 20, "the refusal")
    assert told["health"] == "degraded" and "dirctory" in json.dumps(told["configuration"]["refused"]), told
    assert f"{scene.directory}/trail" in {one["source"] for one in told["sources"]}
    scene.write(trail=f'directory = "{scene.directory}/other"', collector='log_level = "debug"')
    running.child.send_signal(signal.SIGHUP)
    told = wait_until(lambda: (one := scene.status())["configuration"]["reloads"] == 1 and one, 20, "the reload")
    assert told["configuration"]["refused"] is None
    assert {one["source"] for one in told["sources"] if one["kind"] == "cloudtrail"} == {f"{scene.directory}/other"}
    scene.write(aws='profile = "other"')
    running.child.send_signal(signal.SIGHUP)
    wait_until(lambda: "takes effect at the next start key=aws" in running.text(), 20, "the setting that waits")
    running.stop()


def test_systemd_hears_that_the_collector_is_ready_alive_and_how_it_goes(scene):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(scene.directory / "notify"))
        manager.settimeout(20)
        running = scene.start(NOTIFY_SOCKET=str(scene.directory / "notify"), WATCHDOG_USEC="200000")
        heard = ""

        def hears(word):
            nonlocal heard
            while word not in heard:
                heard += manager.recv(4096).decode() + "\n"
            heard = ""

        hears("READY=1")
        for _ in range(3):
            hears("WATCHDOG=1")
        running.child.send_signal(signal.SIGHUP)
        hears("RELOADING=1")
        hears("READY=1")
        running.child.send_signal(signal.SIGTERM)
        hears("STOPPING=1")
        assert running.child.wait(30) == 0
    status = [line for line in running.text().splitlines() if "panicked" in line]
    assert not status


def test_systemd_is_told_in_a_line_what_the_collector_does(scene):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(scene.directory / "notify"))
        manager.settimeout(20)
        running = scene.start(NOTIFY_SOCKET=str(scene.directory / "notify"))
        line = ""
        while not line.startswith("STATUS="):
            line = manager.recv(4096).decode()
        assert "0 signals read, 0 findings, 0 notifications sent; all answer" in line
        running.stop()


def test_a_good_host_has_no_failure_and_every_right_is_proved_without_an_effect(scene, stand_in):
    scene.write(more='[plan]\napply = true\n[cost]\nsource = "cost-explorer"\n')
    findings = scene.doctor()
    assert not [one for one in findings if one["verdict"] == "failed"], findings
    fine = {one["check"] for one in findings if one["verdict"] == "ok"}
    assert {"configuration", "files", "rules", "disk", "region", "credentials"} | RIGHTS - {"queue", "cost"} <= fine, findings
    judged(findings, "cost", "skipped", "--paid", "")
    assert {"ce:GetCostAndUsage", "cloudwatch:TagResource"} < all_rights_are_told("collector", scene.config, findings)
    assert not stand_in.client("cloudwatch").describe_alarms()["MetricAlarms"]
    assert not stand_in.client("cloudwatch").list_dashboards()["DashboardEntries"]
    assert not stand_in.client("cloudwatch").list_metrics()["Metrics"]
    assert not scene.socket.exists() and not (scene.directory / "state.sqlite").exists()
    judged(scene.doctor("--paid"), "cost", "ok", "services have cost", "")


def test_a_queue_that_is_there_is_asked_without_hiding_a_message(moto, tmp_path):
    sqs = client("sqs", moto)
    name = f"plimsoll-{tmp_path.name}"[:60]
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="a message that stays")
    scene = Scene(tmp_path, moto)
    scene.write(trail=f'queue_url = "https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{name}"')
    findings = scene.doctor()
    judged(findings, "queue", "ok", "would be received", "")
    judged(findings, "queue", "ok", "would be deleted", "")
    judged(findings, "rights", "skipped", "s3:GetObject", "")
    all_rights_are_told("collector", scene.config, findings)
    judged(findings, "notifications", "failed", "Publish", "make the topic")
    visible = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert (visible["ApproximateNumberOfMessages"], visible["ApproximateNumberOfMessagesNotVisible"]) == ("1", "0")
    scene.write(trail=f'queue_url = "https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/plimsoll-nowhere"')
    judged(scene.doctor(), "queue", "failed", "ReceiveMessage", "make the queue")


def test_what_is_wrong_on_this_host_is_told_with_its_remedy(scene):
    scene.write(more="[plan]\nintervall = \"5m\"\n")
    judged(scene.doctor("--offline"), "configuration", "failed", "plan.intervall", "correct it")
    scene.write(trail=f'directory = "{scene.directory}/nowhere"', collector=f'log_level = "info"')
    judged(scene.doctor("--offline"), "files", "failed", "cloudtrail.directory", "make it")
    (scene.directory / "rules").mkdir()
    (scene.directory / "rules" / "bad.yml").write_text("title: bad\n")
    scene.write(more=f'[rules]\ndirectory = "{scene.directory}/rules"\n')
    judged(scene.doctor("--offline"), "rules", "failed", "bad.yml", "correct the rule")


def test_a_right_that_is_missing_is_named(scene, tmp_path):
    refusal = json.dumps({"__type": "AccessDeniedException", "message": "User is not authorized"}).encode()
    with Answers(400, refusal, **{"Content-Type": "application/x-amz-json-1.1"}) as denying:
        scene.endpoint = denying
        scene.write(trail=f'queue_url = "https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/plimsoll-q"',
                    more='[cost]\nsource = "cost-explorer"\n[plan]\napply = true\n')
        findings = scene.doctor("--paid")
    judged(findings, "queue", "failed", "ReceiveMessage was denied", "allow sqs:ReceiveMessage")
    judged(findings, "queue", "failed", "DeleteMessage was denied", "allow sqs:DeleteMessage")
    judged(findings, "cost", "failed", "not authorized", "allow ce:GetCostAndUsage")


def test_a_wrong_secret_fails_every_right_and_is_in_no_output(scene):
    scene.write(more="[plan]\napply = true\n")
    findings = scene.doctor(environment={**static_credentials(), "AWS_SECRET_ACCESS_KEY": PLANTED})
    for check, action in [("notifications", "sns:Publish"), ("metrics", "cloudwatch:PutMetricData"),
                          ("alarms", "cloudwatch:DescribeAlarms"), ("alarms", "cloudwatch:PutMetricAlarm"),
                          ("dashboard", "cloudwatch:GetDashboard"), ("dashboard", "cloudwatch:PutDashboard")]:
        hits = [one for one in findings if one["check"] == check and action in (one["remedy"] or "")]
        assert hits and hits[0]["verdict"] == "failed", (action, findings)
    assert PLANTED not in json.dumps(findings)


def test_a_region_that_nobody_names_is_told(scene):
    scene.config.write_text(f'[collector]\nstate = "{scene.directory}/state.sqlite"\n[cloudtrail]\ndirectory = "{scene.directory}/trail"\n')
    nowhere = clean_environment(AWS_EC2_METADATA_DISABLED="true", HOME=str(scene.directory))
    judged(scene.doctor(environment=nowhere), "region", "failed", "no Region", "aws.region")
    unreachable = f"http://127.0.0.1:{free_port()}"
    scene.endpoint = unreachable
    scene.write()
    judged(scene.doctor(), "metrics", "failed", "not taken", "VPC endpoint")


def test_a_bundle_tells_much_and_no_planted_secret(scene):
    scene.write(aws=f'role_arn = "arn:aws:iam::{ACCOUNT}:role/r"\nexternal_id = "{PLANTED}"\n'
                    f'proxy = "http://user:{PLANTED}@127.0.0.1:9"\nno_proxy = "127.0.0.1"')
    running = scene.start(OWN_WORD=PLANTED)
    archive = scene.directory / "b.tar.gz"
    done = scene.ask("bundle", "--output", str(archive), environment=static_credentials(AWS_SESSION_TOKEN=PLANTED))
    assert done.returncode == 0 and archive.stat().st_mode & 0o777 == 0o600, done
    with tarfile.open(archive) as members:
        told = {one.name: members.extractfile(one).read().decode() for one in members}
    assert {"plimsoll-collector/" + name for name in (
        "README.txt", "version.txt", "configuration/collector.toml", "doctor.jsonl", "status.json", "unit.txt", "journal.txt",
    )} <= set(told)
    for name, content in {**told, "what it prints": done.stdout + done.stderr}.items():
        assert PLANTED not in content, (name, content)
    assert json.loads(told["plimsoll-collector/status.json"])["pid"] == running.child.pid
    assert "[secret]" in told["plimsoll-collector/configuration/collector.toml"]
    running.stop()
