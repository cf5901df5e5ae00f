//! SNS, S3 and Cost Explorer in memory.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;

use super::script::{Script, lock, rejected};
use crate::{
    CostApi, CostPage, CostQuery, DailyCost, Error, Notification, NotifyApi, ObjectsApi, limits,
};

/// Keeps what was published, with its topic.
#[derive(Clone, Debug, Default)]
pub struct FakeNotify(Arc<NotifyState>);

#[derive(Debug, Default)]
struct NotifyState {
    script: Script<()>,
    published: Mutex<Vec<(String, Notification)>>,
}

impl FakeNotify {
    /// Lays down the answer of the next publish that has none yet. A scripted error publishes
    /// nothing.
    pub fn answer(&self, answer: Result<(), Error>) {
        self.0.script.push(Some(answer));
    }

    /// Topic and notification of each publish, in order.
    #[must_use]
    pub fn published(&self) -> Vec<(String, Notification)> {
        lock(&self.0.published).clone()
    }
}

impl NotifyApi for FakeNotify {
    async fn publish(&self, topic: &str, notification: &Notification) -> Result<String, Error> {
        self.0.script.next().transpose()?;
        if !notification.texts.contains_key("default") {
            return Err(rejected("Publish", "InvalidParameter"));
        }
        let mut published = lock(&self.0.published);
        published.push((topic.to_owned(), notification.clone()));
        Ok(format!("notification-{}", published.len()))
    }
}

/// Objects by bucket and key.
#[derive(Clone, Debug, Default)]
pub struct FakeObjects(Arc<ObjectsState>);

#[derive(Debug, Default)]
struct ObjectsState {
    script: Script<Bytes>,
    objects: Mutex<BTreeMap<(String, String), Bytes>>,
}

impl FakeObjects {
    /// Stores an object, or replaces it.
    pub fn put(&self, bucket: &str, key: &str, object: impl Into<Bytes>) {
        lock(&self.0.objects).insert((bucket.to_owned(), key.to_owned()), object.into());
    }

    /// Lays down the answer of the next get that has none yet.
    pub fn answer(&self, answer: Result<Bytes, Error>) {
        self.0.script.push(Some(answer));
    }
}

impl ObjectsApi for FakeObjects {
    async fn get_object(&self, bucket: &str, key: &str) -> Result<Bytes, Error> {
        if let Some(answer) = self.0.script.next() {
            return answer;
        }
        let place = (bucket.to_owned(), key.to_owned());
        let object = lock(&self.0.objects).get(&place).cloned();
        match object {
            None => Err(Error::NotFound {
                call: "GetObject",
                why: "The specified key does not exist.".to_owned(),
            }),
            Some(large) if large.len() > limits::objects::OBJECT_BYTES_MAX => {
                Err(rejected("GetObject", "ObjectTooLarge"))
            }
            Some(object) => Ok(object),
        }
    }
}

/// Daily costs, given in pages by the days of the query.
#[derive(Clone, Debug, Default)]
pub struct FakeCost(Arc<CostState>);

#[derive(Debug, Default)]
struct CostState {
    script: Script<CostPage>,
    calls: AtomicUsize,
    rows: Vec<DailyCost>,
    page_rows: Option<usize>,
}

impl FakeCost {
    /// A fake that knows `rows` and gives at most `page_rows` of them in a page, or all.
    #[must_use]
    pub fn new(rows: Vec<DailyCost>, page_rows: Option<usize>) -> Self {
        Self(Arc::new(CostState {
            rows,
            page_rows,
            ..CostState::default()
        }))
    }

    /// Lays down the answer of the next call that has none yet.
    pub fn answer(&self, answer: Result<CostPage, Error>) {
        self.0.script.push(Some(answer));
    }

    /// How many calls were made; each would have cost US$0.01.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.0.calls.load(Ordering::Relaxed)
    }
}

impl CostApi for FakeCost {
    async fn daily_cost(&self, query: &CostQuery) -> Result<CostPage, Error> {
        self.0.calls.fetch_add(1, Ordering::Relaxed);
        if let Some(answer) = self.0.script.next() {
            return answer;
        }
        let asked = |row: &&DailyCost| row.day >= query.start && row.day < query.end;
        let start: usize = match &query.next_page {
            None => 0,
            Some(token) => token
                .parse()
                .map_err(|_| rejected("GetCostAndUsage", "InvalidNextTokenException"))?,
        };
        let rows = self.0.rows.iter().filter(asked);
        let most = self.0.page_rows.unwrap_or(usize::MAX).max(1);
        let end = start.saturating_add(most);
        let more = rows.clone().count() > end;
        Ok(CostPage {
            rows: rows.skip(start).take(most).cloned().collect(),
            next_page: more.then(|| end.to_string()),
        })
    }
}
