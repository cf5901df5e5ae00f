//! What a request is answered with: status, headers and body, in the form that it came in.
//!
//! Pure. Source: OTLP specification 1.x, "OTLP/HTTP Response"; opentelemetry-proto,
//! `metrics_service.proto`; googleapis, `google/rpc/status.proto` and `code.proto`.

use std::collections::BTreeMap;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};

use super::wire::{put_bytes, put_varint};

/// How a body is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// The binary form.
    Protobuf,
    /// The JSON form.
    Json,
}

impl Form {
    /// The form that a `Content-Type` names.
    pub(super) fn of(content_type: &str) -> Option<Self> {
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        if media_type.eq_ignore_ascii_case("application/x-protobuf") {
            Some(Self::Protobuf)
        } else if media_type.eq_ignore_ascii_case("application/json") {
            Some(Self::Json)
        } else {
            None
        }
    }

    fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Protobuf => "application/x-protobuf",
            Self::Json => "application/json",
        })
    }
}

/// Why a request is refused as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Another path.
    NotFound,
    /// Another method.
    Method,
    /// Another form than ours.
    Form,
    /// Packed in another way than gzip.
    Packing,
    /// Too large, packed or unpacked.
    TooLarge,
    /// The body did not arrive in time.
    TooSlow,
    /// It is not what it says it is.
    Malformed(String),
    /// As many requests as may are under way.
    Busy,
}

impl Refusal {
    /// The status, the code of gRPC that goes with it, the reason to count it under, and what is
    /// told.
    fn parts(&self) -> (StatusCode, u8, &'static str, &str) {
        const INVALID_ARGUMENT: u8 = 3;
        const RESOURCE_EXHAUSTED: u8 = 8;
        const UNIMPLEMENTED: u8 = 12;
        const UNAVAILABLE: u8 = 14;
        match self {
            Self::NotFound => (
                StatusCode::NOT_FOUND,
                UNIMPLEMENTED,
                "otlp_path",
                "only /v1/metrics is served",
            ),
            Self::Method => (
                StatusCode::METHOD_NOT_ALLOWED,
                UNIMPLEMENTED,
                "otlp_path",
                "only POST is served",
            ),
            Self::Form => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                INVALID_ARGUMENT,
                "otlp_form",
                "expected application/x-protobuf or application/json",
            ),
            Self::Packing => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                INVALID_ARGUMENT,
                "otlp_form",
                "expected the content encoding gzip or identity",
            ),
            Self::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                RESOURCE_EXHAUSTED,
                "otlp_too_large",
                "the request is too large; export more often or smaller batches",
            ),
            Self::TooSlow => (
                StatusCode::REQUEST_TIMEOUT,
                UNAVAILABLE,
                "otlp_timeout",
                "the request did not arrive in time",
            ),
            Self::Malformed(what) => (
                StatusCode::BAD_REQUEST,
                INVALID_ARGUMENT,
                "otlp_malformed",
                what,
            ),
            Self::Busy => (
                StatusCode::SERVICE_UNAVAILABLE,
                UNAVAILABLE,
                "otlp_busy",
                "too many requests at once",
            ),
        }
    }

    /// The reason to count it under.
    pub(super) fn reason(&self) -> &'static str {
        self.parts().2
    }

    /// What is wrong.
    pub(super) fn text(&self) -> &str {
        self.parts().3
    }

    /// A `Status` with code and text.
    pub(super) fn answer(&self, form: Form) -> Response<Full<Bytes>> {
        let (status, code, _, text) = self.parts();
        let body = match form {
            Form::Protobuf => {
                let mut body = Vec::new();
                put_varint(&mut body, 1, u64::from(code));
                put_bytes(&mut body, 2, text.as_bytes());
                body
            }
            Form::Json => serde_json::json!({ "code": code, "message": text })
                .to_string()
                .into_bytes(),
        };
        let mut answer = response(status, form, body);
        let mut more = |name: HeaderName, value| {
            answer
                .headers_mut()
                .insert(name, HeaderValue::from_static(value));
        };
        match self {
            Self::Busy => more(RETRY_AFTER, "1"),
            Self::Method => more(ALLOW, "POST"),
            _ => {}
        }
        answer
    }
}

/// An `ExportMetricsServiceResponse`: empty when all points were taken, else with how many were
/// not and why.
pub(super) fn taken(form: Form, refused: &BTreeMap<&'static str, u64>) -> Response<Full<Bytes>> {
    let count: u64 = refused.values().sum();
    let reasons = refused
        .iter()
        .map(|(reason, count)| format!("{reason}: {count}"));
    let text = reasons.collect::<Vec<_>>().join(", ");
    let body = match form {
        Form::Protobuf => {
            let mut body = Vec::new();
            if count > 0 {
                let mut partial = Vec::new();
                put_varint(&mut partial, 1, count);
                put_bytes(&mut partial, 2, text.as_bytes());
                put_bytes(&mut body, 1, &partial);
            }
            body
        }
        Form::Json if count == 0 => b"{}".to_vec(),
        Form::Json => serde_json::json!({ "partialSuccess": {
            "rejectedDataPoints": count.to_string(), "errorMessage": text,
        }})
        .to_string()
        .into_bytes(),
    };
    response(StatusCode::OK, form, body)
}

fn response(status: StatusCode, form: Form, body: Vec<u8>) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = status;
    answer
        .headers_mut()
        .insert(CONTENT_TYPE, form.content_type());
    answer
}
