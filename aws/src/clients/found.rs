//! Where credentials come from, for people who look for a mistake. The secrets stay inside.

use std::time::UNIX_EPOCH;

use aws_credential_types::Credentials;
use aws_credential_types::credential_feature::AwsCredentialFeature as Feature;
use aws_credential_types::provider::ProvideCredentials;
use plimsoll_core::clock::UnixMillis;

use super::Clients;
use crate::words::{chain, clean};
use crate::{Call, Error};

/// Credentials that were found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FoundCredentials {
    /// Where, in words.
    pub source: &'static str,
    /// When they end; `None` for those that do not.
    pub expires: Option<UnixMillis>,
}

impl Clients {
    /// Looks for credentials as a call does, and tells where they were found.
    ///
    /// # Errors
    /// [`Error::Denied`] when there are none, with what was seen.
    pub async fn credentials(&self) -> Result<FoundCredentials, Error> {
        let denied = |why: String| Error::Denied {
            call: "GetCredentials",
            action: Call::AssumeRole.action(),
            why: clean(&format!("no credentials: {why}")),
        };
        let provider = self.config.credentials_provider();
        let provider = provider.ok_or_else(|| denied("nobody gives any".to_owned()))?;
        let found = provider.provide_credentials().await;
        let found = found.map_err(|error| denied(chain(&error)))?;
        Ok(FoundCredentials {
            source: source(&found),
            expires: found.expiry().and_then(|at| {
                let since = at.duration_since(UNIX_EPOCH).ok()?;
                i64::try_from(since.as_millis()).ok().map(UnixMillis)
            }),
        })
    }
}

/// The provider says where it looked: the last thing that it notes is what it did.
fn source(found: &Credentials) -> &'static str {
    let noted = found.get_property::<Vec<Feature>>();
    match noted.and_then(|noted| noted.last()) {
        Some(Feature::CredentialsEnvVars) => "environment variables",
        Some(Feature::CredentialsImds) => "the instance's role",
        Some(Feature::CredentialsHttp) => "the container's role",
        Some(
            Feature::CredentialsStsAssumeRole
            | Feature::CredentialsStsAssumeRoleWebId
            | Feature::CredentialsEnvVarsStsWebIdToken,
        ) => "a role that was assumed",
        Some(_) => "an AWS profile",
        None => "the usual places",
    }
}
