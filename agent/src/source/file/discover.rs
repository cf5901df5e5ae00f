//! Which files belong to which target.

use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use regex::bytes::RegexSet;

use crate::config::{FileTarget, Framing, StartPosition};
use crate::derive::Refiner;
use crate::fs::{LogFs, Stat};
use crate::glob::walk::{Found, Interest, Route, walk};
use crate::glob::{BadGlob, PathGlob};

/// The targets of the configuration, ready to be looked for.
#[derive(Debug)]
pub(crate) struct Targets {
    targets: Vec<Target>,
    /// What all of them include.
    routes: Vec<Route>,
}

/// One target.
#[derive(Debug)]
pub(crate) struct Target {
    /// As it was configured.
    pub(crate) config: FileTarget,
    /// Names the target in the checkpoint: its globs, not its group, so that sending elsewhere
    /// does not lose the position.
    pub(crate) key: u64,
    /// How its files are framed, shared by all of them.
    pub(crate) framing: Arc<Framing>,
    include: Vec<PathGlob>,
    exclude: Vec<PathGlob>,
}

/// What a scan found.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    /// Paths with the target they belong to, each path once, in any order.
    pub(crate) files: Vec<(usize, PathBuf)>,
    /// Directories that could not be looked through, with why.
    pub(crate) unreadable: Vec<(PathBuf, io::Error)>,
}

impl Targets {
    /// Reads the globs.
    ///
    /// # Errors
    /// When a glob is not valid.
    pub(crate) fn new(files: Vec<FileTarget>) -> Result<Self, BadGlob> {
        let read = |globs: &[String]| -> Result<Vec<_>, BadGlob> {
            globs.iter().map(|glob| PathGlob::new(glob)).collect()
        };
        let targets = files.into_iter().map(|config| {
            Ok(Target {
                include: read(&config.include)?,
                exclude: read(&config.exclude)?,
                key: key(&config),
                framing: Arc::new(config.framing.clone()),
                config,
            })
        });
        let targets = targets.collect::<Result<Vec<_>, _>>()?;
        let routes = targets.iter().enumerate().flat_map(|(owner, target)| {
            let globs = target.include.iter().cloned();
            globs
                .flat_map(PathGlob::into_alternatives)
                .map(move |parts| Route { owner, parts })
        });
        Ok(Self {
            routes: routes.collect(),
            targets,
        })
    }

    /// All targets, by index.
    pub(crate) fn all(&self) -> &[Target] {
        &self.targets
    }

    /// What the target wants done with its events; `None` if nothing.
    pub(crate) fn refiner(&self, target: usize) -> Option<Arc<Refiner>> {
        self.targets.get(target)?.config.refiner.clone()
    }

    /// Looks for all files. A file that matches several targets belongs to the first. `enter` is
    /// told each directory in which one may appear, before it is looked through.
    pub(crate) fn scan<F: LogFs>(
        &self,
        fs: &F,
        enter: &mut dyn FnMut(&Path, &Stat, Interest),
    ) -> Scan {
        let wants = |index: usize, path: &Path| {
            let target = self.targets.get(index);
            target.is_some_and(|target| !target.excludes(path))
        };
        let Found { files, unreadable } = walk(fs, &self.routes, &wants, enter);
        Scan { files, unreadable }
    }

    /// Whether a file of this path would be followed.
    pub(crate) fn matches(&self, path: &Path) -> bool {
        self.target_of(path).is_some()
    }

    /// The target that a file of this path belongs to.
    pub(crate) fn target_of(&self, path: &Path) -> Option<usize> {
        self.targets.iter().position(|target| {
            target.include.iter().any(|glob| glob.matches(path)) && !target.excludes(path)
        })
    }
}

impl Scan {
    /// The reason under which a directory that could not be looked through is counted.
    pub(crate) fn reason(error: &io::Error) -> &'static str {
        if error.kind() == io::ErrorKind::QuotaExceeded {
            "discovery_limit"
        } else {
            "directory_unreadable"
        }
    }
}

impl Target {
    /// Whether files that exist at the first start are skipped to their end.
    pub(crate) fn starts_at_end(&self) -> bool {
        self.config.start == StartPosition::End
    }

    fn excludes(&self, path: &Path) -> bool {
        let named = |names: &RegexSet| {
            let name = path.file_name().unwrap_or_default();
            names.is_match(name.as_bytes())
        };
        self.exclude.iter().any(|glob| glob.matches(path))
            || self.config.exclude_names.as_ref().is_some_and(named)
    }
}

/// The same globs in any order are the same target.
fn key(target: &FileTarget) -> u64 {
    let mut globs = target.include.clone();
    globs.sort_unstable();
    let text = globs.join("\n");
    let crc = u64::from(crc32fast::hash(text.as_bytes()));
    (crc << 32) | (text.len() as u64 & 0xffff_ffff)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::HostFs;
    use plimsoll_aws::LogGroup;

    fn target(include: &[String], exclude: &[&str]) -> FileTarget {
        FileTarget {
            include: include.to_vec(),
            exclude: exclude.iter().map(|glob| (*glob).to_owned()).collect(),
            start: StartPosition::End,
            group: LogGroup::default(),
            ..FileTarget::default()
        }
    }

    #[test]
    fn a_file_belongs_to_the_first_target_that_includes_and_does_not_exclude_it() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().to_str().unwrap();
        std::fs::create_dir(directory.path().join("web")).unwrap();
        for name in ["app.log", "app.log.gz", "debug.log", "web/access.log"] {
            std::fs::write(directory.path().join(name), "").unwrap();
        }
        let first = target(
            &[format!("{root}/app*"), format!("{root}/app.log")],
            &["*.gz"],
        );
        let mut first = first;
        std::fs::write(directory.path().join("app.log.1"), "").unwrap();
        first.exclude_names = Some(RegexSet::new([r"^app\.log\.\d$"]).unwrap());
        let second = target(
            &[format!("{root}/*.log"), format!("{root}/*/*.log")],
            &[&format!("{root}/debug*")],
        );
        let targets = Targets::new(vec![first, second]).unwrap();
        let mut entered = Vec::new();
        let scan = targets.scan(&HostFs, &mut |path, _, interest| {
            entered.push((path.to_owned(), interest));
        });
        let mut found: Vec<_> = scan
            .files
            .iter()
            .map(|(target, path)| (*target, path.strip_prefix(root).unwrap().to_str().unwrap()))
            .collect();
        found.sort_unstable();
        assert_eq!(found, [(0, "app.log"), (1, "web/access.log")]);
        let all = [directory.path().to_owned(), directory.path().join("web")];
        assert_eq!(entered, all.map(|path| (path, Interest::Files)));
        assert!(targets.matches(&directory.path().join("new.log")));
        assert!(!targets.matches(&directory.path().join("debug.log")));
        assert!(
            !targets.matches(&directory.path().join("a/b/c.log")),
            "* is one directory"
        );
    }

    #[test]
    fn a_target_keeps_its_key_when_globs_change_places_and_not_when_they_change() {
        let globs =
            |list: &[&str]| -> Vec<String> { list.iter().map(|g| (*g).to_owned()).collect() };
        let key_of = |list: &[&str]| key(&target(&globs(list), &[]));
        assert_eq!(key_of(&["/a", "/b"]), key_of(&["/b", "/a"]));
        assert_ne!(key_of(&["/a"]), key_of(&["/a", "/b"]));
    }
}
