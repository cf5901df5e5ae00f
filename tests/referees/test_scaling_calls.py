"""The calls of an instance about itself, which the agent writes by hand (ADR 29), judged by others.

botocore's serialiser says what each request has to be, byte for byte of its form; moto, with a group of its own, answers
DescribeTags. Instance metadata is a small server here that shows no tags, so the group is known by that call alone.
"""

import json
import threading
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import botocore.session
from botocore.serialize import create_serializer
import pytest

from conftest import ACCOUNT, REGION, Calls, Process, binary, client, static_credentials, wait_until

GROUP, HOOK, GROUP_TAG = "asked-for", "drain", "aws:autoscaling:groupName"
DONE = """<{0}Response xmlns="http://autoscaling.amazonaws.com/doc/2011-01-01/"><{0}Result/>
<ResponseMetadata><RequestId>7c6e177f-f082-11e1-ac58-3714bEXAMPLE</RequestId></ResponseMetadata></{0}Response>"""


class Server(ThreadingHTTPServer):
    """Serves on a free port of 127.0.0.1 until closed."""

    def __init__(self, handler, **state):
        super().__init__(("127.0.0.1", 0), handler)
        self.__dict__.update(state)
        self.url = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def close(self):
        self.shutdown()
        self.server_close()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body, **headers):
        body = body if isinstance(body, bytes) else body.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)


class Metadata(Handler):
    """Instance metadata that shows no tags."""

    def do_PUT(self):
        self.answer(200, "token", X_aws_ec2_metadata_token_ttl_seconds="21600")

    def do_GET(self):
        document = {
            "instanceId": self.server.id, "instanceType": "m7g.large", "imageId": "ami-1", "region": REGION,
            "availabilityZone": f"{REGION}a", "accountId": ACCOUNT, "privateIp": "10.0.0.7",
        }
        known = {
            "/latest/dynamic/instance-identity/document": json.dumps(document),
            "/latest/meta-data/autoscaling/target-lifecycle-state": self.server.state,
            "/latest/meta-data/instance-life-cycle": "on-demand",
        }
        found = known.get(self.path)
        self.answer(200 if found else 404, found or "")


class Noting(Handler):
    """Writes down each call; moto answers those of EC2, the rest is said to be done."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        form = dict(urllib.parse.parse_qsl(body.decode(), strict_parsing=True))
        scope = self.headers["Authorization"].split("Credential=")[1].split(",")[0].split("/")
        self.server.calls.append((scope[3], form))
        program = self.headers["User-Agent"].split("app/")[1].split()[0].rpartition("-")[0]
        self.server.noted.add((program, scope[3], form["Action"]))
        if scope[3] != "ec2":
            return self.answer(200, DONE.format(form["Action"]))
        headers = {name: self.headers[name] for name in ("Authorization", "X-Amz-Date", "Content-Type")}
        request = urllib.request.Request(self.server.moto, data=body, headers=headers)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return self.answer(answer.status, answer.read())


@pytest.fixture
def instance(moto):
    """The id of an instance that moto launched for a group."""
    scaling, ec2 = client("autoscaling", moto), client("ec2", moto)
    image = ec2.describe_images()["Images"][0]["ImageId"]
    scaling.create_launch_configuration(LaunchConfigurationName="asked-for", ImageId=image, InstanceType="m5.large")
    scaling.create_auto_scaling_group(
        AutoScalingGroupName=GROUP, LaunchConfigurationName="asked-for", MinSize=1, MaxSize=1, DesiredCapacity=1,
        AvailabilityZones=[f"{REGION}a"],
    )
    found = scaling.describe_auto_scaling_groups(AutoScalingGroupNames=[GROUP])["AutoScalingGroups"][0]
    return found["Instances"][0]["InstanceId"]


def expected(service, operation, **parameters):
    """The form of a call as botocore writes it."""
    model = botocore.session.get_session().get_service_model(service)
    serializer = create_serializer(model.metadata["protocol"])
    return dict(serializer.serialize_to_request(parameters, model.operation_model(operation))["body"])


def test_calls_about_an_instance_are_those_of_botocore_and_moto_names_its_group(local, moto, instance, tmp_path):
    metadata = Server(Metadata, id=instance, state="InService")
    calls = Server(Noting, moto=moto, calls=[], noted=set())
    config = tmp_path / "agent.toml"
    config.write_text(
        f'[agent]\nstate_dir = "{tmp_path}/state"\n[aws]\nregion = "{REGION}"\nendpoint_url = "{local.url}"\n'
        f'endpoint_urls = {{ autoscaling = "{calls.url}", ec2 = "{calls.url}", imds = "{metadata.url}" }}\n'
        '[metrics]\nscrapers = []\n[signals]\ninterval = "1s"\n'
        '[[signal]]\nname = "one"\nexpression = "load_1 * 0 + 1"\n'
        f'[lifecycle]\nlog_group = "/lifecycle"\ntermination_hook = "{HOOK}"\nheartbeat = "1s"\n'
        'commands = [{ command = ["/bin/sleep", "3"], timeout = "10s" }]\n'
    )
    environment = static_credentials()
    del environment["AWS_EC2_METADATA_DISABLED"]
    agent = Process([binary("plimsoll-agent"), "run", "--config", str(config)], tmp_path / "agent.log", environment)
    try:

        def arrived():
            agent.assert_running()
            with urllib.request.urlopen(f"{local.url}/_local/arrivals?metric=one", timeout=10) as answer:
                return json.load(answer)

        # At most ten seconds until the call, and a second to the next sample.
        told = wait_until(arrived, 40, "a signal under the group's name")
        assert told[0]["dimensions"] == {"AutoScalingGroupName": GROUP}
        metadata.state = "Terminated"
        wait_until(
            lambda: [form for _, form in calls.calls if form["Action"] == "CompleteLifecycleAction"],
            40, "the end of the hook",
        )
    finally:
        assert agent.stop() == 0, agent.text()
        metadata.close()
        calls.close()
        Calls.note(calls.noted)
    wait = {"AutoScalingGroupName": GROUP, "LifecycleHookName": HOOK, "InstanceId": instance}
    tags = [{"Name": "resource-id", "Values": [instance]}, {"Name": "key", "Values": [GROUP_TAG]}]
    wanted = {
        "DescribeTags": ("ec2", expected("ec2", "DescribeTags", Filters=tags)),
        "RecordLifecycleActionHeartbeat": (
            "autoscaling", expected("autoscaling", "RecordLifecycleActionHeartbeat", **wait),
        ),
        "CompleteLifecycleAction": (
            "autoscaling",
            expected("autoscaling", "CompleteLifecycleAction", LifecycleActionResult="CONTINUE", **wait),
        ),
    }
    assert {form["Action"]: (service, form) for service, form in calls.calls} == wanted
