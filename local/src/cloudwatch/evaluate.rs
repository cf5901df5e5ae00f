//! The rule by which an alarm's state follows from its points.
//!
//! More points are looked at than are evaluated, so that a few missing ones do no harm. Real
//! points count first; only the shortfall is filled by what the alarm says about missing data.
//! Pure: no clock, no store.
//! Source: CloudWatch user guide, "Configuring how CloudWatch alarms treat missing data"; its
//! tables are the tests.

/// The state of an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Within the threshold.
    Ok,
    /// Beyond it.
    Alarm,
    /// Nothing to tell from.
    InsufficientData,
}

impl State {
    /// The name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Alarm => "ALARM",
            Self::InsufficientData => "INSUFFICIENT_DATA",
        }
    }

    /// Reads the name on the wire.
    #[must_use]
    pub fn read(name: &str) -> Option<Self> {
        let states = [Self::Ok, Self::Alarm, Self::InsufficientData];
        states.into_iter().find(|state| state.name() == name)
    }
}

/// What stands for a missing point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// Nothing; if all are missing there is not enough data. The default.
    Missing,
    /// The state stays as it is.
    Ignore,
    /// A point beyond the threshold.
    Breaching,
    /// A point within it.
    NotBreaching,
}

impl Missing {
    /// The name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Ignore => "ignore",
            Self::Breaching => "breaching",
            Self::NotBreaching => "notBreaching",
        }
    }

    /// Reads the name on the wire.
    #[must_use]
    pub fn read(name: &str) -> Option<Self> {
        let all = [
            Self::Missing,
            Self::Ignore,
            Self::Breaching,
            Self::NotBreaching,
        ];
        all.into_iter().find(|missing| missing.name() == name)
    }
}

/// Points that are looked at for `evaluated` points that count. AWS looks at five for three and
/// does not publish the rule; two more is what that example shows.
#[must_use]
pub fn range(evaluated: usize) -> usize {
    evaluated + 2
}

/// The state that follows. `points` are oldest first, each breaching, not breaching or missing;
/// `evaluated` of them count and `to_alarm` must breach.
#[must_use]
pub fn evaluate(
    points: &[Option<bool>],
    evaluated: usize,
    to_alarm: usize,
    missing: Missing,
    current: State,
) -> State {
    let real: Vec<bool> = points
        .iter()
        .rev()
        .filter_map(|point| *point)
        .take(evaluated)
        .collect();
    let breaching = real.iter().filter(|breaches| **breaches).count();
    let shortfall = evaluated.saturating_sub(real.len());
    let by_count = |breaching: usize| {
        if breaching >= to_alarm {
            State::Alarm
        } else {
            State::Ok
        }
    };
    if shortfall == 0 || breaching >= to_alarm {
        return by_count(breaching);
    }
    let any_within = breaching < real.len();
    match missing {
        Missing::Breaching => by_count(breaching + shortfall),
        Missing::NotBreaching => State::Ok,
        _ if any_within => State::Ok,
        Missing::Ignore => current,
        Missing::Missing if real.is_empty() => State::InsufficientData,
        // All that is there breaches, but it is too little. It is enough when the oldest of it is
        // as old as the number of points that must breach; till then the state stays.
        Missing::Missing => {
            let oldest = points.iter().position(|point| *point == Some(true));
            let age = oldest.map_or(0, |position| points.len() - position);
            if age >= to_alarm {
                State::Alarm
            } else {
                current
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `0` within, `X` beyond, `-` missing, oldest first.
    fn points(text: &str) -> Vec<Option<bool>> {
        text.chars()
            .map(|point| match point {
                'X' => Some(true),
                '0' => Some(false),
                _ => None,
            })
            .collect()
    }

    /// Checks a row of the published tables: the state under missing, ignore, breaching and
    /// notBreaching; `keep` means the current state.
    fn check(text: &str, to_alarm: usize, expected: [&str; 4]) {
        let treatments = [
            Missing::Missing,
            Missing::Ignore,
            Missing::Breaching,
            Missing::NotBreaching,
        ];
        for (missing, expected) in treatments.into_iter().zip(expected) {
            for current in [State::Ok, State::Alarm, State::InsufficientData] {
                let found = evaluate(&points(text), 3, to_alarm, missing, current);
                let expected = State::read(expected).unwrap_or(current);
                assert_eq!(
                    found, expected,
                    "{text} {to_alarm}/3 {missing:?} from {current:?}"
                );
            }
        }
    }

    #[test]
    fn the_published_table_for_three_out_of_three_holds() {
        check("0-X-X", 3, ["OK", "OK", "OK", "OK"]);
        check("0----", 3, ["OK", "OK", "OK", "OK"]);
        check("-----", 3, ["INSUFFICIENT_DATA", "keep", "ALARM", "OK"]);
        check("0XX-X", 3, ["ALARM", "ALARM", "ALARM", "ALARM"]);
        check("--X--", 3, ["ALARM", "keep", "ALARM", "OK"]);
    }

    #[test]
    fn the_published_table_for_two_out_of_three_holds() {
        check("0-X-X", 2, ["ALARM", "ALARM", "ALARM", "ALARM"]);
        check("00X0X", 2, ["ALARM", "ALARM", "ALARM", "ALARM"]);
        check("0-X--", 2, ["OK", "OK", "ALARM", "OK"]);
        check("----0", 2, ["OK", "OK", "ALARM", "OK"]);
        check("---X-", 2, ["ALARM", "keep", "ALARM", "OK"]);
    }

    #[test]
    fn one_fresh_breach_out_of_three_does_not_alarm_yet() {
        check("----X", 3, ["keep", "keep", "ALARM", "OK"]);
        check("---XX", 3, ["keep", "keep", "ALARM", "OK"]);
    }

    #[test]
    fn a_single_point_decides_an_alarm_on_one() {
        for (text, expected) in [
            ("--X", State::Alarm),
            ("XX0", State::Ok),
            ("X--", State::Alarm),
        ] {
            let found = evaluate(
                &points(text),
                1,
                1,
                Missing::Missing,
                State::InsufficientData,
            );
            assert_eq!(found, expected, "{text}");
        }
    }
}
