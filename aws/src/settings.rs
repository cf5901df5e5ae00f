//! How to reach AWS, as both services read it from their configuration.
//!
//! What is left out here comes from AWS's own variables, then the profile, then instance metadata.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use http::Uri;

use crate::region::check_region;

/// How long connecting may take unless set. Source: the SDK's own default, one SYN repeated once.
pub const CONNECT_TIMEOUT: Duration = Duration::from_millis(3_100);
/// How long one attempt of a call may take unless set. A full batch needs 0.3 Mbit/s to fit.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(30);
/// The longest attempt that makes sense: SigV4 signatures are refused five minutes after signing.
pub const ATTEMPT_TIMEOUT_MAX: Duration = Duration::from_mins(5);

/// How to reach AWS. [`Default`] asks for nothing: region and credentials are found as the AWS
/// CLI finds them. `Debug` shows no secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct Settings {
    /// The Region; else `AWS_REGION`, the profile, instance metadata.
    pub region: Option<String>,
    /// The profile of the shared AWS files; else `AWS_PROFILE`, else `default`.
    pub profile: Option<String>,
    /// The shared file of credentials; else `AWS_SHARED_CREDENTIALS_FILE`, else
    /// `~/.aws/credentials`.
    pub credentials_file: Option<PathBuf>,
    /// Where all services are; else `AWS_ENDPOINT_URL`, else AWS itself. Instance metadata is not
    /// meant.
    pub endpoint_url: Option<String>,
    /// Where single services are; wins over [`endpoint_url`](Self::endpoint_url).
    pub endpoint_urls: BTreeMap<Service, String>,
    /// The role that is assumed with the credentials found.
    pub role: Option<AssumeRole>,
    /// The proxy for every call; else `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`. Instance metadata
    /// is never asked through a proxy.
    pub proxy: Option<String>,
    /// Hosts that are reached without the proxy, separated by commas; else `NO_PROXY`.
    pub no_proxy: Option<String>,
    /// PEM file of the certificates to trust instead of the system's; else `AWS_CA_BUNDLE`.
    pub ca_bundle: Option<PathBuf>,
    /// Whether FIPS endpoints are used; else `AWS_USE_FIPS_ENDPOINT` or the profile.
    pub use_fips: Option<bool>,
    /// Whether dual-stack endpoints are used; else `AWS_USE_DUALSTACK_ENDPOINT` or the profile.
    pub use_dualstack: Option<bool>,
    /// How often instance metadata is asked one question; else three times.
    pub imds_attempts: Option<u32>,
    /// Name of the program for the user agent, such as `plimsoll-agent`.
    pub app_name: String,
    /// Version of the program for the user agent.
    pub app_version: String,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How long one attempt of a call may take, from the first byte sent to the last received.
    pub attempt_timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            region: None,
            profile: None,
            credentials_file: None,
            imds_attempts: None,
            endpoint_url: None,
            endpoint_urls: BTreeMap::new(),
            role: None,
            proxy: None,
            no_proxy: None,
            ca_bundle: None,
            use_fips: None,
            use_dualstack: None,
            app_name: "plimsoll".to_owned(),
            app_version: env!("CARGO_PKG_VERSION").to_owned(),
            connect_timeout: CONNECT_TIMEOUT,
            attempt_timeout: ATTEMPT_TIMEOUT,
        }
    }
}

/// The role to assume.
#[derive(Clone, PartialEq, Eq)]
pub struct AssumeRole {
    /// Its ARN.
    pub arn: String,
    /// What its trust policy asks for, if it asks.
    pub external_id: Option<String>,
    /// Names the session in CloudTrail; else the program's name and the time.
    pub session_name: Option<String>,
}

impl fmt::Debug for AssumeRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AssumeRole")
            .field("arn", &self.arn)
            .field("external_id", &self.external_id.as_ref().map(|_| MASK))
            .field("session_name", &self.session_name)
            .finish()
    }
}

/// A service whose endpoint can be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// CloudWatch Logs.
    Logs,
    /// CloudWatch.
    Monitoring,
    /// Cost Explorer.
    CostExplorer,
    /// SNS.
    Sns,
    /// SQS.
    Sqs,
    /// S3.
    S3,
    /// STS, for assuming [`Settings::role`]. Web identity tokens are exchanged where
    /// `AWS_ENDPOINT_URL_STS` says.
    Sts,
    /// SSM Parameter Store, for configurations that are kept there.
    Ssm,
    /// EC2 Auto Scaling, for lifecycle hooks.
    AutoScaling,
    /// EC2, for the tag that names the Auto Scaling group.
    Ec2,
    /// Instance metadata.
    Imds,
}

impl Service {
    /// All of them, in the order of the manual.
    pub const ALL: [Self; 11] = [
        Self::Logs,
        Self::Monitoring,
        Self::CostExplorer,
        Self::Sns,
        Self::Sqs,
        Self::S3,
        Self::Sts,
        Self::Ssm,
        Self::AutoScaling,
        Self::Ec2,
        Self::Imds,
    ];

    /// The name in configuration files: the first word of the service's host name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Logs => "logs",
            Self::Monitoring => "monitoring",
            Self::CostExplorer => "ce",
            Self::Sns => "sns",
            Self::Sqs => "sqs",
            Self::S3 => "s3",
            Self::Sts => "sts",
            Self::Ssm => "ssm",
            Self::AutoScaling => "autoscaling",
            Self::Ec2 => "ec2",
            Self::Imds => "imds",
        }
    }

    /// The service of that [`name`](Self::name).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|service| service.name() == name)
    }
}

/// A setting that cannot work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadSetting {
    /// The field of [`Settings`], such as `region` or `endpoint_urls.logs`.
    pub setting: String,
    /// What is wrong and what would be right; without secrets.
    pub why: String,
}

impl Settings {
    /// Everything that is wrong with the settings, found without network. Reads the CA bundle.
    #[must_use]
    pub fn check(&self) -> Vec<BadSetting> {
        let mut bad = Vec::new();
        let mut note = |setting: &str, result: Result<(), String>| {
            if let Err(why) = result {
                let setting = setting.to_owned();
                bad.push(BadSetting { setting, why });
            }
        };
        if let Some(region) = &self.region {
            note("region", check_region(region));
        }
        if let Some(url) = &self.endpoint_url {
            note("endpoint_url", check_url(url));
        }
        for (service, url) in &self.endpoint_urls {
            let setting = format!("endpoint_urls.{}", service.name());
            note(&setting, check_url(url));
        }
        if let Some(role) = &self.role {
            note("role.arn", check_role(&role.arn));
        }
        if let Some(url) = &self.proxy {
            note("proxy", check_url(url));
        }
        note("ca_bundle", crate::http::trust(self).map(|_| ()));
        note("use_fips", self.check_variant(self.use_fips, "FIPS"));
        note(
            "use_dualstack",
            self.check_variant(self.use_dualstack, "dual-stack"),
        );
        note("connect_timeout", check_timeout(self.connect_timeout));
        note("attempt_timeout", check_timeout(self.attempt_timeout));
        bad
    }

    /// A variant of AWS's endpoints cannot be asked for where the endpoint itself is given. Source:
    /// the SDK's endpoint rules, "FIPS and custom endpoint are not supported" and its like for
    /// dual-stack: every call would fail with it.
    fn check_variant(&self, wanted: Option<bool>, name: &str) -> Result<(), String> {
        let mut services = Service::ALL.into_iter();
        let given =
            services.find(|service| *service != Service::Imds && self.endpoint(*service).is_some());
        match (wanted, given) {
            (Some(true), Some(service)) => Err(format!(
                "{name} endpoints cannot be chosen while the endpoint of `{}` is set; take one of \
                 the two out",
                service.name()
            )),
            _ => Ok(()),
        }
    }

    /// Where the service was said to be, by its own setting or the one for all.
    pub(crate) fn endpoint(&self, service: Service) -> Option<&str> {
        let all = match service {
            Service::Imds => None,
            _ => self.endpoint_url.as_deref(),
        };
        self.endpoint_urls.get(&service).map(String::as_str).or(all)
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let endpoint_urls: BTreeMap<_, _> = self
            .endpoint_urls
            .iter()
            .map(|(service, url)| (service.name(), mask_url(url)))
            .collect();
        f.debug_struct("Settings")
            .field("region", &self.region)
            .field("profile", &self.profile)
            .field("credentials_file", &self.credentials_file)
            .field("endpoint_url", &self.endpoint_url.as_deref().map(mask_url))
            .field("endpoint_urls", &endpoint_urls)
            .field("role", &self.role)
            .field("proxy", &self.proxy.as_deref().map(mask_url))
            .field("no_proxy", &self.no_proxy)
            .field("ca_bundle", &self.ca_bundle)
            .field("use_fips", &self.use_fips)
            .field("use_dualstack", &self.use_dualstack)
            .field("imds_attempts", &self.imds_attempts)
            .field("app_name", &self.app_name)
            .field("app_version", &self.app_version)
            .field("connect_timeout", &self.connect_timeout)
            .field("attempt_timeout", &self.attempt_timeout)
            .finish()
    }
}

/// What stands in place of a secret.
const MASK: &str = "[secret]";

/// The URL without the user and password that may stand in it.
pub(crate) fn mask_url(url: &str) -> String {
    let start = url.find("://").map_or(0, |at| at + 3);
    let (scheme, rest) = url.split_at_checked(start).unwrap_or(("", url));
    match rest.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}{MASK}@{host}"),
        None => url.to_owned(),
    }
}

fn check_url(url: &str) -> Result<(), String> {
    let complaint = || {
        let shown = mask_url(url);
        Err(format!(
            "`{shown}` is not a URL such as `https://host:8443`"
        ))
    };
    match url.parse::<Uri>() {
        Ok(uri) => match (uri.scheme_str(), uri.host()) {
            (Some("http" | "https"), Some(host)) if !host.is_empty() => Ok(()),
            _ => complaint(),
        },
        Err(_) => complaint(),
    }
}

/// Source: IAM user guide, "IAM ARNs": `arn:partition:iam::account:role/path/name`.
fn check_role(arn: &str) -> Result<(), String> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    match parts.as_slice() {
        ["arn", _, "iam", "", account, name]
            if account.len() == 12
                && account.bytes().all(|b| b.is_ascii_digit())
                && name.starts_with("role/") =>
        {
            Ok(())
        }
        _ => Err(format!(
            "`{arn}` is not the ARN of a role such as `arn:aws:iam::123456789012:role/name`"
        )),
    }
}

fn check_timeout(timeout: Duration) -> Result<(), String> {
    if timeout.is_zero() || timeout > ATTEMPT_TIMEOUT_MAX {
        return Err(format!(
            "{timeout:?} is not between zero and {} s",
            ATTEMPT_TIMEOUT_MAX.as_secs()
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_wrong_setting_is_named_and_all_of_them_at_once() {
        let settings = Settings {
            region: Some("eu-wset-1".to_owned()),
            endpoint_url: Some("localhost:4566".to_owned()),
            endpoint_urls: BTreeMap::from([(Service::Logs, "ftp://host".to_owned())]),
            role: Some(AssumeRole {
                arn: "arn:aws:iam::12:role/x".to_owned(),
                external_id: None,
                session_name: None,
            }),
            proxy: Some("http://user:hunter2@".to_owned()),
            ca_bundle: Some("no/such/file.pem".into()),
            use_fips: Some(true),
            use_dualstack: Some(true),
            connect_timeout: Duration::ZERO,
            attempt_timeout: Duration::from_hours(1),
            ..Settings::default()
        };
        let bad = settings.check();
        let named: Vec<&str> = bad.iter().map(|bad| bad.setting.as_str()).collect();
        assert_eq!(
            named,
            [
                "region",
                "endpoint_url",
                "endpoint_urls.logs",
                "role.arn",
                "proxy",
                "ca_bundle",
                "use_fips",
                "use_dualstack",
                "connect_timeout",
                "attempt_timeout"
            ]
        );
        assert!(!format!("{bad:?}").contains("hunter2"));
        assert!(Settings::default().check().is_empty());
    }

    #[test]
    fn settings_show_no_secrets() {
        let settings = Settings {
            endpoint_url: Some("https://u:hunter2@host/p".to_owned()),
            endpoint_urls: BTreeMap::from([(Service::Sqs, "http://u:hunter2@h".to_owned())]),
            proxy: Some("http://u:hun@ter2@proxy:3128".to_owned()),
            role: Some(AssumeRole {
                arn: "arn:aws:iam::123456789012:role/name".to_owned(),
                external_id: Some("hunter2".to_owned()),
                session_name: None,
            }),
            ..Settings::default()
        };
        let shown = format!("{settings:?}");
        assert!(
            !shown.contains("hunter2") && !shown.contains("ter2"),
            "{shown}"
        );
        assert!(shown.contains("https://[secret]@host/p"), "{shown}");
    }

    #[test]
    fn services_are_found_by_their_names() {
        for service in Service::ALL {
            assert_eq!(Service::from_name(service.name()), Some(service));
        }
        assert_eq!(Service::from_name("EC2"), None);
    }
}
