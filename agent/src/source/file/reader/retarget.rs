//! Other targets while files are followed.
//!
//! A file that is wanted before and after keeps its descriptor and its place; where its lines go and
//! what is done with them is as the new target says, from the next turn on. A file that is no longer
//! wanted is let go with its position, so that it goes on there if it is ever wanted again.

use std::sync::Arc;

use tokio::time::Instant;

use super::Reader;
use crate::config::LogsConfig;
use crate::fs::LogFs;
use crate::record::FileId;
use crate::source::file::discover::Targets;

impl<F: LogFs> Reader<F> {
    /// Follows the files of `config` from now on.
    pub(crate) fn retarget(&mut self, config: LogsConfig, now: Instant) {
        let targets = match Targets::new(config.files) {
            Ok(targets) => targets,
            Err(error) => {
                self.health.problems.add("reload_refused", 1);
                log::error!("the targets of files stay as they were: {error}");
                return;
            }
        };
        self.targets = targets;
        self.timing.rescan = config.rescan_interval;
        self.take_over = config.cloudwatch_agent_state;
        let ids: Vec<FileId> = self.tails.keys().copied().collect();
        for id in ids {
            self.readopt(id);
        }
        // Files that exist already and were never read begin where their target says, as at the
        // first start; a target that is not new has been looked through.
        self.look_once_more(now);
    }

    fn readopt(&mut self, id: FileId) {
        let Some(tail) = self.tails.get(&id) else {
            return;
        };
        let path = tail.path.to_path_buf();
        let Some(target) = self.targets.target_of(&path) else {
            self.let_go(id);
            return;
        };
        let Some((stream, dated)) = self.destination(target, &path) else {
            return;
        };
        let refiner = self.targets.refiner(target);
        let framing = self.targets.all().get(target);
        let framing = framing.map(|target| Arc::clone(&target.framing));
        self.ledger.sends_to(id, &stream);
        if let Some(tail) = self.tails.get_mut(&id) {
            tail.stream = stream;
            tail.dated = dated;
            tail.refiner = refiner;
            tail.framing = tail.framing.reframed(framing.unwrap_or_default());
        }
    }

    /// Stops following a file. Its position stays known.
    fn let_go(&mut self, id: FileId) {
        let Some(tail) = self.drop_tail(id) else {
            return;
        };
        self.by_path.retain(|_, known| *known != id);
        self.ledger.park(id);
        log::info!("{} is no longer followed", tail.path.display());
    }
}
