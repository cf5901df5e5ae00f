//! What every service of the stand-in has in common: a call comes in, an answer or a refusal goes
//! out. A service knows nothing of HTTP, signatures or encodings.

use plimsoll_core::clock::UnixMillis;

use crate::value::Value;

/// One call, decoded and with its signature verified.
#[derive(Clone, Debug)]
pub struct Call {
    /// The operation: `PutMetricData`.
    pub operation: String,
    /// Its input.
    pub input: Value,
    /// The time of the stand-in's clock.
    pub now: UnixMillis,
    /// The Region of the signature's scope.
    pub region: String,
}

/// A refusal in the words of AWS.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The shape's name, as JSON and CBOR carry it in `__type`: `InvalidParameterValueException`.
    pub shape: &'static str,
    /// The code of the query protocol, also sent in `x-amzn-query-error` where the service is
    /// query-compatible: `InvalidParameterValue`. The same as the shape for other services.
    pub code: &'static str,
    /// The message.
    pub message: String,
    /// Further members of the error.
    pub members: Vec<(&'static str, Value)>,
}

impl Refusal {
    /// The sender's fault: HTTP 400 with one name for shape and code.
    #[must_use]
    pub fn new(name: &'static str, message: impl Into<String>) -> Self {
        Self {
            status: 400,
            shape: name,
            code: name,
            message: message.into(),
            members: Vec::new(),
        }
    }

    /// The same with another code for the query protocol.
    #[must_use]
    pub fn with_code(mut self, code: &'static str) -> Self {
        self.code = code;
        self
    }
}

/// What a service answers.
pub type Answer = Result<Value, Refusal>;
