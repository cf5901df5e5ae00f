//! Instance metadata: who this instance is, and what is about to happen to it.
//!
//! Always version 2: a token first, which is kept and renewed. Never through a proxy. On a machine
//! that is no EC2 instance the answer comes within two seconds: there is none. The SDK's own client
//! serves its search for credentials alone: for a watch that never ends it is too dear (ADR 35).

mod link;
mod place;

use std::collections::BTreeMap;
use std::env;
use std::sync::Arc;

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use plimsoll_core::clock::UnixMillis;
use serde::Deserialize;

use crate::Settings;
use crate::words::{chain, clean};
use link::{Link, Trouble};
pub(crate) use link::{QUESTION_TIMEOUT, STEP_TIMEOUT};
use place::Chosen;

/// How often one question is asked. Refused and silent connections are not tried again.
const ATTEMPTS: u32 = 3;
/// The Region alone.
const REGION: &str = "/latest/meta-data/placement/region";
/// Everything that identifies the instance in one document.
const DOCUMENT: &str = "/latest/dynamic/instance-identity/document";
/// The host's name inside the VPC.
const HOSTNAME: &str = "/latest/meta-data/local-hostname";
/// The instance's tags, if metadata shows them.
const TAGS: &str = "/latest/meta-data/tags/instance";
/// The tag by which Auto Scaling names the group. Source: EC2 Auto Scaling user guide.
pub(crate) const GROUP_TAG: &str = "aws:autoscaling:groupName";
/// AWS's own variable that turns instance metadata off.
const DISABLED: &str = "AWS_EC2_METADATA_DISABLED";
/// Tags that an instance can have. Source: EC2 user guide, tag restrictions (50), with room for
/// those that AWS sets itself.
const TAGS_MAX: usize = 100;

/// Asks instance metadata, one question after the other. Cloning is cheap and shares connection and
/// token.
#[derive(Clone, Debug)]
pub struct Imds {
    link: Arc<Link>,
    disabled: bool,
}

/// Why instance metadata gave no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImdsError {
    /// Nothing answers at the address: this is no EC2 instance, or a container whose hop limit
    /// is 1.
    #[error("there is no instance metadata here: {why}")]
    Absent {
        /// What was seen.
        why: String,
    },
    /// The instance was told to give no metadata, or `AWS_EC2_METADATA_DISABLED` is set.
    #[error("instance metadata is turned off: {why}")]
    Disabled {
        /// By whom.
        why: String,
    },
    /// The service is there but has nothing at that path.
    #[error("instance metadata has no {path}")]
    NotFound {
        /// What was asked for.
        path: String,
    },
    /// The service is there but does not answer properly now, or has answered before. Ask again
    /// later.
    #[error("instance metadata did not answer {path}: {why}")]
    Unavailable {
        /// What was asked for.
        path: String,
        /// What was seen.
        why: String,
    },
}

/// Who this instance is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// Such as `i-0123456789abcdef0`.
    pub instance_id: String,
    /// Such as `m7g.large`.
    pub instance_type: String,
    /// Such as `ami-0123456789abcdef0`.
    pub image_id: String,
    /// Such as `eu-west-1a`.
    pub availability_zone: String,
    /// Such as `eu-west-1`.
    pub region: String,
    /// Twelve digits.
    pub account_id: String,
    /// The group that started the instance. Known only if metadata shows tags.
    pub auto_scaling_group: Option<String>,
    /// The primary address in the VPC.
    pub private_ip: Option<String>,
    /// The host's name inside the VPC.
    pub hostname: Option<String>,
    /// Whether metadata shows the instance's tags. Off unless `InstanceMetadataTags` is enabled.
    pub tags_shown: bool,
    /// The instance's tags; empty if they are not shown.
    pub tags: BTreeMap<String, String>,
}

/// The document as EC2 writes it, without what is not used.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    instance_id: String,
    instance_type: String,
    image_id: String,
    availability_zone: String,
    region: String,
    account_id: String,
    private_ip: Option<String>,
}

impl Imds {
    /// A client for the endpoint of the settings, or of `AWS_EC2_METADATA_SERVICE_ENDPOINT`, the
    /// profile, or EC2's own address. Nothing is asked yet. A bad URL in the settings is left to
    /// [`Settings::check`].
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        let attempts = settings.imds_attempts.unwrap_or(ATTEMPTS);
        Self {
            link: Arc::new(Link::new(Chosen::by(settings), attempts)),
            disabled: env::var(DISABLED).is_ok_and(|value| value.eq_ignore_ascii_case("true")),
        }
    }

    /// What stands at `path`, which starts with `/latest/`.
    ///
    /// # Errors
    /// See [`ImdsError`].
    pub async fn get(&self, path: &str) -> Result<String, ImdsError> {
        if self.disabled {
            return Err(ImdsError::Disabled {
                why: format!("{DISABLED} is set"),
            });
        }
        let answer = self.link.get(path).await;
        answer.map_err(|(trouble, answered)| explain(path, &trouble, answered))
    }

    /// What stands at `path`, or `None` if nothing does.
    ///
    /// # Errors
    /// See [`ImdsError`]; never [`ImdsError::NotFound`].
    pub async fn find(&self, path: &str) -> Result<Option<String>, ImdsError> {
        match self.get(path).await {
            Ok(text) => Ok(Some(text)),
            Err(ImdsError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Who this instance is. A handful of questions; meant for the start.
    ///
    /// # Errors
    /// See [`ImdsError`]. Host name and tags that cannot be had are left out instead.
    pub async fn identity(&self) -> Result<Identity, ImdsError> {
        let text = self.get(DOCUMENT).await?;
        let document: Document =
            serde_json::from_str(&text).map_err(|error| ImdsError::Unavailable {
                path: DOCUMENT.to_owned(),
                why: error.to_string(),
            })?;
        let hostname = self.find(HOSTNAME).await.unwrap_or_default();
        let tags = self.tags().await.unwrap_or_default();
        let tags_shown = tags.is_some();
        let tags = tags.unwrap_or_default();
        Ok(Identity {
            instance_id: document.instance_id,
            instance_type: document.instance_type,
            image_id: document.image_id,
            availability_zone: document.availability_zone,
            region: document.region,
            account_id: document.account_id,
            auto_scaling_group: tags.get(GROUP_TAG).cloned(),
            private_ip: document.private_ip,
            hostname,
            tags_shown,
            tags,
        })
    }

    /// The instance's tags, or `None` if metadata does not show them. A tag that vanishes between
    /// two questions is left out.
    ///
    /// # Errors
    /// See [`ImdsError`].
    pub async fn tags(&self) -> Result<Option<BTreeMap<String, String>>, ImdsError> {
        let Some(keys) = self.find(TAGS).await? else {
            return Ok(None);
        };
        let mut tags = BTreeMap::new();
        for key in keys.lines().filter(|key| !key.is_empty()).take(TAGS_MAX) {
            if let Some(value) = self.find(&format!("{TAGS}/{key}")).await? {
                tags.insert(key.to_owned(), value);
            }
        }
        Ok(Some(tags))
    }

    /// What time it is for the service, to the second; `None` if it does not tell.
    ///
    /// # Errors
    /// See [`ImdsError`].
    pub async fn date(&self) -> Result<Option<UnixMillis>, ImdsError> {
        self.get(REGION).await?;
        let told = self.link.date().await;
        let told = told.and_then(|told| DateTime::from_str(&told, Format::HttpDate).ok());
        Ok(told.and_then(|told| told.to_millis().ok()).map(UnixMillis))
    }

    /// The Region that the instance is in, if it can be had.
    pub(crate) async fn region(&self) -> Option<String> {
        let region = self.get(REGION).await.ok()?;
        Some(region.trim().to_owned()).filter(|region| !region.is_empty())
    }

    /// The URL that is asked, for the SDK's own client; `None` if it is written wrongly.
    pub(crate) async fn url(&self) -> Option<String> {
        self.link.url().await.ok()
    }
}

/// Sorts what went wrong. The statuses are those of the EC2 user guide: 403 when metadata is turned
/// off, 404 when there is nothing, 5xx when it should be asked again. A service that has answered
/// before does not become absent: it is slow, and a notice may stand in its next answer.
fn explain(path: &str, trouble: &Trouble, answered: bool) -> ImdsError {
    let path = path.to_owned();
    let status = match trouble {
        Trouble::Status(status) | Trouble::NoToken(status) => Some(status.as_u16()),
        _ => None,
    };
    match (trouble, status) {
        (_, Some(403)) => ImdsError::Disabled {
            why: "the instance refuses it (HTTP 403)".to_owned(),
        },
        (Trouble::Status(_), Some(404)) => ImdsError::NotFound { path },
        _ if trouble.is_nobody() && !answered => ImdsError::Absent {
            why: clean(&chain(trouble)),
        },
        _ => ImdsError::Unavailable {
            path,
            why: clean(&chain(trouble)),
        },
    }
}

#[cfg(test)]
#[cfg(all(feature = "logs", feature = "collector"))]
mod tests;
