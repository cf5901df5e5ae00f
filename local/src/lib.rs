//! The embedded stand-in for the AWS endpoints that Plimsoll calls.
//!
//! It verifies signatures, enforces the documented limits and quotas, answers in AWS's protocols
//! and error shapes, evaluates alarms by AWS's published rules, and takes faults on demand. It is
//! a second opinion on the wire: it shares no encoder with the clients that it checks. It keeps
//! its data in bounded memory and never reaches out to the network.

pub mod autoscaling;
pub mod calls;
pub mod cli;
pub mod clock;
pub mod cloudtrail;
pub mod cloudwatch;
pub mod codec;
pub mod contents;
pub mod control;
pub mod cost;
pub mod credentials;
pub mod emf;
pub mod faults;
pub mod guardduty;
pub mod imds;
mod input;
pub mod limits;
pub mod logs;
pub mod page;
pub mod plain;
pub mod replay;
pub mod serve;
pub mod server;
pub mod service;
pub mod sigv4;
pub mod sns;
pub mod state;
mod stored;
pub mod sts;
pub mod summary;
pub mod throttle;
pub mod value;
