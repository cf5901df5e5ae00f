//! An export request of OTLP metrics, as far as it is used.
//!
//! Both forms of a request become these structs: protobuf through [`super::protobuf`], JSON through
//! serde. Texts are borrowed from the body. Exemplars, scopes' attributes and descriptions are not
//! read.
//! Source: opentelemetry-proto 1.x, `metrics/v1/metrics.proto`; OTLP specification 1.x, "JSON
//! Protobuf Encoding".

use std::borrow::Cow;

use serde::Deserialize;

use super::json;

/// The whole body.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ExportRequest<'b> {
    #[serde(borrow, deserialize_with = "json::or_default")]
    pub(crate) resource_metrics: Vec<ResourceMetrics<'b>>,
}

/// What one program measured.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ResourceMetrics<'b> {
    #[serde(borrow, deserialize_with = "json::or_default")]
    pub(crate) resource: Resource<'b>,
    #[serde(borrow, deserialize_with = "json::or_default")]
    pub(crate) scope_metrics: Vec<ScopeMetrics<'b>>,
}

/// The program.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Resource<'b> {
    #[serde(borrow, deserialize_with = "json::or_default")]
    pub(crate) attributes: Vec<KeyValue<'b>>,
}

/// What one library of it measured.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct ScopeMetrics<'b> {
    #[serde(borrow, deserialize_with = "json::or_default")]
    pub(crate) scope: Scope<'b>,
    #[serde(borrow, deserialize_with = "json::or_default")]
    pub(crate) metrics: Vec<Metric<'b>>,
}

/// The library.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Scope<'b> {
    #[serde(borrow)]
    pub(crate) name: Cow<'b, str>,
}

/// An attribute; its value is a text already.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct KeyValue<'b> {
    #[serde(borrow)]
    pub(crate) key: Cow<'b, str>,
    #[serde(borrow, deserialize_with = "json::any_value")]
    pub(crate) value: Cow<'b, str>,
}

/// A metric with the points of one kind.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Metric<'b> {
    #[serde(borrow)]
    pub(crate) name: Cow<'b, str>,
    #[serde(borrow)]
    pub(crate) unit: Cow<'b, str>,
    #[serde(borrow)]
    pub(crate) gauge: Option<Points<NumberPoint<'b>>>,
    #[serde(borrow)]
    pub(crate) sum: Option<Points<NumberPoint<'b>>>,
    #[serde(borrow)]
    pub(crate) histogram: Option<Points<HistogramPoint<'b>>>,
    #[serde(borrow)]
    pub(crate) exponential_histogram: Option<Points<ExponentialPoint<'b>>>,
    #[serde(borrow)]
    pub(crate) summary: Option<Points<SummaryPoint<'b>>>,
}

/// Points, and what their values mean.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(
    rename_all = "camelCase",
    default,
    bound(deserialize = "P: Deserialize<'de>")
)]
pub(crate) struct Points<P> {
    #[serde(deserialize_with = "json::or_default")]
    #[serde(rename = "dataPoints")]
    pub(crate) all: Vec<P>,
    /// 1 is delta, 2 is cumulative.
    pub(crate) aggregation_temporality: u64,
    pub(crate) is_monotonic: bool,
}

impl<P> Default for Points<P> {
    fn default() -> Self {
        Self {
            all: Vec::new(),
            aggregation_temporality: 0,
            is_monotonic: false,
        }
    }
}

/// What every point has. Times are in nanoseconds since 1970; 0 is not known.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct NumberPoint<'b> {
    #[serde(borrow, deserialize_with = "json::or_default")]
    pub(crate) attributes: Vec<KeyValue<'b>>,
    #[serde(deserialize_with = "json::unsigned")]
    pub(crate) start_time_unix_nano: u64,
    #[serde(deserialize_with = "json::unsigned")]
    pub(crate) time_unix_nano: u64,
    pub(crate) flags: u64,
    #[serde(deserialize_with = "json::optional_double")]
    pub(crate) as_double: Option<f64>,
    #[serde(deserialize_with = "json::optional_signed")]
    pub(crate) as_int: Option<i64>,
}

/// A point of a histogram with bounds.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct HistogramPoint<'b> {
    #[serde(borrow, deserialize_with = "json::or_default")]
    pub(crate) attributes: Vec<KeyValue<'b>>,
    #[serde(deserialize_with = "json::unsigned")]
    pub(crate) start_time_unix_nano: u64,
    #[serde(deserialize_with = "json::unsigned")]
    pub(crate) time_unix_nano: u64,
    pub(crate) flags: u64,
    #[serde(deserialize_with = "json::unsigned")]
    pub(crate) count: u64,
    #[serde(deserialize_with = "json::optional_double")]
    pub(crate) sum: Option<f64>,
    #[serde(deserialize_with = "json::optional_double")]
    pub(crate) min: Option<f64>,
    #[serde(deserialize_with = "json::optional_double")]
    pub(crate) max: Option<f64>,
    #[serde(deserialize_with = "json::unsigneds")]
    pub(crate) bucket_counts: Vec<u64>,
    #[serde(deserialize_with = "json::doubles")]
    pub(crate) explicit_bounds: Vec<f64>,
}

/// A point of a histogram whose buckets grow by a factor.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ExponentialPoint<'b> {
    #[serde(borrow, deserialize_with = "json::or_default")]
    pub(crate) attributes: Vec<KeyValue<'b>>,
    #[serde(deserialize_with = "json::unsigned")]
    pub(crate) start_time_unix_nano: u64,
    #[serde(deserialize_with = "json::unsigned")]
    pub(crate) time_unix_nano: u64,
    pub(crate) flags: u64,
    #[serde(deserialize_with = "json::unsigned")]
    pub(crate) count: u64,
    #[serde(deserialize_with = "json::optional_double")]
    pub(crate) sum: Option<f64>,
    #[serde(deserialize_with = "json::optional_double")]
    pub(crate) min: Option<f64>,
    #[serde(deserialize_with = "json::optional_double")]
    pub(crate) max: Option<f64>,
    pub(crate) scale: i32,
    #[serde(deserialize_with = "json::unsigned")]
    pub(crate) zero_count: u64,
    #[serde(deserialize_with = "json::or_default")]
    pub(crate) positive: Buckets,
    #[serde(deserialize_with = "json::or_default")]
    pub(crate) negative: Buckets,
}

/// Counts of neighbouring buckets, the first of which has the index `offset`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Buckets {
    pub(crate) offset: i32,
    #[serde(deserialize_with = "json::unsigneds")]
    pub(crate) bucket_counts: Vec<u64>,
}

/// A point of a summary.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct SummaryPoint<'b> {
    #[serde(borrow, deserialize_with = "json::or_default")]
    pub(crate) attributes: Vec<KeyValue<'b>>,
    #[serde(deserialize_with = "json::unsigned")]
    pub(crate) start_time_unix_nano: u64,
    #[serde(deserialize_with = "json::unsigned")]
    pub(crate) time_unix_nano: u64,
    pub(crate) flags: u64,
    #[serde(deserialize_with = "json::unsigned")]
    pub(crate) count: u64,
    #[serde(deserialize_with = "json::optional_double")]
    pub(crate) sum: Option<f64>,
    #[serde(deserialize_with = "json::or_default")]
    pub(crate) quantile_values: Vec<Quantile>,
}

/// The value below which a share of all values is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Quantile {
    #[serde(deserialize_with = "json::double")]
    pub(crate) quantile: f64,
    #[serde(deserialize_with = "json::double")]
    pub(crate) value: f64,
}
