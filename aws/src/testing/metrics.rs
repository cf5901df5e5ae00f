//! PutMetricData in memory.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::script::{Script, lock};
use crate::{Datum, Error, MetricsApi};

/// Keeps every datum that it took, with its namespace.
#[derive(Clone, Debug, Default)]
pub struct FakeMetrics(Arc<State>);

#[derive(Debug, Default)]
struct State {
    puts: AtomicUsize,
    script: Script<()>,
    requests: Mutex<Vec<(String, Vec<Datum>)>>,
}

impl FakeMetrics {
    /// Lays down the answer of the next put that has none yet. A scripted `Ok` keeps the datums;
    /// a scripted error does not.
    pub fn answer(&self, answer: Result<(), Error>) {
        self.0.script.push(Some(answer));
    }

    /// Lets the next put that has no answer yet through, to script the ones after it.
    pub fn answer_by_itself(&self) {
        self.0.script.push(None);
    }

    /// Forgets the answers that were not given yet: an outage is over.
    pub fn clear_answers(&self) {
        self.0.script.clear();
    }

    /// How many puts were made, whatever their answer.
    #[must_use]
    pub fn puts(&self) -> usize {
        self.0.puts.load(Ordering::Relaxed)
    }

    /// Namespace and datums of each accepted request.
    #[must_use]
    pub fn requests(&self) -> Vec<(String, Vec<Datum>)> {
        lock(&self.0.requests).clone()
    }

    /// All datums that were taken, in order.
    #[must_use]
    pub fn datums(&self) -> Vec<Datum> {
        lock(&self.0.requests)
            .iter()
            .flat_map(|(_, datums)| datums.iter().cloned())
            .collect()
    }
}

impl MetricsApi for FakeMetrics {
    async fn put_metric_data(&self, namespace: &str, datums: &[Datum]) -> Result<(), Error> {
        self.0.puts.fetch_add(1, Ordering::Relaxed);
        self.0.script.next().transpose()?;
        lock(&self.0.requests).push((namespace.to_owned(), datums.to_vec()));
        Ok(())
    }
}
