//! SSM Parameter Store, without its SDK: one call does not pay for 150 operations.
//!
//! `GetParameter` speaks the protocol of CloudWatch Logs (JSON 1.1), so the client of that service
//! sends it, and reads its errors. Target and body are replaced before signing, and the answer is
//! read on its way back (docs/adr/0004, and 0024 for what is different here).

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use aws_config::SdkConfig;
use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::config::http::HttpRequest;
use aws_sdk_cloudwatchlogs::config::interceptors::AfterDeserializationInterceptorContextRef;
use aws_sdk_cloudwatchlogs::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_types::body::SdkBody;
use serde::Deserialize;

use super::borrowed::Borrower;
use crate::failure::failure;
use crate::words::clean;
use crate::{Call, Error, ParametersApi};

/// The operation on the wire. Source: SSM API reference, `GetParameter`.
const TARGET: &str = "AmazonSSM.GetParameter";
const SSM: Borrower = Borrower {
    service: "ssm",
    variable: "AWS_ENDPOINT_URL_SSM",
};

/// SSM Parameter Store.
#[derive(Clone)]
pub struct ParameterStore {
    client: Client,
}

impl ParameterStore {
    pub(super) fn new(config: &SdkConfig, endpoint: Option<&str>) -> Self {
        Self {
            client: SSM.client(config, endpoint),
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
            .log_group_name(SSM.service)
            .log_stream_name(SSM.service)
            .set_log_events(Some(Vec::new()))
            .customize()
            .mutate_request(move |request| replace(request, &body))
            .interceptor(answer.clone())
            .send()
            .await
            .map_err(|error| failure(Call::GetParameter, &error))?;
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
                call: Call::GetParameter.name(),
                why: clean(&format!(
                    "the answer cannot be read at column {}",
                    error.column()
                )),
            }),
        }
    }
}
