"""The policies of packaging/ against the calls that the stand-in saw in the whole run. By its name it runs last."""

import json
import re

import pytest
import yaml

from conftest import ROOT, Local, cfn_lint

PROGRAMS = ["agent", "collector"]
# Rights whose calls not every run shows the stand-ins that are asked here: other referees make them at moto, in a
# namespace or at a test's own server, or they come with another call.
NOT_SEEN = {
    "agent": {
        "ssm:GetParameter", "logs:TagResource", "ec2:DescribeTags", "autoscaling:RecordLifecycleActionHeartbeat",
    },
    "collector": {"s3:GetObject", "sqs:ReceiveMessage", "sqs:DeleteMessage", "cloudwatch:TagResource"},
}
# What `aws.role_arn` needs besides, which names the one role; docs/permissions.md.
BESIDE = {"sts:AssumeRole"}
# Calls that know no resource. Source: Service Authorization Reference.
WITHOUT_RESOURCE = {"cloudwatch:PutMetricData", "ec2:DescribeTags", "ce:GetCostAndUsage"}
TEMPLATE = ROOT / "packaging" / "cloudformation" / "iam.yaml"
PREFIXES = {"monitoring": "cloudwatch"}
# Fewer programs than these started means that this is not the whole run.
WHOLE_RUN = 40


def statements(program):
    policy = json.loads((ROOT / "packaging" / "iam" / f"{program}-policy.json").read_text())
    return policy["Statement"]


def actions(all_statements):
    return {action for one in all_statements for action in ([one["Action"]] if isinstance(one["Action"], str) else one["Action"])}


def seen(program):
    return {f"{PREFIXES.get(service, service)}:{operation}" for name, service, operation in Local.seen
            if name == f"plimsoll-{program}"}


def whole_run():
    if Local.stopped < WHOLE_RUN:
        pytest.skip(f"only {Local.stopped} stand-ins were asked; the whole run has more")


@pytest.mark.parametrize("program", PROGRAMS)
def test_no_call_was_seen_that_the_policies_do_not_allow(program):
    whole_run()
    calls = seen(program) - BESIDE
    assert calls and calls <= actions(statements(program)), calls - actions(statements(program))


@pytest.mark.parametrize("program", PROGRAMS)
def test_no_right_is_given_that_no_call_was_seen_for(program):
    whole_run()
    unused = actions(statements(program)) - seen(program)
    assert unused <= NOT_SEEN[program], (unused, seen(program))


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_right_is_bounded_where_its_call_knows_a_resource(program):
    for one in statements(program):
        for action in actions([one]):
            assert re.fullmatch(r"[a-z0-9]+:[A-Z][A-Za-z]+", action), action
            bounded = one["Resource"] != "*" or action in WITHOUT_RESOURCE
            assert bounded and one["Effect"] == "Allow", one
        if "cloudwatch:PutMetricData" in actions([one]):
            assert one["Condition"]["StringLike"]["cloudwatch:namespace"]


class Template(yaml.SafeLoader):
    """Functions of CloudFormation become what they are given."""


Template.add_multi_constructor("!", lambda loader, _, node: {
    yaml.ScalarNode: loader.construct_scalar,
    yaml.SequenceNode: lambda one: loader.construct_sequence(one, deep=True),
    yaml.MappingNode: lambda one: loader.construct_mapping(one, deep=True),
}[type(node)](node))


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_template_gives_the_same_rights(program):
    resources = yaml.load(TEMPLATE.read_text(), Template)["Resources"]
    given = resources[f"{program.capitalize()}Role"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
    given = [one[1] if isinstance(one, list) else one for one in given]
    assert {one["Sid"]: actions([one]) for one in given} == {one["Sid"]: actions([one]) for one in statements(program)}
    profiles = [one["Properties"]["Roles"] for one in resources.values() if one["Type"] == "AWS::IAM::InstanceProfile"]
    assert [f"{program.capitalize()}Role"] in profiles, "a role that no instance can be given"


def test_cfn_lint_finds_nothing_in_the_template_of_the_roles_and_something_in_a_spoiled_one(tmp_path):
    result = cfn_lint(TEMPLATE)
    assert (result.returncode, result.stdout + result.stderr) == (0, "")
    spoiled = tmp_path / "spoiled.yaml"
    spoiled.write_text(TEMPLATE.read_text().replace("Effect: Allow", "Effect: Allowed"))
    assert cfn_lint(spoiled).returncode != 0


def test_what_comes_with_another_call_is_given_with_it():
    """Source: API references of PutMetricAlarm and CreateLogGroup, "tags"."""
    for program, call, tags in [
        ("agent", "logs:CreateLogGroup", "logs:TagResource"),
        ("collector", "cloudwatch:PutMetricAlarm", "cloudwatch:TagResource"),
    ]:
        with_call = [one for one in statements(program) if call in actions([one])]
        assert with_call and all(tags in actions([one]) for one in with_call), tags
