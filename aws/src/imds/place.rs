//! Where instance metadata is: the settings, the environment, the profile, EC2's own address.
//!
//! Order and names are those of the AWS SDKs and Tools reference guide, "IMDS credential
//! provider".

use std::borrow::Cow;
use std::env;

#[expect(
    deprecated,
    reason = "the new name is in a crate that is otherwise not needed by name"
)]
use aws_config::profile::profile_file::ProfileFiles;
use aws_types::os_shim_internal::{Env, Fs};
use http::Uri;

use crate::settings::mask_url;
use crate::{Service, Settings};

/// The variable and the key of the profile that give the URL.
const URL: (&str, &str) = (
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
    "ec2_metadata_service_endpoint",
);
/// The variable and the key of the profile that choose between EC2's own addresses.
const MODE: (&str, &str) = (
    "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
    "ec2_metadata_service_endpoint_mode",
);
/// EC2's own addresses. Source: EC2 user guide, "Access instance metadata".
const IPV4: &str = "http://169.254.169.254";
const IPV6: &str = "http://[fd00:ec2::254]";
/// HTTP's own port.
const PORT: u16 = 80;

/// Who decides where metadata is.
#[derive(Clone, Debug)]
pub(super) struct Chosen {
    url: Option<String>,
    profile: Option<String>,
}

/// Where metadata is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Name or address, without brackets.
    pub(super) host: String,
    pub(super) port: u16,
    /// What the header `Host` says.
    pub(super) authority: String,
    /// What stands before each path; empty on an instance.
    pub(super) base: String,
}

impl Chosen {
    pub(super) fn by(settings: &Settings) -> Self {
        Self {
            url: settings.endpoint(Service::Imds).map(str::to_owned),
            profile: settings.profile.clone(),
        }
    }

    /// Reads the environment, and the profile if that decides nothing.
    ///
    /// # Errors
    /// What is written wrongly, and where.
    pub(super) async fn find(&self) -> Result<Place, String> {
        if let Some(url) = &self.url {
            return Place::parse(url, "the configuration");
        }
        let variable = |name| env::var(name).ok().filter(|value| !value.is_empty());
        if let Some(url) = variable(URL.0) {
            return Place::parse(&url, URL.0);
        }
        let profile = self.profile().await;
        if let Some(url) = profile(URL.1) {
            return Place::parse(&url, URL.1);
        }
        let (mode, origin) = match variable(MODE.0) {
            Some(mode) => (Some(mode), MODE.0),
            None => (profile(MODE.1), MODE.1),
        };
        let url = match mode.as_deref() {
            None => IPV4,
            Some(mode) if mode.eq_ignore_ascii_case("ipv4") => IPV4,
            Some(mode) if mode.eq_ignore_ascii_case("ipv6") => IPV6,
            Some(mode) => return Err(format!("{origin}: `{mode}` is neither IPv4 nor IPv6")),
        };
        Place::parse(url, origin)
    }

    /// Gives values of the profile. One that cannot be read has none: the search for credentials
    /// complains about it.
    async fn profile(&self) -> impl Fn(&str) -> Option<String> {
        let name = self.profile.clone().map(Cow::Owned);
        #[expect(deprecated, reason = "as above")]
        let files = ProfileFiles::default();
        let loaded = aws_config::profile::load(&Fs::real(), &Env::real(), &files, name).await;
        let loaded = loaded.ok();
        move |key| {
            let value = loaded.as_ref()?.get(key)?.trim();
            Some(value.to_owned()).filter(|value| !value.is_empty())
        }
    }
}

impl Place {
    fn parse(url: &str, origin: &str) -> Result<Self, String> {
        let bad = || {
            format!(
                "{origin}: `{}` is not a URL such as `{IPV4}`",
                mask_url(url)
            )
        };
        let uri: Uri = url.parse().map_err(|_| bad())?;
        let authority = uri.authority().filter(|_| uri.scheme_str() == Some("http"));
        let authority = authority.ok_or_else(bad)?;
        let host = authority.host();
        let host = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(host);
        if host.is_empty() || authority.as_str().contains('@') || uri.query().is_some() {
            return Err(bad());
        }
        Ok(Self {
            host: host.to_owned(),
            port: authority.port_u16().unwrap_or(PORT),
            authority: authority.to_string(),
            base: uri.path().trim_end_matches('/').to_owned(),
        })
    }

    /// The URL, as the SDK takes it.
    pub(super) fn url(&self) -> String {
        format!("http://{}{}", self.authority, self.base)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart_and_put_together_again() {
        let cases = [
            (IPV4, ("169.254.169.254", 80, "")),
            (IPV6, ("fd00:ec2::254", 80, "")),
            ("http://127.0.0.1:1338", ("127.0.0.1", 1338, "")),
            ("http://imds.example/a/b", ("imds.example", 80, "/a/b")),
        ];
        for (url, (host, port, base)) in cases {
            let place = Place::parse(url, "a test").expect(url);
            let parts = (place.host.as_str(), place.port, place.base.as_str());
            assert_eq!(parts, (host, port, base), "{url}");
            assert_eq!(place.url(), url);
        }
        assert_eq!(
            Place::parse("http://127.0.0.1:1338/", "a test").map(|place| place.url()),
            Ok("http://127.0.0.1:1338".to_owned())
        );
    }

    #[test]
    fn what_is_no_url_is_named_with_its_origin_and_without_its_secrets() {
        for url in [
            "",
            "169.254.169.254",
            "https://169.254.169.254",
            "http://",
            "http://[fd00",
            "http://user:hush@127.0.0.1",
            "http://127.0.0.1/?a=1",
        ] {
            let said = Place::parse(url, "AWS_X").expect_err(url);
            assert!(said.starts_with("AWS_X: "), "{said}");
            assert!(!said.contains("hush"), "{said}");
        }
    }
}
