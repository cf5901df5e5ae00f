//! What only the machine can answer about a configuration: whether files can be read and state can
//! be written, by the user who asks.
//!
//! `run` refuses to start over what can never work; `validate` also looks at every file that a
//! glob matches now. A file that does not exist yet is no mistake: logs appear when they are first
//! written.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use plimsoll_core::config::Problem;
use rustix::fs::{Access, access};

use crate::fs::HostFs;
use crate::fs::access::explain;
use crate::glob::PathGlob;
use crate::glob::walk::{Route, walk};

/// Files of one glob that are opened by `validate`, and told.
const MATCHES_MAX: usize = 10_000;
const TOLD_MAX: usize = 5;

/// A question to the machine, with the place in the file that it came from.
#[derive(Clone, Debug)]
pub struct Check {
    what: What,
    place: Problem,
}

#[derive(Clone, Debug)]
enum What {
    Readable {
        pattern: String,
        exclude: Vec<String>,
    },
    StateDirectory(PathBuf),
    Executable(PathBuf),
}

/// How far to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Only what can never work, and make the state directory.
    Run,
    /// The same without writing: a dry run.
    DryRun,
    /// Everything that `run` would trip over later, without writing.
    Validate,
}

/// What the machine answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// What does not work.
    pub problems: Vec<Problem>,
    /// What is worth knowing.
    pub notes: Vec<String>,
}

/// Makes all checks, in the order of the file.
#[must_use]
pub fn run_checks(checks: &[Check], depth: Depth) -> Findings {
    let mut findings = Findings::default();
    for check in checks {
        match &check.what {
            What::Readable { pattern, exclude } => {
                check.try_files(pattern, exclude, depth, &mut findings);
            }
            What::StateDirectory(path) => match depth {
                Depth::Run => check.make_writable(path, &mut findings),
                Depth::Validate => check.writable(path, &mut findings),
                Depth::DryRun => {}
            },
            // A program may be installed later; the instance leaves without it.
            What::Executable(path) if depth == Depth::Validate => {
                check.executable(path, &mut findings);
            }
            What::Executable(_) => {}
        }
    }
    findings
}

impl Check {
    /// Files that fit `pattern` and none of `exclude` must be readable.
    #[must_use]
    pub(super) fn readable(pattern: String, exclude: Vec<String>, place: Problem) -> Self {
        let what = What::Readable { pattern, exclude };
        Self { what, place }
    }

    /// State must be writable.
    #[must_use]
    pub(super) fn state_directory(path: PathBuf, place: Problem) -> Self {
        Self {
            what: What::StateDirectory(path),
            place,
        }
    }

    /// The program must be there and executable.
    #[must_use]
    pub(super) fn program(path: PathBuf, place: Problem) -> Self {
        let what = What::Executable(path);
        Self { what, place }
    }

    fn executable(&self, path: &Path, findings: &mut Findings) {
        let answer = fs::metadata(path).and_then(|file| {
            if !file.is_file() {
                return Err(io::Error::other("it is not a regular file"));
            }
            access(path, Access::EXEC_OK).map_err(io::Error::from)
        });
        if let Err(error) = answer {
            let found = format!("\"{}\" cannot be run: {error}", path.display());
            let expected = "expected a program that this user may run";
            findings.problems.push(self.problem(found, expected));
        }
    }

    fn problem(&self, found: String, expected: &str) -> Problem {
        Problem {
            found,
            expected: expected.to_owned(),
            ..self.place.clone()
        }
    }

    fn try_files(&self, pattern: &str, exclude: &[String], depth: Depth, findings: &mut Findings) {
        const EXPECTED: &str = "expected a file that this user may read; \
                                add the user to the file's group or set an ACL";
        let Ok(glob) = PathGlob::new(pattern) else {
            return;
        };
        if let Some(path) = glob.literal() {
            if let Err(found) = open(&path) {
                findings.problems.push(self.problem(found, EXPECTED));
            }
            return;
        }
        if depth != Depth::Validate {
            return;
        }
        let (matched, unreadable) = matches(glob, exclude);
        let told = unreadable.iter().take(TOLD_MAX);
        findings
            .problems
            .extend(told.map(|found| self.problem(found.clone(), EXPECTED)));
        if unreadable.len() > TOLD_MAX {
            let more = unreadable.len() - TOLD_MAX;
            let found = format!("\"{pattern}\" matches {more} more files that cannot be read");
            findings.problems.push(self.problem(found, EXPECTED));
        }
        if matched == 0 && unreadable.is_empty() {
            let key = &self.place.key;
            findings
                .notes
                .push(format!("{key}: \"{pattern}\" matches no file now"));
        }
    }

    fn make_writable(&self, path: &Path, findings: &mut Findings) {
        let made = fs::create_dir_all(path).and_then(|()| may_write(path));
        self.tell_unwritable(path, made, findings);
    }

    /// The directory, or the nearest one above it that exists, must be writable.
    fn writable(&self, path: &Path, findings: &mut Findings) {
        let existing = path.ancestors().find(|ancestor| ancestor.exists());
        let answer = may_write(existing.unwrap_or(path));
        self.tell_unwritable(path, answer, findings);
    }

    fn tell_unwritable(&self, path: &Path, answer: io::Result<()>, findings: &mut Findings) {
        if let Err(error) = answer {
            let found = format!("\"{}\" cannot be written: {error}", path.display());
            let expected = "expected a directory for state that this user may write to";
            findings.problems.push(self.problem(found, expected));
        }
    }
}

/// How many files fit, and what is wrong with those, and with directories on the way, that cannot
/// be read.
fn matches(glob: PathGlob, exclude: &[String]) -> (usize, Vec<String>) {
    let excluded: Vec<PathGlob> = exclude
        .iter()
        .filter_map(|glob| PathGlob::new(glob).ok())
        .collect();
    let wants = |_, path: &Path| !excluded.iter().any(|glob| glob.matches(path));
    let parts = glob.into_alternatives().into_iter();
    let routes: Vec<Route> = parts.map(|parts| Route { owner: 0, parts }).collect();
    let mut found = walk(&HostFs, &routes, &wants, &mut |_, _, _| {});
    found.files.sort_unstable();
    let directories = found.unreadable.iter().map(|(path, error)| {
        let why = explain(path, error);
        format!("\"{}\" cannot be looked into: {why}", path.display())
    });
    let mut unreadable: Vec<String> = directories.collect();
    let paths = found.files.iter().map(|(_, path)| path);
    // A link may lead to a directory, which is nothing to follow.
    let files = paths.filter(|path| !path.is_dir()).take(MATCHES_MAX);
    let mut matched = 0;
    for path in files {
        matched += 1;
        unreadable.extend(open(path).err());
    }
    (matched, unreadable)
}

fn may_write(directory: &Path) -> io::Result<()> {
    if !fs::metadata(directory)?.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    access(directory, Access::WRITE_OK | Access::EXEC_OK).map_err(io::Error::from)
}

/// Whether the file can be opened, now or, since it does not exist yet, perhaps later.
fn open(path: &Path) -> Result<(), String> {
    let shown = path.display();
    let cannot = |error: io::Error| {
        let why = explain(path, &error);
        format!("\"{shown}\" cannot be read: {why}")
    };
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => Err(format!("\"{shown}\" is a directory")),
        // Opening a named pipe would wait for its other end.
        Ok(metadata) if !metadata.is_file() => Err(format!("\"{shown}\" is not a regular file")),
        Ok(_) => File::open(path).map(drop).map_err(cannot),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(cannot(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::*;

    fn findings(text: &str, depth: Depth) -> Findings {
        let config = Config::from_text("agent.toml", text).unwrap();
        run_checks(&config.checks, depth)
    }

    fn text(state: &Path, path: &str) -> String {
        format!(
            "[agent]\nstate_dir = \"{}\"\n[[logs.file]]\npath = \"{path}\"\ngroup = \"g\"\n",
            state.display()
        )
    }

    #[test]
    fn a_path_that_can_never_be_read_is_told_with_its_place() {
        let directory = tempfile::tempdir().unwrap();
        let text = text(directory.path(), &directory.path().display().to_string());
        for depth in [Depth::Run, Depth::DryRun, Depth::Validate] {
            let problems = findings(&text, depth).problems;
            let told = problems[0].to_string();
            assert!(
                told.starts_with("agent.toml:4:8: logs.file[0].path: "),
                "{told}"
            );
            assert!(told.contains("is a directory"), "{told}");
        }
    }

    #[test]
    fn files_that_do_not_exist_yet_are_no_problem_and_an_empty_glob_is_noted() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name).display().to_string();
        let later = findings(&text(directory.path(), &at("later.log")), Depth::Validate);
        assert_eq!(later, Findings::default());
        let none = findings(&text(directory.path(), &at("*.log")), Depth::Validate);
        assert!(none.problems.is_empty());
        assert!(
            none.notes[0].contains("matches no file now"),
            "{:?}",
            none.notes
        );
    }

    #[test]
    fn every_match_of_a_glob_is_tried_by_validate_and_the_first_few_are_told() {
        let directory = tempfile::tempdir().unwrap();
        for number in 0..8 {
            // A link to itself cannot be opened by anyone, root included.
            let link = directory.path().join(format!("{number}.log"));
            std::os::unix::fs::symlink(&link, &link).unwrap();
        }
        let pattern = directory.path().join("*.log").display().to_string();
        let text = text(directory.path(), &pattern);
        assert!(findings(&text, Depth::Run).problems.is_empty());
        let problems = findings(&text, Depth::Validate).problems;
        assert_eq!(problems.len(), TOLD_MAX + 1);
        assert!(problems[TOLD_MAX].found.contains("3 more"), "{problems:?}");
    }

    #[test]
    fn a_state_directory_is_made_by_run_only_and_refused_below_a_file() {
        let directory = tempfile::tempdir().unwrap();
        let state = directory.path().join("a/b");
        let good = text(&state, "/later.log");
        assert!(findings(&good, Depth::Validate).problems.is_empty());
        assert!(!state.exists());
        assert!(findings(&good, Depth::Run).problems.is_empty());
        assert!(state.is_dir());

        fs::write(directory.path().join("file"), "").unwrap();
        let bad = text(&directory.path().join("file/state"), "/later.log");
        for depth in [Depth::Run, Depth::Validate] {
            let told = findings(&bad, depth).problems[0].to_string();
            assert!(
                told.contains("agent.state_dir") && told.contains("cannot be written"),
                "{told}"
            );
        }
    }
}
