//! What the configuration asks to find, and whether a process is it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use plimsoll_core::catalog::Metric;
use regex::bytes::Regex;

use super::process::Identity;
use crate::glob::{NameGlob, PathGlob};

/// Targets of one configuration. What a process fits is kept as one bit per target.
pub const TARGETS_MAX: usize = 64;
/// Kinds of units that hold processes. Source: `systemd.unit(5)`.
const UNIT_KINDS: [&str; 6] = [".service", ".scope", ".slice", ".socket", ".mount", ".swap"];
/// Where the hierarchy of control groups is usually seen, which may stand before a path.
const CGROUP_ROOT: &str = "/sys/fs/cgroup";

/// Processes to find and what to tell of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessTarget {
    /// How they are found.
    pub finder: Finder,
    /// What their dimension `process_name` says instead of each one's own name.
    pub process_name: Option<String>,
    /// Dimensions with the same value on all of its series.
    pub dimensions: Vec<(String, String)>,
    /// What is told, each once.
    pub measurements: Vec<&'static Metric>,
}

/// How processes are found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finder {
    /// The process whose number is in this file.
    PidFile(PathBuf),
    /// Those whose name this regular expression matches anywhere, as `pgrep` does.
    Exe(String),
    /// Those whose command line it matches anywhere, as `pgrep -f` does.
    Pattern(String),
    /// Those of systemd units with such a name: a glob, `.service` if it has no kind.
    Unit(String),
    /// Those of control groups with such a path: a glob.
    Cgroup(String),
    /// Those of a user: a name of `/etc/passwd`, or a number.
    User(String),
}

impl Finder {
    /// The dimension that says how a process was found, with its value.
    #[must_use]
    pub fn dimension(&self) -> (&'static str, String) {
        match self {
            Self::PidFile(path) => ("pidfile", path.to_string_lossy().into_owned()),
            Self::Exe(text) => ("exe", text.clone()),
            Self::Pattern(text) => ("pattern", text.clone()),
            Self::Unit(text) => ("unit", text.clone()),
            Self::Cgroup(text) => ("cgroup", text.clone()),
            Self::User(text) => ("user", text.clone()),
        }
    }

    /// Whether each process is told under its own name. What belongs to a unit, a control group or
    /// a user is told as one.
    pub(super) fn tells_names(&self) -> bool {
        matches!(self, Self::PidFile(_) | Self::Exe(_) | Self::Pattern(_))
    }

    /// What is wrong with its pattern; `None` when nothing is.
    #[must_use]
    pub fn mistake(&self) -> Option<String> {
        Matcher::new(self).err()
    }
}

/// A finder made ready.
#[derive(Debug)]
pub(super) enum Matcher {
    PidFile(PathBuf),
    Exe(Regex),
    Pattern(Regex),
    Unit(NameGlob),
    Cgroup(PathGlob),
    User { name: String, uid: Option<u32> },
}

impl Matcher {
    /// Makes a finder ready, or says what is wrong with it.
    pub(super) fn new(finder: &Finder) -> Result<Self, String> {
        let regex = |text: &String| {
            Regex::new(text).map_err(|error| {
                let told = error.to_string();
                let last = told.lines().last().unwrap_or_default();
                last.trim_start_matches("error: ").to_owned()
            })
        };
        Ok(match finder {
            Finder::PidFile(path) => Self::PidFile(path.clone()),
            Finder::Exe(text) => Self::Exe(regex(text)?),
            Finder::Pattern(text) => Self::Pattern(regex(text)?),
            Finder::Unit(text) => {
                let has_kind = UNIT_KINDS.iter().any(|kind| text.ends_with(kind));
                let kind = if has_kind { "" } else { ".service" };
                let glob = NameGlob::new(&format!("{text}{kind}"));
                Self::Unit(glob.map_err(|error| error.what.to_owned())?)
            }
            Finder::Cgroup(text) => {
                let path = text.strip_prefix(CGROUP_ROOT).unwrap_or(text);
                let glob = PathGlob::new(path);
                Self::Cgroup(glob.map_err(|error| error.what.to_owned())?)
            }
            Finder::User(text) => Self::User {
                name: text.clone(),
                uid: text.parse().ok(),
            },
        })
    }

    /// Whether a process is meant. That of a pid file is found by its number alone.
    pub(super) fn matches(&self, process: &mut Identity<'_>) -> bool {
        match self {
            Self::PidFile(_) => false,
            Self::Exe(regex) => regex.is_match(process.name().as_bytes()),
            Self::Pattern(regex) => regex.is_match(process.command_line()),
            Self::Unit(glob) => {
                let mut names = process.cgroups().iter().flat_map(|path| path.split('/'));
                names.any(|name| glob.matches(name))
            }
            Self::Cgroup(glob) => {
                let mut paths = process.cgroups().iter();
                paths.any(|path| glob.matches(Path::new(path)))
            }
            Self::User { uid, .. } => uid.is_some() && process.uid() == *uid,
        }
    }
}

/// Gives the users that are known by name their numbers, and says which have none.
pub(super) fn resolve_users(matchers: &mut [Matcher], passwd: &str) -> BTreeSet<String> {
    let mut unknown = BTreeSet::new();
    for matcher in matchers {
        let Matcher::User { name, uid } = matcher else {
            continue;
        };
        if name.parse::<u32>().is_ok() {
            continue;
        }
        // Source: `passwd(5)`: name, password, number, and more.
        let mut lines = passwd.lines().map(|line| line.split(':'));
        *uid = lines.find_map(|mut fields| {
            let is_meant = fields.next() == Some(name.as_str());
            let number = fields.nth(1).filter(|_| is_meant);
            number.and_then(|number| number.parse().ok())
        });
        if uid.is_none() {
            unknown.insert(name.clone());
        }
    }
    unknown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_that_cannot_be_read_is_told() {
        for (finder, is_good) in [
            (Finder::Exe("ngin(x|y)".to_owned()), true),
            (Finder::Exe("ngin(x".to_owned()), false),
            (Finder::Pattern("[".to_owned()), false),
            (Finder::Unit("web@*".to_owned()), true),
            (Finder::Unit("web@[".to_owned()), false),
            (Finder::Cgroup("/a/**/b".to_owned()), true),
            (Finder::Cgroup("/a**/b".to_owned()), false),
            (Finder::User("root".to_owned()), true),
        ] {
            assert_eq!(finder.mistake().is_none(), is_good, "{finder:?}");
        }
    }

    #[test]
    fn users_get_their_number_from_the_table_and_a_number_stands_for_itself() {
        let users = ["web", "33", "ghost", "torn"].map(str::to_owned);
        let mut matchers = users.map(|name| Matcher::new(&Finder::User(name)).unwrap());
        let table = "root:x:0:0::/root:/bin/sh\nweb:x:48:48::/:/bin/false\ntorn:x\n";
        let unknown = resolve_users(&mut matchers, table);
        let uids = matchers.map(|matcher| match matcher {
            Matcher::User { uid, .. } => uid,
            _ => None,
        });
        assert_eq!(uids, [Some(48), Some(33), None, None]);
        assert_eq!(unknown.into_iter().collect::<Vec<_>>(), ["ghost", "torn"]);
    }
}
