//! An instance's life in memory.

use std::sync::{Arc, Mutex};

use super::script::{Script, lock};
use crate::{Error, Lifecycle, LifecycleAction, LifecycleResult, ScalingApi};

/// A call of an instance about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScalingCall {
    /// `CompleteLifecycleAction`.
    Complete(LifecycleAction, LifecycleResult),
    /// `RecordLifecycleActionHeartbeat`.
    Heartbeat(LifecycleAction),
    /// `DescribeTags`, with the instance's id.
    GroupOf(String),
}

/// Remembers every call. Waits are taken, and the group is the one that was set.
#[derive(Clone, Debug, Default)]
pub struct FakeScaling(Arc<State>);

#[derive(Debug, Default)]
struct State {
    waits: Script<Lifecycle>,
    groups: Script<Option<String>>,
    group: Mutex<Option<String>>,
    calls: Mutex<Vec<ScalingCall>>,
}

impl FakeScaling {
    /// Lays down the answer of the next call about a wait that has none yet.
    pub fn answer_wait(&self, answer: Result<Lifecycle, Error>) {
        self.0.waits.push(Some(answer));
    }

    /// Lays down the answer of the next question for the group that has none yet.
    pub fn answer_group(&self, answer: Result<Option<String>, Error>) {
        self.0.groups.push(Some(answer));
    }

    /// Puts the instance into a group, or into none.
    pub fn set_group(&self, group: Option<&str>) {
        *lock(&self.0.group) = group.map(str::to_owned);
    }

    /// All calls in order, whatever their answer.
    #[must_use]
    pub fn calls(&self) -> Vec<ScalingCall> {
        lock(&self.0.calls).clone()
    }

    fn note(&self, call: ScalingCall) {
        lock(&self.0.calls).push(call);
    }
}

impl ScalingApi for FakeScaling {
    async fn complete_lifecycle_action(
        &self,
        action: &LifecycleAction,
        result: LifecycleResult,
    ) -> Result<Lifecycle, Error> {
        self.note(ScalingCall::Complete(action.clone(), result));
        self.0.waits.next().unwrap_or(Ok(Lifecycle::Taken))
    }

    async fn record_heartbeat(&self, action: &LifecycleAction) -> Result<Lifecycle, Error> {
        self.note(ScalingCall::Heartbeat(action.clone()));
        self.0.waits.next().unwrap_or(Ok(Lifecycle::Taken))
    }

    async fn group_of(&self, instance_id: &str) -> Result<Option<String>, Error> {
        self.note(ScalingCall::GroupOf(instance_id.to_owned()));
        let scripted = self.0.groups.next();
        scripted.unwrap_or_else(|| Ok(lock(&self.0.group).clone()))
    }
}
