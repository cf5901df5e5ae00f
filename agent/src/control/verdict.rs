//! One word about the agent: all is well, or what is not. Pure.

use std::collections::BTreeSet;
use std::time::Duration;

/// A line that waits longer than this is late: batches fill for seconds, and what is throttled is
/// tried again within a minute.
const LATE: Duration = Duration::from_mins(5);
/// Calls with metrics that fail in a row without being a passing fault; logs count likewise.
const METRIC_FAILURES: u64 = 3;
/// Reasons to withhold a signal that are as they should be: the instance or its application is not
/// yet, or not any more, part of the group's work.
const MEANT: [&str; 3] = ["warming_up", "unhealthy", "draining"];

/// What the word is made of.
#[derive(Debug, Default)]
pub(super) struct Facts<'f> {
    /// Streams whose calls keep failing.
    pub(super) stuck: Option<&'f BTreeSet<String>>,
    /// Whether files do not answer who looks at them.
    pub(super) files_hang: bool,
    /// The age of the oldest line that was read and not accepted.
    pub(super) oldest: Duration,
    /// Calls with metrics that have failed in a row.
    pub(super) metrics_failures: u64,
    /// Signals that are withheld now, with the reason.
    pub(super) withheld: Vec<(&'f str, &'static str)>,
}

/// All that is not well; nothing if all is.
pub(super) fn reasons(facts: &Facts<'_>) -> Vec<String> {
    let mut all = Vec::new();
    for stream in facts.stuck.into_iter().flatten() {
        all.push(format!("calls for {stream} keep failing; its logs wait"));
    }
    if facts.files_hang {
        all.push("files do not answer: a file system hangs".to_owned());
    }
    if facts.oldest > LATE {
        let seconds = facts.oldest.as_secs();
        all.push(format!("the oldest line waits for {seconds} s"));
    }
    if facts.metrics_failures >= METRIC_FAILURES {
        let calls = facts.metrics_failures;
        all.push(format!("the last {calls} calls with metrics have failed"));
    }
    for (signal, reason) in &facts.withheld {
        if !MEANT.contains(reason) {
            all.push(format!("the signal {signal} is withheld: {reason}"));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(facts: &Facts<'_>, expected: &[&str]) {
        let told = reasons(facts);
        assert_eq!(told.len(), expected.len(), "{told:?}");
        for (told, part) in told.iter().zip(expected) {
            assert!(told.contains(part), "{told}");
        }
    }

    #[test]
    fn an_agent_is_degraded_by_what_someone_should_look_at_and_by_nothing_else() {
        check(&Facts::default(), &[]);
        let stuck = BTreeSet::from(["g/s".to_owned()]);
        let facts = Facts {
            stuck: Some(&stuck),
            files_hang: true,
            oldest: LATE + Duration::from_secs(1),
            metrics_failures: METRIC_FAILURES,
            withheld: vec![("load", "metric_missing"), ("pressure", "warming_up")],
        };
        let all = [
            "calls for g/s",
            "files do not answer",
            "waits for 301 s",
            "last 3 calls",
            "load is withheld: metric_missing",
        ];
        check(&facts, &all);
        let passing = Facts {
            oldest: LATE,
            metrics_failures: METRIC_FAILURES - 1,
            withheld: MEANT.map(|reason| ("load", reason)).to_vec(),
            ..Facts::default()
        };
        check(&passing, &[]);
    }
}
