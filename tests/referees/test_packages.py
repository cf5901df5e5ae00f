"""The packages: built, judged by lintian, installed into a fresh Debian, removed and purged; the units, by systemd."""

import re
import subprocess

import pytest

from conftest import BINARIES, ROOT

SERVICES = ["agent", "collector"]


def run(*arguments, **more):
    done = subprocess.run(
        [str(a) for a in arguments], capture_output=True, text=True, timeout=600, check=False, **more
    )
    assert done.returncode == 0, f"{arguments}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    directory = tmp_path_factory.mktemp("deb")
    return {
        service: run(
            ROOT / "packaging" / "deb" / "build", service, BINARIES / f"plimsoll-{service}", directory
        ).strip().splitlines()[-1]
        for service in SERVICES
    }


@pytest.mark.parametrize("service", SERVICES)
def test_lintian_finds_no_error(packages, service):
    # A manual page and completions come with a later version.
    run("lintian", "--fail-on", "error", "--suppress-tags", "no-manual-page", packages[service])


@pytest.mark.parametrize("service", SERVICES)
def test_two_builds_are_equal(packages, service, tmp_path):
    again = run(
        ROOT / "packaging" / "deb" / "build", service, BINARIES / f"plimsoll-{service}", tmp_path
    ).strip().splitlines()[-1]
    with open(packages[service], "rb") as first, open(again, "rb") as second:
        assert first.read() == second.read()


def test_the_packages_install_run_and_leave_cleanly(packages, tmp_path_factory):
    root = tmp_path_factory.mktemp("root") / "debian"
    run("mmdebstrap", "--variant=minbase", "--include=systemd,ca-certificates", "bookworm", root)
    for service, package in packages.items():
        (root / "tmp" / f"{service}.deb").write_bytes(open(package, "rb").read())

    def inside(*arguments):
        return run("chroot", root, *arguments)

    inside("dpkg", "-i", "/tmp/agent.deb", "/tmp/collector.deb")
    assert "plimsoll" in inside("getent", "passwd", "plimsoll")
    assert (root / "etc/systemd/system/multi-user.target.wants/plimsoll-agent.service").is_symlink()
    for service in SERVICES:
        assert re.search(r"\d+\.\d+\.\d+", inside(f"plimsoll-{service}", "version"))
    (root / "etc/plimsoll/agent.toml").write_text((ROOT / "examples/agent.toml").read_text())
    state = root / "var/lib/plimsoll"
    state.mkdir(exist_ok=True)
    (state / "kept").write_text("x")
    inside("dpkg", "--remove", "plimsoll-agent", "plimsoll-collector")
    assert (state / "kept").exists(), "a removal keeps the state"
    inside("dpkg", "--purge", "plimsoll-agent", "plimsoll-collector")
    assert not state.exists(), "a purge does not"
    assert (root / "etc/plimsoll/agent.toml").exists(), "the user's file is never deleted"


@pytest.mark.parametrize("service", SERVICES)
def test_the_unit_is_valid_and_hardened(service):
    unit = ROOT / "packaging" / "systemd" / f"plimsoll-{service}.service"
    report = run("systemd-analyze", "security", "--offline=true", "--no-pager", unit)
    exposure = float(re.search(r"exposure level for .*: ([\d.]+)", report).group(1))
    assert exposure <= 2.0
