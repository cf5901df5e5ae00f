"""The rpms: built, judged by rpmlint, installed into a root with an rpm database, upgraded and erased there."""

import re

import pytest

from conftest import ROOT
from debian import NEWER, OLDER, SERVICES, build, debian, needs_root, rpms, run, unpacked  # noqa: F401


@pytest.mark.parametrize("service", SERVICES)
def test_rpmlint_finds_nothing(rpms, service):
    told = run("rpmlint", "-c", ROOT / "packaging/rpm/rpmlint.toml", rpms[service, NEWER])
    assert " 0 errors, 0 warnings" in told, told


def test_two_builds_of_an_rpm_are_equal(rpms, tmp_path):
    again = build("rpm", "agent", tmp_path)
    assert rpms["agent", NEWER].read_bytes() == again.read_bytes()


def test_an_rpm_is_such_that_old_versions_read_it(rpms):
    told = run("rpm", "-qp", "--qf", "%{PAYLOADCOMPRESSOR} %{FILEDIGESTALGO}", rpms["agent", NEWER])
    assert told == "gzip 8", "gzip and SHA-256"
    required = run("rpm", "-qp", "--requires", rpms["agent", NEWER])
    features = set(re.findall(r"rpmlib\((\w+)\)", required))
    # What rpm 4.11 of Amazon Linux 2 has.
    assert features <= {"CompressedFileNames", "FileDigests", "PayloadFilesHavePrefix"}, required


@needs_root
def test_an_rpm_installs_upgrades_and_leaves_with_its_scriptlets(debian, rpms, tmp_path):
    with unpacked(debian, tmp_path) as root:
        run("mount", "-t", "proc", "proc", root / "proc")

        def rpm(*arguments):
            return run("rpm", "--root", root, "--force-debian", *arguments)

        def inside(*arguments):
            return run("chroot", root, *arguments)

        run("rpm", "--root", root, "--initdb")
        told = rpm("-i", "--nodeps", rpms["agent", OLDER], rpms["collector", NEWER])
        assert "systemd does not run here; what supervises services instead has to start: plimsoll-agent run" in told
        assert {"adm", "systemd-journal"} < set(inside("id", "-nG", "plimsoll").split())
        wants = root / "etc/systemd/system/multi-user.target.wants/plimsoll-agent.service"
        assert wants.is_symlink(), "enabled"
        assert "0.0.9" in rpm("-q", "plimsoll-agent")
        variables, state = root / "etc/plimsoll/agent.env", root / "var/lib/plimsoll"
        assert state.stat().st_mode & 0o7777 == 0o750
        variables.write_text("HTTPS_PROXY=http://proxy.example:3128\n")
        kept = [root / "etc/plimsoll/agent.toml", state / "positions"]
        for file in kept:
            file.write_text("x")
        wants.unlink()

        rpm("-U", "--nodeps", rpms["agent", NEWER])
        assert "0.1.0" in rpm("-q", "plimsoll-agent")
        assert "proxy.example" in variables.read_text(), "%config(noreplace)"
        assert not wants.is_symlink(), "what was disabled stays so"

        rpm("-e", "plimsoll-agent", "plimsoll-collector")
        assert not (root / "usr/bin/plimsoll-agent").exists()
        for file in kept:
            assert file.read_text() == "x", f"{file} outlives an erasure"


@needs_root
def test_where_systemd_is_old_and_sysusers_is_missing_the_scriptlets_do_it_by_hand(debian, rpms, tmp_path):
    with unpacked(debian, tmp_path) as root:
        run("mount", "-t", "proc", "proc", root / "proc")
        for name in ("systemd-sysusers", "systemd-tmpfiles"):
            (root / "usr/bin" / name).unlink(missing_ok=True)
        systemctl = root / "usr/bin/systemctl"
        systemctl.rename(systemctl.with_suffix(".real"))
        systemctl.write_text("#!/bin/sh\n[ \"$1\" = --version ] && echo 'systemd 219' || exec systemctl.real \"$@\"\n")
        systemctl.chmod(0o755)
        run("rpm", "--root", root, "--initdb")
        run("rpm", "--root", root, "--force-debian", "-i", "--nodeps", rpms["agent", NEWER])
        groups = run("chroot", root, "id", "-nG", "plimsoll").split()
        assert {"adm", "systemd-journal"} < set(groups)
        assert (root / "var/lib/plimsoll").stat().st_mode & 0o7777 == 0o750
        drop_in = root / "etc/systemd/system/plimsoll-agent.service.d/before-systemd-239.conf"
        assert drop_in.exists()
        run("rpm", "--root", root, "--force-debian", "-e", "plimsoll-agent")
        assert not drop_in.parent.exists()
