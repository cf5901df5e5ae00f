//! The client of CloudWatch Logs on loan to services that have no client of their own here.
//!
//! Endpoint rules, credentials, clock skew, proxy, retries and connections are those of every other
//! call. Only where requests go and what they are signed for is another service's; what they say is
//! decided by the borrower (docs/adr/0024 and 0029).

use aws_config::SdkConfig;
use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::config::Builder;
use aws_sdk_cloudwatchlogs::config::endpoint::{
    DefaultResolver, Endpoint, EndpointFuture, Params, ResolveEndpoint,
};
use aws_smithy_types::Document;

/// The first word of the host names of the service whose rules are used.
const RULES_OF: &str = "logs";

/// A service that borrows the client.
#[derive(Clone, Copy, Debug)]
pub(super) struct Borrower {
    /// What requests are signed for, and the first word of the service's host names.
    pub(super) service: &'static str,
    /// The variable of the AWS CLI for this service's endpoint.
    pub(super) variable: &'static str,
}

impl Borrower {
    /// The client for this service, at `endpoint` if the settings name one.
    pub(super) fn client(self, config: &SdkConfig, endpoint: Option<&str>) -> Client {
        let variable = || {
            std::env::var(self.variable)
                .ok()
                .filter(|url| !url.is_empty())
        };
        let endpoint = endpoint
            .map(str::to_owned)
            .or_else(variable)
            .or_else(|| config.endpoint_url().map(str::to_owned));
        let mut builder = Builder::from(config);
        // Also where there is none: the variable of CloudWatch Logs is not meant.
        builder.set_endpoint_url(endpoint);
        let rules = DefaultResolver::new();
        let service = self.service;
        let builder = builder.endpoint_resolver(Resolver { rules, service });
        Client::from_conf(builder.build())
    }
}

/// Gives the service's host for the same Region, partition and variant, and the name to sign for.
#[derive(Debug)]
struct Resolver {
    rules: DefaultResolver,
    service: &'static str,
}

impl ResolveEndpoint for Resolver {
    fn resolve_endpoint<'a>(&'a self, params: &'a Params) -> EndpointFuture<'a> {
        EndpointFuture::new(async move {
            let endpoint = ResolveEndpoint::resolve_endpoint(&self.rules, params).await?;
            let url = match params.endpoint() {
                Some(given) => given.to_owned(),
                None => of_service(endpoint.url(), self.service),
            };
            let scheme = [("name", "sigv4"), ("signingName", self.service)]
                .map(|(key, value)| (key.to_owned(), Document::from(value.to_owned())));
            let schemes = vec![Document::Object(scheme.into_iter().collect())];
            let endpoint = Endpoint::builder().url(url);
            Ok(endpoint.property("authSchemes", schemes).build())
        })
    }
}

/// The URL with the service's name in place of the one whose rules made it. The services name their
/// hosts alike, FIPS and dual-stack included. Source: AWS General Reference, the endpoints of
/// CloudWatch Logs, Systems Manager, EC2 Auto Scaling and EC2; a referee compares every Region.
fn of_service(url: &str, service: &str) -> String {
    let (scheme, host) = url.split_once("://").unwrap_or(("https", url));
    match host.strip_prefix(RULES_OF) {
        Some(rest) if rest.starts_with(['.', '-']) => format!("{scheme}://{service}{rest}"),
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_named_as_those_of_the_service_whose_rules_are_used() {
        let cases = [
            (
                "logs.eu-west-1.amazonaws.com",
                "ssm",
                ".eu-west-1.amazonaws.com",
            ),
            (
                "logs-fips.us-east-1.amazonaws.com",
                "ec2",
                "-fips.us-east-1.amazonaws.com",
            ),
            ("logs.eu-west-1.api.aws", "ec2", ".eu-west-1.api.aws"),
            (
                "logs.cn-north-1.amazonaws.com.cn",
                "autoscaling",
                ".cn-north-1.amazonaws.com.cn",
            ),
        ];
        for (rules, service, rest) in cases {
            let own = of_service(&format!("https://{rules}"), service);
            assert_eq!(own, format!("https://{service}{rest}"));
        }
        let foreign = "https://logserver.example";
        assert_eq!(of_service(foreign, "ssm"), foreign);
    }
}
