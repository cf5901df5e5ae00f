//! The agent against everything that can happen to it, in memory: a model test.
//!
//! The real reader, ledger, store and batches run on a file system, a clock and a network that are
//! simulated. A seed makes a list of actions: writes of whole and partial lines, rotation of every
//! kind, inode numbers used again, errors, full disks, lost answers, kills, losses of power, also
//! in the middle of a round. In the end all heals, and an independent oracle judges: every line
//! that could be read has arrived, none arrived that was never written, and none more often than
//! crashes and lost answers explain (docs/testing.md).
//!
//! A failure prints its seed and the shortest list of actions that was found to fail. To run one
//! seed only: `PLIMSOLL_MODEL_SEED=17 cargo test -p plimsoll-agent model`. To run other seeds than
//! those of every day: `PLIMSOLL_MODEL_FROM=100000`, and for more of them `PLIMSOLL_MODEL_SEEDS`.

mod action;
mod agent;
mod deeds;
mod disk;
mod duty;
mod fs;
mod oracle;
mod run;
mod world;

use action::Action;
use run::{Setup, Tally, actions, run};
use world::Kernel;

/// Actions of one seed: enough for a few crashes and rotations to meet.
const ACTIONS: usize = 300;

/// Runs seeds, and tells what fails with as few actions as possible.
fn check(numbers_alone: bool, power: bool, seeds: u64) {
    let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
    let from = number("PLIMSOLL_MODEL_FROM").unwrap_or(0);
    let seeds = from..from + number("PLIMSOLL_MODEL_SEEDS").unwrap_or(seeds);
    let only = number("PLIMSOLL_MODEL_SEED");
    // The runtime's clock stands still; time passes in the world alone.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    let _entered = runtime.enter();
    let mut all = Tally::default();
    for seed in only.map_or(seeds.clone(), |seed| seed..seed + 1) {
        let setup = Setup {
            seed,
            kernel: Kernel {
                births: !numbers_alone && seed % 4 != 1,
                handles: !numbers_alone && seed % 4 != 2,
                leases: seed % 2 == 0,
            },
            crowded: seed % 5 == 0,
            power,
            count: ACTIONS,
        };
        let list = actions(&setup);
        match run(&setup, &list) {
            Ok(tally) => {
                all.actions += tally.actions;
                all.lines += tally.lines;
                all.events += tally.events;
            }
            Err(what) => {
                let (list, what) = shortest(&setup, list, what);
                let list: Vec<String> = list.iter().map(|one| format!("{one:?}")).collect();
                panic!("seed {seed}: {what}\n{}", list.join("\n"));
            }
        }
    }
    println!("seeds {seeds:?}: {all:?}");
}

/// Leaves out what is not needed for a failure, in ever smaller pieces.
fn shortest(setup: &Setup, mut list: Vec<Action>, mut what: String) -> (Vec<Action>, String) {
    let mut piece = list.len() / 2;
    while piece > 0 {
        let mut start = 0;
        while start < list.len() {
            let mut fewer = list.clone();
            fewer.drain(start..(start + piece).min(list.len()));
            match run(setup, &fewer) {
                Err(found) => (list, what) = (fewer, found),
                Ok(_) => start += piece,
            }
        }
        piece = if piece == 1 { 0 } else { piece.div_ceil(2) };
    }
    (list, what)
}

#[test]
fn the_model_delivers_every_line_that_could_be_read() {
    check(false, false, 340);
}

#[test]
fn the_model_delivers_every_line_where_files_are_only_numbers() {
    check(true, false, 100);
}

#[test]
fn the_model_delivers_every_line_through_losses_of_power() {
    check(false, true, 100);
}
