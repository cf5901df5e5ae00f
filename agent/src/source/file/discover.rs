//! Which files belong to which target, and which directories show that one appears.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use glob::{MatchOptions, Pattern, PatternError};

use crate::config::{FileTarget, StartPosition};
use crate::source::file::watch::WATCHES_MAX;

/// `*` stays within a directory, as in a shell; a leading dot needs no dot in the pattern, so that
/// a rotated `.log` is not overlooked.
const OPTIONS: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: false,
};

/// The targets of the configuration, ready to be looked for.
#[derive(Debug)]
pub(crate) struct Targets(Vec<Target>);

/// One target.
#[derive(Debug)]
pub(crate) struct Target {
    /// As it was configured.
    pub(crate) config: FileTarget,
    /// Names the target in the checkpoint: its globs, not its group, so that sending elsewhere
    /// does not lose the position.
    pub(crate) key: u64,
    include: Vec<Pattern>,
    exclude: Vec<Pattern>,
}

/// What a scan found.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    /// Paths with the target they belong to, each path once.
    pub(crate) files: Vec<(usize, PathBuf)>,
    /// Directories in which files may appear.
    pub(crate) directories: Vec<PathBuf>,
    /// Directories that could not be read, with why.
    pub(crate) unreadable: Vec<(PathBuf, std::io::Error)>,
}

impl Targets {
    /// Reads the globs.
    ///
    /// # Errors
    /// When a glob is not valid.
    pub(crate) fn new(files: Vec<FileTarget>) -> Result<Self, PatternError> {
        let read = |globs: &[String]| -> Result<Vec<_>, PatternError> {
            globs.iter().map(|glob| Pattern::new(glob)).collect()
        };
        files
            .into_iter()
            .map(|config| {
                Ok(Target {
                    include: read(&config.include)?,
                    exclude: read(&config.exclude)?,
                    key: key(&config),
                    config,
                })
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// All targets, by index.
    pub(crate) fn all(&self) -> &[Target] {
        &self.0
    }

    /// Looks for all files. A file that matches several targets belongs to the first.
    pub(crate) fn scan(&self) -> Scan {
        let mut scan = Scan::default();
        let mut seen = BTreeSet::new();
        let mut directories = BTreeSet::new();
        for (index, target) in self.0.iter().enumerate() {
            for glob in &target.config.include {
                directories.extend(directories_of(glob));
                let Ok(paths) = glob::glob_with(glob, OPTIONS) else {
                    continue;
                };
                for path in paths {
                    match path {
                        Ok(path) if target.excludes(&path) || seen.contains(&path) => {}
                        Ok(path) => {
                            seen.insert(path.clone());
                            scan.files.push((index, path));
                        }
                        Err(error) => {
                            let path = error.path().to_owned();
                            scan.unreadable.push((path, error.into()));
                        }
                    }
                }
            }
        }
        directories.extend(
            seen.iter()
                .filter_map(|path| path.parent().map(Path::to_owned)),
        );
        scan.directories = directories.into_iter().take(WATCHES_MAX).collect();
        scan
    }

    /// Whether a file of this path would be followed.
    pub(crate) fn matches(&self, path: &Path) -> bool {
        self.target_of(path).is_some()
    }

    /// The target that a file of this path belongs to.
    pub(crate) fn target_of(&self, path: &Path) -> Option<usize> {
        self.0.iter().position(|target| {
            let included = |glob: &Pattern| glob.matches_path_with(path, OPTIONS);
            target.include.iter().any(included) && !target.excludes(path)
        })
    }
}

impl Target {
    /// Whether files that exist at the first start are skipped to their end.
    pub(crate) fn starts_at_end(&self) -> bool {
        self.config.start == StartPosition::End
    }

    /// A glob without a slash is meant for the name alone.
    fn excludes(&self, path: &Path) -> bool {
        self.exclude.iter().any(|glob| {
            if glob.as_str().contains('/') {
                glob.matches_path_with(path, OPTIONS)
            } else {
                path.file_name()
                    .is_some_and(|name| glob.matches_path_with(Path::new(name), OPTIONS))
            }
        })
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

/// The directories that a glob looks into for its last part, and the one that all others are in.
fn directories_of(glob: &str) -> Vec<PathBuf> {
    let Some((parent, _)) = glob.rsplit_once('/') else {
        return Vec::new();
    };
    let parent = if parent.is_empty() { "/" } else { parent };
    let mut found = Vec::new();
    let base: PathBuf = Path::new(parent)
        .components()
        .take_while(|part| !part.as_os_str().to_string_lossy().contains(['*', '?', '[']))
        .collect();
    if base.as_path() != Path::new(parent)
        && let Ok(paths) = glob::glob_with(parent, OPTIONS)
    {
        found.extend(
            paths
                .flatten()
                .filter(|path| path.is_dir())
                .take(WATCHES_MAX),
        );
    }
    found.push(base);
    found
}

#[cfg(test)]
mod tests {
    use super::*;
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
        let second = target(
            &[format!("{root}/*.log"), format!("{root}/*/*.log")],
            &[&format!("{root}/debug*")],
        );
        let targets = Targets::new(vec![first, second]).unwrap();
        let scan = targets.scan();
        let found: Vec<_> = scan
            .files
            .iter()
            .map(|(target, path)| (*target, path.strip_prefix(root).unwrap().to_str().unwrap()))
            .collect();
        assert_eq!(found, [(0, "app.log"), (1, "web/access.log")]);
        assert!(scan.directories.contains(&directory.path().to_owned()));
        assert!(scan.directories.contains(&directory.path().join("web")));
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
