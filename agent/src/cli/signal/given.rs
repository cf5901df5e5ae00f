//! What signals say of metrics that the user gives.

use std::collections::BTreeMap;
use std::sync::Arc;

use plimsoll_core::config::nearest;

use crate::config::SignalsConfig;
use crate::signal::expression::{MetricRef, NoValue, Values};

/// Values by the words in which an expression names its metrics.
#[derive(Debug, Default)]
struct Given<'w> {
    metrics: BTreeMap<&'w str, f64>,
    signals: BTreeMap<Arc<str>, Result<f64, NoValue>>,
}

impl Values for Given<'_> {
    fn metric(&self, metric: &MetricRef) -> Result<f64, NoValue> {
        let words = metric.to_string();
        let value = self.metrics.get(words.as_str()).copied();
        value.ok_or(NoValue::Missing(words))
    }

    fn signal(&self, name: &str) -> Result<f64, NoValue> {
        self.signals
            .get(name)
            .cloned()
            .unwrap_or_else(|| Err(NoValue::Missing(name.to_owned())))
    }
}

/// `METRIC=VALUE`, split at the last `=`, since labels have one too.
///
/// # Errors
/// What was expected.
pub(super) fn pair(text: &str) -> Result<(String, f64), String> {
    let expected = || "expected METRIC=VALUE with a number, such as cpu_usage_active=72".to_owned();
    let (name, value) = text.rsplit_once('=').ok_or_else(expected)?;
    let value: f64 = value.trim().parse().map_err(|_| expected())?;
    Ok((name.trim().to_owned(), value))
}

/// The line that tells the value of `name`.
///
/// # Errors
/// A name that does not exist, or why the signal would be withheld.
pub(super) fn test(
    signals: &SignalsConfig,
    name: &str,
    with: &[(String, f64)],
) -> Result<String, String> {
    let signal = super::called(signals, name)?;
    let all = signals.signals.iter();
    let known: Vec<String> = all
        .flat_map(|one| one.expression.metrics().map(ToString::to_string))
        .collect();
    let mut given = Given::default();
    for (metric, value) in with {
        if !known.contains(metric) {
            let near = nearest(metric, known.iter().map(String::as_str));
            let near = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            return Err(format!("no signal needs metric \"{metric}\"{near}\n"));
        }
        given.metrics.insert(metric, *value);
    }
    // They stand in the order in which they are asked.
    for one in &signals.signals {
        let value = one.expression.value(&given);
        given.signals.insert(Arc::clone(&one.name), value);
    }
    match given.signal(name) {
        Ok(value) => Ok(format!("{name} = {value} {}\n", signal.unit.as_str())),
        Err(why) => Err(format!("{name} is withheld ({}): {why}\n", why.reason())),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::signals;
    use super::*;

    #[test]
    fn a_signal_says_what_given_metrics_make_of_it_or_why_it_is_withheld() {
        let ask = |with: &[&str]| {
            let with: Vec<_> = with.iter().map(|text| pair(text).unwrap()).collect();
            test(&signals(), "busy", &with)
        };
        assert_eq!(
            ask(&["cpu_usage_active=72"]).unwrap(),
            "busy = 36 Percent\n"
        );
        for (with, expected) in [
            (
                &[][..],
                "withheld (metric_missing): cpu_usage_active was not told",
            ),
            (&["cpu_usage_active=NaN"], "withheld (not_finite)"),
            (&["cpu_usage_activ=1"], "did you mean `cpu_usage_active`?"),
        ] {
            let told = ask(with).unwrap_err();
            assert!(told.contains(expected), "{told}");
        }
        for wrong in ["cpu_usage_active", "cpu_usage_active=much"] {
            assert!(pair(wrong).unwrap_err().contains("METRIC=VALUE"));
        }
    }
}
