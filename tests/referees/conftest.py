"""What every referee needs: our binaries as processes, a running stand-in, and clients that are not ours.

Every process is started on a free loopback port, ended by its own id, and bounded in time.
"""

import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import boto3
import pytest
from botocore.config import Config

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARIES = pathlib.Path(os.environ.get("PLIMSOLL_BINARIES", ROOT / "target" / "debug"))
REGION = "eu-west-1"
ACCOUNT = "111122223333"
# The words in the reason of a test that is skipped for want of root.
NEEDS_ROOT = "needs root"


def binary(name):
    path = BINARIES / name
    assert path.exists(), f"{path} is missing: cargo build --workspace"
    return str(path)


def clean_environment(**more):
    """The environment without the developer's own AWS settings."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
    kept.update(AWS_CONFIG_FILE="/dev/null", AWS_SHARED_CREDENTIALS_FILE="/dev/null")
    kept.update(more)
    return kept


def static_credentials(**more):
    return clean_environment(
        AWS_ACCESS_KEY_ID="local",
        AWS_SECRET_ACCESS_KEY="local",
        AWS_REGION=REGION,
        AWS_DEFAULT_REGION=REGION,
        AWS_EC2_METADATA_DISABLED="true",
        **more,
    )


def running_test():
    """The name of the test that runs, with its file and its parameters; nothing between tests."""
    return os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" ")[0]


# What tests have told, by their names.
TOLD = {}


def tell(text):
    """Prints a figure or a line of the running test, which is printed again at the end of the run."""
    print(text)
    TOLD.setdefault(running_test(), []).append(str(text).strip("\n"))


def pytest_terminal_summary(terminalreporter):
    """Prints what was told, by test, and what a reader of "passed" has to know: what was not tried."""
    if TOLD:
        terminalreporter.section("told by tests")
    for test, lines in TOLD.items():
        terminalreporter.write_line(test)
        for line in "\n".join(lines).splitlines():
            terminalreporter.write_line(f"    {line}".rstrip())
    if Calls.silent:
        terminalreporter.section(f"{len(Calls.silent)} stand-ins did not tell what they were called for")
        terminalreporter.write_line("their calls are missing in the comparison with the policies: " + ", ".join(Calls.silent))
    skipped = [report.longreprtext for report in terminalreporter.stats.get("skipped", [])]
    without_root = sum(NEEDS_ROOT in reason for reason in skipped)
    if without_root:
        terminalreporter.section("not run as root", red=True, bold=True)
        terminalreporter.write_line(f"{without_root} tests were skipped; in a whole run all booted machines are among them")


def wait_until(condition, seconds, what):
    """Polls until the condition gives something true, and gives that."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        result = condition()
        if result:
            return result
        time.sleep(0.1)
    raise AssertionError(f"{what} did not happen within {seconds} s")


class Process:
    """A child in its own log file; ended by its id."""

    started = []

    def __init__(self, arguments, log, environment):
        self.log = pathlib.Path(log)
        with open(self.log, "ab") as output:
            self.child = subprocess.Popen(
                arguments, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment
            )
        Process.started.append(self)

    def kill(self):
        self.child.send_signal(signal.SIGKILL)
        return self.child.wait(10)

    def stop(self, seconds=40):
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
        try:
            return self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.child.args[0]} did not end:\n{self.text()[-3000:]}") from None

    def text(self):
        return self.log.read_text(errors="replace")

    def assert_running(self):
        assert self.child.poll() is None, f"{self.child.args}\n{self.text()[-3000:]}"


class Calls:
    """What our programs have called in the whole run: program, service and operation; and on how many servers."""

    seen, servers = set(), 0
    # Those that were asked and did not answer.
    silent = []
    # What servers that still run have written down, a call a line.
    files = []

    @staticmethod
    def note(calls):
        Calls.seen |= set(calls)
        Calls.servers += 1

    @staticmethod
    def ask(url):
        """Asks a stand-in what it was called for, unless it has ended or does not answer any more."""
        try:
            with urllib.request.urlopen(url + "/_local/calls.json", timeout=10) as answer:
                programs = json.load(answer)["programs"]
        except OSError:
            Calls.silent.append(running_test())
            return
        Calls.note((one["program"], one["service"], one["operation"]) for one in programs)

    @staticmethod
    def all():
        """Every call that was seen by now."""
        lines = [line for file in Calls.files for line in file.read_text().splitlines()]
        return Calls.seen | {tuple(line.split()) for line in lines}


class Local(Process):
    """A running stand-in."""

    def __init__(self, directory, *flags, listen="127.0.0.1:0"):
        ready = pathlib.Path(directory) / "ready"
        super().__init__(
            [binary("plimsoll-local"), "serve", "--listen", listen, "--ready-file", str(ready),
             "--region", REGION, "--account", ACCOUNT, *flags],
            pathlib.Path(directory) / "local.log",
            clean_environment(),
        )

        def url():
            self.assert_running()
            return ready.exists() and ready.read_text().strip()

        self.url = wait_until(url, 20, "the stand-in's start")

    def stop(self, seconds=40):
        self.ask()
        return super().stop(seconds)

    def kill(self):
        self.ask()
        return super().kill()

    def ask(self):
        if self.child.poll() is None:
            Calls.ask(self.url)

    def client(self, service):
        return client(service, self.url)

    def post(self, path, body):
        request = urllib.request.Request(
            self.url + path, data=body.encode(), method="POST", headers={"content-type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.read()


def client(service, url, **config):
    return boto3.client(
        service,
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=Config(retries={"total_max_attempts": 1}, **config),
    )


def cfn_lint(path):
    """What cfn-lint says of a template, warnings included: `.returncode`, and its words in `.stdout` and `.stderr`."""
    command = [str(pathlib.Path(sys.executable).parent / "cfn-lint"), "--include-checks", "W", "--regions", "us-east-1"]
    return subprocess.run([*command, "--", str(path)], capture_output=True, text=True, timeout=60, check=False)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def serving(url):
    try:
        with urllib.request.urlopen(url, timeout=1):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


@pytest.fixture(autouse=True)
def no_process_is_left():
    """Ends what a failed test has started; what belongs to a module or the session was there before."""
    before = len(Process.started)
    yield
    for process in Process.started[before:]:
        if process.child.poll() is None:
            process.kill()


@pytest.fixture
def local(tmp_path):
    server = Local(tmp_path)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def moto(tmp_path_factory):
    port, directory = free_port(), tmp_path_factory.mktemp("moto")
    url, noted = f"http://127.0.0.1:{port}", directory / "calls"
    noted.touch()
    wrapped = str(pathlib.Path(__file__).with_name("moto_noted.py"))
    server = Process(
        [sys.executable, wrapped, str(noted), "-H", "127.0.0.1", "-p", str(port)],
        directory / "moto.log",
        clean_environment(MOTO_ACCOUNT_ID=ACCOUNT),
    )
    wait_until(lambda: server.assert_running() or serving(url), 60, "moto's start")
    Calls.servers += 1
    Calls.files.append(noted)
    yield url
    server.kill()


@pytest.fixture(scope="session")
def ministack(tmp_path_factory):
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    directory = tmp_path_factory.mktemp("ministack")
    server = Process(
        [sys.executable, "-m", "ministack.app"],
        directory / "ministack.log",
        clean_environment(
            BIND_HOST="127.0.0.1", GATEWAY_PORT=str(port), MINISTACK_ACCOUNT_ID=ACCOUNT, HOME=str(directory)
        ),
    )
    wait_until(lambda: server.assert_running() or serving(url), 60, "MiniStack's start")
    yield url
    server.kill()
