"""What brings the agent onto a fleet: judged by cloud-init, Packer, cfn-lint and moto, and done on a booted Debian."""

import hashlib
import http.server
import json
import os
import pathlib
import re
import subprocess
import sys
import threading
import zipfile

import pytest
import yaml

from conftest import BINARIES, ROOT, client, static_credentials
from debian import NEWER, OLDER, configured, debian, debs, machine, needs_root, rpms, run, tried  # noqa: F401

FLEET = ROOT / "packaging" / "fleet"
SCRIPT = FLEET / "plimsoll-fleet"
CLOUD_INIT = pathlib.Path(os.environ.get("PLIMSOLL_CLOUD_INIT", ROOT / "target" / "cloud-init"))
PACKER = pathlib.Path(os.environ.get("PLIMSOLL_PACKER", ROOT / "target" / "packer")) / "usr/bin/packer"


def read(name):
    return yaml.safe_load((FLEET / name).read_text())


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


# What each file has of the script.


def embedded():
    component = {phase["name"]: phase["steps"] for phase in read("image-builder.yaml")["phases"]}
    return {
        "cloud-init.yaml": read("cloud-init.yaml")["write_files"][0]["content"],
        "image-builder.yaml": component["build"][0]["inputs"]["commands"][-1],
        "command.yaml": read("command.yaml")["mainSteps"][0]["inputs"]["runCommand"][-1],
    }


def script(name):
    """The script as a template holds it: user data is short, so that comments and empty lines are left out."""
    first, *lines = SCRIPT.read_text().splitlines(keepends=True)
    if name == "cloud-init.yaml":
        lines = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
    return first + "".join(lines)


@pytest.mark.parametrize("name", ["cloud-init.yaml", "image-builder.yaml", "command.yaml"])
def test_each_template_holds_the_script_as_it_is(name):
    assert embedded()[name] == script(name), f"copy packaging/fleet/plimsoll-fleet into {name}"


# Each template by what reads it.


@pytest.mark.parametrize("file", ["plimsoll-agent-0.10.10-1.aarch64.rpm", "plimsoll-agent_0.10.10-1_amd64.deb"])
def test_user_data_is_what_cloud_init_accepts_and_below_4_kb(file, tmp_path):
    user_data = tmp_path / "user-data"
    text = (FLEET / "cloud-init.yaml").read_text()
    for placeholder, value in {"BUCKET/FILE": f"{'b' * 30}/{file}", '"SHA256"': f'"{"0" * 64}"'}.items():
        assert text.count(placeholder) == 1, placeholder
        text = text.replace(placeholder, value)
    user_data.write_text(text)
    assert user_data.stat().st_size < 4096
    assert yaml.safe_load(text)["runcmd"] == [[
        "/usr/local/sbin/plimsoll-fleet", "install", f"s3://{'b' * 30}/{file}", "0" * 64, "/plimsoll/agent"
    ]]
    code = CLOUD_INIT / "usr/lib/python3/dist-packages"
    if not code.exists():
        pytest.skip("cloud-init could not be fetched")
    schema = [sys.executable, "-m", "cloudinit.cmd.main", "schema", "--config-file"]
    assert "Valid cloud-config" in run(*schema, user_data, PYTHONPATH=str(code))


def test_packer_accepts_its_template(tmp_path):
    if not PACKER.exists():
        pytest.skip("Packer could not be fetched")
    quiet = {"CHECKPOINT_DISABLE": "1", "HOME": str(tmp_path)}
    run(PACKER, "fmt", "-check", "-diff", FLEET / "packer", **quiet)
    variables = ["-var", f"package={SCRIPT}", "-var", "sha256=0"]
    run(PACKER, "validate", *variables, FLEET / "packer/plimsoll.pkr.hcl", **quiet)


def test_an_image_is_sealed_last_before_it_is_taken():
    template = (FLEET / "packer/plimsoll.pkr.hcl").read_text()
    provisioners = re.findall(r'"([^"]*)",\n    \]', template)
    assert provisioners[-1] == "sudo plimsoll-agent seal"
    phases = read("image-builder.yaml")["phases"]
    assert [phase["name"] for phase in phases] == ["build", "validate", "test"]
    assert phases[1]["steps"][-1]["inputs"]["commands"][-1] == "plimsoll-agent seal"


def test_the_component_is_made_as_image_builder_documents_it():
    component = read("image-builder.yaml")
    # Source: Image Builder user guide, "Component document schema and definitions".
    assert set(component) <= {"name", "description", "schemaVersion", "parameters", "constants", "phases"}
    assert component["schemaVersion"] == 1.0
    declared = set()
    for parameter in component["parameters"]:
        ((name, about),) = parameter.items()
        assert about["type"] == "string" and set(about) <= {"type", "default", "description"}
        declared.add(name)
    for phase in component["phases"]:
        names = [step["name"] for step in phase["steps"]]
        assert len(set(names)) == len(names)
        for step in phase["steps"]:
            assert step["action"] == "ExecuteBash"
            assert set(step) <= {"name", "action", "timeoutSeconds", "onFailure", "maxAttempts", "inputs"}
            assert set(step["inputs"]) == {"commands"}
            used = set(re.findall(r"{{ ?([\w.]+) ?}}", "".join(step["inputs"]["commands"])))
            assert used <= declared
            subprocess.run(["bash", "-n"], input="\n".join(step["inputs"]["commands"]), text=True, check=True)


def test_systems_manager_takes_the_command_document(moto):
    content = (FLEET / "command.yaml").read_text()
    assert len(content) < 64 * 1024
    ssm = client("ssm", moto)
    made = ssm.create_document(Name="plimsoll-agent", DocumentType="Command", DocumentFormat="YAML", Content=content)
    assert made["DocumentDescription"]["SchemaVersion"] == "2.2"
    document = read("command.yaml")
    (step,) = document["mainSteps"]
    used = set(re.findall(r"{{ (\w+) }}", "".join(step["inputs"]["runCommand"])))
    assert used == set(document["parameters"])


HOSTILE = ["'; reboot; '", "$(reboot)", "`reboot`", "a\nreboot", "a|reboot", "a&reboot", "{{ x }}", '"']


@pytest.mark.parametrize("name", ["Action", "Url", "Sha256", "Parameters"])
def test_no_parameter_of_the_command_can_hold_another_command(name):
    about = read("command.yaml")["parameters"][name]
    for value in HOSTILE:
        if "allowedValues" in about:
            assert value not in about["allowedValues"]
        else:
            quoted = name != "Parameters"
            matched = re.fullmatch(about["allowedPattern"], value)
            # What stands in single quotes is only ended by one.
            assert not matched or (quoted and "'" not in value), value


def command(values):
    """What the instance runs for these parameters."""
    document = read("command.yaml")
    lines = "\n".join(document["mainSteps"][0]["inputs"]["runCommand"][:1])
    for name, about in document["parameters"].items():
        lines = lines.replace("{{ %s }}" % name, values.get(name, about["default"]))
    told = subprocess.run(["sh", "-c", lines + 'printf "%s|" "$@"'], capture_output=True, text=True, check=True)
    return told.stdout.rstrip("|").split("|")


@pytest.mark.parametrize(
    ("values", "arguments"),
    [
        ({}, ["status"]),
        ({"Action": "configure", "Parameters": "/a/1 /a/2"}, ["configure", "/a/1", "/a/2"]),
        ({"Action": "try-anyway", "Url": "s3://b/a.rpm", "Sha256": "00"}, ["try-anyway", "s3://b/a.rpm", "00"]),
        ({"Action": "upgrade", "Url": "s3://b/a.rpm", "Sha256": "00"}, ["upgrade", "s3://b/a.rpm", "00"]),
        ({"Action": "install", "Url": "https://h/a.deb?x=1&y=2", "Sha256": "00", "Parameters": "/a"},
         ["install", "https://h/a.deb?x=1&y=2", "00", "/a"]),
    ],
)
def test_each_action_of_the_command_becomes_the_scripts_own(values, arguments):
    assert command(values) == arguments


def test_the_association_has_no_finding_and_names_parameters_that_the_command_has():
    lint = pathlib.Path(sys.executable).parent / "cfn-lint"
    run(lint, "--include-checks", "I", "--", FLEET / "association.yaml")
    text = (FLEET / "association.yaml").read_text()
    used = text.split("Name: !Ref CommandDocument")[1].split("Targets:")[0]
    parameters = set(re.findall(r"^ +(\w+): \[", used, re.M))
    assert parameters == {"Action", "Parameters"} and parameters <= set(read("command.yaml")["parameters"])


# The Distributor package.


@pytest.fixture(scope="module")
def distributor(debs, rpms, tmp_path_factory):
    output = tmp_path_factory.mktemp("distributor")
    run(FLEET / "build-distributor", debs["agent", NEWER], rpms["agent", NEWER], output)
    return output


def test_the_manifest_tells_the_truth_about_the_zips_and_two_builds_are_equal(distributor, debs, rpms, tmp_path):
    manifest = json.loads((distributor / "manifest.json").read_text())
    assert (manifest["schemaVersion"], manifest["version"]) == ("2.0", NEWER)
    for name, about in manifest["files"].items():
        assert about == {"checksums": {"sha256": sha256(distributor / name)}, "size": (distributor / name).stat().st_size}
    zips = {path.name for path in distributor.glob("*.zip")}
    assert set(manifest["files"]) == zips and len(zips) == 2
    for platform, versions in manifest["packages"].items():
        kind = "deb" if platform in ("debian", "ubuntu") else "rpm"
        for architecture, file in versions["_any"].items():
            assert file["file"] == f"plimsoll-agent-{kind}-{architecture}.zip"
    run(FLEET / "build-distributor", rpms["agent", NEWER], debs["agent", NEWER], tmp_path / "again")
    for file in distributor.iterdir():
        assert file.read_bytes() == (tmp_path / "again" / file.name).read_bytes(), file.name


def test_packages_that_do_not_belong_together_are_refused(debs, tmp_path):
    for packages, why in [
        ([debs["agent", NEWER], debs["agent", OLDER]], "two packages are for debian"),
        ([debs["collector", NEWER]], "expected plimsoll-agent"),
        ([SCRIPT], "neither a deb nor an rpm"),
    ]:
        told = tried(FLEET / "build-distributor", *packages, tmp_path / "out")
        assert told.returncode != 0 and why in told.stdout, told.stdout


# The script.


@pytest.fixture
def served(tmp_path):
    """A directory that is served, and its URL."""
    directory = tmp_path / "served"
    directory.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=str(directory))

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield directory, f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()


def shims(directory, **programs):
    """A path whose first programs are these."""
    place = directory / "shims"
    place.mkdir()
    for name, text in programs.items():
        (place / name).write_text(f"#!/bin/sh\n{text}\n")
        (place / name).chmod(0o755)
    return f"{place}:{pathlib.Path(sys.executable).parent}:{BINARIES}:{os.environ['PATH']}"


def test_what_is_fetched_is_installed_only_with_its_checksum(served, debs, tmp_path):
    directory, url = served
    package = debs["agent", NEWER]
    (directory / "agent.deb").write_bytes(package.read_bytes())
    path = shims(tmp_path, dpkg=f'echo "$@" > {tmp_path}/installed')
    for checksum, why in [("0" * 64, "nothing was changed"), ("", "nothing was changed")]:
        told = tried(SCRIPT, "install", f"{url}/agent.deb", checksum, PATH=path)
        assert told.returncode == 1 and why in told.stdout, told.stdout
        assert not (tmp_path / "installed").exists()
    told = tried(SCRIPT, "install", f"{url}/none.deb", "0" * 64, PATH=path)
    assert told.returncode == 1 and "cannot be fetched" in told.stdout, told.stdout
    run(SCRIPT, "install", f"{url}/agent.deb?signature=a/b.c", sha256(package), PATH=path)
    assert (tmp_path / "installed").read_text().startswith("--force-confold -i ")


def test_the_status_is_the_agents_own_and_leaves_nothing_behind(tmp_path):
    path = shims(tmp_path, **{"plimsoll-agent": 'echo "$@"; exit 4'})
    (tmp_path / "temporary").mkdir()
    told = tried(SCRIPT, "status", PATH=path, TMPDIR=str(tmp_path / "temporary"))
    assert (told.returncode, told.stdout) == (4, "status\n")
    assert not list((tmp_path / "temporary").iterdir())


@pytest.mark.parametrize("action, more", [("try", ""), ("try-anyway", " --again --anyway")])
def test_a_trial_of_the_fleet_is_one_of_the_machine(served, debs, tmp_path, action, more):
    directory, url = served
    (directory / "agent.deb").write_bytes(debs["agent", NEWER].read_bytes())
    path = shims(tmp_path, **{"plimsoll-agent-next": 'echo "$@"; exit 1'})
    told = tried(SCRIPT, action, f"{url}/agent.deb", sha256(debs["agent", NEWER]), PATH=path)
    assert told.returncode == 1, told.stdout
    assert re.fullmatch(rf"try --package /\S*/new.deb{more}\n", told.stdout), told.stdout


def test_several_parameters_are_joined_checked_and_put_in_place_only_if_all_is_right(moto, tmp_path):
    ssm = client("ssm", moto)
    target = tmp_path / "agent.toml"
    # The group and the user of the service are not on this machine.
    path = shims(
        tmp_path, runuser='shift 3; exec "$@"', systemctl=f'echo "$@" >> {tmp_path}/systemctl',
        install='while [ $# -gt 2 ]; do shift; done; cp "$1" "$2"',
    )
    environment = static_credentials(PATH=path, AWS_ENDPOINT_URL=moto, PLIMSOLL_CONFIG=str(target))

    def configure(*names):
        return subprocess.run([SCRIPT, "configure", *names], env=environment, text=True, check=False, timeout=60,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def put(name, text, kind="String"):
        ssm.put_parameter(Name=name, Value=text, Type=kind, Overwrite=True)

    put("/plimsoll/1", "[metrics]\ninterval = '30s'")
    put("/plimsoll/2", "[[logs.file]]\npath = '/var/log/app'\ngroup = 'app'", "SecureString")
    done = configure("/plimsoll/1", "/plimsoll/2")
    assert done.returncode == 0, done.stdout
    assert target.read_text() == ("[metrics]\ninterval = '30s'\n[[logs.file]]\npath = '/var/log/app'\ngroup = 'app'\n")
    assert (tmp_path / "systemctl").read_text() == "reload-or-restart plimsoll-agent\n"
    before = target.read_text()

    assert configure("/plimsoll/1", "/plimsoll/2").returncode == 0
    assert (tmp_path / "systemctl").read_text().count("\n") == 1, "nothing has changed, so nothing is reloaded"
    put("/plimsoll/2", "[logs]\nflush_intervall = '1s'")
    for names, why in [(["/plimsoll/1", "/plimsoll/2"], "flush_interval"), (["/plimsoll/3"], "cannot be read")]:
        done = configure(*names)
        assert done.returncode == 1 and why in done.stdout, done.stdout
        assert target.read_text() == before, "the old one stays"
    assert (tmp_path / "systemctl").read_text().count("\n") == 1
    assert [file.name for file in tmp_path.glob("agent.toml*")] == ["agent.toml"]


def test_the_agent_reads_its_configuration_from_several_parameters(moto):
    ssm = client("ssm", moto)
    # Each is as long as an advanced one may be.
    values = {"/own/1": "[metrics]\ninterval = '30s'", "/own/2": "[[logs.file]]\npath = '/var/log/app'\ngroup = 'app'"}
    for name, text in values.items():
        filled = text + "\n#" + "x" * (8192 - len(text) - 2)
        ssm.put_parameter(Name=name, Value=filled, Type="SecureString", Tier="Advanced", Overwrite=True)
    ssm.put_parameter(Name="/own/bad", Value="intervall = 30", Type="String", Overwrite=True)

    def validate(names):
        told = subprocess.run(
            [BINARIES / "plimsoll-agent", "validate", "--syntax", "--config", f"ssm:{names}"], text=True, check=False,
            env=static_credentials(AWS_ENDPOINT_URL=moto), timeout=60, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )
        return told.returncode, told.stdout

    assert validate("/own/1,/own/2") == (0, "ssm:/own/1,/own/2: no mistakes\n")
    code, told = validate("/own/1,/own/bad")
    assert code == 1 and "ssm:/own/1,/own/bad:4" in told and "metrics.intervall" in told, told
    code, told = validate("/own/1,/own/none")
    assert code == 1 and "/own/none cannot be read" in told, told


@needs_root
def test_a_machine_is_installed_configured_upgraded_left_and_sealed(
    machine, debs, distributor
):
    (machine.root / "usr/local/sbin/plimsoll-fleet").write_text(embedded()["cloud-init.yaml"])
    (machine.root / "usr/local/sbin/plimsoll-fleet").chmod(0o755)
    # The CLI's answer; the call itself is judged by moto above.
    aws = machine.write("/usr/local/bin/aws", '#!/bin/sh\n[ "$1 $2" = "ssm get-parameter" ] && cat /opt/parameter\n')
    aws.chmod(0o755)
    machine.write("/var/log/app/one.log", "first\n")
    machine.write("/opt/parameter", configured())
    packages = {version: (machine.bring(debs["agent", version]), sha256(debs["agent", version])) for version in (OLDER, NEWER)}

    def fleet(action, version, *names):
        path, checksum = packages[version]
        return machine.tried("plimsoll-fleet", action, f"file://{path}", checksum, *names)

    refused = fleet("upgrade", OLDER)
    assert refused.returncode == 1 and "not installed" in refused.stdout
    done = fleet("install", OLDER, "/plimsoll/agent")
    assert done.returncode == 0, done.stdout
    assert machine.is_active(), machine.journal()
    machine.wait_for_event("/app", "first")
    assert machine.run("stat", "-c", "%a %U %G", "/etc/plimsoll/agent.toml").strip() == "640 root plimsoll"
    pid = machine.show("MainPID")
    assert fleet("install", OLDER, "/plimsoll/agent").returncode == 0
    assert machine.show("MainPID") == pid, "what is there already is left alone"
    done = fleet("upgrade", NEWER)
    assert done.returncode == 0 and machine.version() == NEWER, done.stdout
    assert machine.is_active() and machine.show("MainPID") != pid
    machine.write("/opt/parameter", "[nonsense]\n")
    refused = machine.tried("plimsoll-fleet", "configure", "/plimsoll/agent")
    assert refused.returncode == 1 and "the old configuration stays" in refused.stdout
    assert machine.is_active()
    assert "first" in str(machine.events("/app")) and len(machine.events("/app")) == 1, "neither lost nor twice"

    (archive,) = distributor.glob("*-deb-*.zip")
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(machine.root / "opt/package")
    machine.run("sh", "/opt/package/uninstall.sh")
    assert not (machine.root / "usr/bin/plimsoll-agent").exists()
    assert (machine.root / "etc/plimsoll/agent.toml").exists() and (machine.root / "var/lib/plimsoll/positions.log").exists()
    machine.run("sh", "/opt/package/uninstall.sh")
    machine.run("sh", "/opt/package/install.sh")
    assert machine.is_active() and machine.version() == NEWER
    refused = machine.tried("plimsoll-agent", "seal")
    assert refused.returncode == 1 and "systemctl stop plimsoll-agent" in refused.stdout
    machine.run("systemctl", "stop", "plimsoll-agent")
    assert "positions.log" in machine.run("plimsoll-agent", "seal", "--dry-run")
    assert (machine.root / "var/lib/plimsoll/positions.log").exists()
    machine.run("plimsoll-agent", "seal")
    assert not list((machine.root / "var/lib/plimsoll").iterdir())
    assert (machine.root / "etc/plimsoll/agent.toml").exists() and (machine.root / "var/log/app/one.log").exists()
    machine.run("systemctl", "start", "plimsoll-agent")
    assert machine.is_active(), "its image starts anew"
