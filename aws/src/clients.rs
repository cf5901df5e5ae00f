//! From [`Settings`] to clients: credentials, Region, endpoints, timeouts and retries, decided
//! once for both services.
//!
//! Credentials are looked for where the AWS CLI looks: environment, profile, web identity,
//! container, IMDSv2; a role from the settings is assumed with them. They are fetched when the
//! first call needs them, and kept by the SDK until shortly before they expire.

#[cfg(feature = "collector")]
mod alarms;
#[cfg(feature = "logs")]
mod borrowed;
#[cfg(feature = "collector")]
mod cost;
mod found;
#[cfg(feature = "logs")]
mod logs;
#[cfg(feature = "metrics")]
mod metrics;
#[cfg(feature = "collector")]
mod notify;
#[cfg(feature = "collector")]
mod objects;
#[cfg(feature = "logs")]
mod parameters;
#[cfg(feature = "logs")]
mod query;
#[cfg(feature = "collector")]
mod queue;
#[cfg(feature = "logs")]
mod scaling;
#[cfg(feature = "logs")]
mod xml;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::imds;
use aws_config::meta::credentials::CredentialsProviderChain;
use aws_config::meta::region::{ProvideRegion, RegionProviderChain, future};
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::profile::region::ProfileFileRegionProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;

pub use found::FoundCredentials;
#[cfg(feature = "logs")]
pub use logs::CloudWatchLogs;
#[cfg(feature = "metrics")]
pub use metrics::CloudWatch;
#[cfg(feature = "logs")]
pub use parameters::ParameterStore;
#[cfg(feature = "logs")]
pub use scaling::AutoScaling;

#[cfg(feature = "collector")]
pub use self::{cost::CostExplorer, notify::Sns, objects::S3, queue::Sqs};

use crate::http::{https_client, plain_client};
use crate::imds::{Imds, QUESTION_TIMEOUT, STEP_TIMEOUT};
use crate::region::check_region;
use crate::{BadSetting, Service, Settings};

/// How often a call that is not hot is tried. Source: the standard retry mode of AWS's SDKs.
const ATTEMPTS: u32 = 3;

/// Why no clients could be made. Nothing here passes by itself: someone must change a setting.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// A setting is wrong.
    #[error("{setting}: {why}")]
    Setting {
        /// The field of [`Settings`].
        setting: String,
        /// What is wrong with it.
        why: String,
    },
    /// The environment, the profile or instance metadata named a Region that cannot be.
    #[error("the Region from the environment or the AWS profile cannot be used: {why}")]
    Region {
        /// What is wrong with it.
        why: String,
    },
    /// No Region was found anywhere.
    #[error(
        "no Region: set it in the configuration, in AWS_REGION or in the AWS profile (instance \
         metadata gave none)"
    )]
    NoRegion,
}

impl From<BadSetting> for ConnectError {
    fn from(bad: BadSetting) -> Self {
        Self::Setting {
            setting: bad.setting,
            why: bad.why,
        }
    }
}

/// Makes clients that share one HTTPS client and one set of credentials. Cloning is cheap.
#[derive(Clone)]
pub struct Clients {
    config: SdkConfig,
    settings: Arc<Settings>,
    region: Arc<str>,
    imds: Imds,
}

impl Clients {
    /// Decides on Region and credentials. Asks the network for nothing but the Region, and that
    /// only if no setting, variable or profile names it.
    ///
    /// # Errors
    /// [`ConnectError`], all of which need someone to change a setting.
    pub async fn connect(settings: &Settings) -> Result<Self, ConnectError> {
        if let Some(bad) = settings.check().into_iter().next() {
            return Err(bad.into());
        }
        let imds = Imds::new(settings);
        let base = shared_config(settings, &imds).await?;
        let region = match base.region() {
            None => return Err(ConnectError::NoRegion),
            Some(region) => region.as_ref().to_owned(),
        };
        check_region(&region).map_err(|why| ConnectError::Region { why })?;
        let credentials = credentials(settings, &base, &imds).await;
        let config = base
            .into_builder()
            .credentials_provider(credentials)
            .build();
        Ok(Self {
            config,
            settings: Arc::new(settings.clone()),
            region: region.into(),
            imds,
        })
    }

    /// The Region that calls go to.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// Instance metadata.
    #[must_use]
    pub fn imds(&self) -> &Imds {
        &self.imds
    }

    /// CloudWatch Logs.
    #[cfg(feature = "logs")]
    #[must_use]
    pub fn logs(&self) -> CloudWatchLogs {
        CloudWatchLogs::new(&self.config, self.settings.endpoint(Service::Logs))
    }

    /// SSM Parameter Store.
    #[cfg(feature = "logs")]
    #[must_use]
    pub fn parameters(&self) -> ParameterStore {
        ParameterStore::new(&self.config, self.settings.endpoint(Service::Ssm))
    }

    /// EC2 Auto Scaling, as far as an instance speaks for itself.
    #[cfg(feature = "logs")]
    #[must_use]
    pub fn scaling(&self) -> AutoScaling {
        let endpoint = |service| self.settings.endpoint(service);
        let (scaling, ec2) = (endpoint(Service::AutoScaling), endpoint(Service::Ec2));
        AutoScaling::new(&self.config, scaling, ec2)
    }

    /// CloudWatch: metrics, and for the collector alarms and dashboards.
    #[cfg(feature = "metrics")]
    #[must_use]
    pub fn cloudwatch(&self) -> CloudWatch {
        CloudWatch::new(&self.config, self.settings.endpoint(Service::Monitoring))
    }

    /// Cost Explorer.
    #[cfg(feature = "collector")]
    #[must_use]
    pub fn cost_explorer(&self) -> CostExplorer {
        CostExplorer::new(&self.config, self.settings.endpoint(Service::CostExplorer))
    }

    /// SNS.
    #[cfg(feature = "collector")]
    #[must_use]
    pub fn sns(&self) -> Sns {
        Sns::new(&self.config, self.settings.endpoint(Service::Sns))
    }

    /// SQS.
    #[cfg(feature = "collector")]
    #[must_use]
    pub fn sqs(&self) -> Sqs {
        Sqs::new(&self.config, self.settings.endpoint(Service::Sqs))
    }

    /// S3.
    #[cfg(feature = "collector")]
    #[must_use]
    pub fn s3(&self) -> S3 {
        S3::new(&self.config, self.settings.endpoint(Service::S3))
    }
}

impl fmt::Debug for Clients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clients")
            .field("region", &self.region)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

/// Everything but the credentials.
async fn shared_config(settings: &Settings, imds: &Imds) -> Result<SdkConfig, ConnectError> {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(settings.connect_timeout)
        .operation_attempt_timeout(settings.attempt_timeout)
        .build();
    let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .http_client(https_client(settings)?)
        .region(region(settings, imds))
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
        .timeout_config(timeouts)
        .no_credentials();
    if let Some(name) = app_name(settings) {
        loader = loader.app_name(name);
    }
    if let Some(profile) = &settings.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(url) = &settings.endpoint_url {
        loader = loader.endpoint_url(url);
    }
    if let Some(use_fips) = settings.use_fips {
        loader = loader.use_fips(use_fips);
    }
    if let Some(use_dualstack) = settings.use_dualstack {
        loader = loader.use_dual_stack(use_dualstack);
    }
    Ok(loader.load().await)
}

/// The credentials of the settings' own file, before those that are found otherwise.
#[expect(
    deprecated,
    reason = "the new names are in a crate that is otherwise not needed by name"
)]
fn file_first(
    path: &Path,
    settings: &Settings,
    provider_config: &ProviderConfig,
    chain: DefaultCredentialsChain,
) -> SharedCredentialsProvider {
    use aws_config::profile::profile_file::{ProfileFileKind, ProfileFiles};
    let files = ProfileFiles::builder()
        .include_default_config_file(true)
        .with_file(ProfileFileKind::Credentials, path);
    let mut file = ProfileFileCredentialsProvider::builder()
        .configure(provider_config)
        .profile_files(files.build());
    if let Some(profile) = &settings.profile {
        file = file.profile_name(profile);
    }
    let first = CredentialsProviderChain::first_try("credentials_file", file.build());
    SharedCredentialsProvider::new(first.or_else("default", chain))
}

/// Settings, environment, profile, instance metadata: the first that names a Region.
fn region(settings: &Settings, imds: &Imds) -> impl ProvideRegion + use<> {
    let profile = ProfileFileRegionProvider::builder();
    let profile = match &settings.profile {
        Some(name) => profile.profile_name(name),
        None => profile,
    };
    RegionProviderChain::first_try(settings.region.clone().map(Region::new))
        .or_else(EnvironmentVariableRegionProvider::new())
        .or_else(profile.build())
        .or_else(OfInstance(imds.clone()))
}

/// The Region that instance metadata names.
#[derive(Debug)]
struct OfInstance(Imds);

impl ProvideRegion for OfInstance {
    fn region(&self) -> future::ProvideRegion<'_> {
        future::ProvideRegion::new(async { self.0.region().await.map(Region::new) })
    }
}

/// The SDK's client of instance metadata, which its search for credentials needs. It asks where
/// ours does.
async fn imds_for_credentials(settings: &Settings, imds: &Imds) -> imds::Client {
    let config = ProviderConfig::without_region().with_http_client(plain_client());
    let builder = || {
        imds::Client::builder()
            .configure(&config)
            .max_attempts(settings.imds_attempts.unwrap_or(ATTEMPTS))
            .connect_timeout(STEP_TIMEOUT)
            .read_timeout(STEP_TIMEOUT)
            .operation_timeout(QUESTION_TIMEOUT)
    };
    let chosen = match imds.url().await {
        Some(url) => builder().endpoint(url).ok(),
        None => None,
    };
    chosen.unwrap_or_else(builder).build()
}

/// The usual chain, and the role of the settings behind it.
async fn credentials(
    settings: &Settings,
    config: &SdkConfig,
    imds: &Imds,
) -> SharedCredentialsProvider {
    let mut provider_config = ProviderConfig::without_region()
        .with_region(config.region().cloned())
        .with_use_fips(config.use_fips())
        .with_use_dual_stack(config.use_dual_stack())
        .with_behavior_version(config.behavior_version());
    if let Some(client) = config.http_client() {
        provider_config = provider_config.with_http_client(client);
    }
    let mut chain = DefaultCredentialsChain::builder()
        .configure(provider_config.clone())
        .region(config.region().cloned())
        .imds_client(imds_for_credentials(settings, imds).await);
    if let Some(profile) = &settings.profile {
        chain = chain.profile_name(profile);
    }
    let chain = chain.build().await;
    let chain = match &settings.credentials_file {
        Some(path) => file_first(path, settings, &provider_config, chain),
        None => SharedCredentialsProvider::new(chain),
    };
    let Some(role) = &settings.role else {
        return chain;
    };
    let mut sts = config.clone().into_builder();
    if let Some(url) = settings.endpoint(Service::Sts) {
        sts = sts.endpoint_url(url);
        sts.insert_origin("endpoint_url", aws_types::origin::Origin::shared_config());
    }
    let mut role_provider = AssumeRoleProvider::builder(&role.arn)
        .configure(&sts.build())
        .session_name(session_name(settings, role.session_name.as_deref()));
    if let Some(external_id) = &role.external_id {
        role_provider = role_provider.external_id(external_id);
    }
    SharedCredentialsProvider::new(role_provider.build_from_provider(chain).await)
}

/// The name of the session, which CloudTrail shows. Source: STS API reference, `AssumeRole`,
/// `RoleSessionName`: 2 to 64 characters of a small set.
fn session_name(settings: &Settings, wanted: Option<&str>) -> String {
    wanted
        .unwrap_or(&settings.app_name)
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || "+=,.@-_".contains(c) {
                c
            } else {
                '-'
            }
        })
        .take(64)
        .collect()
}

/// Name and version of the program for the user agent, with what may not stand there left out.
fn app_name(settings: &Settings) -> Option<AppName> {
    let name: String = format!("{}-{}", settings.app_name, settings.app_version)
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_'))
        .take(50)
        .collect();
    AppName::new(name).ok()
}

#[cfg(test)]
#[cfg(all(feature = "logs", feature = "collector"))]
mod tests;
