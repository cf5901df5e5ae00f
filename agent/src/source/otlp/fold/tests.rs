//! Requests as programs send them, and what they tell.

use std::borrow::Cow;

use super::super::model::{
    Buckets, KeyValue, Points, Quantile, Resource, ResourceMetrics, ScopeMetrics,
};
use super::*;
use crate::scraper::NameFilter;

/// When the agent began to listen, in seconds since 1970.
const BEGAN: u64 = 1_795_524_000;

fn seconds(since: u64) -> u64 {
    (BEGAN + since) * 1_000_000_000
}

fn folder() -> Folder {
    let rules = OtlpRules {
        resource_attributes: vec!["service.name".to_owned()],
        labels: LabelRules {
            kept: NameFilter::new(&["*"], &["thread"]).unwrap(),
            ..LabelRules::default()
        },
    };
    Folder::new(rules, millis(seconds(0)))
}

fn millis(nanos: u64) -> UnixMillis {
    UnixMillis(i64::try_from(nanos / 1_000_000).unwrap())
}

fn pair<'t>(key: &'t str, value: &'t str) -> KeyValue<'t> {
    KeyValue {
        key: Cow::Borrowed(key),
        value: Cow::Borrowed(value),
    }
}

fn request(metric: Metric<'_>) -> ExportRequest<'_> {
    ExportRequest {
        resource_metrics: vec![ResourceMetrics {
            resource: Resource {
                attributes: vec![pair("service.name", "shop"), pair("host.arch", "amd64")],
            },
            scope_metrics: vec![ScopeMetrics {
                metrics: vec![metric],
                ..ScopeMetrics::default()
            }],
        }],
    }
}

fn points<P>(temporality: u64, is_monotonic: bool, data_points: Vec<P>) -> Points<P> {
    Points {
        all: data_points,
        aggregation_temporality: temporality,
        is_monotonic,
    }
}

fn metric(unit: &str) -> Metric<'_> {
    Metric {
        name: Cow::Borrowed("m"),
        unit: Cow::Borrowed(unit),
        ..Metric::default()
    }
}

fn point(start: u64, time: u64, value: f64) -> NumberPoint<'static> {
    NumberPoint {
        attributes: vec![pair("route", "/"), pair("thread", "7")],
        start_time_unix_nano: seconds(start),
        time_unix_nano: seconds(time),
        as_double: Some(value),
        ..NumberPoint::default()
    }
}

/// What requests tell that come at these seconds, and what of them is refused.
fn told<'m>(requests: impl IntoIterator<Item = (u64, Metric<'m>)>) -> Vec<String> {
    let mut folder = folder();
    let mut all = Vec::new();
    for (at, metric) in requests {
        let outcome = folder.fold(&request(metric), millis(seconds(at)));
        for (time, told) in outcome.told {
            for one in told {
                let labels = one
                    .labels
                    .iter()
                    .map(|(name, value)| format!("{name}={value}"));
                let labels: Vec<String> = labels.collect();
                let second = time.as_secs().cast_unsigned() - BEGAN;
                all.push(format!(
                    "{second}: {}[{}] {} {:?}",
                    one.metric.name(),
                    labels.join(","),
                    one.metric.unit().as_str(),
                    one.value
                ));
            }
        }
        all.extend(
            outcome
                .refused
                .iter()
                .map(|(reason, count)| format!("{reason} {count}")),
        );
    }
    all
}

#[test]
fn a_gauge_is_told_with_the_dimensions_of_its_program_and_its_own() {
    let gauge = |data_points| Metric {
        gauge: Some(points(0, false, data_points)),
        ..metric("By")
    };
    let whole = NumberPoint {
        as_double: None,
        as_int: Some(7),
        ..point(0, 50, 0.0)
    };
    let silent = NumberPoint {
        flags: NO_RECORDED_VALUE,
        ..point(0, 50, 1.0)
    };
    let of_nothing = NumberPoint {
        as_double: None,
        ..point(0, 50, 0.0)
    };
    let all = vec![
        point(0, 40, 1.5),
        whole,
        silent,
        of_nothing,
        point(0, 50, f64::NAN),
    ];
    assert_eq!(
        told([(60, gauge(all))]),
        [
            "40: m[route=/,service.name=shop] Bytes Gauge(1.5)",
            "50: m[route=/,service.name=shop] Bytes Gauge(7.0)",
            "otlp_not_a_number 2",
        ]
    );
}

#[test]
fn sums_are_told_as_what_they_have_grown_by() {
    let sum = |temporality, is_monotonic, data| Metric {
        sum: Some(points(temporality, is_monotonic, vec![data])),
        ..metric("{request}")
    };
    let name = "m[route=/,service.name=shop] Count";
    let cumulative = [(60, 10.0), (120, 15.0), (120, 15.0), (180, 4.0)];
    let cumulative = cumulative.map(|(at, value)| (at, sum(CUMULATIVE, true, point(1, at, value))));
    let expected = [
        // It began while we listened.
        format!("60: {name} Delta(10.0)"),
        format!("120: {name} Delta(5.0)"),
        "otlp_repeated 1".to_owned(),
        format!("180: {name} Delta(4.0)"),
    ];
    assert_eq!(told(cumulative), expected);

    let delta = [(60, 10.0), (120, 15.0), (120, 15.0)];
    let delta = delta.map(|(at, value)| (at, sum(DELTA, true, point(at - 60, at, value))));
    let expected = [
        format!("60: {name} Delta(10.0)"),
        format!("120: {name} Delta(15.0)"),
        "otlp_repeated 1".to_owned(),
    ];
    assert_eq!(told(delta), expected);

    let others = [
        (60, sum(CUMULATIVE, false, point(1, 60, -3.0))),
        (60, sum(DELTA, false, point(1, 60, -3.0))),
        (60, sum(0, true, point(1, 60, 3.0))),
        (60, sum(DELTA, true, point(1, 60, -3.0))),
    ];
    let expected = [
        format!("60: {name} Gauge(-3.0)"),
        format!("60: {name} Delta(-3.0)"),
        "otlp_temporality 1".to_owned(),
        "otlp_not_a_number 1".to_owned(),
    ];
    assert_eq!(told(others), expected);
}

#[test]
fn threads_that_are_not_told_apart_are_added_up_and_never_mistaken_for_each_other() {
    let of_thread = |thread: &'static str, at, value| NumberPoint {
        attributes: vec![pair("thread", thread)],
        ..point(1, at, value)
    };
    let both = |at, one, other| Metric {
        sum: Some(points(
            CUMULATIVE,
            true,
            vec![of_thread("1", at, one), of_thread("2", at, other)],
        )),
        ..metric("1")
    };
    let told = told([(60, both(60, 100.0, 3.0)), (120, both(120, 101.0, 5.0))]);
    let deltas: Vec<&str> = told
        .iter()
        .map(|line| line.rsplit_once(' ').unwrap().1)
        .collect();
    assert_eq!(
        deltas,
        ["Delta(100.0)", "Delta(3.0)", "Delta(1.0)", "Delta(2.0)"]
    );
}

#[test]
fn histograms_become_distributions_with_the_same_sum() {
    let explicit = |at, counts: &[u64], sum, temporality| {
        let data = HistogramPoint {
            start_time_unix_nano: seconds(1),
            time_unix_nano: seconds(at),
            count: counts.iter().sum(),
            sum: Some(sum),
            bucket_counts: counts.to_vec(),
            explicit_bounds: vec![1.0, 3.0],
            max: Some(9.0),
            ..HistogramPoint::default()
        };
        (
            at,
            Metric {
                histogram: Some(points(temporality, false, vec![data])),
                ..metric("ms")
            },
        )
    };
    let name = "m[service.name=shop] Milliseconds";
    assert_eq!(
        told([
            explicit(60, &[0, 2, 0], 4.0, CUMULATIVE),
            explicit(120, &[2, 2, 1], 13.0, CUMULATIVE),
            explicit(180, &[2, 2, 1], 13.0, CUMULATIVE),
            explicit(240, &[1, 0, 0], 0.25, CUMULATIVE),
        ]),
        [
            format!("60: {name} Spread([(2.0, 2.0)])"),
            // 9 for three values: two up to 1, one of 3 to 9. Each is two thirds up its bucket.
            format!("120: {name} Spread([(0.75, 2.0), (7.5, 1.0)])"),
            format!("240: {name} Spread([(0.25, 1.0)])"),
        ]
    );
    let mut wrong = explicit(60, &[1, 1, 1], 5.0, DELTA);
    if let Some(points) = &mut wrong.1.histogram {
        points.all[0].count = 4;
    }
    assert_eq!(told([wrong]), ["otlp_histogram 1"]);
}

#[test]
fn exponential_histograms_are_told_to_their_factor() {
    let data = |at, scale, offset, counts: &[u64], sum| ExponentialPoint {
        start_time_unix_nano: seconds(1),
        time_unix_nano: seconds(at),
        count: counts.iter().sum::<u64>() + 1,
        sum: Some(sum),
        scale,
        zero_count: 1,
        positive: Buckets {
            offset,
            bucket_counts: counts.to_vec(),
        },
        ..ExponentialPoint::default()
    };
    let of = |at, point| {
        (
            at,
            Metric {
                exponential_histogram: Some(points(CUMULATIVE, false, vec![point])),
                ..metric("s")
            },
        )
    };
    let name = "m[service.name=shop] Seconds";
    assert_eq!(
        told([
            of(60, data(60, 1, 0, &[0, 0, 2], 5.0)),
            // The same values in buckets of twice the width, and two more of 4 to 8.
            of(120, data(120, 0, 1, &[2, 2], 17.0)),
            of(180, data(180, 21, 1, &[2, 2], 17.0)),
        ]),
        [
            format!("60: {name} Spread([(0.0, 1.0), (2.5, 2.0)])"),
            format!("120: {name} Spread([(6.0, 2.0)])"),
            "otlp_histogram 1".to_owned(),
        ]
    );
}

#[test]
fn a_histogram_without_buckets_is_a_statistic_set_or_nothing() {
    let of = |max, temporality| {
        let data = HistogramPoint {
            time_unix_nano: seconds(60),
            count: 4,
            sum: Some(10.0),
            min: Some(1.0),
            max,
            ..HistogramPoint::default()
        };
        (
            60,
            Metric {
                histogram: Some(points(temporality, false, vec![data])),
                ..metric("")
            },
        )
    };
    let set = "Statistics(Statistics { count: 4.0, sum: 10.0, min: 1.0, max: 5.0 })";
    assert_eq!(
        told([of(Some(5.0), DELTA)]),
        [format!("60: m[service.name=shop] None {set}")]
    );
    assert_eq!(told([of(None, DELTA)]), ["otlp_no_buckets 1"]);
    assert_eq!(told([of(Some(5.0), CUMULATIVE)]), ["otlp_no_buckets 1"]);
}

#[test]
fn a_summary_tells_its_quantiles_its_count_and_its_sum() {
    let quantile = |quantile, value| Quantile { quantile, value };
    let data = SummaryPoint {
        start_time_unix_nano: seconds(1),
        time_unix_nano: seconds(60),
        count: 4,
        sum: Some(10.0),
        quantile_values: vec![quantile(0.5, 2.0), quantile(0.99, f64::NAN)],
        ..SummaryPoint::default()
    };
    let summary = Metric {
        summary: Some(points(0, false, vec![data])),
        ..metric("s")
    };
    assert_eq!(
        told([(60, summary)]),
        [
            "60: m_count[service.name=shop] Count Delta(4.0)",
            "60: m_sum[service.name=shop] Seconds Delta(10.0)",
            "60: m[quantile=0.5,service.name=shop] Seconds Gauge(2.0)",
        ]
    );
}

#[test]
fn points_out_of_time_or_with_too_many_attributes_are_refused() {
    let names: Vec<String> = (0..30).map(|n| format!("a{n}")).collect();
    let many = names.iter().map(|name| pair(name, "x")).collect();
    let long = "x".repeat(1025);
    let gauge = |point| Metric {
        gauge: Some(points(0, false, vec![point])),
        ..metric("")
    };
    let day = 24 * 3600;
    let requests = [
        (15 * day, gauge(point(0, 60, 1.0))),
        // From a clock that is ahead: now.
        (60, gauge(point(0, 90, 1.0))),
        (
            60,
            gauge(NumberPoint {
                attributes: many,
                ..point(0, 60, 1.0)
            }),
        ),
        (
            60,
            gauge(NumberPoint {
                attributes: vec![pair("a", &long)],
                ..point(0, 60, 1.0)
            }),
        ),
    ];
    assert_eq!(
        told(requests),
        [
            "otlp_old 1",
            "60: m[route=/,service.name=shop] None Gauge(1.0)",
            "otlp_dimensions 1",
            "otlp_dimension_length 1",
        ]
    );
}
