//! In-memory stand-ins for the AWS calls, and a wrapper that makes any of them fail.
//!
//! A fake keeps what it was given and shows it to the test; clones share their state, so a test
//! hands one clone to the code under test and looks into the other. Answers can be scripted ahead.
//! Nothing here is compiled without the feature `test-util`.

mod alarms;
mod collector;
mod faulty;
mod logs;
mod metrics;
mod queue;
mod scaling;
mod script;

pub use alarms::FakeAlarms;
pub use collector::{FakeCost, FakeNotify, FakeObjects};
pub use faulty::{Faults, Faulty};
pub use logs::{FakeLogs, StoredBatch};
pub use metrics::FakeMetrics;
pub use queue::FakeQueue;
pub use scaling::{FakeScaling, ScalingCall};
pub use script::{denied, rejected, throttled, unavailable, unreachable};
