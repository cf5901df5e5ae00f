"""The tar.gz and its script: shows what it will do, does it, changes nothing when it cannot, and can be undone."""

import contextlib
import pathlib

import pytest

from debian import NEWER, OLDER, build, configured, debian, debs, machine, needs_root, run, tried, unpacked  # noqa: F401

pytestmark = needs_root
CONFIGURATION = "/etc/plimsoll/agent.toml"


@pytest.fixture(scope="session")
def tarballs(tmp_path_factory):
    """Each version of the agent, unpacked, as a directory."""
    directory = tmp_path_factory.mktemp("tar")
    made = {}
    for version in (OLDER, NEWER):
        archive = build("tar", "agent", directory, VERSION=version, TAR_LEVEL="1")
        run("tar", "-C", directory, "-xzf", archive)
        made[version] = archive.with_name(archive.name.removesuffix(".tar.gz"))
    return made


def bring(root, directory):
    run("cp", "-a", directory, root / "opt")
    return f"/opt/{directory.name}/install"


def below(root):
    """Every file that an installation could touch, with its content and mode."""
    found = {}
    for top in ("etc", "usr", "var/lib"):
        for file in (root / top).rglob("*"):
            if file.is_file() and not file.is_symlink() and "/var/lib/dpkg" not in str(file):
                found[str(file)] = (file.stat().st_size, file.stat().st_mtime_ns, file.stat().st_mode)
    return found


# What remains of a user, and what systemd keeps of its own accord.
LEFT = ("passwd", "group", "shadow", "gshadow", "subuid", "subgid", ".pwd.lock")


def is_left(path):
    return pathlib.Path(path).name.rstrip("-") in LEFT or "/var/lib/systemd" in path


def test_two_builds_of_a_tar_are_equal(tarballs, tmp_path):
    first = tarballs[NEWER].with_name(tarballs[NEWER].name + ".tar.gz")
    assert build("tar", "agent", tmp_path, TAR_LEVEL="1").read_bytes() == first.read_bytes()


def test_a_dry_run_shows_every_file_and_changes_nothing_and_an_undone_installation_leaves_nothing(debian, tarballs, tmp_path):
    with unpacked(debian, tmp_path) as root:
        run("mount", "-t", "proc", "proc", root / "proc")
        install, before = bring(root, tarballs[NEWER]), below(root)

        def inside(*arguments):
            return run("chroot", root, install, *arguments)

        shown = inside("--dry-run")
        assert below(root) == before, "a dry run changes nothing"
        done = inside()
        assert "systemd does not run here; what supervises services instead has to start: plimsoll-agent run" in done
        for path in set(below(root)) - set(before):
            inner = path.removeprefix(str(root))
            assert f"+ install {inner}\n" in shown or is_left(path) or inner == "/usr/share/plimsoll-agent/installed", inner
        assert "plimsoll" in run("chroot", root, "plimsoll-agent", "version")

        after = below(root)
        shown = inside("--dry-run", "uninstall")
        assert "+ rm -f /usr/bin/plimsoll-agent\n" in shown and below(root) == after
        (root / "etc/plimsoll/agent.toml").write_text("x")
        (root / "etc/plimsoll/agent.env").write_text("NO_PROXY=x\n")
        (root / "var/lib/plimsoll/positions").write_text("x")
        told = inside("uninstall")
        assert "/etc/plimsoll/agent.env was changed and stays" in told
        users = {"agent.toml", "agent.env", "positions"}
        more = {path for path in set(below(root)) - set(before) if not is_left(path)}
        assert {pathlib.Path(path).name for path in more} == users, more
        assert {path: known for path, known in before.items() if not is_left(path)}.items() <= below(root).items()
        again = tried("chroot", root, install, "uninstall")
        assert again.returncode == 1 and "nothing is installed by this script" in again.stdout

        inside()
        inside("purge")
        assert not (root / "var/lib/plimsoll").exists() and (root / "etc/plimsoll/agent.toml").exists()


def test_where_a_package_is_installed_the_script_leaves_it_alone(debian, debs, tarballs, tmp_path):
    with unpacked(debian, tmp_path) as root:
        install = bring(root, tarballs[NEWER])
        run("cp", debs["agent", NEWER], root / "opt/agent.deb")
        run("chroot", root, "dpkg", "-i", "/opt/agent.deb")
        told = tried("chroot", root, install)
        assert told.returncode == 1 and "it is installed as a package; upgrade that" in told.stdout


def test_an_installation_serves_upgrades_and_leaves_a_full_disk_as_it_was(machine, tarballs):
    log = machine.write("/var/log/app/one.log", "first\n")
    machine.write(CONFIGURATION, configured())
    older, newer = bring(machine.root, tarballs[OLDER]), bring(machine.root, tarballs[NEWER])
    machine.run(older)
    machine.wait_for_event("/app", "first")
    before, files = machine.show("MainPID"), below(machine.root / "usr")

    filler = machine.root / "filler"
    with open(filler, "wb") as full, contextlib.suppress(OSError):
        while True:
            full.write(bytes(1 << 20))
    told = machine.tried(newer)
    assert told.returncode == 1 and "could not be copied; nothing was changed" in told.stdout, told.stdout
    assert below(machine.root / "usr") == files and machine.show("MainPID") == before
    filler.unlink()

    machine.run(newer)
    assert machine.is_active() and machine.show("MainPID") != before, "an upgrade restarts what ran"
    with open(log, "a", encoding="ascii") as output:
        output.write("second\n")
    machine.wait_for_event("/app", "second")
    machine.run(newer, "uninstall")
    assert not machine.is_active() and not (machine.root / "usr/bin/plimsoll-agent").exists()
    assert machine.events("/app") == ["first", "second"]
