"""The policies of packaging/ against the calls that the stand-ins saw in the whole run. By its name it runs last."""

import itertools
import json
import os
import re
import subprocess

import pytest
import yaml

from conftest import REGION, ROOT, Calls, binary, cfn_lint

PROGRAMS = ["agent", "collector"]
# Rights that no call asks for by itself: AWS looks at them with this call, if it carries tags.
# Source: API references of CreateLogGroup and PutMetricAlarm, "tags".
WITH_ANOTHER = {"logs:TagResource": "logs:CreateLogGroup", "cloudwatch:TagResource": "cloudwatch:PutMetricAlarm"}
# What `aws.role_arn` needs besides, which names the one role; `policy` gives it by name.
BESIDE = {"sts:AssumeRole"}
# Calls that know no resource. Source: Service Authorization Reference.
WITHOUT_RESOURCE = {"cloudwatch:PutMetricData", "ec2:DescribeTags", "ce:GetCostAndUsage"}
TEMPLATE = ROOT / "packaging" / "cloudformation" / "iam.yaml"
PREFIXES = {"monitoring": "cloudwatch"}
# Fewer stand-ins than these asked means that this is not the whole run.
WHOLE_RUN = 40
ACCOUNT, KEY = "111122223333", "arn:aws:kms:eu-west-1:111122223333:key/one"


def many(value):
    return value if isinstance(value, list) else [value]


def normal(statements):
    """Statements by their name, in a shape that does not depend on how a single thing is written."""
    made = {}
    for one in statements:
        condition = {operator: {key: sorted(many(values)) for key, values in keys.items()}
                     for operator, keys in one.get("Condition", {}).items()}
        assert one["Effect"] == "Allow" and one["Sid"] not in made, one
        made[one["Sid"]] = (sorted(many(one["Action"])), sorted(many(one["Resource"])), condition)
    return made


def shipped(program):
    policy = json.loads((ROOT / "packaging" / "iam" / f"{program}-policy.json").read_text())
    return normal(policy["Statement"])


def printed(program, *flags):
    """What `policy` prints."""
    command = [binary(f"plimsoll-{program}"), "policy", *flags]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    return normal(json.loads(done.stdout)["Statement"])


def actions(statements):
    return {action for one in statements.values() for action in one[0]}


def seen(program):
    return {f"{PREFIXES.get(service, service)}:{operation}" for name, service, operation in Calls.all()
            if name == f"plimsoll-{program}"}


def whole_run():
    """Skips the test where few stand-ins were asked; ./test says that all are, so that there it is a failure."""
    if Calls.servers < WHOLE_RUN:
        few = f"only {Calls.servers} stand-ins told what they were called for, {len(Calls.silent)} did not"
        if os.environ.get("PLIMSOLL_WHOLE_RUN"):
            pytest.fail(few)
        pytest.skip(f"{few}; the whole run has more")


@pytest.mark.parametrize("program", PROGRAMS)
def test_no_call_was_seen_that_the_policies_do_not_allow(program):
    whole_run()
    calls = seen(program) - BESIDE
    assert calls and calls <= actions(shipped(program)), calls - actions(shipped(program))


@pytest.mark.parametrize("program", PROGRAMS)
def test_no_right_is_given_that_no_call_was_seen_for(program):
    whole_run()
    asked = {WITH_ANOTHER.get(action, action) for action in actions(shipped(program))}
    assert asked <= seen(program), (asked - seen(program), seen(program))


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_right_is_bounded_where_its_call_knows_a_resource(program):
    for allowed, resources, condition in shipped(program).values():
        for action in allowed:
            assert re.fullmatch(r"[a-z0-9]+:[A-Z][A-Za-z]+", action), action
            assert resources != ["*"] or action in WITHOUT_RESOURCE, action
        if "cloudwatch:PutMetricData" in allowed:
            assert condition["StringLike"]["cloudwatch:namespace"]


@pytest.mark.parametrize("program", PROGRAMS)
def test_without_a_configuration_the_shipped_policy_is_printed(program):
    assert printed(program, "--all") == shipped(program)
    somewhere = printed(program, "--all", "--region", "cn-north-1", "--account", ACCOUNT)
    assert somewhere != shipped(program)
    assert "arn:aws:" not in json.dumps(somewhere)


class Template(yaml.SafeLoader):
    """Functions of CloudFormation become a pair of their name and what they are given."""


Template.add_multi_constructor("!", lambda loader, name, node: (name, {
    yaml.ScalarNode: loader.construct_scalar,
    yaml.SequenceNode: lambda one: loader.construct_sequence(one, deep=True),
    yaml.MappingNode: lambda one: loader.construct_mapping(one, deep=True),
}[type(node)](node)))
NOTHING = object()


class Stack:
    """The template with values for its parameters, worked out as CloudFormation does."""

    def __init__(self, **given):
        self.template = yaml.load(TEMPLATE.read_text(), Template)
        self.values = {
            "AWS::NoValue": NOTHING, "AWS::Partition": "aws", "AWS::Region": REGION, "AWS::AccountId": ACCOUNT,
            "AWS::URLSuffix": "amazonaws.com",
        }
        for name, parameter in self.template["Parameters"].items():
            value = given.pop(name, parameter["Default"])
            assert value in parameter.get("AllowedValues", [value]), name
            assert re.fullmatch(parameter.get("AllowedPattern", ".*"), value), name
            self.values[name] = value.split(",") if parameter["Type"] == "CommaDelimitedList" else value
        assert not given, given

    def holds(self, name):
        return self.of(self.template["Conditions"][name])

    def of(self, value):
        if isinstance(value, dict):
            found = {key: self.of(one) for key, one in value.items()}
            return {key: one for key, one in found.items() if one is not NOTHING}
        if isinstance(value, list):
            return [one for one in map(self.of, value) if one is not NOTHING]
        if not isinstance(value, tuple):
            return value
        name, given = value
        if name == "If":
            return self.of(given[1] if self.holds(given[0]) else given[2])
        if name == "Condition":
            return self.holds(given)
        if name == "Ref":
            return self.values.get(given, f"<{given}>")
        if name == "Sub":
            return re.sub(r"\$\{([A-Za-z:]+)\}", lambda found: self.values[found[1]], given)
        if name == "Equals":
            return self.of(given[0]) == self.of(given[1])
        return {"Not": lambda all_: not all_[0], "And": all}[name](self.of(given))

    def resource(self, name):
        made = self.template["Resources"].get(name)
        if made is None or "Condition" in made and not self.holds(made["Condition"]):
            return None
        return self.of(made)["Properties"]

    def statements(self, program):
        policy = self.resource(f"{program.capitalize()}Policy")
        return normal(policy["PolicyDocument"]["Statement"])


HERE = ["--region", REGION, "--account", ACCOUNT]


@pytest.mark.parametrize(("parameters", "flags"), [
    ({}, {}),
    ({"KmsKeyArn": KEY}, {"agent": ["--kms-key", KEY], "collector": ["--kms-key", KEY]}),
    ({"TrailPrefix": "security/"}, {"collector": ["--bucket", "logs/security/"]}),
    ({"ListTrail": "yes"}, {"collector": ["--list-bucket"]}),
])
@pytest.mark.parametrize("program", PROGRAMS)
def test_the_template_gives_the_rights_that_policy_prints(program, parameters, flags):
    stack = Stack(**{"TrailBucket": "logs", "Apply": "yes", **parameters})
    flags = flags.get(program, [])
    if program == "collector" and "--bucket" not in flags:
        flags = ["--bucket", "logs", *flags]
    assert stack.statements(program) == printed(program, "--all", *HERE, *flags)


@pytest.mark.parametrize(("parameter", "program", "gone"), [
    ("Tags", "agent", {"Tags"}),
    ("Retention", "agent", {"Retention"}),
    ("Lifecycle", "agent", {"Lifecycle"}),
    ("GroupByTags", "agent", {"NameOfTheGroup"}),
    ("StoredConfiguration", "agent", {"StoredConfiguration", "Keys"}),
    ("Cost", "collector", {"Cost"}),
    ("Apply", "collector", {"AlarmsApplied", "DashboardsApplied"}),
])
def test_what_a_parameter_of_the_template_turns_off_is_gone_alone(parameter, program, gone):
    every = {"TrailBucket": "logs", "Apply": "yes", "KmsKeyArn": KEY}
    with_all, without = Stack(**every).statements(program), Stack(**{**every, parameter: "no"}).statements(program)
    assert set(with_all) - set(without) == gone
    assert {name: one for name, one in with_all.items() if name not in gone} == without


def test_names_of_the_template_bound_what_they_name():
    given = {
        "LogGroupPrefix": "/web/*", "Namespaces": "CWAgent,Mine", "ParameterPrefix": "fleet/a", "OtherParameters": "b",
        "TrailBucket": "logs", "Queue": "one", "Topic": "two",
    }
    agent, collector = (Stack(**given).statements(program) for program in PROGRAMS)
    here = f"{REGION}:{ACCOUNT}"
    for name in ["Logs", "Tags", "Retention"]:
        assert agent[name][1] == [f"arn:aws:logs:{here}:log-group:/web/*"]
    assert agent["Metrics"][2]["StringLike"]["cloudwatch:namespace"] == ["CWAgent", "Mine"]
    assert agent["StoredConfiguration"][1] == [f"arn:aws:ssm:{here}:parameter/{one}" for one in ["b", "fleet/a"]]
    assert collector["Queue"][1] == [f"arn:aws:sqs:{here}:one"]
    assert collector["Notifications"][1] == [f"arn:aws:sns:{here}:two"]


def test_roles_of_the_template_have_the_policy_a_boundary_and_a_profile_or_are_not_made():
    boundary = f"arn:aws:iam::{ACCOUNT}:policy/edge"
    for program in ["Agent", "Collector"]:
        stack = Stack(TrailBucket="logs", PermissionsBoundary=boundary)
        role = stack.resource(f"{program}Role")
        assert (role["ManagedPolicyArns"], role["PermissionsBoundary"]) == ([f"<{program}Policy>"], boundary)
        assert stack.resource(f"{program}Profile")["Roles"] == [f"<{program}Role>"]
        assert "PermissionsBoundary" not in Stack(TrailBucket="logs").resource(f"{program}Role")
        alone = Stack(TrailBucket="logs", MakeRoles="no")
        assert alone.resource(f"{program}Policy") and not alone.resource(f"{program}Role")
        assert not alone.resource(f"{program}Profile")
    without = Stack()
    assert without.resource("AgentRole") and not without.resource("CollectorPolicy")
    assert not without.resource("CollectorRole")


def test_cfn_lint_finds_nothing_in_the_template_of_the_roles_and_something_in_a_spoiled_one(tmp_path):
    result = cfn_lint(TEMPLATE)
    assert (result.returncode, result.stdout + result.stderr) == (0, "")
    spoiled = tmp_path / "spoiled.yaml"
    spoiled.write_text(TEMPLATE.read_text().replace("Effect: Allow", "Effect: Allowed"))
    assert cfn_lint(spoiled).returncode != 0


def test_what_comes_with_another_call_is_bounded_as_that_call_is():
    for program, (tags, call) in itertools.product(PROGRAMS, WITH_ANOTHER.items()):
        with_tags = [one[1] for one in shipped(program).values() if tags in one[0]]
        with_call = [one[1] for one in shipped(program).values() if call in one[0]]
        assert with_tags == with_call, (program, tags)
