"""Every mistake in a configuration: exit 1, its place, what would be right; all of them at once."""

import subprocess

import pytest

from conftest import binary, static_credentials

AGENT = """
[agent]
state_dir = "{state}"
[aws]
region = "eu-west-1"
[[logs.file]]
path = "/var/log/*.log"
group = "/app"
stream = "{{instance_id}}"
"""


def validate(service, path):
    run = subprocess.run(
        [binary(f"plimsoll-{service}"), "validate", "--config", str(path)],
        capture_output=True, text=True, timeout=30, env=static_credentials(), check=False,
    )
    return run.returncode, run.stdout + run.stderr


@pytest.mark.parametrize(
    "change, line, words",
    [
        (("region =", "regoin ="), 5, ["regoin", "region"]),
        (('"eu-west-1"', '"eu-wset-1"'), 5, ["eu-wset-1", "eu-west-1"]),
        (('"eu-west-1"', "5"), 5, ["integer 5", "string"]),
        (('"/var/log/*.log"', '"/var/log/[.log"'), 7, ["/var/log/[.log"]),
        (('group = "/app"', 'group = "/app pool"'), 8, ["' '", "letters"]),
        (('group = "/app"', 'group = "/app"\nretention_days = 8'), 9, ["8", "7"]),
        (("{instance_id}", "{instnace_id}"), 9, ["instnace_id", "instance_id"]),
        (("[agent]", "[agnet]"), 2, ["agnet", "agent"]),
    ],
)
def test_a_mistake_is_placed_and_answered(tmp_path, change, line, words):
    path = tmp_path / "agent.toml"
    text = AGENT.format(state=tmp_path)
    assert change[0] in text
    path.write_text(text.replace(*change))
    status, output = validate("agent", path)
    assert status == 1, output
    assert f"agent.toml:{line}:" in output, output
    for word in words:
        assert word in output, f"{word} not in {output}"
    run = subprocess.run(
        [binary("plimsoll-agent"), "run", "--config", str(path)],
        capture_output=True, text=True, timeout=30, env=static_credentials(), check=False,
    )
    assert run.returncode == 1, "run trips over what validate finds"


def test_all_mistakes_come_at_once(tmp_path):
    path = tmp_path / "agent.toml"
    path.write_text(
        AGENT.format(state=tmp_path).replace("eu-west-1", "nowhere").replace("group", "gruop").replace("instance_id", "x")
    )
    status, output = validate("agent", path)
    assert status == 1 and output.count("agent.toml:") >= 3, output


def test_a_right_file_is_valid_and_its_price_is_told(tmp_path):
    path = tmp_path / "agent.toml"
    path.write_text(AGENT.format(state=tmp_path))
    status, output = validate("agent", path)
    assert status == 0, output
    assert "$" in output


@pytest.mark.parametrize("service", ["agent", "collector"])
def test_a_missing_file_is_named(tmp_path, service):
    status, output = validate(service, tmp_path / "none.toml")
    assert status == 1 and "none.toml" in output


def test_the_collectors_mistakes_are_placed_too(tmp_path):
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "bad.yml").write_text("title: no detection\nid: 1\n")
    path = tmp_path / "collector.toml"
    path.write_text(
        f'[collector]\nstate = "{tmp_path}/s.sqlite"\n[aws]\nregion = "eu-west-1"\n'
        f'[notify]\ntopic_arn = "not an arn"\n[rules]\ndirectory = "{rules}"\n[cloudtrail]\ndirectroy = "/x"\n'
    )
    status, output = validate("collector", path)
    assert status == 1
    for words in ["collector.toml:6:", "not an arn", "bad.yml", "directroy", "directory"]:
        assert words in output, output
