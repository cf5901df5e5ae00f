//! Two robust scores of a day's cost against the days before it.
//!
//! Both say how many robust standard deviations a day lies above (or below) what was expected.
//! Medians and median absolute deviations are used because a few odd days, which every bill has,
//! move them little. The two look at different things, and a day must be odd for both:
//! - [`same_weekday`] compares with the same weekday of the six weeks before, in US$;
//! - [`decomposed`] takes the level of the last week and the effect of the weekday apart, in
//!   logarithms, so that it follows growth and forgets a lasting step within days.
//!
//! Source: R. J. Hyndman, G. Athanasopoulos, "Forecasting: Principles and Practice", 3rd ed.,
//! 13.9 (outliers), for the robust scale; the pairing is our own, measured in this module's tests.

/// Days of a week.
const WEEK: usize = 7;
/// Weeks that are looked back over.
pub(super) const WEEKS: usize = 6;
/// Same weekdays that must be known, of those [`WEEKS`].
const SAME_WEEKDAYS_MIN: usize = 4;
/// Turns a median absolute deviation into the standard deviation of normally distributed values.
const MAD_TO_SIGMA: f64 = 1.4826;
/// The least spread that is believed, as a share of the level: six equal Mondays do not prove that
/// Mondays never differ.
const SPREAD_SHARE_MIN: f64 = 0.025;
/// Amounts below this are noise of rounding; also keeps the logarithm finite.
const USD_MIN: f64 = 0.01;

/// What was expected of a day, and how far off it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Score {
    /// US$ of the usual day.
    pub(super) expected: f64,
    /// US$ by which such days usually differ: one robust standard deviation.
    pub(super) spread: f64,
    /// How many spreads the day lies above; negative below.
    pub(super) off: f64,
}

/// Compares the last of `days` with the same weekday of the weeks before. `None` when too few are
/// known.
pub(super) fn same_weekday(days: &[f64]) -> Option<Score> {
    let (today, before) = days.split_last()?;
    let same: Vec<f64> = before
        .iter()
        .rev()
        .skip(WEEK - 1)
        .step_by(WEEK)
        .take(WEEKS)
        .copied()
        .collect();
    if same.len() < SAME_WEEKDAYS_MIN {
        return None;
    }
    let expected = median(&same)?;
    let spread =
        spread_around(&same, expected)?.max(SPREAD_SHARE_MIN * expected.abs().max(USD_MIN));
    Some(Score {
        expected,
        spread,
        off: (today - expected) / spread,
    })
}

/// How far the last of `days` lies off the level of the week before it times the effect of its
/// weekday, in robust standard deviations of that decomposition over the weeks before. `None` when
/// too few days are known.
pub(super) fn decomposed(days: &[f64]) -> Option<f64> {
    let logs: Vec<f64> = days.iter().map(|usd| usd.max(USD_MIN).ln()).collect();
    // What each day is above the median of the seven before it; the last is the day in question.
    let above: Vec<f64> = logs
        .windows(WEEK + 1)
        .filter_map(|window| {
            let (last, week) = window.split_last()?;
            Some(last - median(week)?)
        })
        .collect();
    let window = above.get(above.len().saturating_sub(WEEKS * WEEK + 1)..)?;
    let (today, before) = window.split_last()?;
    if before.len() < SAME_WEEKDAYS_MIN * WEEK {
        return None;
    }
    let effect_of = |place: usize| {
        let first = place % WEEK;
        let same: Vec<f64> = before.iter().skip(first).step_by(WEEK).copied().collect();
        median(&same)
    };
    let left: Vec<f64> = before
        .iter()
        .enumerate()
        .filter_map(|(place, value)| Some(value - effect_of(place)?))
        .collect();
    let spread = spread_around(&left, median(&left)?)?.max(SPREAD_SHARE_MIN);
    Some((today - effect_of(before.len())?) / spread)
}

/// The median; of an even number, the mean of the two in the middle. `None` of nothing.
pub(super) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = *sorted.get(middle.checked_sub(1)?)?;
    Some(f64::midpoint(lower, upper))
}

/// The robust standard deviation around `centre`.
fn spread_around(values: &[f64], centre: f64) -> Option<f64> {
    let off: Vec<f64> = values.iter().map(|value| (value - centre).abs()).collect();
    median(&off).map(|mad| mad * MAD_TO_SIGMA)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Eight weeks with half the cost on the last two days of each, and a little noise.
    fn weeks() -> Vec<f64> {
        (0_u32..56)
            .map(|day| {
                let base = if day % 7 < 5 { 400.0 } else { 200.0 };
                base + f64::from(day * 37 % 11)
            })
            .collect()
    }

    #[test]
    fn the_median_of_an_even_number_lies_between_the_middle_two() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn a_usual_day_is_usual_for_both_and_a_doubled_one_for_neither() {
        let mut days = weeks();
        assert!(same_weekday(&days).unwrap().off.abs() < 4.0);
        assert!(decomposed(&days).unwrap().abs() < 4.0);
        *days.last_mut().unwrap() *= 2.0;
        let score = same_weekday(&days).unwrap();
        assert!(
            score.off > 10.0 && (score.expected - 205.0).abs() < 10.0,
            "{score:?}"
        );
        assert!(decomposed(&days).unwrap() > 10.0);
    }

    #[test]
    fn a_weekend_is_not_a_fall_and_a_monday_not_a_rise() {
        let days = weeks();
        for end in 42..=56 {
            let score = same_weekday(&days[..end]).unwrap().off;
            assert!(score.abs() < 4.0, "day {end}: {score}");
            let score = decomposed(&days[..end]).unwrap();
            assert!(score.abs() < 4.0, "day {end}: {score}");
        }
    }

    #[test]
    fn a_lasting_step_is_odd_for_a_few_days_only() {
        let mut days = weeks();
        let odd: Vec<bool> = (0_u32..14)
            .map(|day| {
                let base = if day % 7 < 5 { 800.0 } else { 400.0 };
                days.push(base);
                decomposed(&days).unwrap() >= 4.0
            })
            .collect();
        assert!(odd[0] && odd[1], "{odd:?}");
        assert!(!odd[7..].contains(&true), "{odd:?}");
    }

    #[test]
    fn too_short_a_history_gives_no_score() {
        let days = weeks();
        assert_eq!(same_weekday(&days[..28]), None);
        assert_eq!(decomposed(&days[..35]), None);
        assert!(same_weekday(&days[..29]).is_some());
        assert!(decomposed(&days[..36]).is_some());
        assert_eq!(same_weekday(&[]), None);
        assert_eq!(decomposed(&[]), None);
    }
}
