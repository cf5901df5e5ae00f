//! CloudWatch's refusals. Each has two names: the shape for JSON and CBOR, the code of the query
//! protocol, which also travels in `x-amzn-query-error`.
//! Source: the service's API model (trait awsQueryCompatible).

use crate::service::Refusal;

/// A value is outside its constraint.
pub(super) fn value(message: impl Into<String>) -> Refusal {
    Refusal::new("InvalidParameterValueException", message).with_code("InvalidParameterValue")
}

/// A member that is needed is not there.
pub(super) fn missing(name: &str) -> Refusal {
    Refusal::new(
        "MissingRequiredParameterException",
        format!("The parameter {name} is required."),
    )
    .with_code("MissingParameter")
}

/// Members that do not go together.
pub(super) fn combination(message: impl Into<String>) -> Refusal {
    Refusal::new("InvalidParameterCombinationException", message)
        .with_code("InvalidParameterCombination")
}

/// What the alarm operations say of any bad input.
pub(super) fn validation(message: impl Into<String>) -> Refusal {
    Refusal::new("ValidationError", message)
}

/// A quota of things is reached.
pub(super) fn limit(message: impl Into<String>) -> Refusal {
    Refusal::new("LimitExceededFault", message).with_code("LimitExceeded")
}

/// A page token that was not given out here.
pub(super) fn next_token() -> Refusal {
    Refusal::new("InvalidNextToken", "The next token specified is invalid.")
}

/// A thing that is not there.
pub(super) fn not_found(message: impl Into<String>) -> Refusal {
    Refusal {
        status: 404,
        ..Refusal::new("ResourceNotFound", message)
    }
}
