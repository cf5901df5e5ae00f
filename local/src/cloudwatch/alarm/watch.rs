//! An alarm looks at its points: which windows, what they hold, what follows.
//!
//! Windows slide: they end at a whole minute (of ten seconds for a high-resolution alarm) and reach
//! back by whole periods from there, wherever the clock's five minutes begin.
//! Source: CloudWatch user guide, "Alarm evaluation".

use std::fmt::Write as _;

use plimsoll_core::clock::UnixMillis;

use super::super::Statistic;
use super::super::evaluate::{State, evaluate, range};
use super::super::math::run::Run;
use super::super::store::Store;
use super::{Alarm, Comparison, Settings, Watched};

/// Seconds between evaluations of a high-resolution alarm.
const FINE_STEP: i64 = 10;
/// Seconds between evaluations of other alarms.
const STEP: i64 = 60;
/// Seconds between evaluations of alarms whose points span more than a day.
const LONG_STEP: i64 = 3_600;
/// The span from which that holds.
const DAY: i64 = 86_400;
/// Points that a reason names.
const NAMED_MAX: usize = 10;

/// What an evaluation found.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) struct Verdict {
    pub(in super::super) state: State,
    pub(in super::super) reason: String,
    /// JSON.
    pub(in super::super) reason_data: String,
}

/// One point: where its window starts, and its value if there is one.
type Point = (i64, Option<f64>);

impl Alarm {
    /// The end of the windows that are due, or nothing when they were evaluated before.
    pub(in super::super) fn due(&self, now: UnixMillis, prompt: bool) -> Option<i64> {
        let step = step(&self.settings);
        let asked = if prompt { FINE_STEP } else { step };
        let at = now.as_secs() - now.as_secs().rem_euclid(asked);
        // Any other moment than the last is due: the clock may have been moved back.
        (self.evaluated != Some(at)).then_some(at)
    }

    /// Evaluates the windows that end at or before `at` (seconds).
    pub(in super::super) fn look(&self, store: &Store, at: i64, prompt: bool) -> Verdict {
        let settings = &self.settings;
        let end = at - at.rem_euclid(step(settings));
        if prompt && let Some(verdict) = self.early(store, end) {
            return verdict;
        }
        match points(settings, store, end) {
            Ok(points) => self.judge(&points),
            Err(why) => Verdict {
                state: State::InsufficientData,
                reason: format!("Failed to execute query: {why}"),
                reason_data: String::new(),
            },
        }
    }

    /// The running minute as well, where it can only get worse: a greatest value, a count, or a
    /// sum of values that are not negative, above the threshold stays there.
    fn early(&self, store: &Store, end: i64) -> Option<Verdict> {
        let settings = &self.settings;
        let Watched::Metric {
            id,
            unit,
            statistic,
            period,
        } = &settings.watched
        else {
            return None;
        };
        let above = matches!(
            settings.comparison,
            Comparison::Greater | Comparison::GreaterOrEqual
        );
        let end = end + step(settings);
        let running = store.window(id, unit.as_deref(), end - period, end)?;
        let grows = match statistic {
            Statistic::Maximum | Statistic::SampleCount => true,
            Statistic::Sum => running.read(Statistic::Minimum)? >= 0.0,
            _ => false,
        };
        if !above || !grows {
            return None;
        }
        let points = points(settings, store, end).ok()?;
        let newest = points.last()?.1?;
        if !settings.comparison.breaches(newest, settings.threshold) {
            return None;
        }
        let verdict = self.judge(&points);
        (verdict.state == State::Alarm).then_some(verdict)
    }

    /// The values of the newest minute with any in what was evaluated, oldest first; empty without.
    /// A metric that is always late has none in the last minute, and its alarm goes to ALARM
    /// all the same.
    pub(in super::super) fn newest_minute(&self, store: &Store) -> Vec<f64> {
        let Some(at) = self.evaluated else {
            return Vec::new();
        };
        let settings = &self.settings;
        let end = at - at.rem_euclid(step(settings));
        let points = points(settings, store, end).unwrap_or_default();
        let known: Vec<(i64, f64)> = points
            .into_iter()
            .filter_map(|(start, value)| Some((start, value?)))
            .collect();
        let Some((newest, _)) = known.last() else {
            return Vec::new();
        };
        let from = newest + settings.period() - settings.period().max(STEP);
        let newest = known.iter().filter(|(start, _)| *start >= from);
        newest.map(|(_, value)| *value).collect()
    }

    fn judge(&self, points: &[Point]) -> Verdict {
        let settings = &self.settings;
        let breaches = |value: f64| settings.comparison.breaches(value, settings.threshold);
        let states: Vec<_> = points
            .iter()
            .map(|(_, value)| value.map(breaches))
            .collect();
        let state = evaluate(
            &states,
            settings.evaluation_periods,
            settings.to_alarm(),
            settings.missing,
            self.state,
        );
        let real: Vec<(i64, f64)> = points
            .iter()
            .rev()
            .filter_map(|(start, value)| Some((*start, (*value)?)))
            .take(settings.evaluation_periods)
            .collect();
        Verdict {
            state,
            reason: self.reason(state, &real),
            reason_data: self.reason_data(points, &real),
        }
    }

    /// Why, in the words that CloudWatch uses. `real` is newest first.
    fn reason(&self, state: State, real: &[(i64, f64)]) -> String {
        let settings = &self.settings;
        let missing = settings.evaluation_periods.saturating_sub(real.len());
        let unknown = plural(missing, "datapoint was", "datapoints were");
        if state == State::InsufficientData {
            return format!("Insufficient Data: {unknown} unknown.");
        }
        if real.is_empty() {
            return match settings.missing.name() {
                treated @ ("breaching" | "notBreaching") => {
                    let word = if treated == "breaching" {
                        "Breaching"
                    } else {
                        "NonBreaching"
                    };
                    format!(
                        "Threshold Crossed: no datapoints were received for {} and {unknown} \
                         treated as [{word}].",
                        plural(missing, "period", "periods")
                    )
                }
                _ => format!("Unchanged: {unknown} unknown."),
            };
        }
        let breaches =
            |(_, value): &&(i64, f64)| settings.comparison.breaches(*value, settings.threshold);
        let beyond = real.iter().filter(breaches).count();
        let alarm = state == State::Alarm;
        let count = if alarm { beyond } else { real.len() - beyond };
        let shown = real.iter().filter(|point| breaches(point) == alarm);
        let mut named: Vec<_> = shown.take(NAMED_MAX).map(point).collect();
        if count > NAMED_MAX {
            named.push("...".to_owned());
        }
        let mut reason = format!(
            "Threshold Crossed: {} out of the last {} [{}] {} {}{} the threshold ({:?})",
            count,
            plural(settings.evaluation_periods, "datapoint", "datapoints"),
            named.join(", "),
            if count == 1 { "was" } else { "were" },
            if alarm { "" } else { "not " },
            settings.comparison.phrase(),
            settings.threshold
        );
        if alarm {
            // Writing to a String cannot fail.
            write!(
                reason,
                " (minimum {} for OK -> ALARM transition)",
                plural(settings.to_alarm(), "datapoint", "datapoints")
            )
            .ok();
        }
        reason.push('.');
        reason
    }

    fn reason_data(&self, points: &[Point], real: &[(i64, f64)]) -> String {
        let stamp = |second: i64| UnixMillis(second * 1000).to_string().replace('Z', "+0000");
        let settings = &self.settings;
        let evaluated: Vec<_> = real
            .iter()
            .map(|(start, value)| serde_json::json!({"timestamp": stamp(*start), "value": value}))
            .collect();
        let recent: Vec<_> = real.iter().rev().map(|(_, value)| *value).collect();
        let mut data = serde_json::json!({
            "version": "1.0",
            "startDate": stamp(points.first().map_or(0, |(start, _)| *start)),
            "period": settings.period(),
            "recentDatapoints": recent,
            "threshold": settings.threshold,
            "evaluatedDatapoints": evaluated,
        });
        if let Watched::Metric { statistic, .. } = &settings.watched {
            data["statistic"] = statistic.to_string().into();
        }
        data.to_string()
    }
}

/// `5.0 (24/11/26 12:45:00)`.
fn point((start, value): &(i64, f64)) -> String {
    let at = jiff::Timestamp::from_second(*start)
        .map(|at| at.strftime("%d/%m/%y %H:%M:%S").to_string())
        .unwrap_or_default();
    format!("{value:?} ({at})")
}

fn plural(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn step(settings: &Settings) -> i64 {
    let periods = i64::try_from(settings.evaluation_periods).unwrap_or(i64::MAX);
    if settings.is_high_resolution() {
        FINE_STEP
    } else if periods.saturating_mul(settings.period()) > DAY {
        LONG_STEP
    } else {
        STEP
    }
}

/// The points of the windows that end at `end`, oldest first.
fn points(settings: &Settings, store: &Store, end: i64) -> Result<Vec<Point>, String> {
    let period = settings.period();
    let count = i64::try_from(range(settings.evaluation_periods)).unwrap_or(i64::MAX);
    let from = end.saturating_sub(count.saturating_mul(period));
    let values = match &settings.watched {
        Watched::Metric {
            id,
            unit,
            statistic,
            ..
        } => store
            .periods(id, unit.as_deref(), from, end, period)
            .into_iter()
            .filter_map(|(start, bucket)| Some((start, bucket.read(*statistic)?)))
            .collect(),
        Watched::Math(queries) => {
            let run = Run::new(store, queries, from, end);
            let Some(query) = queries.iter().find(|query| query.return_data) else {
                return Err("no query returns data".to_owned());
            };
            let mut lines = run.lines(query)?;
            match (lines.pop(), lines.is_empty()) {
                (Some(line), true) => line.points,
                (None, _) => return Ok((0..count).map(|n| (from + n * period, None)).collect()),
                (Some(_), false) => return Err("it gives more than one series".to_owned()),
            }
        }
    };
    let starts = (0..count).map(|number| from + number * period);
    Ok(starts
        .map(|start| (start, values.get(&start).copied()))
        .collect())
}
