//! How instances come and go: start-up, hooks, and the difference between desired and actual
//! capacity.
//!
//! An instance is Pending for its start-up time, then waits for the hooks of its launch, then
//! serves. One that goes waits for the hooks of its end. Simulated instances run nothing: who has
//! hooks completes them over the API, lets them time out, or sets `complete_hooks_after_seconds`.
//! Scale-in takes the instance in service that was launched first and is not protected; AWS's
//! default policy also balances availability zones.

use fastrand::Rng;
use plimsoll_core::clock::UnixMillis;

use super::activity::{Activity, stamp};
use super::group::{Group, Instance, Life};
use super::hook::later;
use super::uuid;

/// What a group's instances went through in one look.
#[derive(Debug, Default)]
pub(super) struct Moved {
    /// Instances that are gone.
    pub(super) gone: Vec<String>,
}

impl Group {
    /// Moves every instance on and brings their number to the desired one.
    pub(super) fn live_on(&mut self, random: &mut Rng, now: UnixMillis) -> Moved {
        let mut moved = Moved::default();
        let ids: Vec<String> = self.instances.iter().map(|one| one.id.clone()).collect();
        for id in ids {
            // No instance passes more states in one look than there are.
            for _ in 0..STATES {
                if !self.step_instance(&id, random, now, &mut moved) {
                    break;
                }
            }
        }
        self.balance(random, now);
        moved
    }

    /// One transition of one instance; whether there was one.
    fn step_instance(
        &mut self,
        id: &str,
        random: &mut Rng,
        now: UnixMillis,
        moved: &mut Moved,
    ) -> bool {
        let own = self.knobs.complete_hooks_after_seconds;
        let startup = self.knobs.startup_seconds;
        let Some(instance) = self.instances.iter_mut().find(|one| one.id == id) else {
            return false;
        };
        let activity = instance.activity.clone();
        match instance.life {
            Life::Pending if now < later(instance.launched, startup) => return false,
            Life::Pending => self.wait(id, true, random, now),
            Life::PendingWait | Life::TerminatingWait => {
                let Some(continues) = outcome(instance, own, now) else {
                    return false;
                };
                instance.waiting.clear();
                let launching = instance.life == Life::PendingWait;
                instance.life = match (launching, continues) {
                    (true, true) => Life::PendingProceed,
                    _ => Life::TerminatingProceed,
                };
                if launching && !continues {
                    self.end(&activity, "Cancelled", now);
                }
            }
            Life::PendingProceed => {
                instance.life = Life::InService;
                instance.in_service = Some(now);
                self.end(&activity, "Successful", now);
            }
            Life::InService => return false,
            Life::Terminating => self.wait(id, false, random, now),
            Life::TerminatingProceed => {
                self.instances.retain(|one| one.id != id);
                self.end(&activity, "Successful", now);
                moved.gone.push(id.to_owned());
                return false;
            }
        }
        true
    }

    /// Begins the hooks of the launch or of the end; without any, the instance proceeds.
    fn wait(&mut self, id: &str, launching: bool, random: &mut Rng, now: UnixMillis) {
        let hooks = self
            .hooks
            .values()
            .filter(|hook| hook.launching == launching);
        let waiting: Vec<_> = hooks.map(|hook| hook.begin(uuid(random), now)).collect();
        let next = match (launching, waiting.is_empty()) {
            (true, true) => Life::PendingProceed,
            (true, false) => Life::PendingWait,
            (false, true) => Life::TerminatingProceed,
            (false, false) => Life::TerminatingWait,
        };
        if let Some(instance) = self.instances.iter_mut().find(|one| one.id == id) {
            instance.life = next;
            instance.waiting = waiting;
        }
    }

    /// Starts what is missing and lets go what is too much.
    fn balance(&mut self, random: &mut Rng, now: UnixMillis) {
        let live = self.live();
        for _ in live..self.desired {
            let cause = format!(
                "{}  At {} an instance was started in response to a difference between desired \
                 and actual capacity, increasing the capacity from {live} to {}.",
                self.reason,
                stamp(now),
                self.desired
            );
            self.launch_one(cause, random, now);
        }
        for _ in self.desired..live {
            let Some(id) = self.chosen() else {
                break;
            };
            let cause = format!(
                "{}  At {} an instance was taken out of service in response to a difference \
                 between desired and actual capacity, shrinking the capacity from {live} to {}.  \
                 At {} instance {id} was selected for termination.",
                self.reason,
                stamp(now),
                self.desired,
                stamp(now)
            );
            self.terminate(&id, cause, random, now);
        }
    }

    /// The instance that scale-in takes: one that does not serve yet, else the one that was
    /// launched first.
    fn chosen(&self) -> Option<String> {
        let free = |instance: &&Instance| !instance.life.is_leaving() && !instance.protected;
        let first = self.instances.iter().filter(free);
        first
            .min_by_key(|one| (one.life == Life::InService, one.launched, one.id.clone()))
            .map(|one| one.id.clone())
    }

    fn launch_one(&mut self, cause: String, random: &mut Rng, now: UnixMillis) {
        let id = format!("i-0{:016x}", random.u64(..));
        let activity = uuid(random);
        let zones = self.zones.len().max(1);
        let zone = self.zones.get(self.instances.len() % zones).cloned();
        self.instances.push(Instance {
            id: id.clone(),
            zone: zone.unwrap_or_default(),
            life: Life::Pending,
            launched: now,
            in_service: None,
            protected: self.protect_new,
            waiting: Vec::new(),
            activity: activity.clone(),
        });
        self.begin(Activity {
            id: activity,
            description: format!("Launching a new EC2 instance: {id}"),
            cause,
            started: now,
            ended: None,
            status: "InProgress",
        });
    }

    /// Lets an instance go; gives the activity.
    pub(super) fn terminate(
        &mut self,
        id: &str,
        cause: String,
        random: &mut Rng,
        now: UnixMillis,
    ) -> Option<Activity> {
        let instance = self.instances.iter_mut().find(|one| one.id == id)?;
        let activity = Activity {
            id: uuid(random),
            description: format!("Terminating EC2 instance: {id}"),
            cause,
            started: now,
            ended: None,
            status: "InProgress",
        };
        let old = std::mem::replace(&mut instance.activity, activity.id.clone());
        instance.life = Life::Terminating;
        instance.waiting.clear();
        self.end(&old, "Cancelled", now);
        self.begin(activity.clone());
        self.wait(id, false, random, now);
        Some(activity)
    }
}

/// Whether the instance goes on, once its hooks have answered or timed out: not while one is
/// open, and at once with the first ABANDON, which makes the others void.
fn outcome(instance: &mut Instance, own: Option<i64>, now: UnixMillis) -> Option<bool> {
    for waiting in &mut instance.waiting {
        if own.is_some_and(|seconds| now >= later(waiting.since, seconds)) {
            waiting.result.get_or_insert(true);
        }
        if now >= waiting.until {
            waiting.result.get_or_insert(waiting.continues);
        }
    }
    if instance.waiting.iter().any(|one| one.result == Some(false)) {
        return Some(false);
    }
    let open = instance.waiting.iter().any(|one| one.result.is_none());
    (!open).then_some(true)
}

/// States that an instance may pass in one look.
const STATES: usize = 8;
