//! Signals for Auto Scaling: a few numbers that must be right, early and cheap.
//!
//! A signal is an expression over what the host, its applications and its logs are measured by. It
//! is taken every few seconds on a tick of its own and told under the group's name with a storage
//! resolution of one second, by calls of its own that nothing else waits in front of. A signal that
//! is not known, or of an instance that does not do its work, is withheld and counted: a zero that
//! was never measured would have a group scale in.

mod board;
mod counted;
pub(crate) mod expression;
mod gate;
pub(crate) mod preset;
mod probe;
mod queue;
pub(crate) mod road;

pub(crate) use counted::{Record as SignalRecord, SignalHealth};
pub(crate) use gate::Gate;
