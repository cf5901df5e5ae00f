//! The name of the Auto Scaling group where instance metadata shows no tags: by `DescribeTags`.
//!
//! A fleet shares one allowance of that call, so it is asked seldom, at random moments, and ever
//! more seldom while it gives nothing. Where metadata shows tags, or nothing in the configuration
//! needs the name, it is not asked at all.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use plimsoll_aws::{Error, ScalingApi};
use plimsoll_core::backoff::Backoff;
use plimsoll_core::shutdown::Shutdown;
use tokio::sync::watch;
use tokio::time::sleep;

use super::Host;
use crate::health::Health;

/// The first question comes within this time, so that a fleet that starts at once does not ask at
/// once.
const FIRST: Duration = Duration::from_secs(10);
/// The first wait after a question that gave nothing, and the longest.
const AGAIN: (Duration, Duration) = (Duration::from_secs(30), Duration::from_hours(1));
/// A group that is known is asked for again after this time, since an instance may be moved.
const KNOWN: Duration = Duration::from_hours(1);
/// How often it is looked whether metadata has told anything by now.
const LOOK: Duration = Duration::from_mins(1);

/// Asks until the end, as long as the instance is known, metadata does not show its tags, and the
/// name `matters`. The first failure is told, all are counted as `group_unknown`.
pub(crate) async fn follow<A: ScalingApi>(
    scaling: Arc<A>,
    known: watch::Sender<Host>,
    matters: Arc<AtomicBool>,
    health: Arc<Health>,
    mut rng: fastrand::Rng,
    mut shutdown: Shutdown,
) {
    let asking = async {
        let mut failures = 0;
        sleep(FIRST.mul_f64(rng.f64())).await;
        loop {
            let matters = matters.load(Ordering::Relaxed);
            let instance = wanted(&known.borrow()).filter(|_| matters);
            let pause = match instance {
                None => LOOK,
                Some(id) => match scaling.group_of(&id).await {
                    Ok(Some(group)) => {
                        failures = 0;
                        learn(&known, &id, group);
                        KNOWN.mul_f64(0.5 + rng.f64() / 2.0)
                    }
                    nothing => {
                        tell(&nothing, &health);
                        failures += 1;
                        again(failures - 1, &mut rng)
                    }
                },
            };
            sleep(pause).await;
        }
    };
    tokio::select! {
        () = asking => {}
        () = shutdown.requested() => {}
    }
}

/// The instance whose group has to be asked for.
fn wanted(host: &Host) -> Option<String> {
    let instance = host.instance.as_ref()?;
    (!instance.tags_shown).then(|| instance.instance_id.clone())
}

/// At least half of the wait: a random one of nearly zero would ask twice for nothing.
fn again(failures: u32, rng: &mut fastrand::Rng) -> Duration {
    let (base, max) = AGAIN;
    Backoff::new(base, max).map_or(max, |schedule| {
        schedule.ceiling(failures) / 2 + schedule.delay(failures, rng) / 2
    })
}

fn learn(known: &watch::Sender<Host>, id: &str, group: String) {
    known.send_if_modified(|host| {
        let Some(instance) = host.instance.as_mut().filter(|one| one.instance_id == id) else {
            return false;
        };
        if instance.auto_scaling_group.as_ref() == Some(&group) {
            return false;
        }
        log::info!("this instance is in the Auto Scaling group {group}, by DescribeTags");
        instance.auto_scaling_group = Some(group);
        true
    });
}

fn tell(answer: &Result<Option<String>, Error>, health: &Health) {
    if !health.problems.add("group_unknown", 1) {
        return;
    }
    match answer {
        Err(error) => log::warn!(
            "the Auto Scaling group is not known: instance metadata shows no tags, and {error}; \
             enable InstanceMetadataTags or allow ec2:DescribeTags"
        ),
        Ok(_) => log::info!("this instance has no tag of an Auto Scaling group; asked again later"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::{Mutex, PoisonError};

    use plimsoll_aws::imds::Identity;
    use plimsoll_aws::{Lifecycle, LifecycleAction, LifecycleResult};
    use plimsoll_core::shutdown;
    use tokio::time::Instant;

    use super::*;

    /// Answers one after the other, the last for ever.
    #[derive(Debug)]
    struct Tags {
        answers: Mutex<VecDeque<Result<Option<String>, Error>>>,
        asked: Mutex<Vec<Instant>>,
    }

    impl Tags {
        fn new(answers: impl IntoIterator<Item = Result<Option<String>, Error>>) -> Arc<Self> {
            Arc::new(Self {
                answers: Mutex::new(answers.into_iter().collect()),
                asked: Mutex::default(),
            })
        }

        fn asked(&self) -> Vec<Instant> {
            self.asked
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone()
        }
    }

    impl ScalingApi for Tags {
        async fn complete_lifecycle_action(
            &self,
            _: &LifecycleAction,
            _: LifecycleResult,
        ) -> Result<Lifecycle, Error> {
            Ok(Lifecycle::Over)
        }

        async fn record_heartbeat(&self, _: &LifecycleAction) -> Result<Lifecycle, Error> {
            Ok(Lifecycle::Over)
        }

        async fn group_of(&self, id: &str) -> Result<Option<String>, Error> {
            assert_eq!(id, "i-1");
            self.asked.lock().unwrap().push(Instant::now());
            let mut answers = self.answers.lock().unwrap();
            let answer = answers.pop_front().expect("an answer");
            if answers.is_empty() {
                answers.push_back(answer.clone());
            }
            answer
        }
    }

    fn host(tags_shown: bool) -> Host {
        Host {
            instance: Some(Identity {
                instance_id: "i-1".to_owned(),
                tags_shown,
                ..Identity::default()
            }),
            ..Host::default()
        }
    }

    fn denied() -> Result<Option<String>, Error> {
        Err(Error::Unavailable {
            call: "DescribeTags",
            why: "no".to_owned(),
        })
    }

    /// What is known after `hours`, and what was counted.
    async fn after(hours: u64, tags: &Arc<Tags>, host: Host) -> (Option<String>, u64) {
        after_if(true, hours, tags, host).await
    }

    async fn after_if(
        matters: bool,
        hours: u64,
        tags: &Arc<Tags>,
        host: Host,
    ) -> (Option<String>, u64) {
        let (sender, known) = watch::channel(host);
        let (_trigger, end) = shutdown::channel();
        let health = Arc::new(Health::default());
        let rng = fastrand::Rng::with_seed(7);
        let task = tokio::spawn(follow(
            Arc::clone(tags),
            sender,
            Arc::new(AtomicBool::new(matters)),
            Arc::clone(&health),
            rng,
            end,
        ));
        sleep(Duration::from_hours(hours)).await;
        task.abort();
        let instance = known.borrow().instance.clone();
        let counted = health.problems.total();
        (instance.and_then(|one| one.auto_scaling_group), counted)
    }

    #[tokio::test(start_paused = true)]
    async fn a_group_that_metadata_does_not_show_is_asked_for_and_followed_when_it_changes() {
        let tags = Tags::new([
            denied(),
            Ok(None),
            Ok(Some("web".to_owned())),
            Ok(Some("api".to_owned())),
        ]);
        assert_eq!(
            after(4, &tags, host(false)).await,
            (Some("api".to_owned()), 2)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_question_that_gives_nothing_is_asked_ever_more_seldom() {
        let tags = Tags::new([denied()]);
        let (known, counted) = after(24, &tags, host(false)).await;
        let asked = tags.asked();
        assert_eq!((known, counted), (None, asked.len() as u64));
        assert!((24..60).contains(&asked.len()), "{}", asked.len());
        let first = asked[1] - asked[0];
        assert!(first >= AGAIN.0 / 2 && first <= AGAIN.0, "{first:?}");
        let last = asked[asked.len() - 1] - asked[asked.len() - 2];
        assert!(last >= AGAIN.1 / 2, "{last:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_asked_where_metadata_shows_tags_or_is_absent_or_nobody_needs_it() {
        let tags = Tags::new([Ok(Some("web".to_owned()))]);
        assert_eq!(after(4, &tags, host(true)).await, (None, 0));
        assert_eq!(after(4, &tags, Host::default()).await, (None, 0));
        assert_eq!(after_if(false, 4, &tags, host(false)).await, (None, 0));
        assert_eq!(tags.asked(), Vec::new());
    }
}
