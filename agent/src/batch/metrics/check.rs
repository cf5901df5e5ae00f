//! Whether CloudWatch would take a datum.

use plimsoll_aws::{Datum, DatumValue, limits::metrics as limits};

/// The rule that a datum breaks, as a reason to count it under.
///
/// Times are not checked here: a datum is young when it is made, and the sink drops what waited
/// too long.
/// Source: CloudWatch API reference, PutMetricData, `MetricDatum`, `Dimension`.
pub(super) fn check(namespace: &str, datum: &Datum) -> Result<(), &'static str> {
    let fits = |value: f64| value.is_finite() && value.abs() <= limits::VALUE_MAX;
    let values_fit = match &datum.value {
        DatumValue::One(value) => fits(*value),
        DatumValue::Statistics {
            count,
            sum,
            min,
            max,
        } => [*count, *sum, *min, *max].into_iter().all(fits) && *count > 0.0,
        DatumValue::Distribution(pairs) => {
            let fit = |(value, count): &(f64, f64)| fits(*value) && fits(*count) && *count > 0.0;
            (1..=limits::VALUES_MAX).contains(&pairs.len()) && pairs.iter().all(fit)
        }
    };
    if !is_text(datum.name(), limits::NAME_MAX) {
        return Err("metric_name");
    }
    if !is_text(namespace, limits::NAME_MAX)
        || namespace.starts_with(':')
        || namespace.starts_with("AWS/")
    {
        return Err("namespace");
    }
    if !values_fit {
        return Err("value_out_of_range");
    }
    if datum.dimensions().len() > limits::DIMENSIONS_MAX {
        return Err("too_many_dimensions");
    }
    for (name, value) in datum.dimensions() {
        if !is_text(name, limits::DIMENSION_NAME_MAX) || name.starts_with(':') {
            return Err("dimension_name");
        }
        if !is_text(value, limits::DIMENSION_VALUE_MAX) {
            return Err("dimension_value");
        }
    }
    Ok(())
}

/// ASCII without control characters, not blank, at most `length_max` long.
fn is_text(text: &str, length_max: usize) -> bool {
    let printable = text
        .bytes()
        .all(|byte| byte == b' ' || byte.is_ascii_graphic());
    printable && !text.trim().is_empty() && text.len() <= length_max
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use plimsoll_aws::Series;
    use plimsoll_core::catalog::LOAD_1;
    use plimsoll_core::clock::UnixMillis;

    fn datum(value: f64, dimensions: &[(&str, &str)]) -> Datum {
        Datum {
            series: Arc::new(Series {
                name: Arc::from(LOAD_1.name),
                unit: LOAD_1.unit,
                dimensions: dimensions
                    .iter()
                    .map(|(name, value)| (Arc::from(*name), Arc::from(*value)))
                    .collect(),
            }),
            time: UnixMillis(0),
            value: DatumValue::One(value),
            resolution_seconds: 60,
            additive: false,
        }
    }

    #[test]
    fn every_limit_of_a_datum_has_a_reason() {
        let long = "x".repeat(1025);
        let cases: [(Datum, Result<(), &str>); 9] = [
            (datum(1.0, &[("InstanceId", "i-1")]), Ok(())),
            (datum(-limits::VALUE_MAX, &[]), Ok(())),
            (datum(f64::NAN, &[]), Err("value_out_of_range")),
            (datum(f64::INFINITY, &[]), Err("value_out_of_range")),
            (
                datum(limits::VALUE_MAX * 1.01, &[]),
                Err("value_out_of_range"),
            ),
            (datum(1.0, &[("path", " ")]), Err("dimension_value")),
            (
                datum(1.0, &[("path", "/mnt/größe")]),
                Err("dimension_value"),
            ),
            (datum(1.0, &[("path", &long)]), Err("dimension_value")),
            (datum(1.0, &[(":path", "/")]), Err("dimension_name")),
        ];
        for (datum, expected) in cases {
            assert_eq!(check("Plimsoll/Host", &datum), expected, "{datum:?}");
        }
        let many: Vec<(String, String)> = (0..31).map(|n| (format!("d{n}"), "x".into())).collect();
        let many: Vec<(&str, &str)> = many.iter().map(|(n, v)| (&**n, &**v)).collect();
        assert_eq!(
            check("Plimsoll/Host", &datum(1.0, &many)),
            Err("too_many_dimensions")
        );
    }

    #[test]
    fn names_that_cloudwatch_refuses_have_a_reason() {
        let long = "x".repeat(256);
        let named = |name: &str| {
            let mut datum = datum(1.0, &[]);
            let series = Arc::make_mut(&mut datum.series);
            series.name = Arc::from(name);
            datum
        };
        for (namespace, name, expected) in [
            ("Shop", "orders", Ok(())),
            ("Shop", "", Err("metric_name")),
            ("Shop", "größe", Err("metric_name")),
            ("Shop", &long, Err("metric_name")),
            ("", "orders", Err("namespace")),
            ("AWS/EC2", "orders", Err("namespace")),
            (":Shop", "orders", Err("namespace")),
            (&long, "orders", Err("namespace")),
        ] {
            assert_eq!(
                check(namespace, &named(name)),
                expected,
                "{namespace} {name}"
            );
        }
    }

    #[test]
    fn a_set_of_no_values_is_not_sent() {
        let mut empty = datum(0.0, &[]);
        empty.value = DatumValue::Statistics {
            count: 0.0,
            sum: 0.0,
            min: 0.0,
            max: 0.0,
        };
        assert_eq!(check("Plimsoll/Host", &empty), Err("value_out_of_range"));
    }
}
