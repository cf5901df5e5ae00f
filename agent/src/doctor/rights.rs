//! Which rights of the configuration's policy were tried, and why the others were not.
//!
//! What `plimsoll-agent policy` prints is all told of here, so that nobody takes a right for proved
//! that was never looked at.

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_aws::policy::Place;
use plimsoll_aws::{Call, beside};

use crate::config::Config;
use crate::identity::Host;
use crate::policy::Needs;
use plimsoll_ops::doctor::Report;

/// Rights that only a lasting change would prove.
const LASTING: [&str; 4] = [
    Call::CreateLogGroup.action(),
    Call::CreateLogStream.action(),
    Call::PutRetentionPolicy.action(),
    beside::TAG_LOG_GROUP,
];

/// What was tried.
#[derive(Debug, Default)]
pub(super) struct Rights {
    tried: BTreeSet<&'static str>,
    /// Whether there are a Region and credentials to make calls with.
    pub(super) connected: bool,
}

impl Rights {
    /// A call was made, whatever came of it.
    pub(super) fn tried(&mut self, call: Call) {
        self.tried.insert(call.action());
    }

    /// Tells of every right that the configuration needs and no call has shown.
    pub(super) fn tell(&self, config: &Config, host: &Host, report: &mut Report) {
        let policy = Needs::of(config).policy(&Place::new(None, None, None), &[]);
        let needed: BTreeSet<&str> = policy.actions().collect();
        let (mut used, mut untried) = (Vec::new(), BTreeMap::<_, Vec<_>>::new());
        for action in needed.difference(&self.tried) {
            if self.is_used(action) {
                used.push(*action);
            } else {
                untried
                    .entry(self.why(action, host))
                    .or_default()
                    .push(*action);
            }
        }
        if !used.is_empty() {
            report.fine("rights", format!("used already: {}", used.join(", ")));
        }
        for (why, actions) in untried {
            let actions = actions.join(", ");
            report.skip("rights", format!("not tried, because {why}: {actions}"));
        }
    }

    /// Whether nothing could have been looked at without the right: there would be no
    /// configuration, or no credentials.
    fn is_used(&self, action: &str) -> bool {
        action == Call::GetParameter.action()
            || self.connected && action == Call::AssumeRole.action()
    }

    fn why(&self, action: &str, host: &Host) -> &'static str {
        match &host.instance {
            _ if !self.connected => "no call can be made",
            _ if LASTING.contains(&action) => "it would leave something behind",
            None => "this host shows no instance metadata",
            Some(one) if one.tags_shown && action == Call::DescribeTags.action() => {
                "instance metadata shows the tags"
            }
            Some(_) => "the name of the Auto Scaling group is not known",
        }
    }
}

#[cfg(test)]
mod tests {
    use plimsoll_aws::imds::Identity;

    use super::*;
    use plimsoll_ops::doctor::Verdict;

    const ALL: &str = "[aws]\nrole_arn = \"arn:aws:iam::111122223333:role/r\"\n[metrics]\n\
                       [[logs.file]]\npath = \"/a\"\ngroup = \"/a\"\nretention_days = 7\ntags = { a = \"b\" }\n\
                       [lifecycle]\ntermination_hook = \"h\"\n";

    fn told(rights: &Rights, host: &Host) -> Vec<String> {
        let mut config = Config::from_text("agent.toml", ALL).unwrap();
        config.file = Some("ssm:/plimsoll/web".into());
        let mut report = Report::default();
        rights.tell(&config, host, &mut report);
        report
            .0
            .iter()
            .map(|one| {
                assert!(matches!(one.verdict, Verdict::Fine | Verdict::Skipped));
                one.found.clone()
            })
            .collect()
    }

    #[test]
    fn every_right_that_was_not_tried_is_told_with_the_reason() {
        let mut rights = Rights {
            connected: true,
            ..Rights::default()
        };
        rights.tried(Call::PutLogEvents);
        let used = "used already: ssm:GetParameter, sts:AssumeRole";
        let lasting = "not tried, because it would leave something behind: logs:CreateLogGroup, \
                       logs:CreateLogStream, logs:PutRetentionPolicy, logs:TagResource";
        let hooks =
            "autoscaling:CompleteLifecycleAction, autoscaling:RecordLifecycleActionHeartbeat";
        let elsewhere = format!(
            "not tried, because this host shows no instance metadata: {hooks}, \
                                 cloudwatch:PutMetricData, ec2:DescribeTags"
        );
        assert_eq!(told(&rights, &Host::default()), [used, lasting, &elsewhere]);

        rights.tried(Call::PutMetricData);
        let identity = Identity {
            tags_shown: true,
            ..Identity::default()
        };
        let instance = Host {
            instance: Some(identity),
            ..Host::default()
        };
        let shown = "not tried, because instance metadata shows the tags: ec2:DescribeTags";
        let unknown =
            format!("not tried, because the name of the Auto Scaling group is not known: {hooks}");
        assert_eq!(told(&rights, &instance), [used, shown, lasting, &unknown]);

        let nothing = told(&Rights::default(), &instance);
        assert_eq!(nothing[0], "used already: ssm:GetParameter");
        assert!(
            nothing[1].starts_with("not tried, because no call can be made: autoscaling:"),
            "{nothing:?}"
        );
        let needed = Needs::all().policy(&Place::new(None, None, None), &[]);
        let all = nothing.concat();
        assert!(needed.actions().all(|action| all.contains(action)), "{all}");
    }
}
