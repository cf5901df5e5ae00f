//! The only crate that names the AWS SDK.
//!
//! It gives both services one client set-up ([`Settings`] → [`Clients`]), typed errors
//! ([`Error`]), every service limit as a constant ([`limits`]), instance metadata ([`imds`]), and
//! one small `*Api` trait per service with only the calls in use. Plain structs cross the border;
//! no SDK type does. Fakes and a fault wrapper stand behind the feature `test-util`.

mod api;
mod call;
mod clients;
mod error;
#[cfg(any(feature = "logs", feature = "metrics"))]
mod failure;
mod http;
pub mod imds;
pub mod limits;
#[cfg(test)]
#[cfg(all(feature = "logs", feature = "collector"))]
mod loopback;
pub mod policy;
mod region;
mod settings;
mod settings_config;
#[cfg(any(test, feature = "test-util"))]
pub mod testing;
mod words;

pub use api::*;
pub use call::{Call, Program, beside};
pub use clients::*;
pub use error::{Action, Error};
pub use region::check_region;
pub use settings::{
    ATTEMPT_TIMEOUT, ATTEMPT_TIMEOUT_MAX, AssumeRole, BadSetting, CONNECT_TIMEOUT, Service,
    Settings,
};
