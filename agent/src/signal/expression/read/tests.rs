//! Mistakes with their places, and properties of every expression.

use std::sync::Arc;

use proptest::prelude::*;

use super::super::{FeedName, MetricRef, Statistic};
use super::*;

#[test]
fn a_mistake_is_told_with_its_place_what_is_expected_and_the_nearest_name() {
    for (text, told) in [
        ("", "character 1: found the end, expected a number"),
        ("1 +", "character 4: found the end, expected a number"),
        (
            "1 2",
            "character 3: found 2, expected an operator or the end",
        ),
        ("(1", "character 3: found the end, expected `)`"),
        ("avrg(x)", "character 1: found `avrg`, expected a function"),
        ("maxi(x, 1)", "did you mean `max`?"),
        ("statd:x", "character 1: found `statd`, expected a feed"),
        ("statd:x", "did you mean `statsd`?"),
        ("max(x)", "the largest value of a metric is maximum(…)"),
        ("clamp(x, 1)", "expected `)` after three numbers"),
        ("abs(x, 1)", "expected `)` after one number"),
        (
            "avg(x + 1)",
            "character 7: found `+`, expected `)`: `avg` is asked of one metric",
        ),
        ("p100(x)", "character 1: found `p100`, expected a function"),
        ("p0(x)", "character 1: found `p0`, expected a function"),
        (
            "x{a=1}",
            "character 5: found 1, expected a value in double quotes",
        ),
        ("x{a=\"1\", a=\"2\"}", "character 10: found `a` twice"),
        (
            "signal(x)",
            "character 8: found `x`, expected the name of a signal",
        ),
        ("\"x", "character 1: found an open quote"),
        ("\"\"", "character 1: found an empty name"),
        (
            "http.latency",
            "character 5: found `.`, expected a number such as 0.5",
        ),
        ("é + 1", "character 1: found `\\u{e9}`"),
        ("1.2.3", "character 1: found `1.2.3`"),
        ("1e999", "expected a number of at most 2^360"),
    ] {
        let mistake = Expression::read(text).unwrap_err().to_string();
        assert!(mistake.contains(told), "{text}: {mistake}");
    }
}

#[test]
fn length_depth_and_size_are_bounded() {
    let deep = format!("{}1{}", "(".repeat(DEPTH_MAX), ")".repeat(DEPTH_MAX));
    for (text, told) in [
        (deep, "nesting"),
        (format!("{}1", "-".repeat(DEPTH_MAX)), "nesting"),
        ("1+".repeat(NODES_MAX) + "1", "at most 256"),
        (" ".repeat(TEXT_BYTES_MAX) + "1", "2049 bytes"),
    ] {
        let mistake = Expression::read(&text).unwrap_err().to_string();
        assert!(mistake.contains(told), "{mistake}");
    }
}

#[test]
fn names_feeds_labels_and_statistics_are_read() {
    let read = Expression::read("p99.9(logs:\"http.latency\"{host=\"a\\\"b\"})").unwrap();
    let expected = MetricRef {
        feed: Some(FeedName::Logs),
        name: "http.latency".into(),
        labels: vec![("host".into(), "a\"b".into())],
        statistic: Statistic::Percentile(99_900),
    };
    assert_eq!(read.root, Node::Metric(expected));
}

fn metric() -> impl Strategy<Value = MetricRef> {
    let feed = prop_oneof![
        Just(None),
        Just(Some(FeedName::Host)),
        Just(Some(FeedName::Otlp)),
    ];
    let statistic = prop_oneof![
        Just(Statistic::Natural),
        Just(Statistic::Average),
        Just(Statistic::Rate),
        (1u32..100_000).prop_map(Statistic::Percentile),
    ];
    let labels = prop::collection::btree_map("[a-z/ ]{1,4}", "[a-z\"\\\\]{1,4}", 0..3);
    (feed, "[a-z._\"\\\\é 0-9]{1,8}", labels, statistic).prop_map(
        |(feed, name, labels, statistic)| MetricRef {
            feed,
            name: name.into(),
            labels: labels
                .into_iter()
                .map(|(name, value)| (Arc::from(name), Arc::from(value)))
                .collect(),
            statistic,
        },
    )
}

fn node() -> impl Strategy<Value = Node> {
    let leaf = prop_oneof![
        (0.0f64..1e9).prop_map(Node::Number),
        metric().prop_map(Node::Metric),
        "[a-z\"]{1,5}".prop_map(|name| Node::Signal(name.into())),
    ];
    leaf.prop_recursive(4, 12, 3, |inner| {
        let one = prop_oneof![Just(Operation::Negate), Just(Operation::Abs)];
        let two = prop_oneof![
            Just(Operation::Add),
            Just(Operation::Subtract),
            Just(Operation::Multiply),
            Just(Operation::Divide),
            Just(Operation::Default),
            Just(Operation::Max),
        ];
        let three = prop_oneof![Just(Operation::Clamp), Just(Operation::Min)];
        let of = |count: usize| prop::collection::vec(inner.clone(), count);
        prop_oneof![
            (one, of(1)).prop_map(|(operation, inside)| Node::Call(operation, inside)),
            (two, of(2)).prop_map(|(operation, inside)| Node::Call(operation, inside)),
            (three, of(3)).prop_map(|(operation, inside)| Node::Call(operation, inside)),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_printed_is_read_as_the_same(root in node()) {
        let expression = Expression { root };
        let printed = expression.to_string();
        prop_assert_eq!(Expression::read(&printed), Ok(expression), "{}", printed);
    }

    #[test]
    fn no_text_is_a_panic(text in "[-a-z0-9+*/(){},:=\"\\\\. _é]{0,60}|.{0,40}") {
        let _read_or_not = Expression::read(&text);
    }
}
