"""`plimsoll-agent doctor`: each thing that can be wrong is brought about, and its line has the remedy."""

import email.utils
import http.server
import json
import os
import pathlib
import shutil
import subprocess
import threading
import time

import pytest

from conftest import NEEDS_ROOT, Process, binary, clean_environment, free_port, static_credentials, tell, wait_until

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason=NEEDS_ROOT)


class Answers:
    """A server that answers everything with one status and body; as instance metadata it may be off or late."""

    def __init__(self, status, body=b"", **headers):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                self.rfile.read(int(self.headers.get("content-length", 0)))
                self.send_response_only(status)
                for name, value in {"Date": email.utils.formatdate(usegmt=True), **headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_PUT = do_POST = answer

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    def __enter__(self):
        self.thread.start()
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(10)


def with_metadata(**more):
    """Static credentials, and instance metadata is asked."""
    return {name: value for name, value in {**static_credentials(), **more}.items() if name != "AWS_EC2_METADATA_DISABLED"}


@pytest.fixture
def doctor(local, tmp_path):
    """Runs the doctor on a configuration that is good but for what a test changes. Gives exit code and findings."""

    def run(aws="", more="", logs=None, state=None, offline=False, environment=None, prefix=(), imds=None, path=None):
        config = tmp_path / "agent.toml"
        endpoint = "" if "endpoint_url" in aws else f'endpoint_url = "{local.url}"\n'
        config.write_text(
            f'[agent]\nstate_dir = "{state or tmp_path / "state"}"\n[aws]\nregion = "eu-west-1"\n{endpoint}{aws}\n'
            f'[aws.endpoint_urls]\nimds = "{imds or local.url}"\n'
            f'[[logs.file]]\npath = "{logs or tmp_path / "*.log"}"\ngroup = "/app"\n[metrics]\n{more}'
        )
        flags = ["--offline"] if offline else []
        done = subprocess.run(
            [*prefix, binary("plimsoll-agent"), "doctor", "--json", "--config", str(path or config), *flags],
            capture_output=True, text=True, timeout=60, check=False,
            env=environment or with_metadata(),
        )
        findings = [json.loads(line) for line in done.stdout.splitlines()]
        assert findings, done.stderr
        assert done.returncode == int(any(one["verdict"] == "failed" for one in findings))
        return findings

    (tmp_path / "app.log").write_text("a line\n")
    return run


def judged(findings, check, verdict, found, remedy):
    """The one finding of this check with this verdict that says so; told, since it is what a user reads."""
    hits = [one for one in findings if one["check"] == check and one["verdict"] == verdict and found in one["found"]]
    assert hits, (check, verdict, found, findings)
    assert remedy in (hits[0]["remedy"] or ""), hits
    tell(f"{verdict}: {check}: {hits[0]['found']} -> {hits[0]['remedy']}")


def all_rights_are_told(program, config, findings):
    """Gives the actions that `policy` prints, each of which the doctor has tried, or has said why not."""
    command = [binary(f"plimsoll-{program}"), "policy", "--config", str(config)]
    printed = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout
    actions = [one["Action"] for one in json.loads(printed)["Statement"]]
    actions = {action for one in actions for action in ([one] if isinstance(one, str) else one)}
    told = [one["found"] for one in findings if one["check"] == "rights"]
    for line in told:
        tell(line)
        assert line.startswith(("tried: ", "used already: ", "not tried, because "))
    listed = [action for line in told for action in line.rpartition(": ")[2].split(", ")]
    assert sorted(listed) == sorted(actions), findings
    return actions


def test_a_good_host_has_no_failure_and_every_right_is_proved_without_an_effect(doctor, local):
    local.client("logs").create_log_group(logGroupName="/app")
    findings = doctor(more='[lifecycle]\ntermination_hook = "drain"\n[signals]\ngroup = "web"\n'
                           '[[signal]]\nname = "busy"\nexpression = "cpu_usage_active"\n')
    assert not [one for one in findings if one["verdict"] == "failed"], findings
    for check in ["configuration", "files", "disk", "limits", "other_agents", "imds", "region", "credentials", "logs",
                  "metrics", "auto_scaling"]:
        assert [one for one in findings if one["check"] == check and one["verdict"] == "ok"], (check, findings)
    assert not local.client("logs").describe_log_streams(logGroupName="/app")["logStreams"]
    assert not local.client("cloudwatch").list_metrics()["Metrics"]


def test_every_right_of_the_policy_is_tried_or_it_is_told_why_not(doctor, local, tmp_path):
    local.client("logs").create_log_group(logGroupName="/app")
    findings = doctor(
        logs=f'{tmp_path}/*.log"\nretention_days = 7\ntags = {{ team = "web" }}\nstream = "one',
        more='[lifecycle]\ntermination_hook = "drain"\n[signals]\ngroup = "web"\n'
             '[[signal]]\nname = "busy"\nexpression = "cpu_usage_active"\n',
    )
    rights = all_rights_are_told("agent", tmp_path / "agent.toml", findings)
    assert {"logs:TagResource", "logs:PutRetentionPolicy", "autoscaling:RecordLifecycleActionHeartbeat"} < rights


def test_a_broken_configuration_is_told_with_its_place(doctor):
    findings = doctor(more='interval = "soon"\n', offline=True)
    judged(findings, "configuration", "failed", "metrics.interval", "correct it")


def test_a_log_group_that_is_not_there_is_told(doctor):
    judged(doctor(), "logs", "warning", "no log group /app", "logs:CreateLogGroup")


@ROOT_ONLY
def test_files_and_state_are_tried_as_the_user_who_asks(doctor, tmp_path):
    for parent in [tmp_path, *tmp_path.parents][:3]:
        parent.chmod(0o755)
    (tmp_path / "app.log").chmod(0o600)
    state = tmp_path / "closed"
    state.mkdir(mode=0o700)
    findings = doctor(state=state, offline=True, prefix=("setpriv", "--reuid", "65534", "--clear-groups"))
    judged(findings, "files", "failed", "app.log", "add the user")
    judged(findings, "files", "failed", "closed", "may write")


@ROOT_ONLY
def test_a_disk_that_is_nearly_full_is_told(doctor, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", small], check=True)
    try:
        judged(doctor(state=small / "state", offline=True), "disk", "failed", "MiB free", "free space")
    finally:
        subprocess.run(["umount", small], check=True)


def test_another_agent_with_our_file_open_is_named(doctor, tmp_path):
    rival = tmp_path / "bin" / "fluent-bit"
    rival.parent.mkdir()
    shutil.copy("/bin/sleep", rival)
    becomes = ["sh", "-c", 'exec "$0" 60 < "$1"', str(rival), str(tmp_path / "app.log")]
    process = Process(becomes, tmp_path / "rival.out", clean_environment())
    wait_until(lambda: pathlib.Path(f"/proc/{process.child.pid}/comm").read_text() == "fluent-bit\n", 10, "the rival")
    try:
        judged(doctor(offline=True), "other_agents", "failed", "Fluent Bit", "take them out of one")
    finally:
        process.kill()


def test_metadata_that_is_off_and_a_clock_that_is_wrong_are_told(doctor):
    with Answers(403) as off:
        judged(doctor(imds=off), "imds", "failed", "turned off", "--http-endpoint enabled")
    findings = doctor(environment=static_credentials())
    judged(findings, "imds", "warning", "AWS_EC2_METADATA_DISABLED", "take AWS_EC2_METADATA_DISABLED out")
    document = {
        "accountId": "123456789012", "availabilityZone": "eu-west-1a", "imageId": "ami-1", "instanceId": "i-1",
        "instanceType": "m7g.large", "region": "eu-west-1",
    }
    with Answers(200, json.dumps(document).encode(), Date=email.utils.formatdate(time.time() - 400, usegmt=True)) as late:
        judged(doctor(imds=late), "clock", "failed", "from the clock of instance metadata", "chronyc makestep")


def test_a_region_that_nobody_names_and_credentials_that_nobody_gives_are_told(doctor, tmp_path):
    bare = tmp_path / "bare.toml"
    bare.write_text(f'[agent]\nstate_dir = "{tmp_path}/state"\n[metrics]\n')
    nowhere = clean_environment(AWS_EC2_METADATA_DISABLED="true", HOME=str(tmp_path))
    judged(doctor(path=bare, environment=nowhere), "region", "failed", "no Region", "aws.region")
    judged(doctor(environment=nowhere), "credentials", "failed", "no credentials", "profile with the role")


def test_a_right_that_is_missing_is_named(doctor):
    refusal = json.dumps({"__type": "AccessDeniedException", "message": "User is not authorized"}).encode()
    with Answers(400, refusal, **{"Content-Type": "application/x-amz-json-1.1"}) as denying:
        findings = doctor(aws=f'endpoint_url = "{denying}"')
    judged(findings, "logs", "failed", "not authorized", "allow logs:PutLogEvents")


def test_a_wrong_secret_is_told_and_is_in_no_output(doctor):
    findings = doctor(environment=with_metadata(AWS_SECRET_ACCESS_KEY="planted-secret"))
    judged(findings, "logs", "failed", "denied", "docs/permissions.md")
    judged(findings, "metrics", "failed", "denied", "cloudwatch:PutMetricData")
    assert "planted-secret" not in json.dumps(findings)


@pytest.mark.parametrize(("endpoint", "proxy", "found", "remedy"), [
    ("http://127.0.0.1:{port}", "", "not taken", "VPC endpoint"),
    ("http://nobody.invalid", "", "not taken", "resolv.conf"),
    ("https://127.0.0.1:{local}", "", "not taken", "aws.ca_bundle"),
    ("https://logs.example", 'proxy = "http://127.0.0.1:{port}"', "not taken", "aws.no_proxy"),
])
def test_what_the_network_does_not_let_through_is_told_by_its_cause(doctor, local, endpoint, proxy, found, remedy):
    port, ours = free_port(), pathlib.PurePath(local.url).name.rsplit(":", 1)[1]
    aws = f'endpoint_url = "{endpoint}"\n{proxy}'.format(port=port, local=ours)
    judged(doctor(aws=aws), "logs", "failed", found, remedy)
