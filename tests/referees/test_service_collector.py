"""The collector as a service of a real systemd: configured, asked, examined, reloaded, watched, upgraded, purged."""

import json
import shutil

import pytest

from conftest import ROOT, wait_until
from debian import NEWER, URL, debian, debs, machine, needs_root  # noqa: F401

pytestmark = needs_root
SERVICE = "plimsoll-collector"
CONFIGURATION = "/etc/plimsoll/collector.toml"


def configured(machine, trail="/srv/trail", more=""):
    (machine.root / trail.lstrip("/")).mkdir(exist_ok=True)
    machine.write(CONFIGURATION, f"""[collector]
scan_interval = "1s"
[aws]
endpoint_url = "{URL}"
[cloudtrail]
directory = "{trail}"
{more}""")


def attack(machine, trail="/srv/trail"):
    for file in sorted((ROOT / "examples" / "demo" / "cloudtrail").glob("*.json")):
        shutil.copy(file, machine.root / trail.lstrip("/"))


def status(machine):
    asked = machine.tried("plimsoll-collector", "status", "--json")
    return json.loads(asked.stdout) if asked.returncode in (0, 1) else None


@pytest.fixture
def prepared(machine):
    """A machine on which the collector finds its AWS."""
    machine.write(f"/etc/systemd/system/{SERVICE}.service.d/aws.conf",
                  f"[Service]\nEnvironment=AWS_EC2_METADATA_SERVICE_ENDPOINT={URL}\nRestartSec=200ms\n")
    return machine


@pytest.fixture
def running(prepared, debs):
    """The same with a collector that has read an attack and made incidents of it."""
    machine = prepared
    configured(machine)
    attack(machine)
    machine.install(debs["collector", NEWER])
    assert machine.is_active(SERVICE), machine.journal(SERVICE)
    wait_until(lambda: (one := status(machine)) and one["stored"]["incidents_open"], 30, "an incident")
    return machine


def test_a_collector_waits_for_its_configuration_and_is_asked_and_examined_as_root(prepared, debs):
    machine = prepared
    machine.install(debs["collector", NEWER])
    assert not machine.is_active(SERVICE), "not without a configuration"
    examined = machine.tried("plimsoll-collector", "doctor", "--offline")
    assert examined.returncode == 1 and "expected a TOML file" in examined.stdout, examined.stdout
    assert machine.tried("plimsoll-collector", "status").returncode == 2
    configured(machine)
    machine.run("systemctl", "start", SERVICE)
    assert status(machine)["health"] == "ok"
    assert "0 signals read" in machine.show("StatusText", SERVICE)
    examined = machine.tried("plimsoll-collector", "doctor", "--offline").stdout
    assert "user: the service runs as plimsoll-collector" in examined, examined
    assert "files: plimsoll-collector may read" in examined and "unit: active" in examined, examined
    (machine.root / "srv/trail").chmod(0o700)
    examined = machine.tried("plimsoll-collector", "doctor", "--offline")
    assert examined.returncode == 1 and "FAILED   files: cloudtrail.directory" in examined.stdout, examined.stdout
    stranger = machine.tried("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups",
                             "plimsoll-collector", "status")
    assert stranger.returncode == 4, stranger.stdout


def test_a_reload_takes_a_good_configuration_and_leaves_the_old_one_for_a_broken_one(running):
    process = running.show("MainPID", SERVICE)
    configured(running, "/srv/other", "[rules]\nfolder = \"/x\"\n")
    running.run("systemctl", "reload", SERVICE)
    refused = wait_until(lambda: status(running)["configuration"]["refused"], 20, "the refusal")
    assert "rules.folder" in refused["mistakes"][0], refused
    assert "/srv/trail" in {one["source"] for one in status(running)["sources"]}
    before = status(running)["stored"]["incidents_open"]
    configured(running, "/srv/other")
    attack(running, "/srv/other")
    running.run("systemctl", "reload", SERVICE)
    wait_until(lambda: status(running)["configuration"]["reloads"] == 1, 20, "the reload")
    assert "/srv/other" in {one["source"] for one in status(running)["sources"]}
    assert running.show("MainPID", SERVICE) == process and status(running)["stored"]["incidents_open"] == before


def test_a_collector_that_hangs_is_killed_by_the_watchdog_and_goes_on(running):
    running.write(f"/etc/systemd/system/{SERVICE}.service.d/watchdog.conf",
                  "[Service]\nWatchdogSec=1s\nWatchdogSignal=SIGKILL\n")
    running.run("systemctl", "daemon-reload")
    running.run("systemctl", "restart", SERVICE)
    hung = running.show("MainPID", SERVICE)
    running.run("kill", "-STOP", hung)
    wait_until(lambda: running.is_active(SERVICE) and running.show("MainPID", SERVICE) not in (hung, "0"), 20, "the restart")
    assert running.show("NRestarts", SERVICE) == "1"
    wait_until(lambda: status(running), 20, "an answer")


def test_an_upgrade_keeps_what_was_found_and_a_purge_takes_it(running, debs):
    before, process = status(running)["stored"]["incidents_open"], running.show("MainPID", SERVICE)
    running.install(debs["collector", NEWER])
    assert running.is_active(SERVICE) and running.show("MainPID", SERVICE) != process
    told = wait_until(lambda: (one := status(running)) and one["sources"][-1]["worked"] and one, 20, "a look at the files")
    assert told["stored"]["incidents_open"] == before and not told["findings"], told
    running.run("dpkg", "--remove", SERVICE)
    assert (running.root / "var/lib/plimsoll-collector/state.sqlite").exists()
    running.run("dpkg", "--purge", SERVICE)
    assert not (running.root / "var/lib/plimsoll-collector").exists()
    assert (running.root / CONFIGURATION.lstrip("/")).exists(), "a file that the user wrote"
