"""Metrics through an outage, read by boto3; the long run of tests/torture/outage is for people."""

import subprocess
import sys
import time

from conftest import BINARIES, ROOT, Process, binary, static_credentials, tell, wait_until


def test_every_interval_of_an_outage_is_there_once_with_its_own_time_through_a_kill():
    command = [sys.executable, ROOT / "tests" / "torture" / "outage", "--binaries", BINARIES.resolve()]
    run = subprocess.run(
        [*map(str, command), "--minutes", "0.7", "--interval", "2"], capture_output=True, text=True, timeout=400
    )
    tell(run.stdout)
    assert run.returncode == 0, run.stdout + run.stderr


def start(tmp_path, url, when_unknown):
    directory = tmp_path / when_unknown
    directory.mkdir()
    config = directory / "agent.toml"
    config.write_text(
        f'[agent]\nstate_dir = "{directory}/state"\n[aws]\nregion = "eu-west-1"\nendpoint_url = "{url}"\n'
        f'[metrics]\ninterval = "1s"\nnamespace = "Doubt/{when_unknown}"\ndimensions = [["Host"]]\n'
        f'scrapers = ["load", "agent"]\nwhen_unknown = "{when_unknown}"\n'
    )
    return Process(
        [binary("plimsoll-agent"), "run", "--config", str(config)], directory / "agent.log", static_credentials()
    )


def sample_counts(client, namespace, metric):
    """How often each second of a series was counted."""
    [found] = client.list_metrics(Namespace=namespace, MetricName=metric)["Metrics"]
    query = {"Id": "m", "MetricStat": {"Metric": found, "Period": 1, "Stat": "SampleCount"}}
    now = time.time()
    [answer] = client.get_metric_data(MetricDataQueries=[query], StartTime=now - 120, EndTime=now + 5)[
        "MetricDataResults"
    ]
    return {int(at.timestamp()): count for at, count in zip(answer["Timestamps"], answer["Values"], strict=True)}


def test_after_lost_answers_gauges_are_repeated_and_counts_are_not(local, tmp_path):
    client = local.client("cloudwatch")
    agents = {policy: start(tmp_path, local.url, policy) for policy in ("by_kind", "repeat")}

    def told(policy, metric):
        return client.list_metrics(Namespace=f"Doubt/{policy}", MetricName=metric)["Metrics"]

    wait_until(lambda: all(told(policy, "agent_lines_read") for policy in agents), 20, "the first metrics")
    local.post("/_local/faults", '{"service": "monitoring", "operation": "PutMetricData", "reset_after": 1}')
    for policy, agent in agents.items():
        wait_until(lambda agent=agent: "metrics wait" in agent.text(), 20, f"a lost answer of {policy}")
    local.post("/_local/faults", '{"service": "monitoring", "operation": "PutMetricData"}')

    for policy, agent in agents.items():
        wait_until(lambda agent=agent: "reach CloudWatch again" in agent.text(), 60, f"the recovery of {policy}")
        spool = tmp_path / policy / "state" / "metrics-spool"
        wait_until(lambda spool=spool: not list(spool.glob("*.spool")), 60, f"the replay of {policy}")
        assert agent.stop() == 0
    for policy in agents:
        gauges = sample_counts(client, f"Doubt/{policy}", "load_1")
        counts = sample_counts(client, f"Doubt/{policy}", "agent_lines_read")
        assert max(gauges.values()) > 1, "a gauge whose answer was lost is repeated"
        assert (max(counts.values()) > 1) == (policy == "repeat")
        seconds = range(min(gauges), max(gauges) + 1)
        assert [at for at in seconds if at not in gauges] == []
    assert "they are not repeated" in agents["by_kind"].text()
    assert "unconfirmed" not in agents["repeat"].text()
