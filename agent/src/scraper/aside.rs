//! Devices that are asked beside the tick, because an answer may be late or never come.
//!
//! A system call to a device that hangs cannot be cancelled, and a program may take as long as it
//! likes. So each device is asked on a thread of the runtime's blocking pool. A look that is not
//! over in time gives nothing: its values would carry the time of another tick. The device is left
//! alone until that look has ended, so each can hold one thread at most, and the end of the program
//! does not wait for it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;
use tokio::time::timeout_at;

use super::ethtool::Ethtool;
use super::nvidia::{self, NvidiaGpu};
use super::nvme::Nvme;
use super::procstat::Procstat;
use super::snapshot::HostRoot;
use super::{Family, FamilySelection, Selection};
use crate::health::Health;
use crate::sample::Sample;

/// Families that are asked beside the tick, and so threads that they may hold for ever.
pub(crate) const ASIDE_MAX: usize = 4;
/// How long a look may take. The kernel answers in microseconds.
const PATIENCE: Duration = Duration::from_millis(500);

/// Something that is asked on a thread of its own.
pub(super) trait Device: Send {
    /// Looks once, for as long as it takes.
    fn look(&mut self, now: Instant) -> Look;

    /// What ends a look early, from another thread.
    fn breaker(&self) -> Option<Breaker> {
        None
    }
}

/// Ends a look early.
pub(super) type Breaker = Arc<dyn Fn() + Send + Sync>;

/// What one look gave.
#[derive(Debug, Default)]
pub(super) struct Look {
    /// What was measured.
    pub(super) samples: Vec<Sample>,
    /// What was not as it should be.
    pub(super) troubles: Vec<Trouble>,
}

impl Look {
    /// Notes what was not as it should be.
    pub(super) fn trouble(&mut self, reason: &'static str, count: u64, why: String) {
        self.troubles.push(Trouble { reason, count, why });
    }
}

/// Something that was not as it should be.
#[derive(Debug)]
pub(super) struct Trouble {
    /// The reason under which it is counted.
    pub(super) reason: &'static str,
    /// How often.
    pub(super) count: u64,
    /// What to tell the first time.
    pub(super) why: String,
}

/// One device and the look that is under way.
pub(super) struct Aside {
    pub(super) family: Family,
    device: Arc<Mutex<Box<dyn Device>>>,
    breaker: Option<Breaker>,
    patience: Duration,
    under_way: Option<JoinHandle<Look>>,
    /// Until when the look of this tick may take; `None` if it could not begin.
    deadline: Option<tokio::time::Instant>,
}

impl std::fmt::Debug for Aside {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Aside")
            .field("family", &self.family)
            .finish_non_exhaustive()
    }
}

impl Aside {
    /// The device of a family that is asked beside the tick; `None` for all other families.
    pub(super) fn of(
        root: &HostRoot,
        selection: &Selection,
        selected: FamilySelection,
    ) -> Option<Self> {
        let (root, style) = (root.clone(), selection.style);
        let family = selected.family;
        let (patience, device): (Duration, Box<dyn Device>) = match family {
            Family::Procstat => {
                let procstat = Procstat::new(root, style, &selection.processes);
                (PATIENCE, Box::new(procstat))
            }
            Family::Ethtool => {
                let ethtool = Ethtool::new(root, style, selection.ethtool.clone());
                (PATIENCE, Box::new(ethtool))
            }
            Family::Nvme => (PATIENCE, Box::new(Nvme::new(root))),
            Family::NvidiaGpu => {
                // Half an interval at most, so that no tick is missed for it.
                let patience = nvidia::PATIENCE_MAX.min(selected.sample_interval / 2);
                let program = &selection.nvidia_smi;
                (patience, Box::new(NvidiaGpu::new(program)))
            }
            _ => return None,
        };
        Some(Self::new(family, patience, device))
    }

    fn new(family: Family, patience: Duration, device: Box<dyn Device>) -> Self {
        Self {
            family,
            breaker: device.breaker(),
            device: Arc::new(Mutex::new(device)),
            patience,
            under_way: None,
            deadline: None,
        }
    }

    /// Begins a look, unless the one before has not ended.
    pub(super) fn begin(&mut self) {
        self.deadline = None;
        if self
            .under_way
            .as_ref()
            .is_some_and(|one| !one.is_finished())
        {
            return;
        }
        let device = Arc::clone(&self.device);
        let work = move || {
            let mut device = device.lock().unwrap_or_else(PoisonError::into_inner);
            device.look(Instant::now())
        };
        self.under_way = Some(tokio::task::spawn_blocking(work));
        self.deadline = Some(tokio::time::Instant::now() + self.patience);
    }

    /// Waits for the look, but not longer than it may take.
    pub(super) async fn finish(&mut self, health: &Health) -> Vec<Sample> {
        let family = self.family.name();
        let (Some(deadline), Some(under_way)) = (self.deadline, self.under_way.as_mut()) else {
            tell_late(family, health);
            return Vec::new();
        };
        match timeout_at(deadline, under_way).await {
            Ok(Ok(look)) => {
                self.under_way = None;
                for Trouble { reason, count, why } in look.troubles {
                    if health.problems.add(reason, count) {
                        log::warn!(family = family; "{why}");
                    }
                }
                look.samples
            }
            Ok(Err(error)) => {
                self.under_way = None;
                health.problems.add("device_failed", 1);
                log::error!(family = family; "a look at the host did not end as it should: {error}");
                Vec::new()
            }
            Err(_) => {
                if let Some(end) = &self.breaker {
                    end();
                }
                tell_late(family, health);
                Vec::new()
            }
        }
    }
}

/// Gives all that is read of devices and processes the same bytes, for fuzzing.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn read_anything(data: &[u8]) {
    let page = super::nvme::page::parse(data);
    assert!(
        page.is_err() || data.len() >= 96,
        "every number has its place"
    );
    let text = String::from_utf8_lossy(data);
    nvidia::parse(&text, &mut Vec::new());
    super::procstat::read_anything(&text);
}

fn tell_late(family: &str, health: &Health) {
    if health.problems.add("device_late", 1) {
        log::warn!(
            family = family;
            "what is asked does not answer in time; its metrics are left out until it does"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_core::catalog::{NVIDIA_SMI_FAN_SPEED, PROCSTAT_PID};
    use std::sync::mpsc::{Receiver, channel};

    /// Gives one sample per message, and hangs until there is one.
    struct Hanging(Receiver<f64>);

    impl Device for Hanging {
        fn look(&mut self, _now: Instant) -> Look {
            let value = self.0.recv().unwrap_or(-1.0);
            let mut look = Look::default();
            look.samples.push(Sample::new(&NVIDIA_SMI_FAN_SPEED, value));
            look.trouble("odd", 2, "odd".to_owned());
            look
        }
    }

    fn aside(device: Hanging) -> Aside {
        Aside::new(
            Family::NvidiaGpu,
            Duration::from_millis(20),
            Box::new(device),
        )
    }

    fn count(health: &Health, reason: &str) -> u64 {
        let problems = health.problems.snapshot();
        let found = problems.iter().find(|(name, _)| *name == reason);
        found.map_or(0, |(_, count)| *count)
    }

    #[tokio::test]
    async fn a_late_answer_is_never_told_as_that_of_a_later_tick() {
        let (answer, receiver) = channel();
        let health = Health::default();
        let mut aside = aside(Hanging(receiver));
        for late in 1..=2 {
            aside.begin();
            assert_eq!(aside.finish(&health).await, []);
            assert_eq!(count(&health, "device_late"), late);
        }
        // It answers after the next tick has begun.
        aside.begin();
        answer.send(1.0).unwrap();
        while !aside.under_way.as_ref().unwrap().is_finished() {
            tokio::task::yield_now().await;
        }
        assert_eq!(aside.finish(&health).await, []);
        assert_eq!(count(&health, "device_late"), 3);
        answer.send(2.0).unwrap();
        aside.begin();
        let told = aside.finish(&health).await;
        assert_eq!(told, [Sample::new(&NVIDIA_SMI_FAN_SPEED, 2.0)]);
        assert_eq!(count(&health, "odd"), 2);
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_read_is_understood_or_refused(
            kind in 0..3_usize, tail in proptest::collection::vec(proptest::num::u8::ANY, 0..120),
        ) {
            let heads: [&[u8]; 3] = [b"", b"\x10\xb5\x23\x3c", b"1 (a) S "];
            read_anything(&[heads[kind], &tail].concat());
        }
    }

    #[tokio::test]
    async fn a_look_that_panics_costs_only_itself() {
        struct Panicking;
        impl Device for Panicking {
            fn look(&mut self, _now: Instant) -> Look {
                assert_eq!(PROCSTAT_PID.name, "", "as it is meant");
                Look::default()
            }
        }
        let health = Health::default();
        // Telling of a panic takes its time on a busy machine.
        let patience = Duration::from_mins(1);
        let mut aside = Aside::new(Family::Nvme, patience, Box::new(Panicking));
        for failed in 1..=2 {
            aside.begin();
            assert_eq!(aside.finish(&health).await, []);
            assert_eq!(count(&health, "device_failed"), failed);
        }
    }
}
