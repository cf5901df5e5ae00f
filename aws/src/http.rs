//! The one HTTPS client that all services share, and the plain one for instance metadata.
//!
//! TLS is rustls with ring: no C library, and the smallest resident size that was measured. The
//! client is set up when the first call needs it, not once per service.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::settings::mask_url;
use crate::{BadSetting, Settings};

/// The variable of the AWS CLI for [`Settings::ca_bundle`].
const CA_BUNDLE: &str = "AWS_CA_BUNDLE";
/// Hosts that are reached without the proxy, in both spellings that are in use.
const NO_PROXY: [&str; 2] = ["NO_PROXY", "no_proxy"];

/// Builds the client for every service.
pub(crate) fn https_client(settings: &Settings) -> Result<SharedHttpClient, BadSetting> {
    let trust = trust(settings).map_err(|why| BadSetting {
        setting: "ca_bundle".to_owned(),
        why,
    })?;
    let tls = TlsContext::builder()
        .with_trust_store(trust)
        .build()
        .map_err(|error| BadSetting {
            setting: "ca_bundle".to_owned(),
            why: error.to_string(),
        })?;
    let proxy = proxy(settings)?;
    let client = Builder::new().build_with_connector_fn(move |settings, components| {
        let mut builder = Connector::builder()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .tls_context(tls.clone())
            .proxy_config(proxy.clone());
        builder.set_connector_settings(settings.cloned());
        builder.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
        builder.build()
    });
    Ok(SharedHttpClient::new(OnDemand(client)))
}

/// Builds the client for instance metadata: no TLS, and never through a proxy, which could not
/// tell instances apart.
pub(crate) fn plain_client() -> SharedHttpClient {
    SharedHttpClient::new(OnDemand(Builder::new().build_http()))
}

/// Skips the trial set-up that the SDK makes for each client: it parses every trusted certificate.
#[derive(Debug)]
struct OnDemand(SharedHttpClient);

impl HttpClient for OnDemand {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        self.0.http_connector(settings, components)
    }
}

/// The certificates to trust: those of the bundle, or the system's if none is set. The bundle is
/// read and parsed here because the SDK would panic on a bad one.
pub(crate) fn trust(settings: &Settings) -> Result<TrustStore, String> {
    let variable = || env::var_os(CA_BUNDLE).filter(|value| !value.is_empty());
    let Some(path) = settings
        .ca_bundle
        .clone()
        .or_else(|| variable().map(PathBuf::from))
    else {
        return Ok(TrustStore::default());
    };
    let pem =
        fs::read(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    check_pem(&path, &pem)?;
    Ok(TrustStore::empty().with_pem_certificate(pem))
}

/// Parses all certificates of a bundle.
fn check_pem(path: &Path, pem: &[u8]) -> Result<(), String> {
    let mut store = RootCertStore::empty();
    for (index, certificate) in CertificateDer::pem_slice_iter(pem).enumerate() {
        let place = || format!("certificate {} of {}", index + 1, path.display());
        let certificate =
            certificate.map_err(|error| format!("{} is not valid PEM: {error}", place()))?;
        store
            .add(certificate)
            .map_err(|error| format!("{} is not valid: {error}", place()))?;
    }
    if store.is_empty() {
        return Err(format!("{} holds no PEM certificate", path.display()));
    }
    Ok(())
}

/// The proxy of the settings, or of the usual variables.
fn proxy(settings: &Settings) -> Result<ProxyConfig, BadSetting> {
    let Some(url) = &settings.proxy else {
        return Ok(ProxyConfig::from_env());
    };
    let proxy = ProxyConfig::all(url.as_str()).map_err(|_| BadSetting {
        setting: "proxy".to_owned(),
        why: format!(
            "`{}` is not the URL of a proxy such as `http://proxy.example:3128`",
            mask_url(url)
        ),
    })?;
    let no_proxy = settings
        .no_proxy
        .clone()
        .or_else(|| NO_PROXY.iter().find_map(|name| env::var(name).ok()));
    Ok(match no_proxy {
        Some(hosts) => proxy.no_proxy(hosts),
        None => proxy,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_that_is_no_bundle_is_an_error_and_not_a_panic() {
        let path = Path::new("bundle.pem");
        let cases = [
            ("", "holds no PEM certificate"),
            ("hello", "holds no PEM certificate"),
            (
                "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n",
                "not valid PEM",
            ),
            (
                "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n",
                "is not valid",
            ),
        ];
        for (pem, expected) in cases {
            let complaint = check_pem(path, pem.as_bytes()).expect_err(pem);
            assert!(complaint.contains(expected), "{complaint}");
            assert!(complaint.contains("bundle.pem"), "{complaint}");
        }
    }
}
