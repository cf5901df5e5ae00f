"""The Debian packages and units without a boot: built, judged by lintian and systemd, installed into a fresh Debian."""

import gzip
import json
import os
import pathlib
import re
import shutil

import pytest

from conftest import ROOT, tell
from debian import NEWER, OLDER, SERVICES, build, debian, debs, run, tried, unpacked  # noqa: F401

SYSTEMD = ROOT / "packaging" / "systemd"


@pytest.mark.parametrize("service", SERVICES)
def test_lintian_finds_neither_an_error_nor_a_warning(debs, service):
    run("lintian", "--allow-root", "--fail-on", "error,warning", debs[service, NEWER])


def test_two_builds_of_a_deb_are_equal(debs, tmp_path):
    again = build("deb", "agent", tmp_path)
    assert debs["agent", NEWER].read_bytes() == again.read_bytes()


@pytest.mark.parametrize("service", SERVICES)
def test_a_package_asks_for_the_glibc_that_its_binary_needs_and_tells_what_it_is_made_of(debs, service, tmp_path):
    run("dpkg-deb", "-x", debs[service, NEWER], tmp_path)
    symbols = run("objdump", "-T", tmp_path / f"usr/bin/plimsoll-{service}")
    highest = max(tuple(map(int, v.split("."))) for v in re.findall(r"GLIBC_(\d[\d.]*)", symbols))
    depends = run("dpkg-deb", "-f", debs[service, NEWER], "Depends")
    assert f"libc6 (>= {'.'.join(map(str, highest))})" in depends
    assert highest <= (2, 17) or "PLIMSOLL_PACKAGED" not in os.environ, f"what ./test packages needs glibc {highest}"
    doc = tmp_path / f"usr/share/doc/plimsoll-{service}"
    licences = gzip.open(doc / "third-party-licences.gz", "rt").read()
    bill = json.load(gzip.open(doc / "sbom.cdx.json.gz"))
    foreign = [c for c in bill["components"] if "purl" in c]
    assert len(foreign) > 100
    for component in foreign:
        assert f"\n{component['name']} {component['version']}: " in licences, component
    size = sum(file.stat().st_size for file in tmp_path.rglob("*") if file.is_file())
    tell(f"plimsoll-{service} (debug): GLIBC {'.'.join(map(str, highest))}, deb "
         f"{debs[service, NEWER].stat().st_size / 1e6:.1f} MB, installed {size / 1e6:.1f} MB, {len(foreign)} packages")


def test_the_packages_install_and_leave_cleanly(debian, debs, tmp_path):
    with unpacked(debian, tmp_path) as root:
        for service in SERVICES:
            shutil.copy(debs[service, NEWER], root / "opt" / f"{service}.deb")
        run("mount", "-t", "proc", "proc", root / "proc")

        def inside(*arguments):
            return run("chroot", root, *arguments)

        told = inside("dpkg", "-i", "/opt/agent.deb", "/opt/collector.deb")
        assert "systemd does not run here; what supervises services instead has to start: plimsoll-agent run" in told
        assert {"adm", "systemd-journal"} < set(inside("id", "-nG", "plimsoll").split())
        assert inside("id", "-nG", "plimsoll-collector").split() == ["plimsoll-collector"]
        wants = root / "etc/systemd/system/multi-user.target.wants"
        for service in SERVICES:
            assert (wants / f"plimsoll-{service}.service").is_symlink(), "enabled"
            assert re.search(r"\d+\.\d+\.\d+", inside(f"plimsoll-{service}", "version"))
        state = root / "var/lib/plimsoll"
        assert state.stat().st_mode & 0o7777 == 0o750, "tmpfiles.d makes it"
        # What users have written: a configuration, a changed conffile, a file beside them.
        variables = root / "etc/plimsoll/agent.env"
        assert variables.stat().st_mode & 0o777 == 0o600
        kept = [root / "etc/plimsoll/agent.toml", root / "etc/plimsoll/notes", root / "var/log/app.log"]
        for file in kept:
            file.write_text("x")
        variables.write_text("HTTPS_PROXY=http://proxy.example:3128\n")
        (state / "positions").write_text("x")
        inside("dpkg", "--force-confold", "-i", "/opt/agent.deb")
        assert "proxy.example" in variables.read_text(), "an installation over it keeps a conffile"
        inside("dpkg", "--remove", "plimsoll-agent", "plimsoll-collector")
        assert (state / "positions").exists(), "a removal keeps the state"
        assert "proxy.example" in variables.read_text()
        inside("dpkg", "--purge", "plimsoll-agent", "plimsoll-collector")
        assert not state.exists(), "a purge does not"
        assert not variables.exists() and not (wants / "plimsoll-agent.service").is_symlink()
        for file in kept:
            assert file.read_text() == "x", f"{file} is the user's"


def test_a_disabled_service_stays_disabled_through_an_upgrade(debian, debs, tmp_path):
    with unpacked(debian, tmp_path) as root:
        for version in (OLDER, NEWER):
            shutil.copy(debs["agent", version], root / "opt")
            run("chroot", root, "dpkg", "-i", f"/opt/{debs['agent', version].name}")
            run("chroot", root, "systemctl", "disable", "plimsoll-agent")
        enabled = tried("chroot", root, "systemctl", "is-enabled", "plimsoll-agent").stdout
        assert "disabled" in enabled, enabled


@pytest.mark.parametrize("service", SERVICES)
def test_the_unit_is_valid_and_scores_two_at_most(service):
    unit = SYSTEMD / f"plimsoll-{service}.service"
    report = run("systemd-analyze", "security", "--offline=true", "--no-pager", unit)
    exposure = float(re.search(r"exposure level for .*: ([\d.]+)", report).group(1))
    tell(f"plimsoll-{service}.service: exposure {exposure}")
    assert exposure <= 2.0, report


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("drop_in", [None, *sorted(file.stem for file in (SYSTEMD / "drop-ins").iterdir())])
def test_systemd_knows_every_key_of_unit_and_drop_in(service, drop_in, tmp_path):
    name = f"plimsoll-{service}.service"
    unit = (SYSTEMD / name).read_text().replace(f"/usr/bin/plimsoll-{service}", "/bin/true")
    (tmp_path / name).write_text(unit)
    if drop_in:
        directory = tmp_path / f"{name}.d"
        directory.mkdir()
        shutil.copy(SYSTEMD / "drop-ins" / f"{drop_in}.conf", directory)
    told = tried("systemd-analyze", "verify", "--man=no", tmp_path / name).stdout
    unknown = [line for line in told.splitlines() if "Unknown" in line or "Failed to parse" in line]
    assert not unknown, told


@pytest.mark.skipif("PLIMSOLL_RELEASE" not in os.environ, reason="needs a release binary: PLIMSOLL_RELEASE=FILE")
def test_the_released_agent_is_small(tmp_path):
    binary = pathlib.Path(os.environ["PLIMSOLL_RELEASE"])
    script = ROOT / "packaging" / "deb" / "build"
    package = pathlib.Path(run(script, "agent", binary, tmp_path, DEB_LEVEL="9").strip().splitlines()[-1])
    run("dpkg-deb", "-x", package, tmp_path / "root")
    installed = sum(file.stat().st_size for file in (tmp_path / "root").rglob("*") if file.is_file())
    tell(f"agent: deb {package.stat().st_size / 1e6:.2f} MB, installed {installed / 1e6:.2f} MB")
    assert package.stat().st_size <= 6_000_000 and installed <= 12_000_000
