"""A candidate on probation, on a booted Debian: promoted when it is well, and back to what was there in every other case."""

import contextlib
import re
import shutil

import pytest

from conftest import ROOT, tell, wait_until
from debian import NEWER, OLDER, URL, build, configured, debian, debs, machine, needs_root, run  # noqa: F401
from test_service import drop_in, line, writing

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
        tell(f"plimsoll-agent-next.service: exposure {exposure}")
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
    machine.write(f"{CONFIGURATION}.last-good", "of another time")
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


@contextlib.contextmanager
def on_probation(machine, *arguments):
    """A trial that nobody waits for, from the moment at which its candidate runs."""
    machine.run("plimsoll-agent-next", "try", "--for", "600", "--detach", *arguments)
    wait_until(lambda: machine.is_active("plimsoll-agent-next"), 20, "the candidate")
    yield
    wait_until(lambda: status(machine).returncode != 3, 60, "the end of the trial")


def test_a_configuration_that_delivers_nothing_is_not_well_and_the_one_before_delivers(on_older):
    machine = on_older
    machine.write("/opt/mute.toml", configured().replace(URL, "http://127.0.0.1:9"))
    with writing(machine) as written:
        done = attempt(machine, "--config", "/opt/mute.toml", seconds=40)
        assert done.returncode == 1 and "says that it is not well: calls for /app/one keep failing" in done.stdout, done.stdout
    assert_stable(machine, written)
    # Neither this nor what somebody else does has to be its fault, so that it may be tried again.
    with on_probation(machine, "--config", "/opt/mute.toml"):
        machine.run("systemctl", "start", "plimsoll-agent")
    assert "somebody has started what is installed" in status(machine).stdout, status(machine).stdout
    with on_probation(machine, "--config", "/opt/mute.toml"):
        machine.run("plimsoll-agent-next", "fall-back")
    done = attempt(machine, "--config", "/opt/mute.toml")
    assert done.returncode == 1 and "has fallen back before" in done.stdout, done.stdout


def test_a_running_agent_that_is_no_measure_is_told_before_a_trial(on_older):
    machine = on_older
    machine.write("/opt/better.toml", configured('[metrics]\ninterval = "30s"\n'))

    def runs_with(configuration, code):
        machine.write(CONFIGURATION, configuration)
        machine.run("systemctl", "restart", "plimsoll-agent")
        line(machine, "another")
        wait_until(lambda: machine.tried("plimsoll-agent", "status").returncode == code, 40, f"status {code}")

    for configuration, code, why in [
        (configured(control_socket="off"), 4, "it does not answer"),
        (configured().replace(URL, "http://127.0.0.1:9"), 1, "it says that it is not well: calls for /app/one"),
    ]:
        runs_with(configuration, code)
        process = machine.show("MainPID")
        done = attempt(machine, "--config", "/opt/better.toml")
        assert done.returncode == 2 and why in done.stdout and "--anyway" in done.stdout, done.stdout
        assert machine.show("MainPID") == process and machine.is_active()
    done = attempt(machine, "--anyway", "--config", "/opt/better.toml")
    assert done.returncode == 0, done.stdout
    machine.write("/opt/silent.toml", configured(control_socket="off"))
    for why in ["it does not answer", "has fallen back before"]:
        done = attempt(machine, "--config", "/opt/silent.toml")
        assert done.returncode == 1 and why in done.stdout, done.stdout


def test_what_was_there_before_is_that_of_the_same_trial(on_older):
    machine = on_older
    machine.write("/opt/better.toml", configured('[metrics]\ninterval = "30s"\n'))
    target = machine.root / CONFIGURATION.lstrip("/")
    machine.write(f"{CONFIGURATION}.last-good", configured())
    target.unlink()
    done = attempt(machine, "--config", "/opt/better.toml", seconds=1)
    assert done.returncode == 0 and target.exists(), done.stdout
    machine.run("plimsoll-agent-next", "fall-back")
    assert not target.exists(), "there was none"


def test_what_cannot_be_tried_is_refused_and_changes_nothing(on_older, debs, tmp_path):
    machine = on_older
    process = machine.show("MainPID")
    machine.write("/opt/bad.toml", configured('flush = "soon"\n'))
    machine.write("/opt/broken.deb", "no package")
    package = machine.bring(debs["agent", NEWER])
    run("dpkg-deb", "-R", debs["agent", NEWER], tmp_path / "tree")
    control = tmp_path / "tree/DEBIAN/control"
    native = control.read_text()
    control.write_text(native.replace("Architecture: amd64", "Architecture: arm64"))
    run("dpkg-deb", "-Znone", "-b", tmp_path / "tree", machine.root / "opt/other.deb")
    # It says that it is for this machine.
    control.write_text(native)
    (tmp_path / "tree/usr/bin/plimsoll-agent").write_bytes(b"\x7fELF" + bytes(60))
    run("dpkg-deb", "-Znone", "-b", tmp_path / "tree", machine.root / "opt/lie.deb")
    collector = machine.bring(debs["collector", NEWER])
    for arguments, why in [
        (("--config", "/opt/bad.toml"), "flush"),
        (("--config", "/opt/none.toml"), "/opt/none.toml cannot be read"),
        (("--package", "/opt/broken.deb"), "is broken, or no package of plimsoll-agent"),
        (("--package", collector), "is broken, or no package of plimsoll-agent"),
        (("--package", "/opt/other.deb"), "is for arm64, and this is amd64"),
        (("--package", "/opt/lie.deb"), "does not run here"),
        ((), "expected --package FILE"),
    ]:
        done = attempt(machine, *arguments)
        assert done.returncode == 2 and why in done.stdout, (arguments, done.stdout)
    filler = machine.root / "filler"
    with open(filler, "wb", buffering=0) as full, contextlib.suppress(OSError):
        while True:
            full.write(bytes(1 << 20))
    done = attempt(machine, "--package", package)
    assert done.returncode == 2 and "disk is full" in done.stdout, done.stdout
    filler.unlink()
    assert machine.show("MainPID") == process and machine.is_active()
    assert not (machine.root / "var/lib/plimsoll-agent-next/trial").exists()
    machine.run("systemctl", "stop", "plimsoll-agent")
    done = attempt(machine, "--package", package)
    assert done.returncode == 2 and "systemctl start plimsoll-agent" in done.stdout


def test_a_promoted_version_that_does_not_come_up_is_replaced_by_the_one_before(on_older, candidates):
    machine = on_older
    machine.write("/opt/better.toml", configured('[metrics]\ninterval = "30s"\n'))
    with writing(machine) as written:
        done = attempt(machine, "--package", machine.bring(candidates["fails later"]), "--config", "/opt/better.toml", seconds=1)
        assert done.returncode == 1 and "after its promotion" in done.stdout, done.stdout
    assert "install the package before" in done.stdout, "the database of packages names the other"
    assert (machine.root / "var/lib/plimsoll-agent-next/refused").exists(), "it was its own fault"
    assert (machine.root / CONFIGURATION.lstrip("/")).read_text() == configured()
    assert (machine.root / REAL.lstrip("/")).read_bytes() == (machine.root / "opt/real").read_bytes()
    assert machine.is_active()
    assert_delivered(machine, written)


@pytest.mark.parametrize("state, word, version", [
    ("probation", "the machine was started again", OLDER), ("promoting", "the candidate was promoted", NEWER),
])
def test_a_boot_starts_what_is_installed_and_ends_the_trial(on_older, debs, state, word, version):
    machine = on_older
    with on_probation(machine, "--package", machine.bring(debs["agent", NEWER])):
        # What a loss of power leaves.
        machine.run("systemctl", "stop", "plimsoll-agent-probation", "plimsoll-agent-next")
        machine.run("rm", "/run/systemd/system/plimsoll-agent-next.service")
        machine.run("systemctl", "daemon-reload")
        trial = machine.root / "var/lib/plimsoll-agent-next/trial"
        trial.write_text(re.sub("(?m)^state=.*$", f"state={state}", re.sub("(?m)^boot=.*$", "boot=before", trial.read_text())))
        # What a boot does.
        machine.run("systemctl", "start", "multi-user.target", "plimsoll-agent")
    assert word in status(machine).stdout, status(machine).stdout
    assert not (machine.root / "var/lib/plimsoll-agent-next/refused").exists(), "it may be tried again"
    assert machine.version() == version and machine.is_active()
    line(machine, "second")
    machine.wait_for_event("/app", "second")
    assert machine.events("/app") == ["first", "second"]


def test_a_watcher_that_is_killed_goes_on_and_a_removal_ends_the_trial(on_older, debs):
    machine = on_older
    with on_probation(machine, "--package", machine.bring(debs["agent", NEWER])):
        killed = machine.show("MainPID", "plimsoll-agent-probation")
        machine.run("kill", "-KILL", killed)
        wait_until(lambda: machine.show("MainPID", "plimsoll-agent-probation") not in (killed, "0"), 20, "the next watcher")
        assert machine.is_active("plimsoll-agent-next"), "the candidate runs on"
        machine.run("dpkg", "--remove", "plimsoll-agent")
        assert not machine.is_active("plimsoll-agent-next") and not machine.is_active("plimsoll-agent-probation")
        assert not (machine.root / "var/lib/plimsoll-agent-next").exists()
        assert machine.tried("test", "-e", "/run/systemd/system/plimsoll-agent-next.service").returncode == 1


def test_systemd_goes_back_where_nobody_watches(on_older, debs):
    machine = on_older
    with on_probation(machine, "--package", machine.bring(debs["agent", NEWER])):
        machine.run("systemctl", "stop", "plimsoll-agent-probation")
        machine.run("systemctl", "mask", "--runtime", "plimsoll-agent-probation")
        machine.run("kill", "-KILL", machine.show("MainPID", "plimsoll-agent-next"))
        wait_until(machine.is_active, 20, "the stable one")
        # The record of the trial is ended by the next watcher.
        machine.run("systemctl", "unmask", "--runtime", "plimsoll-agent-probation")
        machine.run("systemctl", "restart", "plimsoll-agent")
    assert status(machine).returncode == 1 and machine.version() == OLDER


@pytest.mark.parametrize("kind", ["rpm", "tar"])
def test_other_kinds_of_packages_are_tried_alike(machine, kind, tmp_path):
    machine.write(CONFIGURATION, configured())
    # rpm knows nothing of what dpkg has installed.
    rpm = machine.write("/usr/local/bin/rpm", '#!/bin/sh\ncase "$1" in\n-U) exec /usr/bin/rpm --force-debian --nodeps "$@" ;;\n'
                        '*) exec /usr/bin/rpm "$@" ;;\nesac\n')
    rpm.chmod(0o755)
    older, newer = (build(kind, "agent", tmp_path, VERSION=version, TAR_LEVEL="1") for version in (OLDER, "0.2.0"))
    if kind == "rpm":
        machine.install(older)
    else:
        run("tar", "-C", machine.root / "opt", "-xzf", older)
        machine.run("sh", f"/opt/{older.name.removesuffix('.tar.gz')}/install")
    line(machine, "first")
    machine.wait_for_event("/app", "first")
    process = machine.show("MainPID")
    done = attempt(machine, "--package", machine.bring(newer), seconds=2)
    assert done.returncode == 0 and "the candidate was promoted: version 0.2.0" in done.stdout, done.stdout
    assert machine.is_active() and machine.show("MainPID") != process
    if kind == "rpm":
        assert machine.run("rpm", "-q", "--qf", "%{VERSION}", "plimsoll-agent") == "0.2.0"
    line(machine, "second")
    machine.wait_for_event("/app", "second")
    assert machine.events("/app") == ["first", "second"]


def test_a_fleet_tries_what_it_has_fetched(on_older, debs):
    machine = on_older
    package = machine.bring(debs["agent", NEWER])
    shutil.copy(ROOT / "packaging/fleet/plimsoll-fleet", machine.root / "usr/local/sbin")
    (checksum, _) = machine.run("sha256sum", package).split()

    def fleet():
        return machine.tried("env", "PLIMSOLL_PROBATION_SECONDS=2", "plimsoll-fleet", "try", f"file://{package}", checksum)

    machine.write("/opt/better.toml", configured('[metrics]\ninterval = "30s"\n'))
    machine.write("/usr/local/bin/aws", "#!/bin/sh\ncat /etc/plimsoll/agent.toml\necho\n").chmod(0o755)
    with on_probation(machine, "--config", "/opt/better.toml"):
        for action, code in [(("configure", "/plimsoll/agent"), 0), (("upgrade", f"file://{package}", checksum), 1)]:
            done = machine.tried("plimsoll-fleet", *action)
            assert done.returncode == code and "a candidate is on probation" in done.stdout, done.stdout
            assert machine.is_active("plimsoll-agent-next") and machine.version() == OLDER
        machine.run("plimsoll-agent-next", "promote")
    done = fleet()
    assert done.returncode == 0 and "the candidate was promoted" in done.stdout, done.stdout
    assert machine.version() == NEWER and machine.is_active()
    process = machine.show("MainPID")
    done = fleet()
    assert done.returncode == 0 and "in place already" in done.stdout, done.stdout
    assert machine.show("MainPID") == process
