"""The agent as a service of a real systemd: configured, watched, reloaded, upgraded, hardened, and what goes wrong."""

import contextlib
import re
import threading
import time

import pytest

from conftest import ROOT, tell, wait_until
from debian import JOURNAL, NEWER, OLDER, URL, configured, debian, debs, machine, needs_root, rpms  # noqa: F401

pytestmark = needs_root
DROP_INS = ROOT / "packaging" / "systemd" / "drop-ins"
CATALOG = ROOT / "packaging" / "catalog" / "plimsoll-agent.catalog"
CONFIGURATION = "/etc/plimsoll/agent.toml"
# Seconds from the installation to the first delivered line, and seconds in which an upgrade reads nothing, at most.
INSTALLATION, GAP = 5, 1


@pytest.fixture(params=["deb", "rpm"])
def packages(request):
    """The packages of one kind after the other."""
    return request.getfixturevalue(f"{request.param}s")


def drop_in(machine, name, text):
    machine.write(f"/etc/systemd/system/plimsoll-agent.service.d/{name}.conf", text)
    machine.run("systemctl", "daemon-reload")


def line(machine, text, file="one"):
    path = machine.root / f"var/log/app/{file}.log"
    path.parent.mkdir(exist_ok=True)
    with open(path, "a", encoding="ascii") as log:
        log.write(text + "\n")


def take_shipped_drop_in(machine, name, unit="plimsoll-agent"):
    """The command of docs/installing.md."""
    machine.run("install", "-D", "-m644", "-t", f"/etc/systemd/system/{unit}.service.d",
                f"/usr/share/plimsoll-agent/drop-ins/{name}.conf")
    machine.run("systemctl", "daemon-reload")


def told_seconds(all_):
    return ", ".join(f"{one:.2f} s" for one in all_)


def running(machine, debs, *sections):
    """The agent installed, configured and started, with one line delivered."""
    line(machine, "first")
    machine.write(CONFIGURATION, configured(*sections))
    machine.install(debs["agent", NEWER])
    assert machine.is_active(), machine.journal()
    machine.wait_for_event("/app", "first")


def test_an_installed_agent_waits_for_its_configuration_and_then_delivers_files_and_journal(machine, debs):
    machine.install(debs["agent", NEWER])
    assert "enabled" in machine.run("systemctl", "is-enabled", "plimsoll-agent")
    assert not machine.is_active(), "not without a configuration"
    assert "Failed" not in machine.journal()
    line(machine, "from a file")
    machine.write(CONFIGURATION, configured(JOURNAL))
    machine.run("systemctl", "start", "plimsoll-agent")
    assert machine.is_active(), "Type=notify is ready"
    machine.run("systemd-cat", "--identifier=app", "echo", "from the journal")
    machine.wait_for_event("/app", "from a file")
    machine.wait_for_event("/journal", "from the journal")
    own = machine.run("journalctl", "SYSLOG_IDENTIFIER=plimsoll-agent", "_UID=" + machine.run(
        "id", "-u", "plimsoll").strip(), "--no-pager", "-o", "cat")
    assert "started" in own or "ready" in own, own
    # A kind of message is found by its id and explained, whatever its words are.
    started = re.search(r"-- (\w+)\nSubject: The agent has started", CATALOG.read_text()).group(1)
    told = machine.run("journalctl", f"MESSAGE_ID={started}", "-u", "plimsoll-agent", "--no-pager", "--catalog")
    assert told.count("Subject: The agent has started") == 1 and "goes on where it was" in told, told
    assert "followed" in machine.show("StatusText")
    machine.run("systemctl", "stop", "plimsoll-agent")
    assert "Deactivated successfully" in machine.journal()


def test_a_configured_machine_delivers_soon_after_the_installation(machine, debs):
    machine.write(CONFIGURATION, configured())
    package, took = machine.bring(debs["agent", NEWER]), []
    # The best of three counts: what else this host does is not the agent's. A purge takes the positions.
    for turn in ("first", "second", "third"):
        line(machine, turn)
        began = time.monotonic()
        machine.run("dpkg", "-i", package)
        machine.wait_for_event("/app", turn)
        took.append(time.monotonic() - began)
        machine.run("dpkg", "--purge", "plimsoll-agent")
    tell(f"from dpkg -i to the first delivered line: {told_seconds(took)} (debug build)")
    assert min(took) < INSTALLATION


def test_an_agent_that_hangs_is_killed_by_the_watchdog_and_goes_on(machine, debs):
    drop_in(machine, "watchdog", "[Service]\nWatchdogSec=1s\nWatchdogSignal=SIGKILL\n")
    running(machine, debs)
    hung = machine.show("MainPID")
    machine.run("kill", "-STOP", hung)
    wait_until(lambda: machine.is_active() and machine.show("MainPID") not in (hung, "0"), 20, "the restart")
    assert machine.show("NRestarts") == "1"
    line(machine, "after it")
    machine.wait_for_event("/app", "after it")
    # A position is durable a second after the acceptance: what came within it may come again.
    assert machine.events("/app") in (["first", "after it"], ["first", "first", "after it"])


def test_a_reload_takes_a_good_configuration_and_leaves_the_old_one_for_a_broken_one(machine, debs):
    running(machine, debs)
    process = machine.show("MainPID")
    line(machine, "of another file", "two")
    more = '[[logs.file]]\npath = "/var/log/more/*.log"\ngroup = "/more"\nstream = "one"\nstart = "beginning"\n'
    machine.write("/var/log/more/a.log", "more\n")

    machine.write(CONFIGURATION, configured(more, 'flush = "soon"\n'))
    machine.run("systemctl", "reload", "plimsoll-agent")
    wait_until(lambda: "the configuration is not taken" in machine.journal(), 20, "the refusal")
    assert re.search(r"agent\.toml:\d+.*logs\.file\[1\]\.flush", machine.journal()), machine.journal()
    line(machine, "the old one runs on")
    machine.wait_for_event("/app", "the old one runs on")
    assert machine.events("/more") == []

    machine.write(CONFIGURATION, configured(more))
    machine.run("systemctl", "reload", "plimsoll-agent")
    machine.wait_for_event("/more", "more")
    assert machine.show("MainPID") == process and machine.is_active()


@contextlib.contextmanager
def writing(machine):
    """Writes a numbered line every millisecond; gives the count, which is final afterwards."""
    end, written = threading.Event(), [0]

    def write():
        while not end.wait(0.001):
            line(machine, f"line {written[0]:06}")
            written[0] += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield written
    finally:
        end.set()
        writer.join()


def between_processes(machine):
    """How long nothing read: from the end of the old process to the readiness of the new one, in seconds."""
    asked = ("ActiveExitTimestampMonotonic", "ActiveEnterTimestampMonotonic")
    ended, ready = (int(machine.show(name)) / 1e6 for name in asked)
    return ready - ended


def test_an_upgrade_and_a_downgrade_in_mid_stream_lose_and_double_nothing(machine, packages):
    line(machine, "first")
    machine.write(CONFIGURATION, configured())
    machine.install(packages["agent", OLDER])
    machine.wait_for_event("/app", "first")
    gaps = []
    with writing(machine) as written:
        for version in (NEWER, OLDER, NEWER):
            before, count = machine.show("MainPID"), written[0]
            machine.install(packages["agent", version])
            assert machine.version() == version
            assert machine.is_active() and machine.show("MainPID") != before, "restarted, because it ran"
            gaps.append(between_processes(machine))
            tell(f"to {version}: nothing read for {gaps[-1]:.3f} s; {written[0] - count} lines written during dpkg or rpm")
            line(machine, f"on {version}, change {len(gaps)}")
            machine.wait_for_event("/app", f"on {version}, change {len(gaps)}")
    line(machine, "last")
    machine.wait_for_event("/app", "last")
    events = machine.events("/app")
    lines = [event for event in events if event.startswith("line ")]
    assert lines == [f"line {number:06}" for number in range(written[0])], "each once and in order"
    assert written[0] > 500
    # The best of three, as above.
    assert min(gaps) < GAP, told_seconds(gaps)


def test_an_upgrade_starts_nothing_that_did_not_run(machine, packages):
    machine.write(CONFIGURATION, configured())
    machine.install(packages["agent", OLDER])
    machine.run("systemctl", "stop", "plimsoll-agent")
    machine.install(packages["agent", NEWER])
    assert not machine.is_active()
    machine.remove()
    machine.install(packages["agent", NEWER])
    assert machine.is_active(), "an installation after a removal is one"


def test_a_removal_keeps_positions_and_a_purge_takes_them(machine, debs):
    running(machine, debs)
    machine.run("dpkg", "--remove", "plimsoll-agent")
    assert not machine.is_active()
    machine.install(debs["agent", NEWER])
    line(machine, "second")
    machine.wait_for_event("/app", "second")
    assert machine.events("/app") == ["first", "second"], "it goes on where it stopped"
    machine.run("dpkg", "--purge", "plimsoll-agent")
    assert not (machine.root / "var/lib/plimsoll").exists()
    assert (machine.root / CONFIGURATION.lstrip("/")).exists() and (machine.root / "var/log/app/one.log").exists()


def test_a_broken_configuration_is_told_and_the_service_comes_up_once_it_is_corrected(machine, debs):
    line(machine, "first")
    machine.write(CONFIGURATION, configured('flush = "soon"\n'))
    told = machine.install(debs["agent", NEWER])
    assert "did not start and will be tried every 5 s" in told, told
    wait_until(lambda: re.search(r"agent\.toml:\d+.*flush", machine.journal()), 20, "the mistake in the journal")
    machine.write(CONFIGURATION, configured())
    machine.wait_for_event("/app", "first")


def test_an_upgrade_with_a_broken_configuration_leaves_the_old_version_running(machine, packages):
    machine.write(CONFIGURATION, configured())
    line(machine, "first")
    machine.install(packages["agent", OLDER])
    machine.wait_for_event("/app", "first")
    before = machine.show("MainPID")
    machine.write(CONFIGURATION, configured('flush = "soon"\n'))
    told = machine.install(packages["agent", NEWER])
    assert "does not read the configuration (above). The one before runs on" in told, told
    assert re.search(r"agent\.toml:\d+.*flush", told), told
    assert machine.show("MainPID") == before and machine.is_active()
    line(machine, "second")
    machine.wait_for_event("/app", "second")


def test_a_disk_that_is_full_during_an_upgrade_leaves_the_old_version_running(machine, debs):
    machine.write(CONFIGURATION, configured())
    line(machine, "first")
    machine.install(debs["agent", OLDER])
    machine.wait_for_event("/app", "first")
    before, package = machine.show("MainPID"), machine.bring(debs["agent", NEWER])
    filler = machine.root / "filler"
    with open(filler, "wb") as full, contextlib.suppress(OSError):
        while True:
            full.write(bytes(1 << 20))
    told = machine.tried("dpkg", "-i", package)
    assert told.returncode != 0 and "No space left on device" in told.stdout, told.stdout
    assert machine.show("MainPID") == before and machine.is_active()
    filler.unlink()
    assert machine.run("dpkg-query", "-W", "-f", "${Version} ${db:Status-Status}", "plimsoll-agent").endswith("installed")
    line(machine, "second")
    machine.wait_for_event("/app", "second")
    machine.run("dpkg", "-i", package)
    assert machine.is_active() and machine.show("MainPID") != before


def test_etc_may_be_read_only(machine, debs):
    running(machine, debs)
    before = machine.show("MainPID")
    machine.run("mount", "--bind", "/etc", "/etc")
    machine.run("mount", "-o", "remount,bind,ro", "/etc")
    told = machine.tried("dpkg", "-i", f"/opt/{debs['agent', NEWER].name}")
    assert told.returncode != 0 and "Read-only file system" in told.stdout, told.stdout
    assert machine.show("MainPID") == before and machine.is_active()
    machine.run("systemctl", "restart", "plimsoll-agent")
    line(machine, "second")
    machine.wait_for_event("/app", "second")


def test_a_second_agent_is_told_of_the_first(machine, debs):
    running(machine, debs)
    second = machine.tried("runuser", "-u", "plimsoll", "--", "env", f"AWS_EC2_METADATA_SERVICE_ENDPOINT={URL}",
                           "plimsoll-agent", "run", "--config", CONFIGURATION)
    assert second.returncode == 1
    assert "/var/lib/plimsoll is in use by another agent; stop it or use another state directory" in second.stdout
    assert machine.is_active()


def test_logs_of_others_are_read_by_group_and_all_of_them_with_a_drop_in(machine, debs):
    running(machine, debs)
    for file, owner, mode in [("adm", "root:adm", "0640"), ("root", "root:root", "0600")]:
        line(machine, f"of {file}", file)
        machine.run("chown", owner, f"/var/log/app/{file}.log")
        machine.run("chmod", mode, f"/var/log/app/{file}.log")
    machine.wait_for_event("/app", "of adm")
    wait_until(lambda: "/var/log/app/root.log" in machine.journal(), 20, "the warning")
    assert "of root" not in machine.events("/app")
    take_shipped_drop_in(machine, "read-all-logs")
    machine.run("systemctl", "restart", "plimsoll-agent")
    machine.wait_for_event("/app", "of root")


def test_descriptors_and_traffic_of_processes_of_others_are_measured_with_a_drop_in(machine, debs):
    with_a_drop_in = {"procstat_num_fds", "procstat_read_count"}
    running(machine, debs, """[metrics]
interval = "1s"
scrapers = []
[[metrics.procstat]]
exe = "dbus-daemon"
measurements = ["num_fds", "read_count", "cpu_time"]
""")
    # What everybody may read, and like `read_count` is there after two looks.
    wait_until(lambda: "procstat_cpu_time" in machine.metrics(), 20, "a measurement")
    assert not with_a_drop_in & machine.metrics()
    take_shipped_drop_in(machine, "all-processes")
    machine.run("systemctl", "restart", "plimsoll-agent")
    wait_until(lambda: with_a_drop_in <= machine.metrics(), 20, "descriptors and traffic of another user's process")


# Bit of CAP_SYS_ADMIN (linux/capability.h).
CAP_SYS_ADMIN = 21


def test_devices_are_seen_and_asked_with_a_drop_in(machine, debs):
    machine.install(debs["agent", NEWER])
    unit = hardened((ROOT / "packaging/systemd/plimsoll-agent.service").read_text(), "/opt/probe.sh")
    may_ask = f"held=$(sed -n 's/^CapEff:\\t//p' /proc/self/status); test $((0x$held >> {CAP_SYS_ADMIN} & 1)) = 1"
    for what in (FORBIDDEN["see a device"], may_ask):
        assert not sandboxed(machine, "probe", unit, what), f"not without the drop-in: {what}"
    take_shipped_drop_in(machine, "devices", "probe")
    for what in (FORBIDDEN["see a device"], may_ask):
        assert sandboxed(machine, "probe", unit, what), f"with the drop-in: {what}"
    # No container has an NVMe volume or a GPU: which devices may be opened is what systemd has read.
    assert machine.show("DevicePolicy", "probe") == "closed"
    allowed = set(machine.show("DeviceAllow", "probe").splitlines())
    assert allowed == {
        "block-nvme r", "char-nvme r", "block-blkext r", "char-nvidia rw", "char-nvidia-frontend rw",
        "char-nvidia-uvm rw", "char-nvidiactl rw",
    }
    # Nothing else is taken back.
    assert not sandboxed(machine, "probe", unit, FORBIDDEN["make a namespace"])


# What each service may take of its host, as systemd tells it: bytes, and numbers.
LIMITS = {
    "agent": {
        "MemoryHigh": 96 << 20, "MemoryMax": 128 << 20, "TasksMax": 64, "CPUWeight": 50, "IOWeight": 50,
        "OOMScoreAdjust": 500, "LimitNOFILE": 16384,
    },
    "collector": {
        "MemoryHigh": 384 << 20, "MemoryMax": 512 << 20, "TasksMax": 64, "CPUWeight": 50, "IOWeight": 50,
        "OOMScoreAdjust": 300, "LimitNOFILE": 4096,
    },
}


def test_the_host_comes_before_either_service(machine, debs):
    running(machine, debs)
    machine.install(debs["collector", NEWER])
    for service, limits in LIMITS.items():
        found = {name: machine.show(name, f"plimsoll-{service}") for name in limits}
        assert found == {name: str(limit) for name, limit in limits.items()}, service
    process = machine.show("MainPID")
    # What the kernel was told.
    assert machine.run("cat", f"/proc/{process}/oom_score_adj").strip() == "500"
    assert re.search(r"Max open files +16384 +16384 ", machine.run("cat", f"/proc/{process}/limits"))


def test_the_doctor_looks_with_the_rights_of_the_service(machine, debs):
    running(machine, debs)
    line(machine, "of adm", "adm")
    machine.run("chown", "root:adm", "/var/log/app/adm.log")
    machine.run("chmod", "0640", "/var/log/app/adm.log")
    doctor = ("plimsoll-agent", "doctor", "--offline")
    good = machine.run(*doctor)
    assert "user: the service runs as plimsoll with its groups" in good and "plimsoll may read" in good, good
    assert "ok       unit: active" in good and "ok       agent: it runs" in good, good
    line(machine, "of root", "root")
    machine.run("chown", "root:root", "/var/log/app/root.log")
    machine.run("chmod", "0600", "/var/log/app/root.log")
    told = machine.tried(*doctor).stdout
    assert "FAILED   files:" in told and "/var/log/app/root.log" in told and "setfacl -m u:plimsoll:r" in told, told
    assert "adm.log" not in told, told
    machine.run("systemctl", "stop", "plimsoll-agent")
    machine.run("systemctl", "disable", "plimsoll-agent")
    told = machine.tried(*doctor).stdout
    assert "systemctl start plimsoll-agent" in told and "systemctl enable plimsoll-agent" in told, told


# What an intruder would try: a command that works for the same user without the sandbox.
FORBIDDEN = {
    "write where its user may": "touch /srv/open/file",
    "make a namespace": "unshare --user true",
    "make a file that runs as its owner": "cp /bin/true /var/lib/@STATE@/own && chmod u+s /var/lib/@STATE@/own",
    "change its personality": "setarch --addr-no-randomize true",
    "speak netlink": "ip link",
    "see a device": "test -e /dev/fuse -o -e /dev/net/tun -o -e /dev/console",
}


def started(script):
    """The keys by which a script is run once."""
    return f"ExecStart={script}\nType=oneshot\nRestart=no\nWatchdogSec=0\n"


def hardened(shipped, script):
    """A shipped unit that runs a script instead of its program."""
    kept = re.sub(r"(?m)^(ExecStart|Type|Restart|WatchdogSec|Condition\w+)=.*\n", "", shipped)
    return kept.replace("[Service]\n", f"[Service]\n{started(script)}")


def sandboxed(machine, name, unit, command):
    """Runs a command under the keys of a unit; gives whether it succeeded."""
    machine.write(f"/etc/systemd/system/{name}.service", unit)
    script = machine.write(f"/opt/{name}.sh", f"#!/bin/sh\n{command}\n")
    script.chmod(0o755)
    machine.run("systemctl", "daemon-reload")
    return machine.tried("systemctl", "start", name).returncode == 0


@pytest.mark.parametrize("service", ["agent", "collector"])
def test_the_sandbox_forbids_what_the_user_alone_may(machine, debs, service):
    machine.install(debs[service, NEWER])
    machine.write("/srv/open/there", "").parent.chmod(0o777)
    shipped = (ROOT / f"packaging/systemd/plimsoll-{service}.service").read_text()
    state = re.search("StateDirectory=(.*)", shipped).group(1)
    user = re.search("User=(.*)", shipped).group(1)
    for number, (what, command) in enumerate(FORBIDDEN.items()):
        name = f"probe{number}"
        unit = hardened(shipped, f"/opt/{name}.sh")
        control = f"[Service]\n{started(f'/opt/{name}.sh')}User={user}\nGroup={user}\nStateDirectory={state}\n"
        command = command.replace("@STATE@", state)
        assert sandboxed(machine, name, control, command), f"without the sandbox it may {what}"
        assert not sandboxed(machine, name, unit, command), f"it may not {what}"
        assert sandboxed(machine, name, unit, "true"), "the sandbox itself starts"


def test_the_doctor_looks_with_the_variables_of_the_service_and_not_with_those_of_root(machine, debs):
    machine.write("/root/.aws/credentials", "[default]\naws_access_key_id = AKIAROOT\naws_secret_access_key = x\n")
    machine.install(debs["agent", NEWER])
    machine.write("/etc/plimsoll/agent.env", 'HTTPS_PROXY="http://127.0.0.1:9"\n')
    machine.write(CONFIGURATION, configured().replace(f'endpoint_url = "{URL}"', 'endpoint_url = "https://aws.invalid"'))
    told = machine.tried("env", "HOME=/root", "plimsoll-agent", "doctor").stdout
    assert "user: the service runs as plimsoll with its groups and variables" in told, told
    assert "credentials: from" in told and "profile" not in told.split("credentials: from")[1].split("\n")[0], told
    assert "aws.no_proxy" in told or "aws.proxy" in told, f"the proxy of its own is looked through: {told}"


def test_the_clock_is_read_inside_the_sandbox(machine, debs):
    machine.write(CONFIGURATION, configured('[metrics]\ninterval = "5s"\nscrapers = ["clock"]\n'))
    machine.install(debs["agent", NEWER])
    wait_until(lambda: "clock_error_max" in machine.metrics(), 20, "the clock's greatest error")


# Keys that systemd 219 does not know, by the version that brought them (systemd.exec(5), NEWS).
AFTER_219 = (
    "AmbientCapabilities CPUWeight ConfigurationDirectory IOWeight LockPersonality MemoryDenyWriteExecute "
    "MemoryHigh MemoryMax PrivateMounts ProtectControlGroups ProtectHostname ProtectKernelLogs "
    "ProtectKernelModules ProtectKernelTunables ProtectProc RemoveIPC RestrictNamespaces RestrictRealtime "
    "RestrictSUIDSGID StateDirectory StateDirectoryMode TasksMax"
).split()


def test_without_the_keys_that_systemd_219_does_not_know_the_agent_delivers(machine, debs):
    running(machine, debs)
    unit = machine.root / "usr/lib/systemd/system/plimsoll-agent.service"
    old = re.sub(rf"(?m)^({'|'.join(AFTER_219)})=.*\n|^ProtectSystem=strict\n", "", unit.read_text())
    # Groups of calls are not known either: what is left is an empty list, until the drop-in takes it away.
    old = re.sub(r"(?m)^SystemCallFilter=~?@.*\n", "SystemCallFilter=\nSystemCallFilter=execve exit_group\n", old)
    unit.write_text(old)
    machine.run("systemctl", "daemon-reload")
    assert machine.tried("systemctl", "restart", "plimsoll-agent").returncode != 0, "the trap is real"
    take_shipped_drop_in(machine, "before-systemd-239")
    machine.run("systemctl", "restart", "plimsoll-agent")
    line(machine, "second")
    machine.wait_for_event("/app", "second")
    assert machine.events("/app") == ["first", "second"]
