//! Faults on demand: throttling, errors, dropped connections, lost answers, latency, outages.
//!
//! Rules are set over the control path and match by service and operation. What a rule does to a
//! call is drawn from a seeded generator, so that a run can be repeated.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::service::Service;

/// Rules that are kept at the same time.
const RULES_MAX: usize = 64;
/// The longest latency a rule may ask for.
const LATENCY_MAX_MS: u64 = 60_000;

/// One rule, as `POST /_local/faults` takes it. Fractions are 0 to 1 of the matching calls.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rule {
    /// The service's signing name (`monitoring`, `logs`, …); absent for all.
    pub service: Option<String>,
    /// The operation; absent for all.
    pub operation: Option<String>,
    /// Answered "Rate exceeded".
    pub throttle: f64,
    /// Answered with status 500.
    pub error: f64,
    /// The connection is closed before anything happens.
    pub reset: f64,
    /// The call takes effect, then the connection is closed without an answer.
    pub reset_after: f64,
    /// Each answer waits this long.
    pub latency_ms: u64,
    /// Every call is answered with status 503.
    pub outage: bool,
    /// Restarts the generator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
}

/// What happens to one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing.
    Pass,
    /// Refused as too fast.
    Throttle,
    /// Refused with status 500.
    Error,
    /// Refused with status 503.
    Outage,
    /// The connection is closed before the call takes effect.
    Reset,
    /// The connection is closed after the call took effect.
    ResetAfter,
}

impl Verdict {
    /// The word for the ledger; empty when nothing happened.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pass => "",
            Self::Throttle => "throttle",
            Self::Error => "error",
            Self::Outage => "outage",
            Self::Reset => "reset",
            Self::ResetAfter => "reset_after",
        }
    }
}

/// The rules in force.
#[derive(Debug)]
pub struct Faults(Mutex<Rules>);

#[derive(Debug)]
struct Rules {
    random: fastrand::Rng,
    rules: Vec<Rule>,
}

/// Why a rule is not taken.
#[derive(Debug, thiserror::Error)]
pub enum FaultError {
    /// The body is not a rule.
    #[error("the body is not a fault rule")]
    Json(#[from] serde_json::Error),
    /// A fraction is outside 0 to 1.
    #[error("`{name}` is {found}, allowed is 0 to 1")]
    Fraction {
        /// The key.
        name: &'static str,
        /// Its value.
        found: f64,
    },
    /// The fractions sum to more than 1.
    #[error("the fractions sum to {0}, allowed is at most 1")]
    Sum(f64),
    /// No such service.
    #[error(
        "`service` is \"{0}\", allowed are monitoring, logs, ce, cloudtrail, guardduty, sns, sts"
    )]
    Service(String),
    /// The latency is too long.
    #[error("`latency_ms` is {0}, allowed is at most {LATENCY_MAX_MS}")]
    Latency(u64),
    /// There is no room.
    #[error("{RULES_MAX} rules are in force, remove them first with DELETE")]
    Full,
}

impl Faults {
    /// No rules; `seed` decides the draws.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(Rules {
            random: fastrand::Rng::with_seed(seed),
            rules: Vec::new(),
        }))
    }

    /// Adds the rule of a JSON body; one for the same service and operation is replaced.
    ///
    /// # Errors
    /// When the body is not a valid rule, or too many are in force.
    pub fn add_json(&self, body: &[u8]) -> Result<(), FaultError> {
        let rule: Rule = serde_json::from_slice(body)?;
        check(&rule)?;
        let mut guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(seed) = rule.seed {
            guard.random = fastrand::Rng::with_seed(seed);
        }
        let same = |old: &Rule| old.service == rule.service && old.operation == rule.operation;
        guard.rules.retain(|old| !same(old));
        if guard.rules.len() >= RULES_MAX {
            return Err(FaultError::Full);
        }
        guard.rules.push(rule);
        Ok(())
    }

    /// Removes all rules.
    pub fn clear(&self) {
        let mut guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        guard.rules.clear();
    }

    /// The rules in force.
    #[must_use]
    pub fn rules(&self) -> Vec<Rule> {
        let guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        guard.rules.clone()
    }

    /// Draws what happens to a call, and how long its answer waits. The first matching rule that
    /// does something decides; latencies add up.
    #[must_use]
    pub fn draw(&self, service: Service, operation: &str) -> (Verdict, Duration) {
        let mut guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Rules { random, rules } = &mut *guard;
        let mut verdict = Verdict::Pass;
        let mut latency_ms = 0;
        for rule in rules.iter().filter(|rule| rule.matches(service, operation)) {
            latency_ms += rule.latency_ms;
            if verdict == Verdict::Pass {
                verdict = rule.draw(random);
            }
        }
        (verdict, Duration::from_millis(latency_ms))
    }
}

impl Rule {
    fn matches(&self, service: Service, operation: &str) -> bool {
        let is =
            |wanted: &Option<String>, found: &str| wanted.as_deref().is_none_or(|w| w == found);
        is(&self.service, service.name()) && is(&self.operation, operation)
    }

    fn draw(&self, random: &mut fastrand::Rng) -> Verdict {
        if self.outage {
            return Verdict::Outage;
        }
        let mut left = random.f64();
        for (share, verdict) in [
            (self.throttle, Verdict::Throttle),
            (self.error, Verdict::Error),
            (self.reset, Verdict::Reset),
            (self.reset_after, Verdict::ResetAfter),
        ] {
            if left < share {
                return verdict;
            }
            left -= share;
        }
        Verdict::Pass
    }
}

fn check(rule: &Rule) -> Result<(), FaultError> {
    let fractions = [
        ("throttle", rule.throttle),
        ("error", rule.error),
        ("reset", rule.reset),
        ("reset_after", rule.reset_after),
    ];
    for (name, found) in fractions {
        if !(0.0..=1.0).contains(&found) {
            return Err(FaultError::Fraction { name, found });
        }
    }
    let sum: f64 = fractions.iter().map(|(_, fraction)| fraction).sum();
    if sum > 1.0 {
        return Err(FaultError::Sum(sum));
    }
    match &rule.service {
        Some(name) if Service::from_name(name).is_none() => {
            return Err(FaultError::Service(name.clone()));
        }
        _ => {}
    }
    if rule.latency_ms > LATENCY_MAX_MS {
        return Err(FaultError::Latency(rule.latency_ms));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_strikes_its_share_of_the_calls_it_matches_and_no_others() {
        let faults = Faults::new(1);
        faults
            .add_json(br#"{"service":"logs","operation":"PutLogEvents","throttle":0.1,"reset_after":0.05,"seed":3}"#)
            .unwrap();
        let mut counts = [0; 2];
        for _ in 0..10_000 {
            match faults.draw(Service::Logs, "PutLogEvents").0 {
                Verdict::Throttle => counts[0] += 1,
                Verdict::ResetAfter => counts[1] += 1,
                other => assert_eq!(other, Verdict::Pass),
            }
            assert_eq!(faults.draw(Service::Sns, "Publish").0, Verdict::Pass);
        }
        assert!((900..1100).contains(&counts[0]), "{counts:?}");
        assert!((400..600).contains(&counts[1]), "{counts:?}");
        faults.clear();
        assert_eq!(faults.draw(Service::Logs, "PutLogEvents").0, Verdict::Pass);
    }

    #[test]
    fn an_outage_answers_nothing_and_latencies_add_up() {
        let faults = Faults::new(1);
        faults.add_json(br#"{"latency_ms":200}"#).unwrap();
        faults
            .add_json(br#"{"service":"sts","outage":true,"latency_ms":50}"#)
            .unwrap();
        assert_eq!(
            faults.draw(Service::Sts, "GetCallerIdentity"),
            (Verdict::Outage, Duration::from_millis(250))
        );
        assert_eq!(
            faults.draw(Service::Sns, "Publish"),
            (Verdict::Pass, Duration::from_millis(200))
        );
    }

    #[test]
    fn bad_rules_say_what_is_allowed() {
        let cases = [
            ("{", "not a fault rule"),
            (r#"{"throtle":1}"#, "not a fault rule"),
            (r#"{"throttle":1.5}"#, "allowed is 0 to 1"),
            (r#"{"throttle":0.6,"error":0.6}"#, "at most 1"),
            (r#"{"service":"s3"}"#, "allowed are monitoring"),
            (r#"{"latency_ms":600000}"#, "allowed is at most 60000"),
        ];
        let faults = Faults::new(1);
        for (body, part) in cases {
            let error = faults.add_json(body.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(part), "{body}: {error}");
        }
        assert!(faults.rules().is_empty());
    }
}
