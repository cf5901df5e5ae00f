//! Daily cost → findings: days that two robust tests agree on, and services that are new.
//!
//! A day of a service is odd when it lies at least [`SCORE_MIN`] robust standard deviations off in
//! the same direction for both tests of `robust` and the difference is worth telling
//! (10 % and US$10 by default). A service that was never billed has no days to compare with and is
//! told of from US$5 a day. Odd days that follow each other are one finding, whose id comes from
//! the first of them, so that it is updated from day to day and told once.
//!
//! The last days may still grow. A day that is too dear already stays so, and is told at once; a
//! day that looks too cheap is never told of while its amount is estimated.

mod history;

use std::collections::BTreeSet;

use jiff::civil::{Date, Weekday};
use jiff::{SignedDuration, ToSpan as _};

use super::robust::{Score, decomposed, same_weekday};
use crate::finding::{Entity, Evidence, Finding, Kind, Severity, SourceKind, stable_id};
use crate::signal::CostHistory;
use crate::source::cost::start_of;
use history::{Day, Series};

pub use history::{DayTotal, last_day};

/// Robust standard deviations from which on both tests call a day odd. With 4, requiring both
/// halves the false alarms of either at the same share of hits.
pub const SCORE_MIN: f64 = 4.0;
/// Only findings that reach into the last days are told: older ones were told when they were new.
const RECENT_DAYS: i64 = 4;
/// Days of other services that must be known before a service counts as new to the account.
const NEW_AFTER_DAYS: i64 = 14;
/// Days for which a new service is told of as new.
const NEW_FOR_DAYS: i64 = 3;
/// Odd days with at most this many usual days between them are one finding.
const GAP_DAYS: i64 = 1;
/// Amounts that are as good as nothing.
const USD_NOTHING: f64 = 0.01;

/// From which amounts on a day is worth telling, and how urgent it is. US$ a day.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Thresholds {
    /// The least difference. Default 10.
    pub usd_min: f64,
    /// The least difference as a share of what was expected. Default 0.1.
    pub share_min: f64,
    /// The least cost of a service that was never billed. Default 5.
    pub new_service_usd_min: f64,
    /// From here on [`Severity::Medium`], if it is a quarter more as well. Default 50.
    pub medium_usd: f64,
    /// From here on [`Severity::High`]. Default 500.
    pub high_usd: f64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            usd_min: 10.0,
            share_min: 0.1,
            new_service_usd_min: 5.0,
            medium_usd: 50.0,
            high_usd: 500.0,
        }
    }
}

/// Share above what was expected from which on a day can be [`Severity::Medium`].
const MEDIUM_SHARE: f64 = 0.25;
/// Times what was expected from which on a day of at least the medium amount is
/// [`Severity::High`].
const HIGH_TIMES: f64 = 3.0;

/// Why a day is odd.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Oddity {
    Weekday(Score),
    NewService,
}

/// A day that is odd.
#[derive(Clone, Copy, Debug, PartialEq)]
struct OddDay {
    day: Day,
    why: Oddity,
}

impl OddDay {
    fn expected(self) -> f64 {
        match self.why {
            Oddity::Weekday(score) => score.expected,
            Oddity::NewService => 0.0,
        }
    }

    /// US$ above what was expected; negative below.
    fn difference(self) -> f64 {
        self.day.usd - self.expected()
    }
}

/// Everything odd that reaches into the last days of the history.
pub(super) fn findings(history: &CostHistory, thresholds: Thresholds) -> Vec<Finding> {
    let all = history::series(history);
    let (Some(first), Some(last)) = (
        all.iter().map(Series::first_day).min(),
        all.iter().map(Series::last_day).max(),
    ) else {
        return Vec::new();
    };
    all.iter()
        .flat_map(|series| {
            episodes(odd_days(series, first, thresholds))
                .into_iter()
                .filter(|episode| {
                    episode
                        .last()
                        .is_some_and(|odd| days_between(odd.day.date, last) < RECENT_DAYS)
                })
                .filter_map(|episode| finding(history, series, &episode, thresholds))
                .collect::<Vec<_>>()
        })
        .collect()
}

/// The days of a series that are odd, oldest first.
fn odd_days(series: &Series, history_start: Date, thresholds: Thresholds) -> Vec<OddDay> {
    let amounts: Vec<f64> = series.days.iter().map(|day| day.usd).collect();
    let billed_since = series.days.iter().find(|day| day.usd > USD_NOTHING);
    let is_new_service = |day: &Day| {
        billed_since.is_some_and(|since| {
            days_between(history_start, since.date) >= NEW_AFTER_DAYS
                && (0..NEW_FOR_DAYS).contains(&days_between(since.date, day.date))
                && day.usd >= thresholds.new_service_usd_min
        })
    };
    let mut odd = Vec::new();
    for (place, day) in series.days.iter().enumerate() {
        let up_to_here = amounts.get(..=place).unwrap_or_default();
        let why = if is_new_service(day) {
            Some(Oddity::NewService)
        } else {
            weekday_oddity(up_to_here, day, thresholds)
        };
        odd.extend(why.map(|why| OddDay { day: *day, why }));
    }
    odd
}

/// Both tests and the gate.
fn weekday_oddity(amounts: &[f64], day: &Day, thresholds: Thresholds) -> Option<Oddity> {
    let score = same_weekday(amounts)?;
    let difference = day.usd - score.expected;
    let worth_telling = difference.abs() >= thresholds.usd_min
        && difference.abs() >= thresholds.share_min * score.expected;
    // The second test is the dear one, and rarely needed.
    if !worth_telling || score.off.abs() < SCORE_MIN {
        return None;
    }
    let other = decomposed(amounts)?;
    let high = score.off >= SCORE_MIN && other >= SCORE_MIN;
    let low = score.off <= -SCORE_MIN && other <= -SCORE_MIN && !day.estimated;
    (high || low).then_some(Oddity::Weekday(score))
}

/// Odd days in the same direction that follow each other.
fn episodes(odd: Vec<OddDay>) -> Vec<Vec<OddDay>> {
    let mut episodes: Vec<Vec<OddDay>> = Vec::new();
    for day in odd {
        let follows = |before: &OddDay| {
            days_between(before.day.date, day.day.date) <= 1 + GAP_DAYS
                && (before.difference() > 0.0) == (day.difference() > 0.0)
        };
        match episodes.last_mut() {
            Some(episode) if episode.last().is_some_and(follows) => episode.push(day),
            _ => episodes.push(vec![day]),
        }
    }
    episodes
}

fn finding(
    history: &CostHistory,
    series: &Series,
    episode: &[OddDay],
    thresholds: Thresholds,
) -> Option<Finding> {
    let (first, last) = (episode.first()?, episode.last()?);
    // The worst day speaks for all of them.
    let worst = episode
        .iter()
        .max_by(|a, b| a.difference().abs().total_cmp(&b.difference().abs()))?;
    let rose = worst.difference() > 0.0;
    let test = match first.why {
        Oddity::Weekday(_) => "cost:weekday",
        Oddity::NewService => "cost:new-service",
    };
    let day = first.day.date.to_string();
    let evidence = episode.iter().map(|odd| Evidence {
        time: start_of(odd.day.date),
        what: sentence(&series.service, odd),
        source: SourceKind::Cost,
        reference: format!("{} {}", odd.day.date, series.service),
    });
    let account = history.account.clone();
    let entities = [
        Some(Entity::Service(series.service.clone())),
        account.clone().map(Entity::Account),
    ];
    Some(Finding {
        id: stable_id([test, series.service.as_str(), day.as_str()]),
        rule: test.to_owned(),
        title: match (first.why, rose) {
            (Oddity::NewService, _) => format!("{} is billed for the first time", series.service),
            (_, true) => format!("{} costs more than usual", series.service),
            (_, false) => format!("{} costs less than usual", series.service),
        },
        severity: severity(worst, thresholds),
        kind: Kind::Cost,
        time_first: start_of(first.day.date),
        time_last: start_of(last.day.date),
        entities: entities.into_iter().flatten().collect::<BTreeSet<_>>(),
        account,
        region: None,
        summary: sentence(&series.service, worst),
        evidence: evidence.collect(),
        usd_per_day: rose.then(|| last.difference().max(0.0)),
        next_steps: vec![
            "Open Cost Explorer for these days, grouped by usage type and by Region.".to_owned(),
            "Look in CloudTrail for who created or enlarged what is billed.".to_owned(),
        ],
        source: SourceKind::Cost,
        sample: false,
    })
}

/// A fall is never urgent; a rise is by its amount and its share.
fn severity(worst: &OddDay, thresholds: Thresholds) -> Severity {
    let (difference, expected) = (worst.difference(), worst.expected());
    let is_medium = difference >= thresholds.medium_usd && difference >= MEDIUM_SHARE * expected;
    if difference >= thresholds.high_usd
        || (is_medium && expected > 0.0 && worst.day.usd >= HIGH_TIMES * expected)
    {
        Severity::High
    } else if is_medium {
        Severity::Medium
    } else {
        Severity::Low
    }
}

/// "Amazon EC2: Mondays cost $412 ± 18; this Monday, 2026-11-23, $905 (+$493)".
fn sentence(service: &str, odd: &OddDay) -> String {
    let Day {
        date,
        usd,
        estimated,
    } = odd.day;
    let so_far = if estimated { " so far" } else { "" };
    let weekday = weekday_name(date.weekday());
    match odd.why {
        Oddity::Weekday(score) => {
            let sign = if odd.difference() < 0.0 { '-' } else { '+' };
            format!(
                "{service}: {weekday}s cost ${:.0} ± {:.0}; this {weekday}, {date}, \
                 ${usd:.0}{so_far} ({sign}${:.0})",
                score.expected,
                score.spread,
                odd.difference().abs(),
            )
        }
        Oddity::NewService => {
            format!("{service} was never billed before; on {weekday}, {date}, ${usd:.0}{so_far}")
        }
    }
}

const fn weekday_name(weekday: Weekday) -> &'static str {
    match weekday {
        Weekday::Monday => "Monday",
        Weekday::Tuesday => "Tuesday",
        Weekday::Wednesday => "Wednesday",
        Weekday::Thursday => "Thursday",
        Weekday::Friday => "Friday",
        Weekday::Saturday => "Saturday",
        Weekday::Sunday => "Sunday",
    }
}

/// Days from one date to a later one; negative when it is earlier.
fn days_between(from: Date, to: Date) -> i64 {
    to.duration_since(from).as_hours() / SignedDuration::from_hours(24).as_hours()
}

/// The date `days` later.
fn plus_days(date: Date, days: i32) -> Date {
    date.checked_add(days.days()).unwrap_or(date)
}

#[cfg(test)]
mod tests;
