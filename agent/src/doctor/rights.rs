//! What is known of the rights that the configuration needs and no call was made for.

use plimsoll_aws::policy::Place;
use plimsoll_aws::{Call, beside};
use plimsoll_ops::doctor::{Report, Rights, Untried};

use crate::config::Config;
use crate::identity::Host;
use crate::policy::Needs;

/// Rights that only a lasting change would prove.
const LASTING: [&str; 4] = [
    Call::CreateLogGroup.action(),
    Call::CreateLogStream.action(),
    Call::PutRetentionPolicy.action(),
    beside::TAG_LOG_GROUP,
];

/// Tells of every right that the configuration needs.
pub(super) fn tell(rights: &Rights, config: &Config, host: &Host, report: &mut Report) {
    let policy = Needs::of(config).policy(&Place::new(None, None, None), &[]);
    rights.tell(&policy, |action| why(action, host), report);
}

fn why(action: &str, host: &Host) -> Untried {
    if action == Call::GetParameter.action() {
        // Without it there would be no configuration.
        return Untried::Used;
    }
    Untried::Because(match &host.instance {
        _ if LASTING.contains(&action) => "it would leave something behind",
        None => "this host shows no instance metadata",
        Some(one) if one.tags_shown && action == Call::DescribeTags.action() => {
            "instance metadata shows the tags"
        }
        Some(_) => "the name of the Auto Scaling group is not known",
    })
}

#[cfg(test)]
mod tests {
    use plimsoll_aws::imds::Identity;

    use super::*;

    #[test]
    fn what_was_not_tried_has_its_own_reason() {
        let nowhere = Host::default();
        let instance = |tags_shown| Host {
            instance: Some(Identity {
                tags_shown,
                ..Identity::default()
            }),
            ..Host::default()
        };
        let (hook, tags) = (
            Call::CompleteLifecycleAction.action(),
            Call::DescribeTags.action(),
        );
        let cases = [
            (beside::TAG_LOG_GROUP, &nowhere, "leave something behind"),
            (hook, &nowhere, "no instance metadata"),
            (tags, &instance(true), "metadata shows the tags"),
            (hook, &instance(true), "is not known"),
            (tags, &instance(false), "is not known"),
        ];
        for (action, host, expected) in cases {
            let Untried::Because(told) = why(action, host) else {
                panic!("{action}");
            };
            assert!(told.contains(expected), "{action}: {told}");
        }
        assert_eq!(why("ssm:GetParameter", &nowhere), Untried::Used);
    }
}
