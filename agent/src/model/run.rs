//! A run of the model: a list of actions, then everything heals, then judgement.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::time::Duration;

use super::action::{Action, Meanwhile, draw};
use super::agent::{Agent, ROTATE_WAIT};
use super::fs::SimFs;
use super::world::{DIRECTORIES, Kernel, World};
use crate::config::StartPosition;

/// Looks in the end: lost answers, rotated files and restarts need a few.
const LAST_LOOKS: usize = 4;

/// What differs from one run to another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setup {
    pub(super) seed: u64,
    pub(super) kernel: Kernel,
    /// Whether there are fewer descriptors than files.
    pub(super) crowded: bool,
    /// Whether power is lost.
    pub(super) power: bool,
    /// Actions.
    pub(super) count: usize,
}

/// What a run came to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) actions: usize,
    pub(super) lines: usize,
    pub(super) events: usize,
}

/// The machine: the agent is on it, or is not.
#[derive(Debug)]
struct Machine {
    fs: SimFs,
    agent: Option<Agent>,
    start: StartPosition,
    skips: bool,
}

/// The actions of a seed.
pub(super) fn actions(setup: &Setup) -> Vec<Action> {
    let mut rng = fastrand::Rng::with_seed(setup.seed);
    draw(&mut rng, setup.count, setup.power)
}

/// Runs a list of actions.
///
/// # Errors
/// What went wrong.
pub(super) fn run(setup: &Setup, actions: &[Action]) -> Result<Tally, String> {
    catch_unwind(AssertUnwindSafe(|| run_to_the_end(setup, actions)))
        .unwrap_or_else(|_| Err("the agent has panicked".to_owned()))
}

fn run_to_the_end(setup: &Setup, actions: &[Action]) -> Result<Tally, String> {
    let start = if setup.seed.is_multiple_of(3) {
        StartPosition::End
    } else {
        StartPosition::Beginning
    };
    let mut machine = Machine {
        fs: SimFs::new(World::new(setup)),
        agent: None,
        start,
        skips: start == StartPosition::End,
    };
    let tells = std::env::var_os("PLIMSOLL_MODEL_TELLS").is_some();
    for (number, action) in actions.iter().enumerate() {
        machine.act(action);
        if tells {
            println!("{number}: {action:?} -> {}", machine.fs.world());
        }
        machine
            .healthy()
            .map_err(|what| format!("at action {number}: {what}"))?;
    }
    if tells {
        println!("end");
    }
    machine.end();
    machine
        .healthy()
        .map_err(|what| format!("in the end: {what}"))?;
    let (lines, events) = machine.fs.world().oracle.counts();
    Ok(Tally {
        actions: actions.len(),
        lines,
        events,
    })
}

impl Machine {
    fn healthy(&self) -> Result<(), String> {
        self.fs.world().oracle.failure.take().map_or(Ok(()), Err)
    }

    fn act(&mut self, action: &Action) {
        match action {
            Action::Files(action) => self.fs.world().apply(action),
            Action::Round(meanwhile) => {
                self.meanwhile(meanwhile);
                if let Some(agent) = self.agent() {
                    agent.round();
                }
                self.fs.world().pending = None;
            }
            Action::Look(meanwhile) => {
                self.meanwhile(meanwhile);
                if let Some(agent) = self.agent() {
                    agent.look();
                }
                self.fs.world().pending = None;
            }
            Action::Wait(millis) => self.fs.world().wait(Duration::from_millis(*millis)),
            Action::Clock(seconds) => self.fs.world().step_clock(*seconds),
            Action::Kill => self.kill(),
            Action::LosePower(seed) => {
                self.kill();
                let mut rng = fastrand::Rng::with_seed(*seed);
                self.fs.world().close_writers();
                self.fs.world().state.lose_power(&mut rng);
            }
            Action::Full(full) => self.fs.world().state.full = *full,
            Action::Break(pick) => {
                let mut world = self.fs.world();
                if let Some((_, key)) = world.file(*pick) {
                    world.inodes[key].broken = true;
                }
            }
            Action::Deny(pick) => {
                let directory = PathBuf::from(DIRECTORIES[pick % 2]);
                self.fs.world().denied.insert(directory);
            }
            Action::Heal => self.heal(),
            other => self.act_on_batches(other),
        }
    }

    fn act_on_batches(&mut self, action: &Action) {
        let Some(agent) = &mut self.agent else {
            return;
        };
        match action {
            Action::Flush => agent.flush(),
            Action::Accept(pick) | Action::Refuse(pick) => {
                agent.accept(*pick);
            }
            Action::LoseAnswer(pick) => agent.lose_answer(*pick),
            Action::Halve(pick) => agent.halve(*pick),
            Action::Commit => {
                agent.commit();
            }
            _ => {}
        }
    }

    fn meanwhile(&mut self, meanwhile: &Meanwhile) {
        self.fs.world().pending.clone_from(meanwhile);
    }

    /// The agent, started if need be and if it can be.
    fn agent(&mut self) -> Option<&mut Agent> {
        if self.agent.is_none() {
            self.agent = Agent::start(&self.fs, self.start, self.skips);
        }
        self.agent.as_mut()
    }

    fn kill(&mut self) {
        if let Some(agent) = self.agent.take() {
            self.skips = agent.skips();
            drop(agent);
            self.fs.world().crashed();
        }
    }

    fn heal(&mut self) {
        let mut world = self.fs.world();
        world.denied.clear();
        for inode in &mut world.inodes {
            inode.broken = false;
        }
    }

    /// Nothing disturbs the agent any more: all that is owed must arrive, and no descriptor of a
    /// deleted file may stay.
    fn end(&mut self) {
        self.heal();
        self.fs.world().state.full = false;
        for _ in 0..LAST_LOOKS {
            self.settle();
            self.fs.world().close_writers();
            self.fs.world().wait(ROTATE_WAIT);
        }
        self.settle();
        let mut world = self.fs.world();
        for key in 0..world.inodes.len() {
            if world.is_unlinked(key) && world.exists(key) {
                let number = world.inodes[key].number;
                world
                    .oracle
                    .fail(format!("the deleted inode {number} is held for ever"));
            }
        }
        world.oracle.judge();
        drop(world);
        // What is settled is not sent again.
        self.kill();
        self.settle();
    }

    fn settle(&mut self) {
        if let Some(agent) = self.agent() {
            agent.look();
            agent.flush();
            while agent.accept(0) {}
            agent.commit();
        }
    }
}
