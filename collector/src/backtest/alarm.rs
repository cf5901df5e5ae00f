//! The state of a metric alarm with N of N points, as CloudWatch evaluates it.
//!
//! Source: CloudWatch user guide, "Evaluating an alarm" and "Configuring how alarms treat missing
//! data" (treatment `missing`). Missing data never breach.

/// How many points more than N are fetched. Source: the guide's example, 5 points for N = 3.
pub(super) const RANGE_EXTRA: usize = 2;

/// The three states of an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Enough points breach.
    Alarm,
    /// A point does not breach.
    Ok,
    /// No point in the range.
    Insufficient,
}

/// The next state: `points` says of each period of the range, newest first, whether it breaches;
/// `None` where no data are. `before` is kept when too few points decide nothing.
#[must_use]
pub(super) fn evaluate(points: &[Option<bool>], n: usize, before: State) -> State {
    let real: Vec<bool> = points.iter().flatten().copied().collect();
    let Some(newest) = real.first() else {
        return State::Insufficient;
    };
    if real.len() >= n {
        let all = real.iter().take(n).all(|breach| *breach);
        return if all { State::Alarm } else { State::Ok };
    }
    if !newest {
        return State::Ok;
    }
    // Too few points: the oldest breach that only breaches and gaps follow must be N periods old.
    let unbroken = points.iter().take_while(|point| **point != Some(false));
    let oldest = unbroken
        .enumerate()
        .filter(|(_, point)| point.is_some())
        .map(|(index, _)| index + 1)
        .last();
    match oldest {
        Some(age) if age >= n => State::Alarm,
        _ if real.iter().any(|breach| !breach) => State::Ok,
        _ => before,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guides_table_of_missing_data_holds() {
        // Oldest first as the guide prints them, N = M = 3.
        let cases = [
            ("0-X-X", State::Ok),
            ("0----", State::Ok),
            ("-----", State::Insufficient),
            ("0XX-X", State::Alarm),
            ("--X--", State::Alarm),
        ];
        for (row, expected) in cases {
            let points: Vec<Option<bool>> = row
                .chars()
                .rev()
                .map(|mark| match mark {
                    'X' => Some(true),
                    '0' => Some(false),
                    _ => None,
                })
                .collect();
            assert_eq!(evaluate(&points, 3, State::Ok), expected, "{row}");
        }
    }
}
