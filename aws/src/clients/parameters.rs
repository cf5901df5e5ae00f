//! SSM Parameter Store, without its SDK: one call does not pay for 150 operations.
//!
//! `GetParameter` speaks the protocol of CloudWatch Logs (JSON 1.1), so the client of that service
//! sends it: endpoint rules, credentials, clock skew, proxy, retries and the reading of errors are
//! those of every other call. Host, signing name, target and body are replaced before signing, and
//! the answer is read on its way back (docs/adr/0004, and 0024 for what is different here).

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use aws_config::SdkConfig;
use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::config::Builder;
use aws_sdk_cloudwatchlogs::config::endpoint::{
    DefaultResolver, Endpoint, EndpointFuture, Params, ResolveEndpoint,
};
use aws_sdk_cloudwatchlogs::config::http::HttpRequest;
use aws_sdk_cloudwatchlogs::config::interceptors::AfterDeserializationInterceptorContextRef;
use aws_sdk_cloudwatchlogs::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_types::Document;
use aws_smithy_types::body::SdkBody;
use serde::Deserialize;

use crate::failure::{Call, failure};
use crate::words::clean;
use crate::{Error, ParametersApi};

const GET_PARAMETER: Call = Call {
    name: "GetParameter",
    action: "ssm:GetParameter",
};
/// The operation on the wire. Source: SSM API reference, `GetParameter`.
const TARGET: &str = "AmazonSSM.GetParameter";
/// What requests are signed for, and the first word of the service's host names.
const SERVICE: &str = "ssm";
/// The first word of the host names of the service whose rules are used.
const RULES_OF: &str = "logs";
/// The variable of the AWS CLI for this service's endpoint.
const ENDPOINT: &str = "AWS_ENDPOINT_URL_SSM";

/// SSM Parameter Store.
#[derive(Clone)]
pub struct ParameterStore {
    client: Client,
}

impl ParameterStore {
    pub(super) fn new(config: &SdkConfig, endpoint: Option<&str>) -> Self {
        let variable = || std::env::var(ENDPOINT).ok().filter(|url| !url.is_empty());
        let endpoint = endpoint
            .map(str::to_owned)
            .or_else(variable)
            .or_else(|| config.endpoint_url().map(str::to_owned));
        let mut builder = Builder::from(config);
        // Also where there is none: the variable of CloudWatch Logs is not meant.
        builder.set_endpoint_url(endpoint);
        let builder = builder.endpoint_resolver(Resolver(DefaultResolver::new()));
        Self {
            client: Client::from_conf(builder.build()),
        }
    }
}

impl fmt::Debug for ParameterStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ParameterStore").finish_non_exhaustive()
    }
}

impl ParametersApi for ParameterStore {
    async fn parameter(&self, name: &str) -> Result<String, Error> {
        let body = serde_json::json!({ "Name": name, "WithDecryption": true }).to_string();
        let answer = Answer::default();
        self.client
            .put_log_events()
            .log_group_name(SERVICE)
            .log_stream_name(SERVICE)
            .set_log_events(Some(Vec::new()))
            .customize()
            .mutate_request(move |request| replace(request, &body))
            .interceptor(answer.clone())
            .send()
            .await
            .map_err(|error| failure(GET_PARAMETER, &error))?;
        answer.value()
    }
}

/// Makes the request one of SSM. This happens before signing.
fn replace(request: &mut HttpRequest, body: &str) {
    let headers = request.headers_mut();
    headers.insert("x-amz-target", TARGET);
    headers.insert("content-length", body.len().to_string());
    *request.body_mut() = SdkBody::from(body.to_owned());
}

/// Gives the host of SSM for the same Region, partition and variant, and the name to sign for.
#[derive(Debug)]
struct Resolver(DefaultResolver);

impl ResolveEndpoint for Resolver {
    fn resolve_endpoint<'a>(&'a self, params: &'a Params) -> EndpointFuture<'a> {
        EndpointFuture::new(async move {
            let endpoint = ResolveEndpoint::resolve_endpoint(&self.0, params).await?;
            let url = match params.endpoint() {
                Some(given) => given.to_owned(),
                None => of_service(endpoint.url()),
            };
            let scheme = [
                ("name".to_owned(), Document::from("sigv4".to_owned())),
                ("signingName".to_owned(), Document::from(SERVICE.to_owned())),
            ];
            let schemes = vec![Document::Object(scheme.into_iter().collect())];
            let endpoint = Endpoint::builder().url(url);
            Ok(endpoint.property("authSchemes", schemes).build())
        })
    }
}

/// The URL with the service's name in place of the one whose rules made it. Both services name
/// their hosts alike, FIPS and dual-stack included. Source: AWS General Reference, "Systems Manager
/// endpoints" and "CloudWatch Logs endpoints".
fn of_service(url: &str) -> String {
    let (scheme, host) = url.split_once("://").unwrap_or(("https", url));
    match host.strip_prefix(RULES_OF) {
        Some(rest) if rest.starts_with(['.', '-']) => format!("{scheme}://{SERVICE}{rest}"),
        _ => url.to_owned(),
    }
}

/// What came back, before the SDK looked at it for what another operation answers.
#[derive(Clone, Default)]
struct Answer(Arc<Mutex<Option<Vec<u8>>>>);

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").finish_non_exhaustive()
    }
}

impl Intercept for Answer {
    fn name(&self) -> &'static str {
        "Answer"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let body = context.response().body().bytes().map(<[u8]>::to_vec);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = body;
        Ok(())
    }
}

/// The answer of the service, without what is not used.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Output {
    parameter: Parameter,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Parameter {
    value: String,
}

impl Answer {
    fn value(&self) -> Result<String, Error> {
        let body = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        match serde_json::from_slice::<Output>(&body.unwrap_or_default()) {
            Ok(output) => Ok(output.parameter.value),
            // The text of the error shows no value.
            Err(error) => Err(Error::Unavailable {
                call: GET_PARAMETER.name,
                why: clean(&format!(
                    "the answer cannot be read at column {}",
                    error.column()
                )),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_named_as_those_of_the_service_whose_rules_are_used() {
        let cases = [
            (
                "https://logs.eu-west-1.amazonaws.com",
                "https://ssm.eu-west-1.amazonaws.com",
            ),
            (
                "https://logs-fips.us-east-1.amazonaws.com",
                "https://ssm-fips.us-east-1.amazonaws.com",
            ),
            (
                "https://logs.eu-west-1.api.aws",
                "https://ssm.eu-west-1.api.aws",
            ),
            (
                "https://logs.cn-north-1.amazonaws.com.cn",
                "https://ssm.cn-north-1.amazonaws.com.cn",
            ),
            ("https://logserver.example", "https://logserver.example"),
        ];
        for (rules, own) in cases {
            assert_eq!(of_service(rules), own);
        }
    }
}
