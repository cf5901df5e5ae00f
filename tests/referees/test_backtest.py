"""The back-test as a user runs it: the day in examples/, its plot, its suggestion, and input that is wrong."""

import json
import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from conftest import binary, tell

EXAMPLE = Path(__file__).parents[2] / "examples" / "backtest"


def backtest(*args, expected=0):
    done = subprocess.run([binary("plimsoll-collector"), "backtest", *map(str, args)], capture_output=True, text=True,
                          timeout=120, check=False)
    assert done.returncode == expected, (done.stdout, done.stderr)
    return done.stdout if expected == 0 else done.stderr


def test_a_day_gives_a_table_a_plot_and_a_better_policy(tmp_path):
    plot = tmp_path / "day.svg"
    table = backtest("--scenario", EXAMPLE / "scenario.toml", "--suggest", "--svg", plot)
    assert "eager steps thrashes: it changed direction" in table
    assert "Suggested, of 48 tried" in table
    assert ElementTree.parse(plot).getroot().tag.endswith("svg")
    assert [path.name for path in tmp_path.iterdir()] == ["day.svg"]
    tell(table.split("\n[")[0])


def test_the_suggestion_is_better_when_it_is_replayed_as_a_policy(tmp_path):
    told = json.loads(backtest("--scenario", EXAMPLE / "scenario.toml", "--suggest", "--json"))
    eager = next(one for one in told["alternatives"] if one["name"] == "eager steps")
    assert eager["thrashes"] and told["suggestion"]["good"]
    scenario = (EXAMPLE / "scenario.toml").read_text()
    text = scenario[: scenario.index("[[alternative]]")] + '[[alternative]]\nname = "suggested"\n'
    for index, entry in enumerate(told["suggestion"]["input"]):
        (tmp_path / f"policy-{index}.json").write_text(json.dumps(entry["Policy"]))
        text += f'[[alternative.policy]]\nfile = "policy-{index}.json"\n'
        if "Alarm" in entry:
            (tmp_path / f"alarm-{index}.json").write_text(json.dumps(entry["Alarm"]))
            text += f'alarm = "alarm-{index}.json"\n'
    (tmp_path / "scenario.toml").write_text(text)
    again = json.loads(backtest(EXAMPLE / "day.csv", "--scenario", tmp_path / "scenario.toml", "--json"))
    replayed = again["alternatives"][0]
    assert replayed["measure"] == told["suggestion"]["measure"] and replayed["thrashes"] is None
    assert replayed["measure"]["minutes_over"] < eager["measure"]["minutes_over"]
    assert replayed["measure"]["usd_on_demand"] < eager["measure"]["usd_on_demand"]


def test_policies_that_are_shipped_can_be_replayed():
    policies = sorted((EXAMPLE.parents[1] / "packaging" / "scaling").glob("track-*.json"))
    assert policies
    args = [word for path in policies for word in ("--policy", path)]
    told = json.loads(backtest(EXAMPLE / "day.csv", "--target", 60, "--json", *args))
    assert {one["name"] for one in told["alternatives"]} == {path.stem for path in policies}


@pytest.mark.parametrize(
    ("text", "args", "expected"),
    [
        ("time,value\n0,1\n60,NaN\n", ("--target", 60), "day.csv:3: found `NaN`"),
        ("0,1\n0,2\n", ("--target", 60), "day.csv:2: the time is not later"),
        ("", ("--target", 60), "day.csv: 0 points"),
        ("0,1\n900,2\n", ("--target", 60, "--instance-type", "m9z.large"), "--instance-type: found m9z.large"),
        ("0,1\n900,2\n", ("--target", 60, "--min", 9, "--max", 3), "--max: found 3"),
        ("0,1\n900,2\n", ("--target", 0), "--target: found 0"),
        ("0,1\n900,2\n", ("--target", 60, "--policy", EXAMPLE / "eager-out.json"), "an alarm is needed"),
        ("{}", ("--target", 60), "get-metric-data"),
        ("-9223372036854775808,1\n9223372036854775807,2\n", ("--target", 60), "longer than 31 days"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(tmp_path, text, args, expected):
    history = tmp_path / "day.csv"
    history.write_text(text)
    assert expected in backtest(history, *args, expected=1)


def test_a_misspelt_key_of_a_policy_is_refused_with_the_nearest(tmp_path):
    policy = json.loads((EXAMPLE / "track.json").read_text())
    policy["EstimatedInstanceWarmUp"] = policy.pop("EstimatedInstanceWarmup")
    path = tmp_path / "policy.json"
    path.write_text(json.dumps(policy))
    told = backtest(EXAMPLE / "day.csv", "--target", 60, "--policy", path, expected=1)
    assert "policy.json: EstimatedInstanceWarmUp" in told and "did you mean `EstimatedInstanceWarmup`?" in told


def test_minutes_that_are_no_number_of_minutes_are_refused():
    for minutes in ("NaN", "-1", "some"):
        told = backtest(EXAMPLE / "day.csv", "--target", 60, "--suggest", f"--allow-minutes={minutes}", expected=64)
        assert "expected minutes, zero or more" in told


def test_a_scenario_tells_all_its_mistakes_at_once(tmp_path):
    scenario = tmp_path / "scenario.toml"
    scenario.write_text('[group]\nmin = 5\nmax = 2\ninstance_typ = "m7g.large"\n[[alternative]]\nsignal = "agnet"\n')
    told = backtest("--scenario", scenario, expected=1)
    for words in ("below min = 5", "did you mean `instance_type`?", "objective", "alternative[0].policy", '"agnet"'):
        assert words in told, told
