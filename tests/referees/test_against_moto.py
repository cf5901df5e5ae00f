"""Agent and collector against moto where it is faithful: Logs, S3, SQS, SNS."""

import gzip
import json
import pathlib
import time

from conftest import ACCOUNT, REGION, ROOT, Process, binary, client, static_credentials, wait_until

ATTACK = ROOT / "examples" / "demo" / "cloudtrail"


def test_the_agents_log_events_are_what_moto_understands(moto, tmp_path):
    (tmp_path / "state").mkdir()
    (tmp_path / "app.log").write_text("".join(f"line {n}\n" for n in range(2_000)) + 'quote " \\ tab\t\n')
    config = tmp_path / "agent.toml"
    config.write_text(
        f"""
[agent]
state_dir = "{tmp_path}/state"
[aws]
region = "{REGION}"
endpoint_url = "{moto}"
[[logs.file]]
path = "{tmp_path}/app.log"
start = "beginning"
group = "/moto/app"
stream = "{{hostname}}-{{file_name}}"
retention_days = 14
tags = {{ team = "web" }}
[metrics]
scrapers = []
"""
    )
    run = Process(
        [binary("plimsoll-agent"), "run", "--once", "--config", str(config)], tmp_path / "agent.log", static_credentials()
    )
    assert run.child.wait(60) == 0, run.text()
    logs = client("logs", moto)
    group = logs.describe_log_groups(logGroupNamePrefix="/moto/app")["logGroups"][0]
    assert group["retentionInDays"] == 14
    assert logs.list_tags_log_group(logGroupName="/moto/app")["tags"]["team"] == "web"
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName="/moto/app")
    texts = [event["message"] for page in pages for event in page["events"]]
    assert texts == [f"line {n}" for n in range(2_000)] + ['quote " \\ tab\t']


def recorded(name):
    """The records of one sample, stamped with the present."""
    text = (ATTACK / name).read_text()
    records = json.loads(text)
    records = records["Records"] if isinstance(records, dict) and "Records" in records else records
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 60))
    for record in records:
        record["eventTime"] = stamp
    return records


def record(event_id, **change):
    base = recorded_stop()
    return {**base, "eventID": event_id, **change}


def recorded_stop():
    for path in sorted(ATTACK.glob("*.json")):
        try:
            records = recorded(path.name)
        except (ValueError, KeyError):
            continue
        for item in records:
            if item.get("eventName") == "StopLogging":
                return item
    raise AssertionError("the samples hold no StopLogging")


def notification_shapes(bucket, key):
    """The four ways in which S3 and CloudTrail tell that a log file is there."""
    from urllib.parse import quote_plus

    trail = {"s3Bucket": bucket, "s3ObjectKey": [key]}
    s3_event = {
        "Records": [
            {"eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
             "s3": {"bucket": {"name": bucket}, "object": {"key": quote_plus(key, safe="/"), "size": 1}}}
        ]
    }
    event_bridge = {
        "version": "0", "source": "aws.s3", "detail-type": "Object Created",
        "detail": {"bucket": {"name": bucket}, "object": {"key": key, "size": 1}},
    }
    sns = {"Type": "Notification", "MessageId": "1", "TopicArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:trail",
           "Message": json.dumps(trail)}
    return [json.dumps(shape) for shape in (trail, s3_event, event_bridge, sns)]


def test_cloudtrail_through_s3_and_sqs_becomes_one_notification_per_incident(moto, tmp_path):
    s3, sqs, sns = client("s3", moto), client("sqs", moto), client("sns", moto)
    s3.create_bucket(Bucket="trail", CreateBucketConfiguration={"LocationConstraint": REGION})
    queue = sqs.create_queue(QueueName="trail")["QueueUrl"]
    topic = sns.create_topic(Name="incidents")["TopicArn"]
    inbox = sqs.create_queue(QueueName="inbox")["QueueUrl"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:{REGION}:{ACCOUNT}:inbox")

    prefix = f"AWSLogs/{ACCOUNT}/CloudTrail/{REGION}/2026/11/24/{ACCOUNT}_CloudTrail_{REGION}_a b"
    keys = [f"{prefix}_{n}.json.gz" for n in range(4)]
    for n, key in enumerate(keys):
        body = gzip.compress(json.dumps({"Records": [record(f"event-{n}")]}).encode())
        s3.put_object(Bucket="trail", Key=key, Body=body)
    for n, key in enumerate(keys):
        sqs.send_message(QueueUrl=queue, MessageBody=notification_shapes("trail", key)[n])
    sqs.send_message(QueueUrl=queue, MessageBody='{"Service":"Amazon S3","Event":"s3:TestEvent"}')
    sqs.send_message(QueueUrl=queue, MessageBody="not even JSON")

    config = tmp_path / "collector.toml"
    config.write_text(
        f"""
[collector]
state = "{tmp_path}/state.sqlite"
[aws]
region = "{REGION}"
endpoint_url = "{moto}"
[cloudtrail]
queue_url = "{queue}"
[notify]
topic_arn = "{topic}"
"""
    )
    running = Process(
        [binary("plimsoll-collector"), "run", "--config", str(config)], tmp_path / "collector.log", static_credentials()
    )

    def drained():
        running.assert_running()
        got = sqs.get_queue_attributes(
            QueueUrl=queue, AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        )["Attributes"]
        return all(value == "0" for value in got.values())

    wait_until(drained, 60, "the queue's drain")
    told = wait_until(lambda: messages(sqs, inbox), 30, "the notification")
    time.sleep(2)
    told += messages(sqs, inbox)
    assert running.stop() == 0, running.text()
    incidents = [json.loads(json.loads(message["Body"])["Message"]) for message in told]
    assert len({incident["id"] for incident in incidents}) == 1, "four records of one principal are one incident"
    assert len(incidents) == 1, "and it is told once"
    assert {event["reference"] for event in incidents[0]["timeline"]} & {f"event-{n}" for n in range(4)}
    attributes = json.loads(told[0]["Body"])["MessageAttributes"]
    assert attributes["incident_id"]["Value"] == incidents[0]["id"]


def messages(sqs, queue):
    got = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=1).get("Messages", [])
    for message in got:
        sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    return got


def test_guardduty_through_eventbridge_and_sqs(moto, tmp_path):
    events, sqs, sns = client("events", moto), client("sqs", moto), client("sns", moto)
    queue = sqs.create_queue(QueueName="guardduty")["QueueUrl"]
    inbox = sqs.create_queue(QueueName="guardduty-inbox")["QueueUrl"]
    topic = sns.create_topic(Name="guardduty-incidents")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:{REGION}:{ACCOUNT}:guardduty-inbox")
    events.put_rule(Name="findings", EventPattern=json.dumps({"source": ["aws.guardduty"]}))
    events.put_targets(Rule="findings", Targets=[{"Id": "q", "Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:guardduty"}])
    samples = sorted(pathlib.Path(ROOT / "examples" / "demo" / "guardduty").glob("*.json"))
    finding = json.loads(samples[0].read_text())
    finding = finding.get("detail", finding) if isinstance(finding, dict) else finding[0]
    events.put_events(
        Entries=[{"Source": "aws.guardduty", "DetailType": "GuardDuty Finding", "Detail": json.dumps(finding)}]
    )
    config = tmp_path / "collector.toml"
    config.write_text(
        f"""
[collector]
state = "{tmp_path}/state.sqlite"
[aws]
region = "{REGION}"
endpoint_url = "{moto}"
[guardduty]
queue_url = "{queue}"
[notify]
topic_arn = "{topic}"
"""
    )
    running = Process(
        [binary("plimsoll-collector"), "run", "--config", str(config)], tmp_path / "collector.log", static_credentials()
    )
    told = wait_until(lambda: running.assert_running() or messages(sqs, inbox), 40, "the notification")
    assert running.stop() == 0
    incident = json.loads(json.loads(told[0]["Body"])["Message"])
    assert incident["severity"] in {"high", "critical"} and finding["id"] in json.dumps(incident)
