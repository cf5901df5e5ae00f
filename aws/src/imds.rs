//! Instance metadata: who this instance is, and what is about to happen to it.
//!
//! Always version 2: a token first, kept and renewed by the SDK's client. Never through a proxy.
//! On a machine that is no EC2 instance the answer comes within two seconds: there is none.

use std::collections::BTreeMap;
use std::env;
use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use aws_config::imds::Client;
use aws_config::imds::client::error::{ImdsError as SdkImdsError, TokenError};
use aws_config::provider_config::ProviderConfig;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use serde::Deserialize;

use crate::http::plain_client;
use crate::words::{chain, clean};
use crate::{Service, Settings};

/// How long connecting and answering may take each. The address is on the host itself.
const STEP_TIMEOUT: Duration = Duration::from_millis(900);
/// How long one question may take with its retries on 5xx.
const QUESTION_TIMEOUT: Duration = Duration::from_secs(5);
/// How often one question is asked. Refused and silent connections are not tried again.
const ATTEMPTS: u32 = 3;
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

/// Asks instance metadata. Cloning is cheap and shares the token.
#[derive(Clone)]
pub struct Imds {
    client: Client,
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
    /// The service is there but does not answer properly now. Ask again later.
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
        let config = ProviderConfig::without_region().with_http_client(plain_client());
        let builder = || {
            Client::builder()
                .configure(&config)
                .max_attempts(settings.imds_attempts.unwrap_or(ATTEMPTS))
                .connect_timeout(STEP_TIMEOUT)
                .read_timeout(STEP_TIMEOUT)
                .operation_timeout(QUESTION_TIMEOUT)
        };
        let chosen = settings
            .endpoint(Service::Imds)
            .and_then(|url| builder().endpoint(url).ok());
        let disabled = env::var(DISABLED).is_ok_and(|value| value.eq_ignore_ascii_case("true"));
        Self {
            client: chosen.unwrap_or_else(builder).build(),
            disabled,
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
        match self.client.get(path).await {
            Ok(text) => Ok(text.into()),
            Err(error) => Err(explain(path, &error)),
        }
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

    /// The SDK's client, for its own chains.
    pub(crate) fn client(&self) -> Client {
        self.client.clone()
    }
}

impl fmt::Debug for Imds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Imds")
            .field("disabled", &self.disabled)
            .finish_non_exhaustive()
    }
}

/// Sorts the SDK's errors. The statuses are those of the EC2 user guide: 403 when metadata is
/// turned off, 404 when there is nothing, 5xx when it should be asked again.
fn explain(path: &str, error: &SdkImdsError) -> ImdsError {
    let path = path.to_owned();
    let status = match error {
        SdkImdsError::ErrorResponse(response) => Some(response.response().status().as_u16()),
        SdkImdsError::FailedToLoadToken(_) => token_status(error),
        _ => None,
    };
    let absent = match error {
        SdkImdsError::FailedToLoadToken(_) | SdkImdsError::IoError(_) => status.is_none(),
        _ => false,
    };
    match status {
        Some(403) => ImdsError::Disabled {
            why: "the instance refuses it (HTTP 403)".to_owned(),
        },
        Some(404) => ImdsError::NotFound { path },
        Some(status) => ImdsError::Unavailable {
            path,
            why: format!("HTTP {status}"),
        },
        None if absent => ImdsError::Absent {
            why: clean(&chain(error)),
        },
        None => ImdsError::Unavailable {
            path,
            why: clean(&chain(error)),
        },
    }
}

/// The status of the answer to the question for a token, if there was an answer.
fn token_status(error: &SdkImdsError) -> Option<u16> {
    let cause = error.source()?;
    let cause = cause.downcast_ref::<SdkError<TokenError, HttpResponse>>()?;
    cause.raw_response().map(|raw| raw.status().as_u16())
}

#[cfg(test)]
#[cfg(all(feature = "logs", feature = "collector"))]
mod tests;
