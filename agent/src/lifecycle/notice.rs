//! What instance metadata and systemd say about the instance's life, as notices.
//!
//! Pure: texts in, notices out. A notice of Spot that is not written as documented is still a
//! notice, because the one mistake that costs data is not to believe it.

use std::time::Duration;

use jiff::Timestamp;
use plimsoll_core::clock::UnixMillis;
use serde_json::Value;

/// How long before an interruption Spot tells it.
/// Source: EC2 user guide, "Spot Instance interruption notices".
pub(crate) const SPOT_NOTICE: Duration = Duration::from_mins(2);
/// Target states in which the instance no longer runs. Source: EC2 Auto Scaling user guide,
/// "Retrieve the target lifecycle state through instance metadata".
const ENDS: [&str; 4] = [
    "Terminated",
    "Warmed:Terminated",
    "Warmed:Stopped",
    "Warmed:Hibernated",
];
/// Target states in which it goes on. Source: as above.
const GOES_ON: [&str; 4] = ["InService", "Detached", "Standby", "Warmed:Running"];
/// Text that is shown of what is not written as documented.
const SHOWN_CHARS: usize = 80;

/// What a notice is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Spot takes the instance back.
    Spot,
    /// Auto Scaling has chosen it.
    ScaleIn,
    /// Spot may take it back soon.
    Rebalance,
    /// EC2 has planned work on it.
    Maintenance,
    /// The system goes down.
    Shutdown,
}

impl Kind {
    /// The word for counters, events and commands.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Spot => "spot_interruption",
            Self::ScaleIn => "scale_in",
            Self::Rebalance => "rebalance",
            Self::Maintenance => "maintenance",
            Self::Shutdown => "shutdown",
        }
    }
}

/// One notice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Notice {
    pub(crate) kind: Kind,
    /// What was said, for people.
    pub(crate) detail: String,
    /// When it happens, if that was said.
    pub(crate) at: Option<UnixMillis>,
    /// Whether it was written as documented.
    pub(crate) understood: bool,
}

impl Notice {
    /// A notice that names no time.
    pub(crate) fn of(kind: Kind, detail: &str) -> Self {
        Self {
            kind,
            detail: shown(detail),
            at: None,
            understood: true,
        }
    }

    /// How long the instance has from now on. A time that is over, or further away than Spot tells
    /// ahead, is that of a clock that is wrong: the instance still runs.
    pub(crate) fn remaining(&self, now: UnixMillis, otherwise: Duration) -> Duration {
        if self.kind != Kind::Spot {
            return otherwise;
        }
        let left = self.at.map(|at| at.since(now));
        left.filter(|left| !left.is_zero() && *left <= SPOT_NOTICE)
            .unwrap_or(SPOT_NOTICE)
    }
}

/// A notice of `spot/instance-action`.
pub(crate) fn spot(text: &str) -> Notice {
    let value: Value = serde_json::from_str(text).unwrap_or_default();
    let field = |name| value.get(name).and_then(Value::as_str);
    let at = field("time").and_then(time);
    let understood = at.is_some() && field("action").is_some();
    let detail = match (field("action"), field("time")) {
        (Some(action), Some(time)) => shown(&format!("{action} at {time}")),
        _ => shown(text),
    };
    Notice {
        kind: Kind::Spot,
        detail,
        at,
        understood,
    }
}

/// A notice of `autoscaling/target-lifecycle-state`, if the state is one in which the instance no
/// longer runs. A state that nobody has documented is none: most states are not.
pub(crate) fn target(text: &str) -> Option<Notice> {
    let state = text.trim();
    ENDS.contains(&state)
        .then(|| Notice::of(Kind::ScaleIn, state))
}

/// Whether a target state is a documented one.
pub(crate) fn is_state(text: &str) -> bool {
    let state = text.trim();
    ENDS.contains(&state) || GOES_ON.contains(&state)
}

/// A notice of `events/recommendations/rebalance`.
pub(crate) fn rebalance(text: &str) -> Notice {
    let value: Value = serde_json::from_str(text).unwrap_or_default();
    let told = value.get("noticeTime").and_then(Value::as_str);
    Notice {
        kind: Kind::Rebalance,
        detail: told.map_or_else(|| shown(text), |told| shown(&format!("told at {told}"))),
        at: None,
        understood: told.is_some(),
    }
}

/// A notice of `events/maintenance/scheduled`, a list that is empty nearly always.
pub(crate) fn maintenance(text: &str) -> Option<Notice> {
    let Ok(Value::Array(events)) = serde_json::from_str(text) else {
        let notice = Notice::of(Kind::Maintenance, text);
        let understood = text.trim().is_empty();
        return (!understood).then_some(Notice {
            understood,
            ..notice
        });
    };
    let word = |event: &Value, name| {
        let word = event.get(name).and_then(Value::as_str);
        word.unwrap_or("unknown").to_owned()
    };
    let told = events.iter().map(|event| {
        let (code, id, from) = (
            word(event, "Code"),
            word(event, "EventId"),
            word(event, "NotBefore"),
        );
        format!("{code} {id} not before {from}")
    });
    let told: Vec<String> = told.collect();
    (!told.is_empty()).then(|| Notice::of(Kind::Maintenance, &told.join(", ")))
}

fn time(text: &str) -> Option<UnixMillis> {
    let time: Timestamp = text.parse().ok()?;
    Some(UnixMillis(time.as_millisecond()))
}

/// Foreign text in one short line.
fn shown(text: &str) -> String {
    let line = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    line.take(SHOWN_CHARS).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_of_spot_that_is_not_written_as_documented_is_still_one() {
        let cases = [
            (
                r#"{"action":"terminate","time":"1970-01-01T00:02:00Z"}"#,
                Some(120_000),
            ),
            (r#"{"action":"stop","time":"soon"}"#, None),
            ("<html>\n", None),
            ("", None),
        ];
        for (text, at) in cases {
            let notice = spot(text);
            assert_eq!(notice.at, at.map(UnixMillis), "{text}");
            assert_eq!(notice.understood, at.is_some(), "{text}");
            assert!(!notice.detail.contains('\n'));
        }
        assert!(!rebalance("soon").understood);
    }

    #[test]
    fn only_states_without_a_running_instance_are_a_scale_in() {
        for (state, ends) in [
            ("Terminated\n", true),
            ("Warmed:Stopped", true),
            ("InService", false),
            ("Standby", false),
            ("terminated?", false),
        ] {
            assert_eq!(target(state).is_some(), ends, "{state}");
        }
        assert!(is_state("Standby") && !is_state("terminated?"));
    }

    #[test]
    fn maintenance_is_told_with_code_and_time_and_an_empty_list_is_none() {
        assert_eq!(maintenance("[]"), None);
        assert_eq!(maintenance(" "), None);
        assert!(!maintenance("{").unwrap().understood);
        let one = r#"[{"Code":"system-reboot","EventId":"e-1","NotBefore":"21 Jan"}]"#;
        let detail = maintenance(one).unwrap().detail;
        assert_eq!(detail, "system-reboot e-1 not before 21 Jan");
    }

    #[test]
    fn a_time_that_cannot_be_is_that_of_a_wrong_clock() {
        let mut notice = spot("");
        for (at, seconds) in [
            (None, 120),
            (Some(90), 90),
            (Some(-5), 120),
            (Some(900), 120),
        ] {
            notice.at = at.map(|at: i64| UnixMillis(1_000_000 + at * 1000));
            let left = notice.remaining(UnixMillis(1_000_000), Duration::ZERO);
            assert_eq!(left, Duration::from_secs(seconds), "{at:?}");
        }
    }
}
