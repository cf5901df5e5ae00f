//! SSM Parameter Store: where a fleet keeps its configuration.

use std::future::Future;

use crate::Error;

/// `GetParameter`.
pub trait ParametersApi: Send + Sync + 'static {
    /// The value of a parameter, decrypted. `name` is its name or ARN, with `:VERSION` or `:LABEL`
    /// behind it if not the latest is meant.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such parameter or version; see [`Error`].
    fn parameter(&self, name: &str) -> impl Future<Output = Result<String, Error>> + Send;
}
