//! What is about to happen to the instance: a Spot interruption, or the end that Auto Scaling has
//! chosen for it.
//!
//! Instance metadata tells of both before they happen, Spot two minutes ahead. From then on nothing
//! is held back, so that what was read reaches CloudWatch before the instance goes. The end itself
//! comes as always, by SIGTERM. Nothing here stops anything, and on a machine without instance
//! metadata nothing is watched.

use std::future::Future;
use std::time::Duration;

use plimsoll_aws::imds::{Imds, ImdsError};
use plimsoll_core::shutdown::Announcer;
use serde_json::Value;
use tokio::time::sleep;

/// How the instance was bought: `spot` can be interrupted, others cannot.
const LIFE_CYCLE: &str = "/latest/meta-data/instance-life-cycle";
/// What Spot does to the instance and when; absent until it is known. Source: EC2 user guide, "Spot
/// Instance interruption notices".
const SPOT: &str = "/latest/meta-data/spot/instance-action";
/// What Auto Scaling wants the instance to become; absent outside a group. Source: EC2 Auto Scaling
/// user guide, "Retrieve the target lifecycle state through instance metadata".
const TARGET: &str = "/latest/meta-data/autoscaling/target-lifecycle-state";
/// Target states in which the instance no longer runs.
const ENDS: [&str; 4] = [
    "Terminated",
    "Warmed:Terminated",
    "Warmed:Stopped",
    "Warmed:Hibernated",
];
/// How often is asked. Source: EC2 user guide, which recommends every five seconds for notices.
const INTERVAL: Duration = Duration::from_secs(5);
/// How often is asked where nothing has answered yet.
const ABSENT_INTERVAL: Duration = Duration::from_mins(1);

/// Instance metadata, or what stands for it in a test.
pub(crate) trait Metadata: Send + Sync + 'static {
    /// What stands at a path, `None` if nothing does.
    fn find(
        &self,
        path: &'static str,
    ) -> impl Future<Output = Result<Option<String>, ImdsError>> + Send;
}

impl Metadata for Imds {
    async fn find(&self, path: &'static str) -> Result<Option<String>, ImdsError> {
        Self::find(self, path).await
    }
}

/// Watches until metadata turns out to be turned off, and announces each new notice.
pub(crate) async fn watch(metadata: impl Metadata, announcer: Announcer) {
    let mut watch = Watch::default();
    loop {
        let wait = match watch.look(&metadata).await {
            Ok(Some(notice)) => {
                log::warn!(
                    "the instance is about to end ({notice}); nothing is held back any more"
                );
                announcer.hurry();
                INTERVAL
            }
            Ok(None) | Err(ImdsError::Unavailable { .. } | ImdsError::NotFound { .. }) => INTERVAL,
            Err(ImdsError::Absent { .. }) => ABSENT_INTERVAL,
            Err(ImdsError::Disabled { .. }) => return,
        };
        sleep(wait).await;
    }
}

/// What is known so far.
#[derive(Debug, Default)]
struct Watch {
    /// Whether the instance can be interrupted by Spot; `None` until it is known.
    is_spot: Option<bool>,
    /// What was told last.
    told: Option<String>,
}

impl Watch {
    /// A notice that was not told yet.
    async fn look(&mut self, metadata: &impl Metadata) -> Result<Option<String>, ImdsError> {
        if self.is_spot.is_none() {
            let bought = metadata.find(LIFE_CYCLE).await?;
            self.is_spot = Some(bought.is_none_or(|bought| bought.trim() == "spot"));
        }
        let mut notice = None;
        if self.is_spot != Some(false) {
            notice = metadata.find(SPOT).await?.map(|text| interruption(&text));
        }
        if notice.is_none() {
            let target = metadata.find(TARGET).await?;
            notice = target
                .filter(|target| ENDS.contains(&target.trim()))
                .map(|target| format!("Auto Scaling: {}", target.trim()));
        }
        if notice == self.told {
            return Ok(None);
        }
        self.told.clone_from(&notice);
        Ok(notice)
    }
}

/// A notice of Spot in words. One that is not written as documented is still a notice.
fn interruption(text: &str) -> String {
    let notice: Value = serde_json::from_str(text).unwrap_or_default();
    let field = |name: &str| {
        notice
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or("unknown")
    };
    format!("Spot: {} at {}", field("action"), field("time"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex};

    use plimsoll_core::shutdown::{Hurry, Trigger, channel};
    use tokio::time::{Instant, timeout};

    #[derive(Clone, Default)]
    struct Instance {
        paths: Arc<Mutex<BTreeMap<&'static str, &'static str>>>,
        fails: Option<ImdsError>,
        asked: Arc<AtomicUsize>,
    }

    impl Instance {
        fn put(&self, path: &'static str, text: &'static str) {
            self.paths.lock().unwrap().insert(path, text);
        }
    }

    impl Metadata for Instance {
        async fn find(&self, path: &'static str) -> Result<Option<String>, ImdsError> {
            self.asked.fetch_add(1, Ordering::Relaxed);
            if let Some(error) = &self.fails {
                return Err(error.clone());
            }
            let text = self.paths.lock().unwrap().get(path).copied();
            Ok(text.map(str::to_owned))
        }
    }

    fn watched(instance: &Instance) -> (Trigger, Hurry) {
        let (trigger, shutdown) = channel();
        let hurry = shutdown.hurry();
        tokio::spawn(watch(instance.clone(), trigger.announcer()));
        (trigger, hurry)
    }

    async fn is_announced(hurry: &mut Hurry) -> bool {
        timeout(INTERVAL * 2, hurry.asked()).await.is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn a_spot_notice_and_a_scale_in_are_announced_and_other_states_are_not() {
        let spot = r#"{"action":"terminate","time":"2026-11-24T12:02:00Z"}"#;
        let cases = [
            ("spot", SPOT, spot, true),
            ("on-demand", TARGET, "Terminated", true),
            ("spot", TARGET, "Warmed:Stopped", true),
            ("on-demand", TARGET, "InService", false),
            ("on-demand", TARGET, "Standby", false),
            ("on-demand", SPOT, spot, false),
        ];
        for (bought, path, text, announced) in cases {
            let instance = Instance::default();
            instance.put(LIFE_CYCLE, bought);
            let (_trigger, mut hurry) = watched(&instance);
            assert!(!is_announced(&mut hurry).await);
            instance.put(path, text);
            assert_eq!(is_announced(&mut hurry).await, announced, "{path} {text}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_instance_that_cannot_be_interrupted_asks_one_question_every_five_seconds() {
        let instance = Instance::default();
        instance.put(LIFE_CYCLE, "on-demand");
        let (_trigger, _hurry) = watched(&instance);
        sleep(Duration::from_mins(10)).await;
        let asked = instance.asked.load(Ordering::Relaxed);
        assert!((120..=122).contains(&asked), "{asked}");
    }

    #[tokio::test(start_paused = true)]
    async fn where_there_is_no_metadata_little_or_nothing_is_asked() {
        let absent = ImdsError::Absent { why: String::new() };
        let disabled = ImdsError::Disabled { why: String::new() };
        for (error, most) in [(absent, 11), (disabled, 1)] {
            let fails = Some(error);
            let instance = Instance {
                fails,
                ..Instance::default()
            };
            let (_trigger, _hurry) = watched(&instance);
            sleep(Duration::from_mins(10)).await;
            assert!(instance.asked.load(Ordering::Relaxed) <= most);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_notice_is_told_once_and_a_strange_one_is_a_notice_too() {
        let instance = Instance::default();
        instance.put(SPOT, "soon");
        let mut watch = Watch::default();
        let told = watch.look(&instance).await.unwrap();
        assert_eq!(told.unwrap(), "Spot: unknown at unknown");
        assert_eq!(watch.look(&instance).await.unwrap(), None);
        let begun = Instant::now();
        instance.put(SPOT, r#"{"action":"stop","time":"now"}"#);
        assert!(watch.look(&instance).await.unwrap().is_some());
        assert_eq!(begun.elapsed(), Duration::ZERO);
    }
}
