//! AWS's encodings, each to and from [`crate::value::Value`].
//!
//! JSON 1.0 and 1.1 and rest-json ([`json`]), Smithy RPC v2 CBOR ([`cbor`]), the query protocol's
//! requests ([`query`]) and its answers ([`xml`]). They are written here and share nothing with
//! the clients, so that a mistake on one side is not mirrored on the other.

pub mod cbor;
pub mod json;
pub mod query;
pub mod xml;

/// Why a body cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Not JSON, or nested too deeply.
    #[error("not JSON")]
    Json(#[from] serde_json::Error),
    /// Not CBOR, or nested too deeply.
    #[error("not CBOR: {0}")]
    Cbor(String),
    /// Not a form.
    #[error("not a form: {0}")]
    Form(&'static str),
}
