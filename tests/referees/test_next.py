"""A candidate on probation, on a booted Debian: promoted when it is well, and back to what was there in every other case."""

import re
import shutil

import pytest

from conftest import ROOT, wait_until
from debian import NEWER, OLDER, configured, debian, debs, machine, needs_root, run, tried  # noqa: F401
from test_service import between_processes, drop_in, line, writing

pytestmark = needs_root
CONFIGURATION = "/etc/plimsoll/agent.toml"
STABLE = (ROOT / "packaging/systemd/plimsoll-agent.service").read_text()

# Programs that are the agent but for what becomes of them while they run.
REAL = "/usr/bin/plimsoll-agent"
CANDIDATES = {
    "crashes": f'[ "$1" != run ] || (sleep 3; kill -ABRT $$) & exec {REAL} "$@"',
    "hangs": f'[ "$1" != run ] || (sleep 3; kill -STOP $$) & exec {REAL} "$@"',
    "never starts": f'[ "$1" != run ] || exit 1; exec {REAL} "$@"',
    # Well on probation, and not where it is installed.
    "fails later": 'case "$0" in /usr/bin/*) [ "$1" != run ] || exit 1 ;; esac\n'
                   'exec /opt/real "$@"',
}


@pytest.fixture(scope="session")
def candidates(debs, tmp_path_factory):
    """Packages of the newer version with other programs."""
    directory = tmp_path_factory.mktemp("candidates")
    made = {}
    for number, (what, script) in enumerate(CANDIDATES.items()):
        tree = directory / f"tree{number}"
        run("dpkg-deb", "-R", debs["agent", NEWER], tree)
        (tree / "usr/bin/plimsoll-agent").write_text(f"#!/bin/sh\n{script}\n")
        made[what] = directory / f"candidate{number}.deb"
        run("dpkg-deb", "--root-owner-group", "-Znone", "-b", tree, made[what])
    return made


@pytest.fixture
def on_older(machine, debs):
    """A machine whose older version delivers; the next unit inherits the drop-in."""
    drop_in(machine, "watchdog", "[Service]\nWatchdogSec=1s\nWatchdogSignal=SIGKILL\n")
    line(machine, "first")
    machine.write(CONFIGURATION, configured())
    machine.install(debs["agent", OLDER])
    machine.wait_for_event("/app", "first")
    shutil.copy(machine.root / REAL.lstrip("/"), machine.root / "opt/real")
    return machine


def attempt(machine, *arguments, seconds=6):
    return machine.tried("plimsoll-agent-next", "try", "--for", str(seconds), *arguments)


def assert_stable(machine, written, doubled=False):
    """The older version runs with the configuration before, and each line has arrived."""
    assert machine.version() == OLDER and machine.is_active()
    assert not machine.is_active("plimsoll-agent-next")
    assert (machine.root / CONFIGURATION.lstrip("/")).read_text() == configured()
    assert_delivered(machine, written, doubled)


def assert_delivered(machine, written, doubled=False):
    line(machine, "last")
    machine.wait_for_event("/app", "last")
    lines = [event for event in machine.events("/app") if event.startswith("line ")]
    expected = [f"line {number:06}" for number in range(written[0])]
    assert (sorted(set(lines)) if doubled else lines) == expected, "each line, in order"
    # A position is durable a second after the acceptance, and a line a millisecond is written.
    assert len(lines) - len(expected) < 3000
    assert len(expected) > 500


def status(machine):
    return machine.tried("plimsoll-agent-next", "status")


def told(machine):
    """What the watcher has said."""
    return machine.run("journalctl", "-t", "plimsoll-agent-next", "--no-pager", "-o", "cat")


def test_a_good_candidate_is_promoted_in_mid_stream_and_the_promotion_can_be_undone(on_older, debs):
    machine = on_older
    better = configured('[metrics]\ninterval = "30s"\n')
    package = machine.bring(debs["agent", NEWER])
    machine.write("/opt/better.toml", better)
    with writing(machine) as written:
        begun = machine.run("plimsoll-agent-next", "try", "--for", "8", "--detach", "--package", package,
                            "--config", "/opt/better.toml")
        assert "no mistakes" in begun
        wait_until(lambda: machine.is_active("plimsoll-agent-next"), 20, "the candidate")
        assert not machine.is_active() and machine.version() == OLDER, "nothing is installed yet"
        assert "agent.toml" in status(machine).stdout and status(machine).returncode == 3
        second = attempt(machine, "--package", package)
        assert second.returncode == 2 and "a candidate is on probation" in second.stdout, second.stdout
        report = machine.run("systemd-analyze", "security", "--no-pager", "plimsoll-agent-next")
        exposure = re.search(r"exposure level for .*: ([\d.]+)", report).group(1)
        print(f"\nplimsoll-agent-next.service: exposure {exposure}")
        assert float(exposure) <= 2.0, report
        # A machine that boots now starts the stable one: the candidate's unit is gone with the boot.
        assert machine.show("FragmentPath", "plimsoll-agent-next").startswith("/run/")
        assert "enabled" not in machine.tried("systemctl", "is-enabled", "plimsoll-agent-next").stdout
        wait_until(lambda: status(machine).returncode != 3, 60, "the end of the trial")
        assert status(machine).returncode == 0, status(machine).stdout + told(machine)
    assert machine.version() == NEWER and machine.is_active()
    assert (machine.root / CONFIGURATION.lstrip("/")).read_text() == better
    assert (machine.root / f"{CONFIGURATION.lstrip('/')}.last-good").read_text() == configured()
    assert_delivered(machine, written)
    assert "the candidate was promoted: version 0.1.0" in told(machine)
    again = attempt(machine, "--package", package, "--config", "/opt/better.toml")
    assert again.returncode == 0 and "in place already" in again.stdout
    undone = machine.tried("plimsoll-agent-next", "fall-back")
    assert undone.returncode == 0 and "somebody has asked for it" in undone.stdout, undone.stdout
    assert (machine.root / CONFIGURATION.lstrip("/")).read_text() == configured() and machine.is_active()


@pytest.mark.parametrize("what, ending, doubled", [
    ("crashes", "it ended (core-dump|it ended (signal", True),
    ("hangs", "it ended (watchdog", True),
    ("never starts", "it ended (exit-code", False),
])
def test_a_candidate_that_does_not_live_gives_its_place_back(on_older, candidates, what, ending, doubled):
    machine = on_older
    package = machine.bring(candidates[what])
    with writing(machine) as written:
        done = attempt(machine, "--package", package, seconds=20)
        assert done.returncode == 1, done.stdout
        assert any(part in done.stdout for part in ending.split("|")), done.stdout
    assert_stable(machine, written, doubled)
    assert status(machine).returncode == 1 and "the candidate fell back" in status(machine).stdout
    assert "the candidate fell back" in told(machine)
    again = attempt(machine, "--package", package)
    assert again.returncode == 1 and "has fallen back before" in again.stdout
