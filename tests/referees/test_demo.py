"""The demo as a new user runs it, read by the AWS CLI, and its page in a real browser."""

import json
import os
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request

import pytest

from conftest import ACCOUNT, ROOT, Process, clean_environment, static_credentials, tell, wait_until

CHROMIUM = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]


def call(url, *arguments):
    run = subprocess.run(
        ["aws", "--endpoint-url", url, "--output", "json", *arguments],
        env=static_credentials(), capture_output=True, text=True, timeout=60, check=False,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


def aws(url, *arguments):
    return json.loads(call(url, *arguments))


# What is printed when something is seen for the first time. When that was is told here and
# judged by nobody: these machines are noisy.
MILESTONES = [
    "page up at",
    "the first metric arrived",
    "the first log line arrived",
    "the first incident was told",
    "an alarm on incidents is in alarm",
]


def tell_milestones(text):
    for words in MILESTONES:
        found = re.search(rf"([\d.]+) s  {words}", text)
        assert found, f"the demo never said: {words}"
        tell(f"{words}: {found.group(1)} s after the start")


def test_headless_demo_ends_by_itself_with_counts_that_are_not_zero(tmp_path):
    run = subprocess.run(
        ["./demo", "--headless", "--for", "30s"], cwd=ROOT,
        env=clean_environment(NO_COLOR="1", TMPDIR=str(tmp_path)),
        capture_output=True, text=True, timeout=900, check=False,
    )
    print(run.stdout[-4000:])
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-4000:]
    # What is printed before tells of where to look, in prose.
    before_it, found, summary = run.stdout.lower().partition("after 30 s:")
    assert found, before_it[-1000:]
    tell_milestones(before_it)
    for word in ["lines", "datums", "calls", "alarms", "incidents", "notifications"]:
        found = re.search(rf"{word}\D*?([\d,]+)|([\d,]+)\s+{word}", summary)
        assert found, f"the summary does not name {word}"
        assert int((found.group(1) or found.group(2)).replace(",", "")) > 0, word
    assert re.search(r"\$\s*[\d,.]*[1-9]", summary), "the price of a month"
    assert list(tmp_path.iterdir()) == [], "nothing stays behind"


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    """Where the demo makes its state directory; its name has a space, as a user's may."""
    return tmp_path_factory.mktemp("a demo")


@pytest.fixture(scope="module")
def demo(directory):
    running = Process(
        ["./demo", "--headless", "--for", "240s"], directory / "demo.log",
        clean_environment(NO_COLOR="1", TMPDIR=str(directory)),
    )
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


# Each would change the title of a page that let text become markup.
MARKUP = [
    "<img src=x onerror=document.title='owned'>",
    "<script>document.title='owned'</script>",
    "\"><svg onload=document.title='owned'>",
    "[click](javascript:document.title='owned')",
]


def test_no_text_from_outside_becomes_markup(demo, directory, tmp_path):
    marked = " ".join(MARKUP)
    log = next(directory.glob("plimsoll-demo.*")) / "log" / "demo.log"
    with open(log, "a", encoding="utf-8") as file:
        file.writelines(f"hostile line {line}\n" for line in MARKUP)
    topic = f"arn:aws:sns:us-east-1:{ACCOUNT}:plimsoll"
    incident = {
        "id": marked, "revision": 1, "kind": marked, "severity": marked, "title": marked, "confidence": marked,
        "principals": [marked], "access_keys": [marked], "addresses": [marked], "regions": [marked],
        "resources": [{"value": marked}], "next_steps": [marked],
        "timeline": [{"time": marked, "source": marked, "what": marked, "reference": marked}],
    }
    message = json.dumps({"default": marked, "email": marked, "sqs": json.dumps(incident)})
    widgets = [
        {"type": "text", "x": 0, "y": 0, "width": 6, "height": 4, "properties": {"markdown": "# " + marked}},
        {"type": "metric", "x": 6, "y": 0, "width": 6, "height": 4, "properties": {
            "title": marked, "region": "us-east-1", "metrics": [["Hostile", MARKUP[0], {"label": marked}]],
            "annotations": {"horizontal": [{"value": 1, "label": marked}]}}},
    ]
    aws(demo, "sns", "publish", "--topic-arn", topic, "--message-structure", "json", "--subject", MARKUP[0],
        "--message", message)
    call(demo, "cloudwatch", "put-metric-data", "--namespace", "Hostile", "--metric-name", MARKUP[0], "--value", "1")
    call(demo, "cloudwatch", "put-metric-alarm", "--alarm-name", marked, "--alarm-description", marked,
         "--namespace", "Hostile", "--metric-name", MARKUP[0], "--statistic", "Maximum", "--period", "60",
         "--evaluation-periods", "1", "--threshold", "1", "--comparison-operator", "GreaterThanOrEqualToThreshold")
    # The page shows the dashboard whose name comes first.
    aws(demo, "cloudwatch", "put-dashboard", "--dashboard-name", "a-hostile-one",
        "--dashboard-body", json.dumps({"widgets": widgets}))
    try:
        def shown():
            page = browser(demo, tmp_path / "dom", "--dump-dom").stdout
            return page if "hostile line" in page and "a-hostile-one" in page else None

        page = wait_until(shown, 60, "the hostile texts on the page")
    finally:
        call(demo, "cloudwatch", "delete-dashboards", "--dashboard-names", "a-hostile-one")
        call(demo, "cloudwatch", "delete-alarms", "--alarm-names", marked)
    assert "<title>Plimsoll</title>" in page
    assert "&lt;img src=x onerror=document.title='owned'&gt;" in page, "it is shown as text"
    assert page.count("&lt;script&gt;document.title") >= 8, "in the panels too"
    for tag in ["<img src=\"x", "<img src=x", "<svg onload", "<script>", "href=\"javascript:"]:
        assert tag not in page, tag


def test_the_page_tells_no_page_of_another_site(demo):
    for header in [{"Host": "attacker.example"}, {"Origin": "http://attacker.example"}]:
        request = urllib.request.Request(demo + "/_local/logs.json", headers=header)
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=10)
        assert refused.value.code == 403
