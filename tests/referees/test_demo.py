"""The demo as a new user runs it, read by the AWS CLI, and its page in a real browser."""

import json
import os
import re
import shutil
import subprocess
import time

import pytest

from conftest import REGION, ROOT, Process, clean_environment, static_credentials, wait_until

CHROMIUM = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]


def aws(url, *arguments):
    run = subprocess.run(
        ["aws", "--endpoint-url", url, "--output", "json", *arguments],
        env=static_credentials(), capture_output=True, text=True, timeout=60, check=False,
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def test_headless_demo_ends_by_itself_with_counts_that_are_not_zero(tmp_path):
    before = set(os.listdir("/tmp"))
    run = subprocess.run(
        ["./demo", "--headless", "--for", "30s"], cwd=ROOT, env=clean_environment(NO_COLOR="1"),
        capture_output=True, text=True, timeout=900, check=False,
    )
    print(run.stdout[-4000:])
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-4000:]
    # What is printed before tells of where to look, in prose.
    before_it, found, summary = run.stdout.lower().partition("after 30 s:")
    assert found, before_it[-1000:]
    for word in ["lines", "datums", "calls", "alarms", "incidents", "notifications"]:
        found = re.search(rf"{word}\D*?([\d,]+)|([\d,]+)\s+{word}", summary)
        assert found, f"the summary does not name {word}"
        assert int((found.group(1) or found.group(2)).replace(",", "")) > 0, word
    assert re.search(r"\$\s*[\d,.]*[1-9]", summary), "the price of a month"
    left = [name for name in set(os.listdir("/tmp")) - before if "plimsoll" in name]
    assert left == [], "nothing stays behind"


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    directory = tmp_path_factory.mktemp("demo")
    running = Process(["./demo", "--headless", "--for", "150s"], directory / "demo.log", clean_environment(NO_COLOR="1"))
    url = wait_until(
        lambda: running.assert_running() or re.search(r"http://127\.0\.0\.1:\d+", running.text()), 600, "the demo's URL"
    ).group(0)
    time.sleep(1)
    yield url
    running.stop(60)


@pytest.fixture(autouse=True)
def in_the_root(monkeypatch):
    monkeypatch.chdir(ROOT)


@pytest.fixture(scope="module", autouse=True)
def module_in_the_root():
    previous = os.getcwd()
    os.chdir(ROOT)
    yield
    os.chdir(previous)


def test_the_cli_reads_back_what_agent_and_collector_wrote(demo):
    groups = wait_until(
        lambda: [g["logGroupName"] for g in aws(demo, "logs", "describe-log-groups")["logGroups"]], 20, "a log group"
    )
    events = wait_until(
        lambda: [
            event
            for group in groups
            for event in aws(demo, "logs", "filter-log-events", "--log-group-name", group, "--max-items", "50")["events"]
        ],
        20, "log events",
    )
    assert all(event["message"] for event in events)

    listed = wait_until(
        lambda: [
            m for m in aws(demo, "cloudwatch", "list-metrics", "--namespace", "Plimsoll/Host")["Metrics"]
            if m["MetricName"] == "cpu_usage_active"
        ],
        20, "the processor metric",
    )
    query = [{"Id": "cpu", "MetricStat": {"Metric": listed[0], "Period": 60, "Stat": "Average"}}]
    now = int(time.time())
    got = aws(
        demo, "cloudwatch", "get-metric-data", "--metric-data-queries", json.dumps(query),
        "--start-time", str(now - 600), "--end-time", str(now + 60),
    )
    values = got["MetricDataResults"][0]["Values"]
    assert values and all(0 <= value <= 100 for value in values)

    firing = wait_until(
        lambda: [a for a in aws(demo, "cloudwatch", "describe-alarms")["MetricAlarms"] if a["StateValue"] == "ALARM"],
        40, "an alarm",
    )
    assert firing[0]["AlarmName"].startswith("plimsoll-")
    name = aws(demo, "cloudwatch", "list-dashboards")["DashboardEntries"][0]["DashboardName"]
    body = json.loads(aws(demo, "cloudwatch", "get-dashboard", "--dashboard-name", name)["DashboardBody"])
    assert len(body["widgets"]) > 3


def browser(url, profile, *flags):
    return subprocess.run(
        [shutil.which("chromium"), *CHROMIUM, f"--user-data-dir={profile}", "--window-size=1400,2600",
         "--virtual-time-budget=8000", *flags, url],
        capture_output=True, text=True, timeout=120, check=False,
    )


def test_the_page_shows_all_of_it_in_a_browser(demo, tmp_path):
    def shown():
        page = browser(demo, tmp_path / "dom", "--dump-dom")
        return page.stdout if "INC-" in page.stdout else None

    page = wait_until(shown, 60, "an incident on the page")
    for text in ["cpu_usage_active", "PutLogEvents", "PutMetricData", "ALARM", "plimsoll-"]:
        assert text in page, f"{text} is not on the page"
    picture = ROOT / "target" / "demo-page.png"
    picture.unlink(missing_ok=True)
    browser(demo, tmp_path / "shot", f"--screenshot={picture}")
    assert picture.stat().st_size > 20_000
