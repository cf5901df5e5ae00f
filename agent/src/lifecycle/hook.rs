//! The lifecycle hook that the instance waits in: heartbeats, and the completion.
//!
//! A wait that is over already is success: somebody was faster, or its time ran out. Everything
//! else is tried again within the time that is left, since an unanswered hook costs the group up to
//! an hour.

use std::time::Duration;

use plimsoll_aws::{Lifecycle, LifecycleAction, LifecycleResult, ScalingApi};
use plimsoll_core::backoff::Backoff;
use plimsoll_core::error::chain;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout_at};

use crate::health::Health;
use crate::identity::Host;

/// The action of `hook` for this instance, once its id and group are known.
pub(super) async fn action(mut known: watch::Receiver<Host>, hook: &str) -> LifecycleAction {
    loop {
        let found = names(&known.borrow_and_update());
        if let (Some(instance_id), Some(group)) = found {
            let hook = hook.to_owned();
            return LifecycleAction {
                group,
                hook,
                instance_id,
            };
        }
        if known.changed().await.is_err() {
            // Nobody will find it out any more.
            std::future::pending::<()>().await;
        }
    }
}

/// The instance's id and its group, as far as they are known.
pub(super) fn names(host: &Host) -> (Option<String>, Option<String>) {
    let instance = host.instance.as_ref();
    let group = instance.and_then(|instance| instance.auto_scaling_group.clone());
    (
        instance.map(|instance| instance.instance_id.clone()),
        group.filter(|group| !group.is_empty()),
    )
}

/// Completes the action, or says why that did not succeed until then.
pub(super) async fn complete<A: ScalingApi>(
    api: &A,
    action: &LifecycleAction,
    result: LifecycleResult,
    until: Instant,
    health: &Health,
) -> Result<Lifecycle, String> {
    let backoff = Backoff::default();
    let mut rng = fastrand::Rng::new();
    let mut why = "the time was over before it was tried".to_owned();
    for attempt in 0.. {
        let called = timeout_at(until, api.complete_lifecycle_action(action, result)).await;
        match called {
            Ok(Ok(done)) => return Ok(done),
            Ok(Err(error)) => {
                health.problems.add("hook_completion_failed", 1);
                why = chain(&error);
                if attempt == 0 {
                    log::warn!(hook = action.hook.as_str(); "a lifecycle hook is not completed yet: {why}");
                }
            }
            Err(_) => break,
        }
        let pause = sleep(backoff.delay(attempt, &mut rng));
        if timeout_at(until, pause).await.is_err() {
            break;
        }
    }
    Err(why)
}

/// Restarts the wait of the hook every `interval` until it is over. What fails is tried again at
/// the next time.
pub(super) async fn heartbeats<A: ScalingApi>(
    api: &A,
    known: watch::Receiver<Host>,
    hook: &str,
    interval: Duration,
    health: &Health,
) {
    let action = action(known, hook).await;
    let mut failed = false;
    loop {
        sleep(interval).await;
        match timeout_at(Instant::now() + interval, api.record_heartbeat(&action)).await {
            Ok(Ok(Lifecycle::Taken)) => {}
            Ok(Ok(Lifecycle::Over)) => {
                log::info!(hook = hook; "the wait of the lifecycle hook is over already");
                std::future::pending::<()>().await;
            }
            Ok(Err(error)) => {
                health.problems.add("hook_heartbeat_failed", 1);
                if !std::mem::replace(&mut failed, true) {
                    log::warn!(hook = hook; "a heartbeat of a lifecycle hook has failed: {}", chain(&error));
                }
            }
            Err(_) => {
                health.problems.add("hook_heartbeat_failed", 1);
            }
        }
    }
}
