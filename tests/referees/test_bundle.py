"""`plimsoll-agent bundle`: an archive for someone who helps, with secrets planted wherever the agent could meet one."""

import json
import subprocess
import tarfile

from conftest import Process, binary, static_credentials, wait_until

PLANTED = "pl4nted-Secret-0123456789"
KEY_ID = "AKIAIOSFODNN7EXAMPLE"


def test_a_bundle_tells_much_and_no_planted_secret(local, tmp_path):
    log = tmp_path / "app.log"
    log.write_text(f"a line with {PLANTED}\n")
    token = tmp_path / "token"
    token.write_text(PLANTED)
    config = tmp_path / "agent.toml"
    config.write_text(
        f'# {KEY_ID}\n[agent]\nstate_dir = "{tmp_path}/state"\n[aws]\nregion = "eu-west-1"\nendpoint_url = "{local.url}"\n'
        f'role_arn = "arn:aws:iam::123456789012:role/r"\nexternal_id = "{PLANTED}"\n'
        f'proxy = "http://user:{PLANTED}@127.0.0.1:9"\nno_proxy = "127.0.0.1"\n'
        f'[[logs.file]]\npath = "{log}"\ngroup = "/app"\nstart = "beginning"\n'
        f'[[logs.file.redact_pattern]]\npattern = "never"\n'
        f'[metrics]\n[[metrics.prometheus]]\nurl = "http://127.0.0.1:9/metrics"\ntoken_file = "{token}"\n'
        f'[lifecycle]\ncommands = [{{ command = ["/bin/true", "--with", "{PLANTED}"] }}]\n'
    )
    planted = {"AWS_SECRET_ACCESS_KEY": PLANTED, "AWS_SESSION_TOKEN": PLANTED, "OWN_WORD": PLANTED}
    environment = {**static_credentials(), **planted}
    agent = Process([binary("plimsoll-agent"), "run", "--config", str(config)], tmp_path / "agent.log", environment)
    # Denied or not: it runs, and has met every secret.
    wait_until(lambda: (tmp_path / "state").is_dir() and "cannot be reached" in agent.text() or "denied" in agent.text(), 20, "the agent's trouble")
    archive = tmp_path / "b.tar.gz"
    bundle = [binary("plimsoll-agent"), "bundle", "--config", str(config), "--output", str(archive)]
    done = subprocess.run(bundle, capture_output=True, text=True, timeout=120, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    assert archive.stat().st_mode & 0o777 == 0o600
    with tarfile.open(archive) as members:
        told = {one.name: members.extractfile(one).read().decode() for one in members}
    assert {"plimsoll-agent/" + name for name in (
        "README.txt", "version.txt", "configuration/agent.toml", "doctor.jsonl", "status.json", "unit.txt", "journal.txt",
    )} <= set(told)
    for name, content in {**told, "what it prints": done.stdout + done.stderr}.items():
        assert PLANTED not in content and KEY_ID not in content and "a line with" not in content, (name, content)
    kept = told["plimsoll-agent/configuration/agent.toml"]
    assert 'region = "eu-west-1"' in kept and f'path = "{log}"' in kept and "[secret]" in kept
    assert json.loads(told["plimsoll-agent/status.json"])["version"]
    assert all(json.loads(line)["check"] for line in told["plimsoll-agent/doctor.jsonl"].splitlines())
    again = subprocess.run(bundle, capture_output=True, text=True, timeout=120, check=False, env=environment)
    assert again.returncode == 1 and "expected a new file" in again.stderr, again
    agent.stop()
