//! The only crate that names the AWS SDK.
//!
//! It gives both services one client set-up ([`Settings`] → [`Clients`]), typed errors
//! ([`Error`]), every service limit as a constant ([`limits`]), instance metadata ([`imds`]), and
//! one small `*Api` trait per service with only the calls in use. Plain structs cross the border;
//! no SDK type does. Fakes and a fault wrapper stand behind the feature `test-util`.

mod api;
mod error;
pub mod limits;
#[cfg(any(test, feature = "test-util"))]
pub mod testing;

pub use api::*;
pub use error::{Action, Error};
