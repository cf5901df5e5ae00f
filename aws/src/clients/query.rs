//! The query protocol through another service's client: a form goes out, XML comes back.
//!
//! The request is replaced before it is signed, and the answer is read in place of the SDK's own
//! reading. Errors reach the SDK with their codes, so it repeats what was throttled or failed in
//! passing as it does for every other call (docs/adr/0029).

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use aws_config::SdkConfig;
use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::config::http::{HttpRequest, HttpResponse};
use aws_sdk_cloudwatchlogs::config::interceptors::BeforeSerializationInterceptorContextMut;
use aws_sdk_cloudwatchlogs::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_cloudwatchlogs::operation::put_log_events::{PutLogEventsError, PutLogEventsOutput};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::{Error as AnyError, Output};
use aws_smithy_runtime_api::client::orchestrator::OrchestratorError;
use aws_smithy_runtime_api::client::ser_de::{DeserializeResponse, SharedResponseDeserializer};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::error::ErrorMetadata;

use super::borrowed::Borrower;
use super::xml::{Element, Unreadable};
use crate::failure::failure;
use crate::words::clean;
use crate::{Call, Error};

/// Source: the query protocols of AWS's service models, `awsQuery` and `ec2Query`.
const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";

/// A service that speaks the query protocol.
#[derive(Clone)]
pub(super) struct Query {
    client: Client,
    service: &'static str,
    version: &'static str,
}

impl Query {
    /// `version` is that of the service's API, a date.
    pub(super) fn new(
        borrower: Borrower,
        version: &'static str,
        config: &SdkConfig,
        endpoint: Option<&str>,
    ) -> Self {
        Self {
            client: borrower.client(config, endpoint),
            service: borrower.service,
            version,
        }
    }

    /// Makes one call and gives the root of its answer.
    ///
    /// # Errors
    /// See [`Error`]. An answer that cannot be read is [`Error::Unavailable`].
    pub(super) async fn call(
        &self,
        call: Call,
        parameters: &[(&str, &str)],
    ) -> Result<Element, Error> {
        let mut body = String::new();
        let head = [("Action", call.name()), ("Version", self.version)];
        for (name, value) in head.iter().chain(parameters) {
            append(&mut body, name, value);
        }
        let answer = Answer::default();
        self.client
            .put_log_events()
            .log_group_name(self.service)
            .log_stream_name(self.service)
            .set_log_events(Some(Vec::new()))
            .customize()
            .mutate_request(move |request| replace(request, &body))
            .interceptor(answer.clone())
            .send()
            .await
            .map_err(|error| failure(call, &error))?;
        answer.root(call)
    }
}

/// Makes the request a form. This happens before signing.
fn replace(request: &mut HttpRequest, body: &str) {
    let headers = request.headers_mut();
    headers.remove("x-amz-target");
    headers.insert("content-type", FORM);
    headers.insert("content-length", body.len().to_string());
    *request.body_mut() = SdkBody::from(body.to_owned());
}

/// Appends a pair. Everything but the unreserved characters of RFC 3986 §2.3 is escaped.
fn append(form: &mut String, name: &str, value: &str) {
    if !form.is_empty() {
        form.push('&');
    }
    form.push_str(name);
    form.push('=');
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            form.push(char::from(byte));
        } else {
            let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16);
            form.push('%');
            let hex = [byte >> 4, byte & 15].into_iter().filter_map(digit);
            form.extend(hex.map(|digit| digit.to_ascii_uppercase()));
        }
    }
}

/// What came back with a success.
type Body = Arc<Mutex<Option<Result<Element, Unreadable>>>>;

/// Reads answers in place of the SDK.
#[derive(Clone, Default)]
struct Answer(Body);

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").finish_non_exhaustive()
    }
}

impl Intercept for Answer {
    fn name(&self) -> &'static str {
        "QueryAnswer"
    }

    fn modify_before_serialization(
        &self,
        _: &mut BeforeSerializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let reader = SharedResponseDeserializer::new(self.clone());
        bag.interceptor_state().store_put(reader);
        Ok(())
    }
}

impl DeserializeResponse for Answer {
    fn deserialize_nonstreaming_with_config(
        &self,
        response: &HttpResponse,
        _: &ConfigBag,
    ) -> Result<Output, OrchestratorError<AnyError>> {
        let root = Element::read(response.body().bytes().unwrap_or_default());
        if response.status().is_success() {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(root);
            return Ok(Output::erase(PutLogEventsOutput::builder().build()));
        }
        let error = PutLogEventsError::generic(said(root));
        Err(OrchestratorError::operation(AnyError::erase(error)))
    }
}

impl Answer {
    fn root(self, call: Call) -> Result<Element, Error> {
        let root = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let why = match root.unwrap_or(Err(Unreadable("there was none"))) {
            Ok(root) if root.name.strip_suffix("Response") == Some(call.name()) => return Ok(root),
            Ok(_) => "it is that of another call",
            Err(Unreadable(why)) => why,
        };
        Err(Error::Unavailable {
            call: call.name(),
            why: clean(&format!("the answer cannot be read: {why}")),
        })
    }
}

/// Code and message of an error. Source: the two query protocols; EC2 puts its errors into a list.
fn said(root: Result<Element, Unreadable>) -> ErrorMetadata {
    let root = match root {
        Ok(root) => root,
        Err(Unreadable(why)) => {
            let message = format!("the answer cannot be read: {why}");
            return ErrorMetadata::builder().message(message).build();
        }
    };
    let parent = root.child("Errors").unwrap_or(&root);
    let text = |name: &str| {
        let text = parent.child("Error")?.text_of(name)?;
        (!text.is_empty()).then(|| text.to_owned())
    };
    let mut meta = ErrorMetadata::builder().message(text("Message").unwrap_or_default());
    if let Some(code) = text("Code") {
        meta = meta.code(code);
    }
    meta.build()
}
