//! EC2 Auto Scaling and the tags of EC2, without their SDKs: three calls do not pay for 700
//! operations.

use std::fmt;

use aws_config::SdkConfig;

use super::borrowed::Borrower;
use super::query::Query;
use super::xml::Element;
use crate::imds::GROUP_TAG;
use crate::{Call, Error, Lifecycle, LifecycleAction, LifecycleResult, ScalingApi};

const AUTO_SCALING: Borrower = Borrower {
    service: "autoscaling",
    variable: "AWS_ENDPOINT_URL_AUTO_SCALING",
};
const EC2: Borrower = Borrower {
    service: "ec2",
    variable: "AWS_ENDPOINT_URL_EC2",
};
/// Source: EC2 Auto Scaling API reference, `Version` of the common parameters.
const AUTO_SCALING_VERSION: &str = "2011-01-01";
/// Source: Amazon EC2 API reference, `Version` of the common parameters.
const EC2_VERSION: &str = "2016-11-15";
/// The code of every mistake in a request to EC2 Auto Scaling, and how the message begins that
/// tells a wait that is over from the others. The words are not documented; they have been the same
/// in all of its SDKs' reports.
const OVER: (&str, &str) = ("ValidationError", "no active lifecycle action");

/// EC2 Auto Scaling, and EC2 for the tag that names the group.
#[derive(Clone)]
pub struct AutoScaling {
    scaling: Query,
    ec2: Query,
}

impl AutoScaling {
    /// Each at its endpoint, if the settings name one.
    pub(super) fn new(config: &SdkConfig, scaling: Option<&str>, ec2: Option<&str>) -> Self {
        Self {
            scaling: Query::new(AUTO_SCALING, AUTO_SCALING_VERSION, config, scaling),
            ec2: Query::new(EC2, EC2_VERSION, config, ec2),
        }
    }

    /// Makes a call about a wait.
    async fn about(
        &self,
        call: Call,
        action: &LifecycleAction,
        more: &[(&str, &str)],
    ) -> Result<Lifecycle, Error> {
        let mut parameters = vec![
            ("AutoScalingGroupName", action.group.as_str()),
            ("LifecycleHookName", &action.hook),
            ("InstanceId", &action.instance_id),
        ];
        parameters.extend_from_slice(more);
        match self.scaling.call(call, &parameters).await {
            Ok(_) => Ok(Lifecycle::Taken),
            Err(Error::Rejected { code, why, .. }) if is_over(&code, &why) => Ok(Lifecycle::Over),
            Err(error) => Err(error),
        }
    }
}

impl fmt::Debug for AutoScaling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AutoScaling").finish_non_exhaustive()
    }
}

impl ScalingApi for AutoScaling {
    async fn complete_lifecycle_action(
        &self,
        action: &LifecycleAction,
        result: LifecycleResult,
    ) -> Result<Lifecycle, Error> {
        let result = [("LifecycleActionResult", result.as_str())];
        self.about(Call::CompleteLifecycleAction, action, &result)
            .await
    }

    async fn record_heartbeat(&self, action: &LifecycleAction) -> Result<Lifecycle, Error> {
        self.about(Call::RecordLifecycleActionHeartbeat, action, &[])
            .await
    }

    async fn group_of(&self, instance_id: &str) -> Result<Option<String>, Error> {
        let filters = [
            ("Filter.1.Name", "resource-id"),
            ("Filter.1.Value.1", instance_id),
            ("Filter.2.Name", "key"),
            ("Filter.2.Value.1", GROUP_TAG),
        ];
        let root = self.ec2.call(Call::DescribeTags, &filters).await?;
        let tags = root.child("tagSet").ok_or_else(|| Error::Unavailable {
            call: Call::DescribeTags.name(),
            why: "the answer cannot be read: it has no tagSet".to_owned(),
        })?;
        match (group(tags, instance_id), root.text_of("nextToken")) {
            (None, Some(next)) if !next.is_empty() => Err(Error::Unavailable {
                call: Call::DescribeTags.name(),
                why: "the answer is on another page".to_owned(),
            }),
            (group, _) => Ok(group),
        }
    }
}

fn is_over(code: &str, why: &str) -> bool {
    code == OVER.0 && why.to_ascii_lowercase().starts_with(OVER.1)
}

/// The value of the tag that names the group. What was not asked for is passed over.
fn group(tags: &Element, instance_id: &str) -> Option<String> {
    let mut items = tags.children.iter();
    let tag = items.find(|tag| {
        tag.text_of("resourceId") == Some(instance_id) && tag.text_of("key") == Some(GROUP_TAG)
    })?;
    let value = tag.text_of("value").filter(|value| !value.is_empty())?;
    Some(value.to_owned())
}
