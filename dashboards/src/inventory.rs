//! What is known about the account that dashboards and alarms are made for.

use plimsoll_core::clock::UnixMillis;

/// The facts that a dashboard or an alarm needs and that the catalog cannot know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    /// The Region that the metrics live in.
    pub region: String,
    /// The account, when it is known. Without it the alarm widget is left out, because it names
    /// alarms by ARN.
    pub account: Option<String>,
    /// The Auto Scaling groups to watch. Empty shows every group that has data, and makes no
    /// alarm on hosts, because an alarm must name its group.
    pub auto_scaling_groups: Vec<String>,
    /// Mount points that every instance has, for the alarms on disks.
    pub paths: Vec<String>,
    /// The sources that the collector reads, as the dimension `source` names them.
    pub sources: Vec<String>,
    /// Things that happened, drawn as vertical lines.
    pub marks: Vec<Mark>,
    /// Where the person who is called finds out what to do.
    pub runbook_url: Option<String>,
}

/// A thing that happened, such as an incident or a deployment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// When.
    pub time: UnixMillis,
    /// A few words.
    pub label: String,
}

impl Inventory {
    /// The same facts in a stable order without doubles, so that the same fleet gives the same
    /// bytes however it was listed.
    #[must_use]
    pub fn in_order(&self) -> Self {
        let mut ordered = self.clone();
        for names in [
            &mut ordered.auto_scaling_groups,
            &mut ordered.paths,
            &mut ordered.sources,
        ] {
            names.sort();
            names.dedup();
        }
        ordered.marks.sort();
        ordered.marks.dedup();
        ordered
    }

    /// The ARN of an alarm of this account, if the account is known.
    /// Source: Service Authorization Reference, Amazon `CloudWatch`, resource type `alarm`.
    #[must_use]
    pub fn alarm_arn(&self, name: &str) -> Option<String> {
        let account = self.account.as_ref()?;
        let (partition, region) = (partition(&self.region), &self.region);
        Some(format!(
            "arn:{partition}:cloudwatch:{region}:{account}:alarm:{name}"
        ))
    }
}

/// The partition of a Region. Source: AWS General Reference, "Amazon Resource Names".
fn partition(region: &str) -> &'static str {
    if region.starts_with("cn-") {
        "aws-cn"
    } else if region.starts_with("us-gov-") {
        "aws-us-gov"
    } else {
        "aws"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alarm_has_an_arn_only_when_the_account_is_known() {
        let mut inventory = Inventory {
            region: "cn-north-1".to_owned(),
            ..Inventory::default()
        };
        assert_eq!(inventory.alarm_arn("a"), None);
        inventory.account = Some("111122223333".to_owned());
        assert_eq!(
            inventory.alarm_arn("a").as_deref(),
            Some("arn:aws-cn:cloudwatch:cn-north-1:111122223333:alarm:a")
        );
    }
}
