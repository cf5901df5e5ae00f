//! Tables of the limits of CloudWatch Logs.

mod reading;

use super::*;

const NOW: UnixMillis = UnixMillis(1_795_524_360_000);
const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

/// Retention in days, times of events, the three indexes, and how many events are kept.
type DropCase = (Option<i64>, Vec<i64>, [Option<i64>; 3], usize);

struct Bench {
    logs: Logs,
    points: Vec<MetricPoint>,
    now: UnixMillis,
}

impl Bench {
    fn new() -> Self {
        Self {
            logs: Logs::new("123456789012", MEMORY_BYTES_DEFAULT),
            points: Vec::new(),
            now: NOW,
        }
    }

    /// With the group `g` and its stream `s`.
    fn with_stream() -> Self {
        let mut bench = Self::new();
        bench.ok("CreateLogGroup", &[("logGroupName", "g".into())]);
        bench.stream("s");
        bench
    }

    fn stream(&mut self, name: &str) {
        let input = [("logGroupName", "g".into()), ("logStreamName", name.into())];
        self.ok("CreateLogStream", &input);
    }

    fn call(&mut self, operation: &str, input: &[(&str, Value)]) -> Answer {
        let call = Call {
            operation: operation.to_owned(),
            input: Value::Map(
                input
                    .iter()
                    .map(|(name, value)| ((*name).to_owned(), value.clone()))
                    .collect(),
            ),
            now: self.now,
            region: "us-east-1".to_owned(),
            key_id: "local".to_owned(),
        };
        let points = &mut self.points;
        self.logs.call(&call, &mut |point| points.push(point))
    }

    fn ok(&mut self, operation: &str, input: &[(&str, Value)]) -> Value {
        self.call(operation, input).expect(operation)
    }

    fn put(&mut self, stream: &str, events: &[(i64, &str)]) -> Answer {
        self.call(
            "PutLogEvents",
            &[
                ("logGroupName", "g".into()),
                ("logStreamName", stream.into()),
                ("logEvents", events_value(events)),
            ],
        )
    }

    fn filter(&mut self, input: &[(&str, Value)]) -> Value {
        let mut all = vec![("logGroupName", Value::from("g"))];
        all.extend_from_slice(input);
        self.ok("FilterLogEvents", &all)
    }
}

fn events_value(events: &[(i64, &str)]) -> Value {
    Value::List(
        events
            .iter()
            .map(|(time, message)| {
                Value::map([
                    ("timestamp", (*time).into()),
                    ("message", (*message).into()),
                ])
            })
            .collect(),
    )
}

fn messages(answer: &Value) -> Vec<&str> {
    let events = answer.member("events").items();
    events
        .iter()
        .filter_map(|event| event.member("message").text())
        .collect()
}

fn error(answer: &Answer) -> &str {
    answer.as_ref().expect_err("refused").message.as_str()
}

/// Puts the events; they are taken, or refused as a whole with `refusal` in the message.
fn check_batch(name: &str, events: &[(i64, &str)], refusal: Option<&str>) {
    let mut bench = Bench::with_stream();
    let answer = bench.put("s", events);
    let Some(text) = refusal else {
        assert!(answer.is_ok(), "{name}: {answer:?}");
        return;
    };
    let refused = answer.expect_err(name);
    assert_eq!(refused.shape, "InvalidParameterException", "{name}");
    assert!(
        refused.message.contains(text),
        "{name}: {}",
        refused.message
    );
    assert_eq!(bench.logs.counts().events, 0, "{name}");
    assert_eq!(bench.logs.counts().batches_refused, 1, "{name}");
}

#[test]
fn a_batch_is_refused_as_a_whole_for_its_size() {
    let largest = "x".repeat(1_048_576 - 26);
    let half = "x".repeat(524_288 - 26);
    let umlauts = "ü".repeat(524_288);
    let many: Vec<&str> = vec!["m"; 10_001];
    for (name, messages, refusal) in [
        ("one event", vec!["m"], None),
        ("no event", vec![], Some("greater than or equal to 1")),
        ("empty", vec!["m", ""], Some("logEvents.2.member.message")),
        ("10,000 events", many[1..].to_vec(), None),
        ("10,001 events", many, Some("less than or equal to 10000")),
        ("the largest event", vec![&largest], None),
        ("a full batch", vec![&half, &half], None),
        (
            "too much",
            vec![&half, &half, "x"],
            Some("Upload too large"),
        ),
        (
            "bytes",
            vec![&umlauts],
            Some("Log event too large: 1048602"),
        ),
    ] {
        let events: Vec<(i64, &str)> = messages.into_iter().map(|text| (NOW.0, text)).collect();
        check_batch(name, &events, refusal);
    }
}

#[test]
fn a_batch_is_refused_as_a_whole_for_its_times() {
    for (ages, refusal) in [
        (vec![0, 1], Some("chronological")),
        (vec![DAY, 0], None),
        (vec![DAY + 1, 0], Some("24 hours")),
        (vec![15 * DAY, 1, 0], None),
    ] {
        let events: Vec<(i64, &str)> = ages.iter().map(|age| (NOW.0 - age, "m")).collect();
        check_batch(&format!("{ages:?}"), &events, refusal);
    }
}

#[test]
fn events_outside_the_window_are_dropped_one_by_one_and_reported_by_index() {
    let now = NOW.0;
    let (old, week, fresh, future) = (
        now - 14 * DAY - 1,
        now - 7 * DAY - 1,
        now - HOUR,
        now + 2 * HOUR + 1,
    );
    let cases: [DropCase; 8] = [
        (None, vec![fresh], [None, None, None], 1),
        (None, vec![now - 14 * DAY], [None, None, None], 1),
        (None, vec![now + 2 * HOUR], [None, None, None], 1),
        (None, vec![old, fresh], [None, Some(1), None], 1),
        (None, vec![old, fresh, future], [Some(2), Some(1), None], 1),
        (None, vec![future, future], [Some(0), None, None], 0),
        (Some(7), vec![week, fresh], [None, None, Some(1)], 1),
        (
            Some(7),
            vec![old, week, fresh, future],
            [Some(3), Some(1), Some(2)],
            1,
        ),
    ];
    for (retention, times, expected, kept) in cases {
        let mut bench = Bench::with_stream();
        if let Some(days) = retention {
            let input = [
                ("logGroupName", "g".into()),
                ("retentionInDays", days.into()),
            ];
            bench.ok("PutRetentionPolicy", &input);
        }
        let events: Vec<(i64, &str)> = times.iter().map(|time| (*time, "m")).collect();
        let answer = bench.put("s", &events).expect("accepted");
        let info = answer.member("rejectedLogEventsInfo");
        let found = [
            "tooNewLogEventStartIndex",
            "tooOldLogEventEndIndex",
            "expiredLogEventEndIndex",
        ]
        .map(|name| info.member(name).integer());
        assert_eq!(found, expected, "{retention:?} {times:?}");
        assert_eq!(info.is_null(), expected == [None; 3], "{times:?}");
        assert_eq!(bench.logs.counts().events, kept as u64, "{times:?}");
        assert_eq!(messages(&bench.filter(&[])).len(), kept, "{times:?}");
    }
}

#[test]
fn what_does_not_exist_is_said_in_the_words_of_aws() {
    let mut bench = Bench::new();
    let answer = bench.put("s", &[(NOW.0, "m")]);
    assert_eq!(error(&answer), "The specified log group does not exist.");
    bench.ok("CreateLogGroup", &[("logGroupName", "g".into())]);
    let answer = bench.put("s", &[(NOW.0, "m")]);
    assert_eq!(error(&answer), "The specified log stream does not exist.");
    let again = bench.call("CreateLogGroup", &[("logGroupName", "g".into())]);
    assert_eq!(error(&again), "The specified log group already exists");
    let unknown = bench.call("StartQuery", &[]).expect_err("not served");
    assert_eq!(unknown.shape, "UnknownOperationException");
}

/// Makes the call where there is a group `g` with a stream `s`.
fn check_call(operation: &str, input: &[(&str, Value)], good: bool) {
    let answer = Bench::with_stream().call(operation, input);
    assert_eq!(answer.is_ok(), good, "{operation} {input:?}: {answer:?}");
}

#[test]
fn names_and_classes_of_groups_are_checked() {
    let long = "x".repeat(513);
    for (name, good) in [
        ("/app/a-b_c.d#1", true),
        ("a b", false),
        ("", false),
        ("aws/x", false),
        (&long, false),
        ("g", false),
    ] {
        check_call("CreateLogGroup", &[("logGroupName", name.into())], good);
    }
    check_call("CreateLogGroup", &[], false);
    for (class, good) in [("CHEAP", false), ("ESSENTIALS", true)] {
        let input = [
            ("logGroupName", "c".into()),
            ("logGroupClass", class.into()),
        ];
        check_call("CreateLogGroup", &input, good);
    }
}

#[test]
fn names_of_streams_and_days_of_retention_are_checked() {
    for (group, stream, good) in [
        ("g", "a:b", false),
        ("g", "a*", false),
        ("g", "i-1/x y", true),
        ("none", "a", false),
    ] {
        let input = [
            ("logGroupName", group.into()),
            ("logStreamName", stream.into()),
        ];
        check_call("CreateLogStream", &input, good);
    }
    for (days, good) in [(1_i64, true), (30, true), (8, false), (0, false)] {
        let input = [
            ("logGroupName", "g".into()),
            ("retentionInDays", days.into()),
        ];
        check_call("PutRetentionPolicy", &input, good);
    }
}

#[test]
fn infrequent_access_takes_events_but_neither_gives_them_back_nor_extracts_metrics() {
    let mut bench = Bench::new();
    let input = [
        ("logGroupName", "g".into()),
        ("logGroupClass", "INFREQUENT_ACCESS".into()),
    ];
    bench.ok("CreateLogGroup", &input);
    bench.stream("s");
    let message = r#"{"_aws":{"Timestamp":1795524360000,"CloudWatchMetrics":[{"Namespace":"n",
        "Dimensions":[[]],"Metrics":[{"Name":"a"}]}]},"a":1}"#;
    bench.put("s", &[(NOW.0, message)]).expect("taken");
    assert!(
        bench
            .points
            .iter()
            .all(|point| point.namespace == "AWS/Logs")
    );
    for operation in ["FilterLogEvents", "GetLogEvents"] {
        let input = [("logGroupName", "g".into()), ("logStreamName", "s".into())];
        let refused = bench.call(operation, &input).expect_err(operation);
        assert_eq!(refused.shape, "InvalidParameterException");
    }
}

#[test]
fn metrics_come_out_of_events_and_errors_are_counted() {
    let mut bench = Bench::with_stream();
    let good = r#"{"_aws":{"Timestamp":1795524360000,"CloudWatchMetrics":[{"Namespace":"n",
        "Dimensions":[[]],"Metrics":[{"Name":"a"},{"Name":"missing"}]}]},"a":1}"#;
    let bad = r#"{"_aws":{"CloudWatchMetrics":[]},"a":1}"#;
    bench
        .put("s", &[(NOW.0, good), (NOW.0, bad), (NOW.0, "plain")])
        .expect("taken");
    let mut names: Vec<&str> = bench
        .points
        .iter()
        .map(|point| point.name.as_str())
        .collect();
    names.sort_unstable();
    let expected = [
        "EMFParsingErrors",
        "EMFValidationErrors",
        "IncomingBytes",
        "IncomingLogEvents",
        "a",
    ];
    assert_eq!(names, expected);
}

#[test]
fn groups_and_streams_are_described_in_pages() {
    let mut bench = Bench::with_stream();
    for number in 0..60 {
        bench.stream(&format!("x-{number:02}"));
    }
    bench.put("x-07", &[(NOW.0, "late")]).expect("taken");
    bench.put("x-03", &[(NOW.0 - 5, "earlier")]).expect("taken");
    let group = ("logGroupName", Value::from("g"));
    let first = bench.ok("DescribeLogStreams", std::slice::from_ref(&group));
    assert_eq!(first.member("logStreams").items().len(), 50);
    let rest = [
        group.clone(),
        ("nextToken", first.member("nextToken").clone()),
    ];
    let rest = bench.ok("DescribeLogStreams", &rest);
    assert_eq!(rest.member("logStreams").items().len(), 11);
    assert!(rest.member("nextToken").is_null());
    let by_time = [
        group.clone(),
        ("orderBy", "LastEventTime".into()),
        ("descending", true.into()),
        ("limit", 2_i64.into()),
    ];
    let latest = bench.ok("DescribeLogStreams", &by_time);
    let names: Vec<_> = latest
        .member("logStreams")
        .items()
        .iter()
        .map(|stream| stream.member("logStreamName").text().unwrap_or_default())
        .collect();
    assert_eq!(names, ["x-07", "x-03"]);
    let groups = bench.ok("DescribeLogGroups", &[("logGroupNamePrefix", "g".into())]);
    let group = &groups.member("logGroups").items()[0];
    assert_eq!(group.member("storedBytes").integer(), Some(4 + 26 + 7 + 26));
    assert_eq!(
        group.member("arn").text(),
        Some("arn:aws:logs:us-east-1:123456789012:log-group:g:*")
    );
}

#[test]
fn a_bad_entity_is_reported_and_the_events_are_kept() {
    let mut bench = Bench::with_stream();
    let answer = bench.ok(
        "PutLogEvents",
        &[
            ("logGroupName", "g".into()),
            ("logStreamName", "s".into()),
            ("logEvents", events_value(&[(NOW.0, "m")])),
            (
                "entity",
                Value::map([("keyAttributes", Value::map([("Type", "Nonsense".into())]))]),
            ),
        ],
    );
    let error = answer.member("rejectedEntityInfo").member("errorType");
    assert_eq!(error.text(), Some("InvalidTypeValue"));
    assert_eq!(bench.logs.counts().events, 1);
}

#[test]
fn a_protected_group_stays_until_the_protection_is_off() {
    let mut bench = Bench::with_stream();
    let group = ("logGroupName", Value::from("g"));
    bench.ok(
        "PutLogGroupDeletionProtection",
        &[
            ("logGroupIdentifier", "g".into()),
            ("deletionProtectionEnabled", true.into()),
        ],
    );
    assert!(
        bench
            .call("DeleteLogGroup", std::slice::from_ref(&group))
            .is_err()
    );
    bench.ok(
        "PutLogGroupDeletionProtection",
        &[
            ("logGroupIdentifier", "g".into()),
            ("deletionProtectionEnabled", false.into()),
        ],
    );
    bench.put("s", &[(NOW.0, "m")]).expect("taken");
    bench.ok("DeleteLogGroup", std::slice::from_ref(&group));
    assert_eq!(bench.logs.memory_bytes(), 0);
    assert_eq!(bench.logs.counts().events, 1);
}

#[test]
fn memory_stays_within_its_bound_and_the_counters_stay_exact() {
    let mut bench = Bench::with_stream();
    bench.logs = Logs::new("123456789012", 10_000);
    bench.ok("CreateLogGroup", &[("logGroupName", "g".into())]);
    for stream in ["a", "b", "quiet"] {
        bench.stream(stream);
    }
    bench.put("quiet", &[(NOW.0, "first")]).expect("taken");
    let line = "x".repeat(100);
    for number in 0..500 {
        let stream = if number % 3 == 0 { "a" } else { "b" };
        bench
            .put(stream, &[(NOW.0 + number, &line)])
            .expect("taken");
        assert!(bench.logs.memory_bytes() <= 10_000);
    }
    let counts = bench.logs.counts();
    assert_eq!(counts.events, 501);
    assert_eq!(counts.bytes, 5 + 26 + 500 * 126);
    let kept = messages(&bench.filter(&[])).len();
    assert_eq!(counts.forgotten, 501 - kept as u64);
    assert_eq!(kept, 10_000 / (100 + EVENT_MEMORY_BYTES));
    let by_stream: u64 = bench
        .logs
        .stream_counts()
        .iter()
        .map(|count| count.events)
        .sum();
    assert_eq!(by_stream, 501);
    let tail = bench.logs.tail(2);
    assert_eq!(tail[1].timestamp, UnixMillis(NOW.0 + 499));
}
