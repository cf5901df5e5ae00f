//! The calls in use, one trait per service. The SDK's clients implement them in this crate; fakes
//! and the dry run implement them as well.

mod body;
mod cost;
mod logs;
mod metrics;
mod notify;
mod parameters;
mod queue;
mod scaling;

pub use body::{EVENT_JSON_OVERHEAD, PutLogEventsBody, billed_len};
pub use cost::{CostApi, CostPage, CostQuery, DailyCost};
pub use logs::{LogBatch, LogClass, LogGroup, LogsApi, Refused};
pub use metrics::{
    Alarm, AlarmState, AlarmsApi, Datum, DatumValue, MetricsApi, Series, StoredAlarm,
};
pub use notify::{Notification, NotifyApi};
pub use parameters::ParametersApi;
pub use queue::{ObjectsApi, QueueApi, QueueMessage};
pub use scaling::{Lifecycle, LifecycleAction, LifecycleResult, ScalingApi};
