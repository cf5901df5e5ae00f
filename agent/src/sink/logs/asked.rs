//! Which batches an answer still waits for. Pure.
//!
//! A question is about the batches that are on their way when it is asked. Each counts until every
//! one of its events is accepted or kept as a dead letter; a batch that was split counts as its
//! parts. What fails for ever is never settled, and the answer is never given: who asks has a
//! deadline.

use std::collections::HashSet;

use crate::barrier::Answer;

/// Questions with the numbers of the batches that they wait for.
#[derive(Debug, Default)]
pub(super) struct Asked(Vec<(HashSet<u64>, Answer)>);

impl Asked {
    /// Answers when all of `batches` are settled, at once if there are none.
    pub(super) fn ask(&mut self, batches: HashSet<u64>, answer: Answer) {
        self.0.retain(|(_, answer)| !answer.is_closed());
        self.0.push((batches, answer));
        self.answer();
    }

    /// Whether somebody still waits for an answer.
    pub(super) fn is_open(&self) -> bool {
        self.0.iter().any(|(_, answer)| !answer.is_closed())
    }

    /// `part` is a part of a batch that was split, which is settled after all parts were told.
    pub(super) fn split(&mut self, batch: u64, part: u64) {
        for (batches, _) in &mut self.0 {
            if batches.contains(&batch) {
                batches.insert(part);
            }
        }
    }

    /// A batch is settled.
    pub(super) fn settled(&mut self, batch: u64) {
        for (batches, _) in &mut self.0 {
            batches.remove(&batch);
        }
        self.answer();
    }

    fn answer(&mut self) {
        for (_, answer) in self.0.extract_if(.., |(batches, _)| batches.is_empty()) {
            // Who has given up meanwhile needs no answer.
            answer.send(()).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::oneshot;

    #[test]
    fn an_answer_waits_for_its_batches_and_their_parts_and_for_no_others() {
        let mut asked = Asked::default();
        let (first, mut of_first) = oneshot::channel();
        let (second, mut of_second) = oneshot::channel();
        asked.ask(HashSet::from([1, 2]), first);
        asked.ask(HashSet::from([2]), second);
        asked.split(2, 3);
        asked.split(2, 4);
        let none = [false, false];
        for (settled, answered) in [(2, none), (3, none), (4, [false, true]), (1, [true, false])] {
            asked.settled(settled);
            let now = [&mut of_first, &mut of_second].map(|of| of.try_recv().is_ok());
            assert_eq!(now, answered, "after {settled}");
        }
        let (third, mut of_third) = oneshot::channel();
        asked.ask(HashSet::new(), third);
        assert!(of_third.try_recv().is_ok(), "nothing is on its way");
    }
}
