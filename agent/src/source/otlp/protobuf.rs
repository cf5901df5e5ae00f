//! An export request in protobuf.
//!
//! One function per message, each a list of its fields by number. What they cost in memory is
//! bounded by a budget of messages: an empty one takes two bytes of a body and a hundred of ours.
//! Source: opentelemetry-proto 1.x, `metrics/v1/metrics.proto`, `common/v1/common.proto`.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::model::{
    Buckets, ExponentialPoint, ExportRequest, HistogramPoint, KeyValue, Metric, NumberPoint,
    Points, Quantile, Resource, ResourceMetrics, Scope, ScopeMetrics, SummaryPoint,
};
use super::wire::{Fields, MISTYPED, Malformed};

/// Messages of a request: some 20 MiB of ours.
pub(crate) const MESSAGES_MAX: usize = 200_000;
/// How deep lists may stand in lists of an attribute's value.
const DEPTH_MAX: u8 = 8;

/// Too many messages in a request.
const TOO_MANY: Malformed = Malformed("too many data points and attributes in one request");

/// What is left of the budget.
struct Budget(usize);

impl Budget {
    fn spend(&mut self) -> Result<(), Malformed> {
        self.0 = self.0.checked_sub(1).ok_or(TOO_MANY)?;
        Ok(())
    }
}

/// Reads a body.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn request(body: &[u8]) -> Result<ExportRequest<'_>, Malformed> {
    let mut budget = Budget(MESSAGES_MAX);
    let mut request = ExportRequest::default();
    let mut fields = Fields(body);
    while let Some((number, value)) = fields.next()? {
        if number == 1 {
            let one = resource_metrics(value.message()?, &mut budget)?;
            request.resource_metrics.push(one);
        }
    }
    Ok(request)
}

fn resource_metrics<'b>(
    mut fields: Fields<'b>,
    budget: &mut Budget,
) -> Result<ResourceMetrics<'b>, Malformed> {
    budget.spend()?;
    let mut all = ResourceMetrics::default();
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => all.resource = resource(value.message()?, budget)?,
            2 => all
                .scope_metrics
                .push(scope_metrics(value.message()?, budget)?),
            _ => {}
        }
    }
    Ok(all)
}

fn resource<'b>(mut fields: Fields<'b>, budget: &mut Budget) -> Result<Resource<'b>, Malformed> {
    let mut resource = Resource::default();
    while let Some((number, value)) = fields.next()? {
        if number == 1 {
            resource
                .attributes
                .push(key_value(value.message()?, budget)?);
        }
    }
    Ok(resource)
}

fn scope_metrics<'b>(
    mut fields: Fields<'b>,
    budget: &mut Budget,
) -> Result<ScopeMetrics<'b>, Malformed> {
    budget.spend()?;
    let mut all = ScopeMetrics::default();
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => all.scope = scope(value.message()?)?,
            2 => all.metrics.push(metric(value.message()?, budget)?),
            _ => {}
        }
    }
    Ok(all)
}

fn scope(mut fields: Fields<'_>) -> Result<Scope<'_>, Malformed> {
    let mut scope = Scope::default();
    while let Some((number, value)) = fields.next()? {
        if number == 1 {
            scope.name = Cow::Borrowed(value.text()?);
        }
    }
    Ok(scope)
}

fn metric<'b>(mut fields: Fields<'b>, budget: &mut Budget) -> Result<Metric<'b>, Malformed> {
    // A metric is several times larger than a point.
    for _ in 0..4 {
        budget.spend()?;
    }
    let mut metric = Metric::default();
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => metric.name = Cow::Borrowed(value.text()?),
            3 => metric.unit = Cow::Borrowed(value.text()?),
            5 => metric.gauge = Some(points(value.message()?, budget, number_point)?),
            7 => metric.sum = Some(points(value.message()?, budget, number_point)?),
            9 => metric.histogram = Some(points(value.message()?, budget, histogram_point)?),
            10 => {
                let all = points(value.message()?, budget, exponential_point)?;
                metric.exponential_histogram = Some(all);
            }
            11 => metric.summary = Some(points(value.message()?, budget, summary_point)?),
            _ => {}
        }
    }
    Ok(metric)
}

/// `Gauge`, `Sum`, `Histogram`, `ExponentialHistogram` and `Summary`, which number their fields
/// alike.
fn points<'b, P>(
    mut fields: Fields<'b>,
    budget: &mut Budget,
    point: impl Fn(Fields<'b>, &mut Budget) -> Result<P, Malformed>,
) -> Result<Points<P>, Malformed> {
    let mut all = Points::default();
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => {
                budget.spend()?;
                all.all.push(point(value.message()?, budget)?);
            }
            2 => all.aggregation_temporality = value.unsigned()?,
            3 => all.is_monotonic = value.unsigned()? != 0,
            _ => {}
        }
    }
    Ok(all)
}

fn number_point<'b>(
    mut fields: Fields<'b>,
    budget: &mut Budget,
) -> Result<NumberPoint<'b>, Malformed> {
    let mut point = NumberPoint::default();
    while let Some((number, value)) = fields.next()? {
        match number {
            2 => point.start_time_unix_nano = value.fixed()?,
            3 => point.time_unix_nano = value.fixed()?,
            4 => point.as_double = Some(value.double()?),
            6 => point.as_int = Some(value.fixed()?.cast_signed()),
            7 => point.attributes.push(key_value(value.message()?, budget)?),
            8 => point.flags = value.unsigned()?,
            _ => {}
        }
    }
    Ok(point)
}

fn histogram_point<'b>(
    mut fields: Fields<'b>,
    budget: &mut Budget,
) -> Result<HistogramPoint<'b>, Malformed> {
    let mut point = HistogramPoint::default();
    while let Some((number, value)) = fields.next()? {
        match number {
            2 => point.start_time_unix_nano = value.fixed()?,
            3 => point.time_unix_nano = value.fixed()?,
            4 => point.count = value.fixed()?,
            5 => point.sum = Some(value.double()?),
            6 => value.fixed_into(&mut point.bucket_counts, |bits| bits)?,
            7 => value.fixed_into(&mut point.explicit_bounds, f64::from_bits)?,
            9 => point.attributes.push(key_value(value.message()?, budget)?),
            10 => point.flags = value.unsigned()?,
            11 => point.min = Some(value.double()?),
            12 => point.max = Some(value.double()?),
            _ => {}
        }
    }
    Ok(point)
}

fn exponential_point<'b>(
    mut fields: Fields<'b>,
    budget: &mut Budget,
) -> Result<ExponentialPoint<'b>, Malformed> {
    budget.spend()?;
    let mut point = ExponentialPoint::default();
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => point.attributes.push(key_value(value.message()?, budget)?),
            2 => point.start_time_unix_nano = value.fixed()?,
            3 => point.time_unix_nano = value.fixed()?,
            4 => point.count = value.fixed()?,
            5 => point.sum = Some(value.double()?),
            6 => point.scale = value.zigzag()?,
            7 => point.zero_count = value.fixed()?,
            8 => point.positive = buckets(value.message()?)?,
            9 => point.negative = buckets(value.message()?)?,
            10 => point.flags = value.unsigned()?,
            12 => point.min = Some(value.double()?),
            13 => point.max = Some(value.double()?),
            _ => {}
        }
    }
    Ok(point)
}

fn buckets(mut fields: Fields<'_>) -> Result<Buckets, Malformed> {
    let mut buckets = Buckets::default();
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => buckets.offset = value.zigzag()?,
            2 => value.varints_into(&mut buckets.bucket_counts)?,
            _ => {}
        }
    }
    Ok(buckets)
}

fn summary_point<'b>(
    mut fields: Fields<'b>,
    budget: &mut Budget,
) -> Result<SummaryPoint<'b>, Malformed> {
    let mut point = SummaryPoint::default();
    while let Some((number, value)) = fields.next()? {
        match number {
            2 => point.start_time_unix_nano = value.fixed()?,
            3 => point.time_unix_nano = value.fixed()?,
            4 => point.count = value.fixed()?,
            5 => point.sum = Some(value.double()?),
            6 => {
                budget.spend()?;
                point.quantile_values.push(quantile(value.message()?)?);
            }
            7 => point.attributes.push(key_value(value.message()?, budget)?),
            8 => point.flags = value.unsigned()?,
            _ => {}
        }
    }
    Ok(point)
}

fn quantile(mut fields: Fields<'_>) -> Result<Quantile, Malformed> {
    let mut quantile = Quantile::default();
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => quantile.quantile = value.double()?,
            2 => quantile.value = value.double()?,
            _ => {}
        }
    }
    Ok(quantile)
}

fn key_value<'b>(mut fields: Fields<'b>, budget: &mut Budget) -> Result<KeyValue<'b>, Malformed> {
    budget.spend()?;
    let mut pair = KeyValue::default();
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => pair.key = Cow::Borrowed(value.text()?),
            2 => pair.value = any_value(value.message()?, 0)?,
            _ => {}
        }
    }
    Ok(pair)
}

/// A value as a text. Of lists and tables it is a short form of their own, as JSON writes them.
fn any_value(mut fields: Fields<'_>, depth: u8) -> Result<Cow<'_, str>, Malformed> {
    let mut text = Cow::Borrowed("");
    while let Some((number, value)) = fields.next()? {
        text = match number {
            1 => Cow::Borrowed(value.text()?),
            2 => Cow::Borrowed(if value.unsigned()? == 0 {
                "false"
            } else {
                "true"
            }),
            3 => Cow::Owned(value.unsigned()?.cast_signed().to_string()),
            4 => Cow::Owned(value.double()?.to_string()),
            5 => Cow::Owned(list(value.message()?, depth)?),
            6 | 7 => match value {
                // Tables and bytes: hexadecimal, so that equal ones are equal texts.
                super::wire::Wire::Bytes(bytes) => Cow::Owned(hexadecimal(bytes)),
                _ => return Err(MISTYPED),
            },
            _ => text,
        };
    }
    Ok(text)
}

fn list(mut fields: Fields<'_>, depth: u8) -> Result<String, Malformed> {
    if depth >= DEPTH_MAX {
        return Err(Malformed("an attribute of lists in lists in lists"));
    }
    let mut text = String::from("[");
    while let Some((number, value)) = fields.next()? {
        if number == 1 {
            if text.len() > 1 {
                text.push(',');
            }
            text.push_str(&any_value(value.message()?, depth + 1)?);
        }
    }
    text.push(']');
    Ok(text)
}

fn hexadecimal(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        write!(text, "{byte:02x}").ok();
    }
    text
}
