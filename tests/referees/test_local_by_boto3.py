"""The stand-in, read and written by boto3: its own serialisers, signer and parsers."""

import datetime
import time
import urllib.error
import urllib.request

import boto3
import pytest
from botocore.exceptions import ClientError

from conftest import ACCOUNT, REGION, client, wait_until


def now_ms():
    return int(time.time() * 1000)


def code(error):
    return error.value.response["Error"]["Code"]


@pytest.fixture
def logs(local):
    # What boto3 would refuse by itself must reach the stand-in.
    logs = client("logs", local.url, parameter_validation=False)
    logs.create_log_group(logGroupName="/app", tags={"team": "web"})
    logs.create_log_stream(logGroupName="/app", logStreamName="i-1")
    return logs


def put(logs, events):
    return logs.put_log_events(
        logGroupName="/app",
        logStreamName="i-1",
        logEvents=[{"timestamp": at, "message": text} for at, text in events],
    )


def test_log_events_come_back_as_they_were_put(logs):
    at = now_ms()
    texts = ["plain", 'quote " and \\', "tab\tand nul \0", "Grüße 🚢", "last"]
    put(logs, [(at + i, text) for i, text in enumerate(texts)])
    got = logs.get_log_events(logGroupName="/app", logStreamName="i-1", startFromHead=True)["events"]
    assert [event["message"] for event in got] == texts
    assert [event["timestamp"] for event in got] == [at + i for i in range(len(texts))]
    found = logs.filter_log_events(logGroupName="/app", filterPattern="Grüße")["events"]
    assert [event["message"] for event in found] == ["Grüße 🚢"]


def test_events_outside_the_window_are_refused_one_by_one_with_their_indexes(logs):
    at = now_ms()
    day = 86_400_000
    answer = put(logs, [(at - 15 * day, "old")])
    assert answer["rejectedLogEventsInfo"]["tooOldLogEventEndIndex"] == 1
    answer = put(logs, [(at, "now"), (at + 3 * 3_600_000, "future")])
    assert answer["rejectedLogEventsInfo"]["tooNewLogEventStartIndex"] == 1
    assert len(logs.filter_log_events(logGroupName="/app")["events"]) == 1


@pytest.mark.parametrize(
    "events",
    [
        [(2_000, "later"), (1_000, "earlier")],
        [(0, "first"), (86_400_001, "a day later")],
        [(0, "x")] * 10_001,
        [(0, "x" * 104_000)] * 11,
        [(0, "")],
    ],
    ids=["order", "span", "count", "bytes", "empty"],
)
def test_a_batch_beyond_a_limit_is_refused_whole(logs, events):
    base = now_ms() - 2 * 86_400_000
    with pytest.raises(ClientError) as error:
        put(logs, [(base + at, text) for at, text in events])
    assert code(error) == "InvalidParameterException"
    assert logs.filter_log_events(logGroupName="/app")["events"] == []


def test_a_missing_group_and_a_second_creation_have_their_own_errors(logs):
    with pytest.raises(ClientError) as error:
        logs.put_log_events(
            logGroupName="/none", logStreamName="x", logEvents=[{"timestamp": now_ms(), "message": "m"}]
        )
    assert code(error) == "ResourceNotFoundException"
    with pytest.raises(ClientError) as error:
        logs.create_log_group(logGroupName="/app")
    assert code(error) == "ResourceAlreadyExistsException"
    with pytest.raises(ClientError) as error:
        logs.put_retention_policy(logGroupName="/app", retentionInDays=8)
    assert code(error) == "InvalidParameterException"
    logs.put_retention_policy(logGroupName="/app", retentionInDays=7)
    assert logs.describe_log_groups(logGroupNamePrefix="/app")["logGroups"][0]["retentionInDays"] == 7


def test_embedded_metrics_in_a_log_event_become_a_metric(local, logs):
    at = now_ms()
    put(
        logs,
        [
            (
                at,
                '{"_aws":{"Timestamp":%d,"CloudWatchMetrics":[{"Namespace":"Shop","Dimensions":[["az"]],'
                '"Metrics":[{"Name":"orders","Unit":"Count"}]}]},"az":"a","orders":[1,2,4]}' % at,
            )
        ],
    )
    got = statistics(local.client("cloudwatch"), "Shop", "orders", [{"Name": "az", "Value": "a"}])
    assert got["Sum"] == 7 and got["SampleCount"] == 3


def statistics(cloudwatch, namespace, name, dimensions, period=60):
    now = datetime.datetime.now(datetime.timezone.utc)
    points = cloudwatch.get_metric_statistics(
        Namespace=namespace,
        MetricName=name,
        Dimensions=dimensions,
        StartTime=now - datetime.timedelta(minutes=10),
        EndTime=now + datetime.timedelta(minutes=2),
        Period=period,
        Statistics=["Sum", "SampleCount", "Minimum", "Maximum", "Average"],
    )["Datapoints"]
    assert len(points) == 1, points
    return points[0]


def test_metrics_come_back_with_the_right_statistics(local):
    cloudwatch = local.client("cloudwatch")
    at = datetime.datetime.now(datetime.timezone.utc).replace(second=0, microsecond=0) - datetime.timedelta(minutes=2)
    dimensions = [{"Name": "InstanceId", "Value": "i-1"}]
    cloudwatch.put_metric_data(
        Namespace="Test",
        MetricData=[
            {"MetricName": "m", "Dimensions": dimensions, "Timestamp": at, "Value": 1.5, "Unit": "Percent"},
            {"MetricName": "m", "Dimensions": dimensions, "Timestamp": at, "Unit": "Percent",
             "StatisticValues": {"SampleCount": 2, "Sum": 6, "Minimum": 2, "Maximum": 4}},
            {"MetricName": "m", "Dimensions": dimensions, "Timestamp": at, "Unit": "Percent",
             "Values": [10, 20], "Counts": [1, 3]},
        ],
    )
    got = statistics(cloudwatch, "Test", "m", dimensions)
    assert (got["Sum"], got["SampleCount"], got["Minimum"], got["Maximum"]) == (77.5, 7, 1.5, 20)
    assert [m["MetricName"] for m in cloudwatch.list_metrics(Namespace="Test")["Metrics"]] == ["m"]
    answer = cloudwatch.get_metric_data(
        StartTime=at - datetime.timedelta(minutes=1),
        EndTime=at + datetime.timedelta(minutes=2),
        MetricDataQueries=[
            {"Id": "a", "MetricStat": {"Metric": {"Namespace": "Test", "MetricName": "m", "Dimensions": dimensions},
                                       "Period": 60, "Stat": "Maximum"}},
            {"Id": "twice", "Expression": "a * 2"},
        ],
    )
    values = {result["Id"]: result["Values"] for result in answer["MetricDataResults"]}
    assert values == {"a": [20.0], "twice": [40.0]}


def datum(**change):
    return {"MetricName": "m", "Value": 1.0, **change}


@pytest.mark.parametrize(
    "namespace, data",
    [
        ("Test", [datum()] * 1001),
        ("Test", [datum(Value=float("nan"))]),
        ("Test", [datum(Value=1e200)]),
        ("Test", [datum(StorageResolution=5)]),
        ("Test", [datum(Dimensions=[{"Name": f"d{i}", "Value": "v"} for i in range(31)])]),
        ("Test", [datum(Timestamp=datetime.datetime(2020, 1, 1))]),
        ("Test", [{"MetricName": "m", "Values": list(range(151))}]),
        ("AWS/EC2", [datum()]),
    ],
    ids=["count", "nan", "magnitude", "resolution", "dimensions", "age", "values", "namespace"],
)
def test_one_bad_datum_refuses_the_whole_call(local, namespace, data):
    cloudwatch = local.client("cloudwatch")
    with pytest.raises(ClientError) as error:
        cloudwatch.put_metric_data(Namespace=namespace, MetricData=data)
    assert code(error) in {
        "InvalidParameterValue", "InvalidParameterCombination", "MissingParameter",
        "InvalidParameterValueException", "InvalidParameterCombinationException", "ValidationError",
    }
    assert cloudwatch.list_metrics(Namespace=namespace)["Metrics"] == []


def test_an_alarm_fires_by_metric_data_and_tells_its_topic(local):
    cloudwatch = local.client("cloudwatch")
    topic = local.client("sns").create_topic(Name="ops")["TopicArn"]
    assert topic == f"arn:aws:sns:{REGION}:{ACCOUNT}:ops"
    cloudwatch.put_metric_alarm(
        AlarmName="hot", Namespace="Test", MetricName="load", Statistic="Maximum", Period=10,
        EvaluationPeriods=1, Threshold=5, ComparisonOperator="GreaterThanThreshold", AlarmActions=[topic],
        TreatMissingData="notBreaching",
    )
    state = lambda: cloudwatch.describe_alarms(AlarmNames=["hot"])["MetricAlarms"][0]["StateValue"]  # noqa: E731
    assert state() in {"INSUFFICIENT_DATA", "OK"}
    cloudwatch.put_metric_data(
        Namespace="Test", MetricData=[{"MetricName": "load", "Value": 9.0, "StorageResolution": 1}]
    )
    wait_until(lambda: state() == "ALARM", 40, "the alarm")
    history = cloudwatch.describe_alarm_history(AlarmName="hot", HistoryItemType="StateUpdate")["AlarmHistoryItems"]
    assert any("to ALARM" in item["HistorySummary"] for item in history)


def test_a_dashboard_is_checked_and_comes_back(local):
    cloudwatch = local.client("cloudwatch")
    with pytest.raises(ClientError) as error:
        cloudwatch.put_dashboard(DashboardName="bad", DashboardBody='{"widgets":[{"type":"nonsense"}]}')
    assert code(error) in {"InvalidParameterInput", "DashboardInvalidInputError"}
    body = '{"widgets":[{"type":"text","x":0,"y":0,"width":6,"height":2,"properties":{"markdown":"# hi"}}]}'
    cloudwatch.put_dashboard(DashboardName="good", DashboardBody=body)
    assert cloudwatch.get_dashboard(DashboardName="good")["DashboardBody"] == body
    assert [d["DashboardName"] for d in cloudwatch.list_dashboards()["DashboardEntries"]] == ["good"]


def test_identity_tokens_and_topics(local):
    sts = local.client("sts")
    assert sts.get_caller_identity()["Account"] == ACCOUNT
    given = sts.assume_role(RoleArn=f"arn:aws:iam::{ACCOUNT}:role/reader", RoleSessionName="test")["Credentials"]
    assumed = boto3.client(
        "logs", endpoint_url=local.url, region_name=REGION,
        aws_access_key_id=given["AccessKeyId"], aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["SessionToken"],
    )
    assumed.create_log_group(logGroupName="/assumed")
    sns = local.client("sns")
    with pytest.raises(ClientError) as error:
        sns.publish(TopicArn=f"arn:aws:sns:{REGION}:{ACCOUNT}:none", Message="m")
    assert code(error) == "NotFound"
    topic = sns.create_topic(Name="ops")["TopicArn"]
    with pytest.raises(ClientError) as error:
        sns.publish(TopicArn=topic, Message='{"email":"no default"}', MessageStructure="json")
    assert code(error) == "InvalidParameter"
    assert sns.publish(TopicArn=topic, Message="m", Subject="s")["MessageId"]


def test_a_wrong_secret_and_an_unknown_key_are_refused(local):
    for key, secret in [("local", "wrong"), ("AKIAIOSFODNN7EXAMPLE", "local")]:
        logs = boto3.client("logs", endpoint_url=local.url, region_name=REGION,
                            aws_access_key_id=key, aws_secret_access_key=secret)
        with pytest.raises(ClientError) as error:
            logs.describe_log_groups()
        assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] in {400, 403}
        assert code(error) in {"InvalidSignatureException", "UnrecognizedClientException"}


def test_cost_explorer_gives_days_by_service(local):
    end = datetime.datetime.now(datetime.timezone.utc).date()
    answer = local.client("ce").get_cost_and_usage(
        TimePeriod={"Start": str(end - datetime.timedelta(days=14)), "End": str(end)},
        Granularity="DAILY", Metrics=["UnblendedCost"], GroupBy=[{"Type": "DIMENSION", "Key": "SERVICE"}],
    )
    assert len(answer["ResultsByTime"]) == 14
    for day in answer["ResultsByTime"]:
        assert day["Groups"] and all(float(g["Metrics"]["UnblendedCost"]["Amount"]) >= 0 for g in day["Groups"])


def test_instance_metadata_needs_a_token(local):
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(local.url + "/latest/meta-data/instance-id", timeout=5)
    assert error.value.code == 401
    request = urllib.request.Request(
        local.url + "/latest/api/token", method="PUT", headers={"X-aws-ec2-metadata-token-ttl-seconds": "60"}
    )
    token = urllib.request.urlopen(request, timeout=5).read().decode()
    request = urllib.request.Request(
        local.url + "/latest/meta-data/instance-id", headers={"X-aws-ec2-metadata-token": token}
    )
    assert urllib.request.urlopen(request, timeout=5).read().startswith(b"i-")


def test_faults_on_demand_are_what_boto3_calls_throttling(local):
    local.post("/_local/faults", '{"service":"logs","throttle":1.0}')
    with pytest.raises(ClientError) as error:
        client("logs", local.url).describe_log_groups()
    assert code(error) == "ThrottlingException"
    request = urllib.request.Request(local.url + "/_local/faults", method="DELETE")
    urllib.request.urlopen(request, timeout=5).read()
    assert client("logs", local.url).describe_log_groups()["logGroups"] == []
