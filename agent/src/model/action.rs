//! What can happen in the model, and how a seed becomes a list of it.

use fastrand::Rng;

/// Something happens to the log files. Numbers pick one of what there is, modulo how many, so that
/// any part of a list of actions is one too.
#[derive(Clone, Debug)]
pub(super) enum FileAction {
    Write {
        writer: usize,
        lines: usize,
        len: usize,
    },
    Blank {
        writer: usize,
    },
    Part {
        writer: usize,
        len: usize,
    },
    Reopen {
        writer: usize,
    },
    Rename {
        from: usize,
        to: usize,
    },
    Rotate {
        writer: usize,
        to: usize,
    },
    Unlink {
        name: usize,
    },
    Recreate {
        writer: usize,
    },
    Truncate {
        name: usize,
    },
    Regrow {
        name: usize,
        more: usize,
    },
    Copy {
        name: usize,
        to: usize,
        truncate: bool,
    },
    Link {
        name: usize,
        to: usize,
    },
    Switch {
        to: usize,
    },
    Touch {
        name: usize,
    },
}

/// Something that happens meanwhile, after so many calls of the file system.
pub(super) type Meanwhile = Option<(usize, FileAction)>;

/// Something happens.
#[derive(Clone, Debug)]
pub(super) enum Action {
    /// To the log files.
    Files(FileAction),
    /// The agent has a round; it starts if it is not running.
    Round(Meanwhile),
    /// The agent looks at everything and reads to the end.
    Look(Meanwhile),
    /// Time passes, in milliseconds.
    Wait(u64),
    /// The clock is set, by seconds.
    Clock(i64),
    /// Open batches leave.
    Flush,
    /// A batch in flight is accepted.
    Accept(usize),
    /// A batch is refused and goes to the dead letters.
    Refuse(usize),
    /// A batch is accepted and the agent does not hear of it.
    LoseAnswer(usize),
    /// A batch is refused as a whole and is tried in halves.
    Halve(usize),
    /// Positions are committed.
    Commit,
    /// The agent is killed.
    Kill,
    /// The machine loses its power.
    LosePower(u64),
    /// The disk of the state directory is full, or no longer.
    Full(bool),
    /// A file cannot be read.
    Break(usize),
    /// A directory cannot be read.
    Deny(usize),
    /// Everything can be read again.
    Heal,
}

/// How many kinds of action there are to draw from.
const KINDS: usize = 31;
/// What follows a write mostly: without it, little would ever arrive.
const KEPT: [usize; 7] = [0, 1, 14, 15, 16, 18, 19];

/// Makes a list of `count` actions. A seed leaves out many kinds and has others often, so that
/// the lists differ more than chance alone would make them (swarm testing: Groce et al., 2012).
pub(super) fn draw(rng: &mut Rng, count: usize, power: bool) -> Vec<Action> {
    let mut weights = [0; KINDS];
    for (kind, weight) in weights.iter_mut().enumerate() {
        *weight = if KEPT.contains(&kind) {
            rng.usize(6..20)
        } else if rng.bool() {
            rng.usize(1..6)
        } else {
            0
        };
    }
    if !power {
        weights[25] = 0;
    }
    let total: usize = weights.iter().sum();
    (0..count)
        .map(|_| {
            let mut point = rng.usize(..total);
            let kind = weights.iter().position(|weight| {
                let here = point < *weight;
                point = point.wrapping_sub(*weight);
                here
            });
            action(kind.unwrap_or(0), rng)
        })
        .collect()
}

fn action(kind: usize, rng: &mut Rng) -> Action {
    let mut pick = || rng.usize(..60);
    match kind {
        0..14 => Action::Files(on_files(kind, rng)),
        14 => Action::Round(None),
        15 => Action::Look(None),
        16 => Action::Wait(rng.u64(..3_000)),
        17 => Action::Wait(rng.u64(10_000..50_000)),
        18 => Action::Flush,
        19..21 => Action::Accept(pick()),
        21 => Action::Refuse(pick()),
        22 => Action::LoseAnswer(pick()),
        23 => Action::Commit,
        24 => Action::Kill,
        25 => Action::LosePower(rng.u64(..)),
        26 => Action::Full(rng.bool()),
        27 => Action::Break(pick()),
        28 => Action::Heal,
        29 => match pick() % 3 {
            0 => Action::Deny(pick()),
            1 => Action::Halve(pick()),
            _ => Action::Clock(rng.i64(-10_000..10_000)),
        },
        _ => {
            let kind = rng.usize(..14);
            let meanwhile = Some((rng.usize(..12), on_files(kind, rng)));
            if rng.bool() {
                Action::Look(meanwhile)
            } else {
                Action::Round(meanwhile)
            }
        }
    }
}

fn on_files(kind: usize, rng: &mut Rng) -> FileAction {
    let writer = rng.usize(..60);
    let (name, to) = (rng.usize(..60), rng.usize(..60));
    let len = if rng.u8(..50) == 0 {
        rng.usize(10_000..90_000)
    } else {
        rng.usize(..100)
    };
    match kind {
        0 => FileAction::Write {
            writer,
            lines: rng.usize(1..4),
            len,
        },
        1 => FileAction::Reopen { writer },
        2 => FileAction::Blank { writer },
        3 => FileAction::Part { writer, len },
        4 => FileAction::Rename { from: name, to },
        5 => FileAction::Rotate { writer, to },
        6 => FileAction::Unlink { name },
        7 => FileAction::Recreate { writer },
        8 => FileAction::Truncate { name },
        9 => FileAction::Regrow {
            name,
            more: if rng.bool() { 0 } else { rng.usize(..300) },
        },
        10 => FileAction::Copy {
            name,
            to,
            truncate: rng.u8(..4) > 0,
        },
        11 => FileAction::Link { name, to },
        12 => FileAction::Switch { to },
        _ => FileAction::Touch { name },
    }
}

impl FileAction {
    /// Whether bytes go that were there.
    pub(super) fn destroys(&self) -> bool {
        matches!(
            self,
            Self::Truncate { .. } | Self::Regrow { .. } | Self::Copy { truncate: true, .. }
        )
    }
}
