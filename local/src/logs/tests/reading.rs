//! What reads give back: pages, tokens, order.

use proptest::prelude::*;

use super::*;

#[test]
fn a_filter_pages_through_all_streams_in_order_of_time() {
    let mut bench = Bench::with_stream();
    bench.stream("t");
    for number in 0..25 {
        let stream = if number % 2 == 0 { "s" } else { "t" };
        let message = format!("line seq={number}");
        bench
            .put(stream, &[(NOW.0 + number, &message)])
            .expect("taken");
    }
    let mut found = Vec::new();
    let mut token = Value::Null;
    loop {
        let page = bench.filter(&[("limit", 10_i64.into()), ("nextToken", token)]);
        found.extend(messages(&page).into_iter().map(str::to_owned));
        token = page.member("nextToken").clone();
        if token.is_null() {
            break;
        }
    }
    let expected: Vec<String> = (0..25).map(|number| format!("line seq={number}")).collect();
    assert_eq!(found, expected);
    let some = bench.filter(&[
        ("startTime", (NOW.0 + 3).into()),
        ("endTime", (NOW.0 + 5).into()),
    ]);
    assert_eq!(messages(&some), ["line seq=3", "line seq=4", "line seq=5"]);
    let one = bench.filter(&[("logStreamNamePrefix", "t".into()), ("limit", 1_i64.into())]);
    assert_eq!(messages(&one), ["line seq=1"]);
    let names = Value::from(vec!["s"]);
    let phrase = bench.filter(&[
        ("logStreamNames", names),
        ("filterPattern", "\"seq=24\"".into()),
    ]);
    assert_eq!(messages(&phrase), ["line seq=24"]);
    let json = bench.filter(&[("filterPattern", "{ $.a = 1 }".into())]);
    assert!(messages(&json).is_empty() && json.member("nextToken").is_null());
}

#[test]
fn a_token_is_only_good_for_its_own_request_and_for_a_day() {
    let mut bench = Bench::with_stream();
    bench
        .put("s", &[(NOW.0, "a"), (NOW.0, "b")])
        .expect("taken");
    let page = bench.filter(&[("limit", 1_i64.into())]);
    let token = page.member("nextToken").clone();
    let other = [
        ("logGroupName", Value::from("g")),
        ("filterPattern", "b".into()),
        ("nextToken", token.clone()),
    ];
    assert!(bench.call("FilterLogEvents", &other).is_err());
    let same = [("logGroupName", Value::from("g")), ("nextToken", token)];
    assert_eq!(messages(&bench.ok("FilterLogEvents", &same)), ["b"]);
    bench.now = UnixMillis(NOW.0 + DAY + 1);
    assert!(bench.call("FilterLogEvents", &same).is_err());
}

#[test]
fn reading_a_stream_goes_forwards_and_backwards_and_stops_at_the_ends() {
    let mut bench = Bench::with_stream();
    let lines: Vec<String> = (0..5).map(|number| number.to_string()).collect();
    let events: Vec<(i64, &str)> = lines
        .iter()
        .zip(0..)
        .map(|(line, at)| (NOW.0 + at, line.as_str()))
        .collect();
    bench.put("s", &events).expect("taken");
    let mut get = |extra: &[(&'static str, Value)]| {
        let mut input = vec![
            ("logGroupName", Value::from("g")),
            ("logStreamName", "s".into()),
            ("limit", 2_i64.into()),
        ];
        input.extend_from_slice(extra);
        bench.ok("GetLogEvents", &input)
    };
    let tail = get(&[]);
    assert_eq!(messages(&tail), ["3", "4"]);
    let forward = tail.member("nextForwardToken").clone();
    let end = get(&[("nextToken", forward.clone())]);
    assert!(messages(&end).is_empty());
    assert_eq!(end.member("nextForwardToken"), &forward);
    let before = get(&[("nextToken", tail.member("nextBackwardToken").clone())]);
    assert_eq!(messages(&before), ["1", "2"]);
    let head = get(&[("startFromHead", true.into())]);
    assert_eq!(messages(&head), ["0", "1"]);
    let next = get(&[("nextToken", head.member("nextForwardToken").clone())]);
    assert_eq!(messages(&next), ["2", "3"]);
    let window = get(&[
        ("startTime", (NOW.0 + 1).into()),
        ("endTime", (NOW.0 + 2).into()),
    ]);
    assert_eq!(messages(&window), ["1"]);
}

proptest! {
    /// Whatever comes in which order, a filter gives back exactly what was accepted.
    #[test]
    fn filtered_events_are_the_accepted_ones_sorted(
        batches in prop::collection::vec(prop::collection::vec(0_i64..1000, 1..20), 1..20),
        limit in 1_i64..50,
    ) {
        let mut bench = Bench::with_stream();
        let mut expected = Vec::new();
        for (number, mut times) in batches.into_iter().enumerate() {
            times.sort_unstable();
            let lines: Vec<String> = times.iter().map(|time| format!("{number}-{time}")).collect();
            let events: Vec<(i64, &str)> =
                times.iter().zip(&lines).map(|(time, line)| (NOW.0 + time, line.as_str())).collect();
            bench.put("s", &events).expect("taken");
            expected.extend(times.into_iter().zip(lines));
        }
        expected.sort_by_key(|(time, _)| *time);
        let mut found = Vec::new();
        let mut token = Value::Null;
        loop {
            let page = bench.filter(&[("limit", limit.into()), ("nextToken", token)]);
            found.extend(messages(&page).into_iter().map(str::to_owned));
            token = page.member("nextToken").clone();
            if token.is_null() {
                break;
            }
        }
        let expected: Vec<String> = expected.into_iter().map(|(_, line)| line).collect();
        prop_assert_eq!(found, expected);
    }
}
