//! Asking a road to hand over everything that it holds.
//!
//! An instance that is about to be taken away must not only hurry, it must know when all is
//! delivered. A road that can say so listens to a [`Barrier`]: it answers once everything that was
//! there when it was asked (complete lines in files, samples in windows, datums on disk) is
//! accepted, or kept aside with its reason. Roads come and go with the configuration, so who asks
//! holds the [`Barriers`], where each road stands under its name.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{mpsc, oneshot};

/// Questions that may wait for a road. Few ask.
const QUESTIONS_MAX: usize = 4;

/// What a road answers with.
pub(crate) type Answer = oneshot::Sender<()>;

/// Where a road is asked.
#[derive(Clone, Debug)]
pub(crate) struct Barrier(mpsc::Sender<Answer>);

/// Where a road hears that it is asked. It drops an answer that it cannot give any more.
pub(crate) type Questions = mpsc::Receiver<Answer>;

/// Makes a connected pair.
pub(crate) fn barrier() -> (Barrier, Questions) {
    let (sender, receiver) = mpsc::channel(QUESTIONS_MAX);
    (Barrier(sender), receiver)
}

impl Barrier {
    /// Lets another part of the road answer, which must have been given everything before.
    pub(crate) async fn pass_on(&self, answer: Answer) {
        // Who is not there any more has drained; the answer is dropped with it.
        drop(self.0.send(answer).await);
    }

    /// Completes when everything that is there now is handed over, or the road has ended.
    pub(crate) async fn settled(self) {
        let (answer, answered) = oneshot::channel();
        if self.0.send(answer).await.is_ok() {
            // A dropped answer is that of a road that ends, which drains as well.
            answered.await.ok();
        }
    }
}

/// The questions that a part of a road has not yet answered.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    /// `None` where nobody asks.
    questions: Option<Questions>,
    open: Vec<Answer>,
    is_new: bool,
}

impl Asked {
    /// Nothing was asked yet.
    pub(crate) fn by(questions: Questions) -> Self {
        Self {
            questions: Some(questions),
            open: Vec::new(),
            is_new: false,
        }
    }

    /// Completes when something new is asked; never if nobody can ask any more. It may be dropped
    /// at any time without losing a question.
    pub(crate) async fn heard(&mut self) {
        if let Some(questions) = &mut self.questions
            && let Some(answer) = questions.recv().await
        {
            self.open.push(answer);
            self.is_new = true;
            return;
        }
        std::future::pending::<()>().await;
    }

    /// Whether something was asked since this was last called.
    pub(crate) fn take_new(&mut self) -> bool {
        if let Some(questions) = &mut self.questions {
            while let Ok(answer) = questions.try_recv() {
                self.open.push(answer);
                self.is_new = true;
            }
        }
        std::mem::take(&mut self.is_new)
    }

    /// Whether somebody still waits for an answer.
    pub(crate) fn is_open(&mut self) -> bool {
        self.open.retain(|answer| !answer.is_closed());
        !self.open.is_empty()
    }

    /// Answers all that was asked.
    pub(crate) fn answer(&mut self) {
        for answer in self.open.drain(..) {
            // Who has given up meanwhile needs no answer.
            answer.send(()).ok();
        }
    }
}

/// The roads that can be asked, by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Barriers(Arc<Mutex<BTreeMap<&'static str, Barrier>>>);

impl Barriers {
    /// The road `name` is asked here from now on.
    pub(crate) fn set(&self, name: &'static str, barrier: Barrier) {
        let mut roads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        roads.insert(name, barrier);
    }

    /// Completes when every road has handed over what it holds now.
    pub(crate) async fn settled(&self) {
        let roads: Vec<Barrier> = {
            let roads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            roads.values().cloned().collect()
        };
        let mut asked = tokio::task::JoinSet::new();
        for road in roads {
            asked.spawn(road.settled());
        }
        while asked.join_next().await.is_some() {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::time::timeout;

    #[tokio::test(start_paused = true)]
    async fn all_roads_must_answer_and_one_that_has_ended_is_not_waited_for() {
        let barriers = Barriers::default();
        let (logs, mut of_logs) = barrier();
        let (metrics, of_metrics) = barrier();
        barriers.set("logs", logs);
        barriers.set("metrics", metrics);
        drop(of_metrics);
        let clone = barriers.clone();
        let mut waiting = tokio::spawn(async move { clone.settled().await });
        let answer = of_logs.recv().await.unwrap();
        assert!(timeout(Duration::from_mins(1), &mut waiting).await.is_err());
        answer.send(()).unwrap();
        waiting.await.unwrap();
    }
}
