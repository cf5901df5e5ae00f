//! Scrapes of one target, and what they tell.

use super::*;
use crate::aggregate::Folded;

const MINUTE: i64 = 60_000;

fn rules() -> TargetRules {
    TargetRules {
        metrics: NameFilter::new(&["*"], &["hidden*"]).unwrap(),
        labels: LabelRules {
            kept: NameFilter::new(&["*"], &["instance"]).unwrap(),
            ..LabelRules::default()
        },
        namespace: None,
    }
}

/// Reads each text as the scrape of a minute, in pieces of `step` bytes. What the last one told,
/// and its mistakes.
fn scrapes(texts: &[&str], open_metrics: bool, step: usize) -> (Vec<String>, Vec<String>) {
    let (rules, mut memory) = (rules(), Memory::default());
    let mut last = (Vec::new(), Vec::new());
    for (minute, text) in (0_i64..).zip(texts) {
        let before = (minute > 0).then(|| UnixMillis((minute - 1) * MINUTE));
        let mut reading = Exposition::begin(&rules, &mut memory, before, open_metrics);
        let mut told = Vec::new();
        for piece in text.as_bytes().chunks(step) {
            told.extend(reading.read(piece));
        }
        let (rest, mistakes) = reading.end();
        told.extend(rest);
        let told = told.iter().map(written);
        let mistakes = mistakes
            .iter()
            .map(|(reason, one)| format!("{reason} {} line {}: {}", one.count, one.line, one.what));
        last = (told.collect(), mistakes.collect());
    }
    last
}

fn written(told: &Told) -> String {
    let labels = told.labels.iter().map(|(n, v)| format!("{n}={v}"));
    let labels: Vec<String> = labels.collect();
    let unit = told.metric.unit().as_str();
    format!(
        "{}[{}] {unit} {:?}",
        told.metric.name(),
        labels.join(","),
        told.value
    )
}

#[test]
fn each_type_is_told_as_what_it_means() {
    let first = "# TYPE hits_total counter\nhits_total{code=\"200\",instance=\"x\"} 10\n\
        # TYPE temperature gauge\ntemperature 21.5\n\
        # TYPE wait_seconds histogram\nwait_seconds_bucket{le=\"1\"} 1\nwait_seconds_bucket{le=\"+Inf\"} 1\n\
        wait_seconds_sum 0.5\nwait_seconds_count 1\n\
        # TYPE size_bytes summary\nsize_bytes{quantile=\"0.5\"} 100\nsize_bytes_sum 300\nsize_bytes_count 3\n\
        loose 7\nhidden_one 1\n# TYPE build info\nbuild_info{v=\"1\"} 1\n";
    let second = first
        .replace("} 10\n", "} 14\n")
        .replace("{le=\"1\"} 1", "{le=\"1\"} 3")
        .replace("{le=\"+Inf\"} 1", "{le=\"+Inf\"} 4")
        .replace("sum 0.5", "sum 4.5")
        .replace("sum 300", "sum 700")
        .replace("bytes_count 3", "bytes_count 5");
    let gauges = [
        "temperature[] None Gauge(21.5)",
        "size_bytes[quantile=0.5] Bytes Gauge(100.0)",
        "loose[] None Gauge(7.0)",
    ];
    assert_eq!(
        scrapes(&[first], false, 7),
        (gauges.map(str::to_owned).to_vec(), vec![])
    );
    let expected = [
        "hits_total[code=200] None Delta(4.0)",
        "temperature[] None Gauge(21.5)",
        "wait_seconds[] Seconds Spread([(0.5, 2.0), (3.0, 1.0)])",
        "size_bytes[quantile=0.5] Bytes Gauge(100.0)",
        "size_bytes_sum[] None Delta(400.0)",
        "size_bytes_count[] None Delta(2.0)",
        "loose[] None Gauge(7.0)",
    ];
    for step in [1, 5, 4096] {
        let (told, mistakes) = scrapes(&[first, &second], false, step);
        assert_eq!(told, expected, "{step}");
        assert_eq!(mistakes, Vec::<String>::new());
    }
}

#[test]
fn a_series_that_was_created_between_two_scrapes_is_told_whole() {
    let first = "# EOF\n";
    let text = |created: f64| {
        format!(
            "# TYPE a counter\na_total{{x=\"1\"}} 3\na_created{{x=\"1\"}} {created}\n\
             # TYPE h histogram\nh_bucket{{le=\"+Inf\"}} 2\nh_count 2\nh_sum 8\nh_created {created}\n# EOF\n"
        )
    };
    let whole = [
        "a_total[x=1] None Delta(3.0)",
        "h[] None Spread([(4.0, 2.0)])",
    ];
    assert_eq!(scrapes(&[first, &text(30.0)], true, 64).0, whole);
    assert!(
        scrapes(&[first, &text(-30.0)], true, 64).0.is_empty(),
        "it is as old as the target"
    );
    assert!(
        scrapes(&[&text(30.0)], true, 64).0.is_empty(),
        "nothing is told by a first scrape"
    );
}

#[test]
fn times_of_creation_are_no_metrics() {
    let text = "# TYPE a_total counter\na_total 1\n# TYPE a_created gauge\na_created 5\n\
        # TYPE b_created gauge\nb_created 5\n";
    assert_eq!(
        scrapes(&[text], false, 64).0,
        ["b_created[] None Gauge(5.0)"]
    );
}

#[test]
fn what_is_wrong_costs_only_itself_and_is_told_with_its_line() {
    let long = "x".repeat(LINE_BYTES_MAX + 1);
    let cases = [
        (
            "a 1\nb{ 2\nc 3\n",
            "prometheus_malformed 1 line 2: a label without a value",
        ),
        (
            "a 1\nc NaN\nc 3\n",
            "prometheus_not_a_number 1 line 2: a gauge that is not a number",
        ),
        (
            "# TYPE n counter\nn -1\na 1\nc 3\n",
            "prometheus_not_a_number 1 line 2: a counter that is no count",
        ),
        (
            "# TYPE n counter\nn 1\nn 1\na 1\nc 3\n",
            "prometheus_duplicate 1 line 3: a series twice",
        ),
        (
            "# TYPE g gaugehistogram\ng_bucket{le=\"1\"} 1\na 1\nc 3",
            "prometheus_type 1 line 2: a type that is not understood",
        ),
        (
            "# TYPE h histogram\nh_bucket 1\na 1\nc 3\n",
            "prometheus_malformed 2 line 2: a bucket without a bound",
        ),
        (
            "# TYPE h histogram\nh_bucket{le=\"1\"} NaN\na 1\nc 3\n",
            "prometheus_malformed 1 line 3: a histogram whose counts are no counts",
        ),
        (
            &format!("a 1\n{long}\nc 3\n"),
            "prometheus_malformed 1 line 2: a line of more than 64 KiB",
        ),
    ];
    for (text, expected) in cases {
        let (told, mistakes) = scrapes(&[text], false, 100);
        assert_eq!(mistakes, [expected], "{text:.80}");
        assert_eq!(
            told,
            ["a[] None Gauge(1.0)", "c[] None Gauge(3.0)"],
            "{text:.80}"
        );
    }
    let (_, mistakes) = scrapes(&["a 1\n"], true, 100);
    assert_eq!(
        mistakes,
        ["prometheus_truncated 1 line 1: the exposition has no end"]
    );
}

#[test]
fn a_counter_of_two_series_that_become_one_is_added_up() {
    let text = "# TYPE a counter\na{instance=\"x\"} 1\na{instance=\"y\"} 1\n";
    let more = text.replace("} 1", "} 3");
    let told = scrapes(&[text, &more], false, 100).0;
    assert_eq!(told, ["a[] None Delta(2.0)", "a[] None Delta(2.0)"]);
}

#[test]
fn the_road_adds_up_what_was_told() {
    let intake = crate::aggregate::Intake::new(
        std::time::Duration::from_mins(1),
        crate::aggregate::SeriesGuard::new(10, 10),
    );
    let metric = MetricName::from(GivenMetric::new("a", Unit::None));
    let told = |value| Told {
        metric: metric.clone(),
        labels: Labels::default(),
        value,
    };
    let all = [told(Value::Delta(2.0)), told(Value::Delta(3.0))];
    crate::source::told::hand_in(&intake, UnixMillis(61_000), all);
    let gathered = intake.take(UnixMillis(120_000), false);
    let (begin, samples) = gathered.windows.first().unwrap();
    assert_eq!(*begin, UnixMillis(60_000));
    assert_eq!(samples[0].value, Folded::One(5.0));
    assert!(samples[0].additive);
}
