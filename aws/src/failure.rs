//! From what the SDK says went wrong to what a caller can do about it.
//!
//! One table maps the error codes of all services; it is written out so that it can be read. What
//! is said on goes through the scrubber, since services repeat parts of the request.

use std::error::Error as StdError;
use std::time::Duration;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::{ConnectorError, SdkError};
use aws_smithy_runtime_api::http::Headers;
use aws_smithy_types::date_time::{DateTime, Format};
use aws_smithy_types::error::metadata::{ErrorMetadata, ProvideErrorMetadata};

use crate::words::{chain, clean};
use crate::{Call, Error};

/// No service asks for more; a wrong header must not stop the agent for days.
const RETRY_AFTER_MAX: Duration = Duration::from_hours(1);

/// What a code means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    Throttled,
    /// Whether there was an effect is not known.
    Unavailable,
    /// There was none.
    Refused,
    Denied,
    NotFound,
    Rejected,
}

/// Codes without their endings `Exception`, `Fault` and `Error`, which differ between the
/// protocols of one service, in lower case. Any code that is not here goes by the HTTP status.
/// Sources: the error lists of each operation in use, "Common errors" of the query services, and
/// the throttling codes that AWS's own SDKs agree on.
const MEANINGS: &[(Meaning, &[&str])] = &[
    (
        Meaning::Throttled,
        &[
            "throttling",
            "throttled",
            "requestthrottled",
            "requestthrottledexceeded",
            "toomanyrequests",
            "provisionedthroughputexceeded",
            "transactioninprogress",
            "requestlimitexceeded",
            "bandwidthlimitexceeded",
            "slowdown",
            "priorrequestnotcomplete",
            "ec2throttled",
            "kmsthrottled",
            "kmsthrottling",
            "kms.throttling",
            // SQS: too many messages are in flight.
            "overlimit",
        ],
    ),
    (
        Meaning::Unavailable,
        &[
            "internal",
            "internalserver",
            "internalservice",
            "internalfailure",
            "requesttimeout",
            // Another change of the same thing is under way.
            "operationaborted",
            "resourcecontention",
            "conflict",
            "concurrentmodification",
            // CloudWatch Logs no longer says so; whoever still does takes the batch without a token.
            "invalidsequencetoken",
        ],
    ),
    // The service itself says that it does not take calls now. The same status without its code comes
    // from something in between, which may have passed the call on before it failed.
    (Meaning::Refused, &["serviceunavailable"]),
    (
        Meaning::Denied,
        &[
            "accessdenied",
            "unauthorized",
            "unauthorizedoperation",
            "unauthorizedaccess",
            "authfailure",
            "authorization",
            "notauthorized",
            "unrecognizedclient",
            "invalidclienttokenid",
            "invalidaccesskeyid",
            "missingauthenticationtoken",
            "incompletesignature",
            "invalidsignature",
            "signaturedoesnotmatch",
            "authorizationheadermalformed",
            "expiredtoken",
            "invalidtoken",
            "tokenrefreshrequired",
            "requestexpired",
            "requesttimetooskewed",
            "optinrequired",
            "allaccessdisabled",
            "accountproblem",
            "kmsaccessdenied",
            "kms.accessdenied",
            "kmsoptinrequired",
            // The key is disabled, about to be deleted or gone: someone can undo that.
            "kmsdisabled",
            "kms.disabled",
            "kmsinvalidstate",
            "kms.invalidstate",
            "kmsnotfound",
            "kms.notfound",
        ],
    ),
    (
        Meaning::NotFound,
        &[
            "resourcenotfound",
            "dashboardnotfound",
            "nosuchkey",
            "nosuchbucket",
            "notfound",
            "queuedoesnotexist",
            "nonexistentqueue",
            "parameternotfound",
            "parameterversionnotfound",
        ],
    ),
    (
        Meaning::Rejected,
        &[
            // S3: the object is archived. The status is 403, but no permission helps.
            "invalidobjectstate",
            // A quota of the account is used up; asking again does not help.
            "limitexceeded",
            "dataunavailable",
        ],
    ),
];

/// Turns a failed call of the SDK into what the caller can do.
pub(crate) fn failure<E>(call: Call, error: &SdkError<E, HttpResponse>) -> Error
where
    E: ProvideErrorMetadata + StdError + 'static,
{
    match error {
        SdkError::ServiceError(context) => {
            let raw = context.raw();
            let meta = context.err().meta();
            let text = match meta.message() {
                Some(message) => message.to_owned(),
                None if meta.code().is_some() => String::new(),
                None => chain(context.err()),
            };
            let answer = Answer {
                status: raw.status().as_u16(),
                code: meta.code(),
                message: &text,
                retry_after: retry_after(raw.headers()),
            };
            answered(call, &answer)
        }
        other => unanswered(call, other),
    }
}

/// An answer of a service that is no success.
struct Answer<'a> {
    status: u16,
    code: Option<&'a str>,
    message: &'a str,
    retry_after: Option<Duration>,
}

/// Decides by code, then by status.
fn answered(call: Call, answer: &Answer<'_>) -> Error {
    let (name, status) = (call.name(), answer.status);
    let code = match answer.code {
        Some(code) => clean(code),
        None => format!("HTTP {status}"),
    };
    let why = match (answer.code, answer.message) {
        (Some(_), "") => format!("{code}, HTTP {status}"),
        (Some(_), message) => clean(message),
        (None, message) => clean(&format!("HTTP {status} without an error code: {message}")),
    };
    match meaning(call, answer) {
        Meaning::Throttled => Error::Throttled {
            call: name,
            code,
            retry_after: answer.retry_after,
        },
        // Who names a time to wait asks to slow down, whatever the code.
        Meaning::Unavailable | Meaning::Refused if answer.retry_after.is_some() => {
            Error::Throttled {
                call: name,
                code,
                retry_after: answer.retry_after,
            }
        }
        Meaning::Unavailable => Error::Unavailable { call: name, why },
        Meaning::Refused => Error::Unreachable { call: name, why },
        Meaning::Denied => Error::Denied {
            call: name,
            action: call.action(),
            why,
        },
        Meaning::NotFound => Error::NotFound { call: name, why },
        Meaning::Rejected => Error::Rejected {
            call: name,
            code,
            why,
        },
    }
}

fn meaning(call: Call, answer: &Answer<'_>) -> Meaning {
    if let Some(code) = answer.code {
        let code = bare(code);
        // Cost Explorer says "too many calls" with the code that other services use for quotas.
        if code == "limitexceeded" && call == Call::GetCostAndUsage {
            return Meaning::Throttled;
        }
        let listed = MEANINGS
            .iter()
            .find(|(_, codes)| codes.contains(&code.as_str()));
        if let Some((meaning, _)) = listed {
            return *meaning;
        }
    }
    match (answer.status, answer.code) {
        (429, _) => Meaning::Throttled,
        // 407 comes from a proxy that wants a password.
        (401 | 403 | 407, _) => Meaning::Denied,
        (408 | 500.., _) => Meaning::Unavailable,
        (404, Some(_)) => Meaning::NotFound,
        (413 | 414, _) | (400..500, Some(_)) => Meaning::Rejected,
        // Whoever answered is no AWS service: a wrong endpoint, or a proxy in between.
        _ => Meaning::Unavailable,
    }
}

/// A code without namespace, ending and case: `com.amazonaws#LimitExceededFault` and
/// `LimitExceeded` are the same.
fn bare(code: &str) -> String {
    let code = code.rsplit('#').next().unwrap_or(code);
    let code = code.strip_prefix("AWS.SimpleQueueService.").unwrap_or(code);
    let mut code = code.to_ascii_lowercase();
    while let Some(shorter) = ["exception", "fault", "error"]
        .iter()
        .find_map(|ending| code.strip_suffix(ending))
        .filter(|shorter| !shorter.is_empty())
    {
        code = shorter.to_owned();
    }
    code
}

/// No answer came, or no request went out.
fn unanswered<E>(call: Call, error: &SdkError<E, HttpResponse>) -> Error
where
    E: StdError + 'static,
{
    let name = call.name();
    if let Some(error) = find::<CredentialsError>(error) {
        return without_credentials(call, error);
    }
    if is_unconnected(error) {
        return Error::Unreachable {
            call: name,
            why: clean(&chain(error)),
        };
    }
    let why = match error {
        SdkError::TimeoutError(_) => "no answer in time".to_owned(),
        SdkError::ConstructionFailure(_) => {
            return Error::Rejected {
                call: name,
                code: "NotSent".to_owned(),
                why: clean(&chain(error)),
            };
        }
        _ => clean(&chain(error)),
    };
    Error::Unavailable { call: name, why }
}

/// Whether no connection came about: the name has no address, nobody listens, nobody answered in
/// time, TLS or a proxy failed. Not one byte of the request went out then. Anything that failed on
/// a connection, even before the request was written, is left in doubt.
fn is_unconnected(error: &(dyn StdError + 'static)) -> bool {
    find::<hyper_util::client::legacy::Error>(error)
        .is_some_and(hyper_util::client::legacy::Error::is_connect)
}

/// The call was not made because there are no credentials. STS may be down, or the role wrong.
fn without_credentials(call: Call, error: &CredentialsError) -> Error {
    let why = clean(&format!("no credentials: {}", chain(error)));
    if let Some(meta) = find::<ErrorMetadata>(error)
        && let Some(code) = meta.code()
    {
        let answer = Answer {
            status: 400,
            code: Some(code),
            message: &why,
            retry_after: None,
        };
        return match answered(call, &answer) {
            Error::Throttled { .. } | Error::Unavailable { .. } | Error::Unreachable { .. } => {
                Error::Unreachable {
                    call: call.name(),
                    why,
                }
            }
            _ => denied_role(call, why),
        };
    }
    let network = find::<ConnectorError>(error).is_some()
        || matches!(error, CredentialsError::ProviderTimedOut(_));
    if network {
        return Error::Unreachable {
            call: call.name(),
            why,
        };
    }
    Error::Denied {
        call: call.name(),
        action: call.action(),
        why,
    }
}

fn denied_role(call: Call, why: String) -> Error {
    Error::Denied {
        call: call.name(),
        action: Call::AssumeRole.action(),
        why,
    }
}

/// The first cause of type `T`.
fn find<'e, T: StdError + 'static>(error: &'e (dyn StdError + 'static)) -> Option<&'e T> {
    std::iter::successors(Some(error), |&error| error.source())
        .find_map(|error| error.downcast_ref::<T>())
}

/// How long the service asked to wait. Source: RFC 9110 §10.2.3 (seconds, or a date, which is
/// taken relative to the answer's own `Date`), and `x-amz-retry-after` in milliseconds.
fn retry_after(headers: &Headers) -> Option<Duration> {
    let number = |name: &str| headers.get(name).and_then(|text| text.trim().parse().ok());
    let date = |name: &str| {
        let text = headers.get(name)?.trim();
        DateTime::from_str(text, Format::HttpDate).ok()
    };
    let wait = number("x-amz-retry-after")
        .map(Duration::from_millis)
        .or_else(|| number("retry-after").map(Duration::from_secs))
        .or_else(|| {
            let seconds = date("retry-after")?.secs() - date("date")?.secs();
            Some(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
        })?;
    Some(wait.min(RETRY_AFTER_MAX))
}

#[cfg(test)]
mod tests;
