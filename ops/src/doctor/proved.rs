//! Which rights of a configuration's policy were tried, and why the others were not.
//!
//! What `policy` prints is all told of, so that nobody takes a right for proved that was never
//! looked at.

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_aws::Call;
use plimsoll_aws::policy::Policy;

use super::Report;

/// What was tried.
#[derive(Debug, Default)]
pub struct Rights {
    tried: BTreeSet<&'static str>,
    /// Whether there are a Region and credentials to make calls with.
    pub connected: bool,
}

/// What is known of a right that no call was made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Untried {
    /// It is there: without it the doctor would not have come so far.
    Used,
    /// Nothing, for this reason.
    Because(&'static str),
}

impl Rights {
    /// A call was made, whatever came of it.
    pub fn tried(&mut self, call: Call) {
        self.tried_action(call.action());
    }

    /// A call was made that needs this action, too.
    pub fn tried_action(&mut self, action: &'static str) {
        self.tried.insert(action);
    }

    /// Tells of every right of `policy`: those that were tried, those that were used already, and
    /// the others with what `why` says of them.
    pub fn tell(&self, policy: &Policy, why: impl Fn(&str) -> Untried, report: &mut Report) {
        let needed: BTreeSet<&str> = policy.actions().collect();
        let (mut used, mut untried) = (Vec::new(), BTreeMap::<_, Vec<_>>::new());
        for action in needed.difference(&self.tried) {
            match self.why(action, &why) {
                Untried::Used => used.push(*action),
                Untried::Because(why) => untried.entry(why).or_default().push(*action),
            }
        }
        let tried: Vec<&str> = needed.intersection(&self.tried).copied().collect();
        for (what, actions) in [("tried", tried), ("used already", used)] {
            if !actions.is_empty() {
                report.fine("rights", format!("{what}: {}", actions.join(", ")));
            }
        }
        for (why, actions) in untried {
            let actions = actions.join(", ");
            report.skip("rights", format!("not tried, because {why}: {actions}"));
        }
    }

    fn why(&self, action: &str, why: impl Fn(&str) -> Untried) -> Untried {
        if self.connected && action == Call::AssumeRole.action() {
            return Untried::Used;
        }
        match why(action) {
            Untried::Because(_) if !self.connected => Untried::Because("no call can be made"),
            known => known,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    #[test]
    fn every_right_is_told_as_tried_used_or_not_tried_with_the_reason() {
        let mut policy = Policy::default();
        let calls = [
            Call::PutLogEvents,
            Call::GetParameter,
            Call::DescribeTags,
            Call::AssumeRole,
        ];
        policy.allow("All", &calls.map(Call::action), ["*".to_owned()]);
        let told = |rights: &Rights| {
            let mut report = Report::default();
            let why = |action: &str| match action {
                "ssm:GetParameter" => Untried::Used,
                _ => Untried::Because("it rains"),
            };
            rights.tell(&policy, why, &mut report);
            let findings = report.0.into_iter();
            findings
                .map(|one| (one.verdict, one.found))
                .collect::<Vec<_>>()
        };
        let line = |verdict, found: &str| (verdict, found.to_owned());
        let mut rights = Rights {
            connected: true,
            ..Rights::default()
        };
        rights.tried(Call::PutLogEvents);
        // Not of this policy.
        rights.tried(Call::Publish);
        let expected = [
            line(Verdict::Fine, "tried: logs:PutLogEvents"),
            line(
                Verdict::Fine,
                "used already: ssm:GetParameter, sts:AssumeRole",
            ),
            line(
                Verdict::Skipped,
                "not tried, because it rains: ec2:DescribeTags",
            ),
        ];
        assert_eq!(told(&rights), expected);
        let others = "ec2:DescribeTags, logs:PutLogEvents, sts:AssumeRole";
        let expected = [
            line(Verdict::Fine, "used already: ssm:GetParameter"),
            line(
                Verdict::Skipped,
                &format!("not tried, because no call can be made: {others}"),
            ),
        ];
        assert_eq!(told(&Rights::default()), expected);
    }
}
