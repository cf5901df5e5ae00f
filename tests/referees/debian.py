"""A real Debian with its own systemd, booted in a container of its own memory and network, and our packages for it."""

import concurrent.futures
import contextlib
import ctypes
import os
import pathlib
import shutil
import signal
import subprocess

import pytest

from conftest import BINARIES, NEEDS_ROOT, ROOT, Calls, Process, client, clean_environment, wait_until

SERVICES = ["agent", "collector"]
# The binaries that are packaged: those for an old glibc, where ./test has built them.
PACKAGED = pathlib.Path(os.environ.get("PLIMSOLL_PACKAGED", BINARIES))
NEWER, OLDER = "0.1.0", "0.0.9"
URL = "http://127.0.0.1:4577"
# One moment for all builds, whatever is committed meanwhile; and little compression, for speed.
ENVIRONMENT = {**os.environ, "SOURCE_DATE_EPOCH": "1795500000", "DEB_LEVEL": "1", "RPM_LEVEL": "1"}
CLONE_NEWNET = 0x40000000

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason=f"booting a container {NEEDS_ROOT}")


def tried(*arguments, **more):
    """Runs a program and gives what became of it: `.returncode`, and `.stdout` with all that it said."""
    return subprocess.run(
        [str(a) for a in arguments], text=True, timeout=600, check=False,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**ENVIRONMENT, **more},
    )


def run(*arguments, **more):
    """Runs a program that has to succeed, and gives all that it said."""
    done = tried(*arguments, **more)
    assert done.returncode == 0, f"{arguments}\n{done.stdout}"
    return done.stdout


def build(kind, service, directory, **more):
    """Builds one package from the binaries under test."""
    script = ROOT / "packaging" / kind / "build"
    told = run(script, service, PACKAGED / f"plimsoll-{service}", directory, **more)
    return pathlib.Path(told.strip().splitlines()[-1])


@pytest.fixture(scope="session")
def debs(tmp_path_factory):
    """The packages by service and version; both versions hold the same program."""
    directory = tmp_path_factory.mktemp("deb")
    made = {(service, NEWER): build("deb", service, directory) for service in SERVICES}
    made["agent", OLDER] = build("deb", "agent", directory, VERSION=OLDER)
    return made


@pytest.fixture(scope="session")
def rpms(tmp_path_factory):
    """As `debs`, for rpm."""
    directory = tmp_path_factory.mktemp("rpm")
    made = {(service, NEWER): build("rpm", service, directory) for service in SERVICES}
    made["agent", OLDER] = build("rpm", "agent", directory, VERSION=OLDER)
    return made


@pytest.fixture(scope="session")
def debian():
    """A fresh Debian as a tar, made once and kept below target/."""
    tar = ROOT / "target" / "debian-bookworm-rpm.tar"
    if not tar.exists():
        fresh = tar.with_suffix(".new.tar")
        run(
            "mmdebstrap", "--variant=minbase",
            "--include=systemd,systemd-sysv,dbus,iproute2,procps,ca-certificates,rpm", "bookworm", fresh,
        )
        fresh.rename(tar)
    return tar


def installation(package):
    """How a package is installed, upgraded or downgraded; rpm knows nothing of what dpkg has installed."""
    if package.endswith(".deb"):
        return "dpkg", "-i", package
    return "rpm", "-U", "--force-debian", "--nodeps", "--oldpackage", "--replacepkgs", package


@contextlib.contextmanager
def unpacked(tar, directory):
    """The fresh Debian in memory of its own, which is given back at the end."""
    root = directory / "debian"
    root.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=900m,mode=0755", "tmpfs", root)
    try:
        run("tar", "-C", root, "-xf", tar)
        yield root
    finally:
        run("umount", "--recursive", "--lazy", root)


class Machine:
    """The Debian, booted, with a stand-in for AWS beside it in its network."""

    def __init__(self, root, directory):
        self.root = root
        self.nspawn = subprocess.Popen(
            ["systemd-nspawn", "-q", "-D", str(root), "--boot", "--register=no", "--keep-unit", "--console=pipe",
             "--private-network", "--kill-signal=SIGRTMIN+3",
             # A container refuses by itself what a host lets everybody do: to ask how good its clock is.
             "--system-call-filter=adjtimex clock_adjtime"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
            env={**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
        )
        children = pathlib.Path(f"/proc/{self.nspawn.pid}/task/{self.nspawn.pid}/children")
        self.leader = wait_until(lambda: children.read_text().split(), 10, "the container's first process")[0]
        wait_until(lambda: "running" in self.tried("systemctl", "is-system-running").stdout, 90, "the boot")
        self.local = Process(
            self.enter("-n", BINARIES / "plimsoll-local", "serve", "--listen", URL.removeprefix("http://")),
            directory / "local.log", clean_environment(),
        )
        self.network = concurrent.futures.ThreadPoolExecutor(1, initializer=self.enter_network)

    def enter(self, namespaces, *arguments):
        return ["nsenter", "-t", self.leader, namespaces, *map(str, arguments)]

    def enter_network(self):
        with open(f"/proc/{self.leader}/ns/net", encoding="ascii") as namespace:
            libc = ctypes.CDLL(None, use_errno=True)
            assert libc.setns(namespace.fileno(), CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())

    def tried(self, *arguments):
        return tried(*self.enter("-a", *arguments))

    def run(self, *arguments):
        return run(*self.enter("-a", *arguments))

    def write(self, path, text):
        file = self.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def install(self, package):
        return self.run(*installation(self.bring(package)))

    def version(self):
        """The version of the agent that the one or the other database of packages names."""
        deb = self.tried("dpkg-query", "-W", "-f", "${Version}", "plimsoll-agent")
        return deb.stdout if deb.returncode == 0 else self.run("rpm", "-q", "--qf", "%{VERSION}", "plimsoll-agent")

    def bring(self, package):
        shutil.copy(package, self.root / "opt")
        return f"/opt/{package.name}"

    def remove(self):
        if self.tried("dpkg-query", "-W", "plimsoll-agent").returncode == 0:
            return self.run("dpkg", "--remove", "plimsoll-agent")
        return self.run("rpm", "--force-debian", "-e", "plimsoll-agent")

    def show(self, name, unit="plimsoll-agent"):
        return self.run("systemctl", "show", "--property", name, "--value", unit).strip()

    def is_active(self, unit="plimsoll-agent"):
        return self.tried("systemctl", "is-active", unit).stdout.strip() == "active"

    def journal(self, unit="plimsoll-agent"):
        return self.run("journalctl", "-u", unit, "--no-pager", "-o", "cat")

    def events(self, group):
        """The messages that arrived in a group, in the order of the pages."""
        return self.network.submit(self._events, group).result(60)

    def _events(self, group):
        logs = client("logs", URL)
        if not logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
            return []
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group)
        return [event["message"] for page in pages for event in page["events"]]

    def wait_for_event(self, group, text, seconds=20):
        try:
            wait_until(lambda: any(text in message for message in self.events(group)), seconds, f"{text} in {group}")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.journal()[-3000:]}") from None

    def metrics(self):
        """The names of all metrics that arrived."""
        told = self.network.submit(lambda: client("cloudwatch", URL).list_metrics()["Metrics"]).result(60)
        return {metric["MetricName"] for metric in told}

    def stop(self):
        try:
            self.network.submit(Calls.ask, URL).result(60)
        finally:
            self.network.shutdown()
            self.local.kill()
            os.kill(int(self.leader), signal.SIGRTMIN + 3)
            self.nspawn.wait(60)


@pytest.fixture
def machine(debian, tmp_path):
    """A machine that knows where its AWS is, and has neither a package nor a configuration of ours."""
    with unpacked(debian, tmp_path) as root:
        booted = Machine(root, tmp_path)
        try:
            booted.write("/etc/systemd/system/plimsoll-agent.service.d/aws.conf",
                         f"[Service]\nEnvironment=AWS_EC2_METADATA_SERVICE_ENDPOINT={URL}\nRestartSec=200ms\n")
            yield booted
        finally:
            booted.stop()


def configured(*sections, **agent):
    """A configuration whose calls go to the stand-in, with files below /var/log/app in the group /app."""
    lines = "".join(f'{key} = "{value}"\n' for key, value in agent.items())
    own = (
        f"[agent]\n{lines}" if lines else ""
    ) + (
        f'[aws]\nendpoint_url = "{URL}"\n[logs]\nflush_interval = "200ms"\n'
        '[[logs.file]]\npath = "/var/log/app/*.log"\ngroup = "/app"\nstream = "one"\nstart = "beginning"\n'
    )
    return own + "".join(sections)


JOURNAL = '[[logs.journald]]\ngroup = "/journal"\nstream = "one"\nidentifiers = ["app"]\n'
