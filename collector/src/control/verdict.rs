//! What is not well with the collector. Pure.

use std::sync::Arc;
use std::time::Duration;

use plimsoll_core::clock::UnixMillis;

use crate::health::Pulse;

/// What fails for longer is no passing fault: calls are repeated within a minute.
const LASTING: Duration = Duration::from_mins(5);

/// All that is not well; nothing if all is.
pub(super) fn reasons(pulses: &[Arc<Pulse>], state_answers: bool, now: UnixMillis) -> Vec<String> {
    let mut all = Vec::new();
    if !state_answers {
        all.push("the state does not answer: its disk hangs, or a transaction is long".to_owned());
    }
    for pulse in pulses {
        let beat = pulse.beat();
        if let Some((since, why)) = beat
            .failing
            .filter(|(since, _)| now.since(*since) >= LASTING)
        {
            let (kind, place) = (pulse.kind, &pulse.place);
            all.push(format!("{kind} ({place}) fails since {since}: {why}"));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_core::clock::ManualClock;

    #[test]
    fn a_collector_is_degraded_by_what_fails_for_long_and_by_a_state_that_hangs() {
        let clock = Arc::new(ManualClock::at(UnixMillis(0)));
        let pulse = Pulse::new("cloudtrail", "queue", clock);
        let pulses = [Arc::clone(&pulse)];
        let at = |minutes: i64, state| reasons(&pulses, state, UnixMillis(minutes * 60_000));
        assert!(at(9, true).is_empty());
        pulse.failed(&"denied");
        assert!(at(4, true).is_empty());
        let told = at(5, false);
        assert!(told[0].contains("state does not answer"), "{told:?}");
        let expected = "cloudtrail (queue) fails since 1970-01-01T00:00:00.000Z: denied";
        assert_eq!(told[1], expected);
        pulse.worked();
        assert!(at(9, true).is_empty());
    }
}
