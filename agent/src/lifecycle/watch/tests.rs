//! What is seen, how often is asked, and what answers that are none do.

use super::*;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Metadata that says what it is told to say.
#[derive(Clone, Default)]
pub(crate) struct Instance {
    paths: Arc<Mutex<BTreeMap<&'static str, Result<String, ImdsError>>>>,
    fails: Option<ImdsError>,
    asked: Arc<AtomicUsize>,
}

impl Instance {
    pub(crate) fn put(&self, path: &'static str, text: &str) {
        let text = Ok(text.to_owned());
        self.paths.lock().unwrap().insert(path, text);
    }

    pub(crate) fn take(&self, path: &'static str) {
        self.paths.lock().unwrap().remove(path);
    }
}

impl Metadata for Instance {
    async fn find(&self, path: &'static str) -> Result<Option<String>, ImdsError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        if let Some(error) = &self.fails {
            return Err(error.clone());
        }
        let answer = self.paths.lock().unwrap().get(path).cloned();
        answer.transpose()
    }
}

fn unavailable(path: &str) -> ImdsError {
    ImdsError::Unavailable {
        path: path.to_owned(),
        why: "HTTP 401".to_owned(),
    }
}

fn watched(instance: &Instance) -> (mpsc::Receiver<Seen>, Arc<Health>) {
    let (sender, seen) = mpsc::channel(8);
    let health = Arc::new(Health::default());
    tokio::spawn(watch(instance.clone(), sender, Arc::clone(&health)));
    (seen, health)
}

/// What was seen after the next looks.
async fn news(seen: &mut mpsc::Receiver<Seen>) -> Vec<Seen> {
    sleep(INTERVAL * 2).await;
    let mut news = Vec::new();
    while let Ok(one) = seen.try_recv() {
        news.push(one);
    }
    news
}

const NOTICE: &str = r#"{"action":"terminate","time":"2026-11-24T12:02:00Z"}"#;

#[tokio::test(start_paused = true)]
async fn a_notice_is_seen_once_and_seen_to_be_taken_back() {
    let cases = [
        ("spot", SPOT, NOTICE, Some(Kind::Spot)),
        ("spot", REBALANCE, "{}", Some(Kind::Rebalance)),
        ("on-demand", TARGET, "Terminated", Some(Kind::ScaleIn)),
        ("on-demand", TARGET, "InService", None),
        ("on-demand", SPOT, NOTICE, None),
        ("on-demand", REBALANCE, "{}", None),
    ];
    for (bought, path, text, kind) in cases {
        let instance = Instance::default();
        instance.put(LIFE_CYCLE, bought);
        let (mut seen, _) = watched(&instance);
        assert_eq!(news(&mut seen).await, []);
        instance.put(path, text);
        let told = news(&mut seen).await;
        let kinds: Vec<Kind> = told
            .iter()
            .map(|seen| match seen {
                Seen::Notice(notice) => notice.kind,
                Seen::TakenBack(kind) => panic!("{kind:?}"),
            })
            .collect();
        assert_eq!(kinds, Vec::from_iter(kind), "{path} {text}");
        assert_eq!(news(&mut seen).await, []);
        instance.take(path);
        let back = Vec::from_iter(kind.map(Seen::TakenBack));
        assert_eq!(news(&mut seen).await, back);
    }
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_cannot_be_interrupted_asks_one_question_every_five_seconds() {
    let instance = Instance::default();
    instance.put(LIFE_CYCLE, "on-demand");
    let _watched = watched(&instance);
    sleep(Duration::from_mins(10)).await;
    let asked = instance.asked.load(Ordering::Relaxed);
    assert!((120..=125).contains(&asked), "{asked}");
}

#[tokio::test(start_paused = true)]
async fn planned_work_is_asked_for_every_five_minutes() {
    let instance = Instance::default();
    instance.put(LIFE_CYCLE, "on-demand");
    let (mut seen, _) = watched(&instance);
    news(&mut seen).await;
    instance.put(MAINTENANCE, r#"[{"Code":"system-reboot"}]"#);
    assert_eq!(news(&mut seen).await, []);
    sleep(MAINTENANCE_INTERVAL).await;
    assert_eq!(news(&mut seen).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn where_there_is_no_metadata_little_or_nothing_is_asked() {
    let absent = ImdsError::Absent { why: String::new() };
    let disabled = ImdsError::Disabled { why: String::new() };
    for (error, most) in [(absent, 11), (disabled, 1)] {
        let instance = Instance {
            fails: Some(error),
            ..Instance::default()
        };
        let _watched = watched(&instance);
        sleep(Duration::from_mins(10)).await;
        assert!(instance.asked.load(Ordering::Relaxed) <= most);
    }
}

#[tokio::test(start_paused = true)]
async fn a_question_without_an_answer_is_counted_and_takes_nothing_back_nor_holds_up_others() {
    let instance = Instance::default();
    instance.put(SPOT, "soon");
    let (mut seen, health) = watched(&instance);
    assert_eq!(news(&mut seen).await.len(), 1);
    let counted = health.problems.snapshot();
    assert_eq!(counted, [("imds_not_understood", 1)]);
    let refused = Err(unavailable(SPOT));
    instance.paths.lock().unwrap().insert(SPOT, refused);
    instance.put(TARGET, "Terminated");
    let told = news(&mut seen).await;
    assert!(matches!(told.as_slice(), [Seen::Notice(notice)] if notice.kind == Kind::ScaleIn));
    let counted = health.problems.snapshot();
    assert!(
        counted
            .iter()
            .any(|(reason, _)| *reason == "imds_unavailable")
    );
}
