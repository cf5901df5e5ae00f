//! EC2 Auto Scaling, as far as an instance speaks for itself, and the tag that names its group.

use std::future::Future;

use crate::Error;

/// The calls of an instance about its own life.
pub trait ScalingApi: Send + Sync + 'static {
    /// `CompleteLifecycleAction`: the instance need not wait any longer.
    ///
    /// # Errors
    /// See [`Error`]. An action that is over already is no error but [`Lifecycle::Over`].
    fn complete_lifecycle_action(
        &self,
        action: &LifecycleAction,
        result: LifecycleResult,
    ) -> impl Future<Output = Result<Lifecycle, Error>> + Send;

    /// `RecordLifecycleActionHeartbeat`: the wait of the hook begins anew.
    ///
    /// # Errors
    /// As above.
    fn record_heartbeat(
        &self,
        action: &LifecycleAction,
    ) -> impl Future<Output = Result<Lifecycle, Error>> + Send;

    /// `DescribeTags` of EC2: the group that the instance is in by its tag, or `None` if it has
    /// none.
    ///
    /// # Errors
    /// See [`Error`].
    fn group_of(
        &self,
        instance_id: &str,
    ) -> impl Future<Output = Result<Option<String>, Error>> + Send;
}

/// Which wait of which hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LifecycleAction {
    /// The name of the Auto Scaling group.
    pub group: String,
    /// The name of its lifecycle hook.
    pub hook: String,
    /// The instance that waits.
    pub instance_id: String,
}

/// What becomes of the instance. Source: EC2 Auto Scaling API reference,
/// `CompleteLifecycleAction`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LifecycleResult {
    /// The transition goes on.
    Continue,
    /// A launching instance is terminated; for a terminating one the remaining hooks are skipped.
    Abandon,
}

impl LifecycleResult {
    /// As the API spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Continue => "CONTINUE",
            Self::Abandon => "ABANDON",
        }
    }
}

/// What became of a call about a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifecycle {
    /// It was taken.
    Taken,
    /// There is no such wait any more: it was completed before, or its time ran out.
    Over,
}
