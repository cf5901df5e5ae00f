//! Searches through real directories.

use super::*;
use crate::fs::HostFs;
use crate::glob::PathGlob;
use std::fs;
use std::os::unix::fs::symlink;

struct Tree(tempfile::TempDir);

type Entered = Vec<(String, Interest)>;

impl Tree {
    /// Files, with the directories that they are in.
    fn new(files: &[&str]) -> Self {
        let tree = Self(tempfile::tempdir().unwrap());
        for file in files {
            let path = tree.path(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        tree
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn routes(&self, globs: &[&str]) -> Vec<Route> {
        let of = |(owner, glob): (usize, &&str)| {
            let glob = format!("{}/{glob}", self.0.path().display());
            let parts = PathGlob::new(&glob).unwrap().into_alternatives();
            parts.into_iter().map(move |parts| Route { owner, parts })
        };
        globs.iter().enumerate().flat_map(of).collect()
    }

    fn within(&self, path: &Path) -> String {
        let within = path.strip_prefix(self.0.path()).unwrap_or(path);
        within.to_string_lossy().into_owned()
    }

    /// What is found, by owner, and which directories were entered.
    fn walk(&self, globs: &[&str]) -> (Vec<(usize, String)>, Entered) {
        let mut entered = Vec::new();
        let found = walk(
            &HostFs,
            &self.routes(globs),
            &|_, _| true,
            &mut |path, _, interest| entered.push((self.within(path), interest)),
        );
        assert!(found.unreadable.is_empty(), "{:?}", found.unreadable);
        let files = found.files.iter();
        let mut files: Vec<_> = files.map(|(own, path)| (*own, self.within(path))).collect();
        files.sort_unstable();
        entered.sort_unstable();
        (files, entered)
    }

    fn files(&self, globs: &[&str]) -> Vec<String> {
        self.walk(globs)
            .0
            .into_iter()
            .map(|(_, path)| path)
            .collect()
    }
}

#[test]
fn each_pattern_finds_what_fits_and_the_first_owner_gets_it() {
    let tree = Tree::new(&["a.log", "b.log", "x/a.log", "x/y/a.log", "x/y/b.txt"]);
    let check = |glob: &str, found: &[&str]| assert_eq!(tree.files(&[glob]), found, "{glob}");
    check("a.log", &["a.log"]);
    check("*.log", &["a.log", "b.log"]);
    check("*/a.log", &["x/a.log"]);
    check("**/a.log", &["a.log", "x/a.log", "x/y/a.log"]);
    check("x/**", &["x/a.log", "x/y/a.log", "x/y/b.txt"]);
    check("**/y/*", &["x/y/a.log", "x/y/b.txt"]);
    check("{a,x/a,none}.log", &["a.log", "x/a.log"]);
    check("x", &[]);
    check("none/*.log", &[]);
    check("a.log/*", &[]);
    let (files, _) = tree.walk(&["b*", "*.log", "**/b.*"]);
    let owned = |owner, path: &str| (owner, path.to_owned());
    let expected = [owned(0, "b.log"), owned(1, "a.log"), owned(2, "x/y/b.txt")];
    assert_eq!(files, expected);
}

#[test]
fn only_directories_that_can_hold_a_match_are_entered_and_each_once() {
    let tree = Tree::new(&["x/logs/a.log", "y/logs/b.log", "y/other/c.log", "z/d"]);
    let (_, entered) = tree.walk(&["*/logs/*.log", "*/logs/a*", "y/logs/b.log"]);
    let of = |path: &str, interest| (path.to_owned(), interest);
    let expected = [
        of("", Interest::Names),
        of("x/logs", Interest::Files),
        of("y/logs", Interest::Files),
    ];
    // What is only passed on the way to `logs` tells when one appears in it.
    let (waiting, entered): (Vec<_>, Vec<_>) =
        entered.into_iter().partition(|(path, _)| path == "z");
    assert_eq!(waiting, [of("z", Interest::Names)]);
    assert_eq!(entered, expected);
}

#[test]
fn the_directory_in_which_a_missing_one_would_appear_is_entered() {
    let tree = Tree::new(&["a/b"]);
    let (_, entered) = tree.walk(&["a/c/d/*.log"]);
    assert_eq!(entered, [("a".to_owned(), Interest::Names)]);
}

#[test]
fn links_are_followed_and_their_loops_end() {
    let tree = Tree::new(&["real/a.log", "other/b.log"]);
    symlink(tree.path("real"), tree.path("real/self")).unwrap();
    symlink("..", tree.path("real/up")).unwrap();
    symlink(tree.path("other"), tree.path("real/aside")).unwrap();
    symlink(tree.path("nowhere"), tree.path("real/dangling")).unwrap();
    symlink(tree.path("loop"), tree.path("loop")).unwrap();
    assert_eq!(
        tree.files(&["real/**/*.log"]),
        ["real/a.log", "real/aside/b.log"]
    );
    // By a pattern of fixed depth all ways are taken, as a shell does.
    assert_eq!(
        tree.files(&["real/*/*.log"]),
        ["real/aside/b.log", "real/self/a.log"]
    );
}

#[test]
fn names_that_are_not_utf8_are_found() {
    let tree = Tree::new(&[]);
    let name = OsStr::from_bytes(b"caf\xe9");
    fs::create_dir(tree.0.path().join(name)).unwrap();
    let file = tree
        .0
        .path()
        .join(name)
        .join(OsStr::from_bytes(b"\xff.log"));
    fs::write(&file, "").unwrap();
    let found = walk(
        &HostFs,
        &tree.routes(&["caf?/*.log"]),
        &|_, _| true,
        &mut |_, _, _| {},
    );
    assert_eq!(found.files, [(0, file)]);
}

/// A file system in which one directory cannot be listed and another never ends.
#[derive(Clone, Debug)]
struct Trouble;

impl LogFs for Trouble {
    type File = <HostFs as LogFs>::File;

    fn stat(&self, path: &Path) -> io::Result<Stat> {
        HostFs.stat(path)
    }

    fn open(&self, path: &Path) -> io::Result<Option<(Self::File, Stat)>> {
        HostFs.open(path)
    }

    fn stat_open(&self, file: &Self::File) -> io::Result<Stat> {
        HostFs.stat_open(file)
    }

    fn read_at(&self, file: &Self::File, bytes: &mut Vec<u8>, at: u64) -> io::Result<usize> {
        HostFs.read_at(file, bytes, at)
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<crate::fs::Name>> {
        HostFs.list(directory)
    }

    fn is_written(&self, file: &Self::File) -> Option<bool> {
        HostFs.is_written(file)
    }

    fn each_name(
        &self,
        directory: &Path,
        tell: &mut dyn FnMut(&OsStr, u64, Kind) -> bool,
    ) -> io::Result<()> {
        if directory.ends_with("closed") {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        while directory.ends_with("endless") {
            if !tell(OsStr::new("x"), 1, Kind::Other) {
                return Ok(());
            }
        }
        HostFs.each_name(directory, tell)
    }
}

#[test]
fn what_cannot_be_looked_through_is_told_and_hides_nothing_else() {
    let tree = Tree::new(&["closed/a.log", "open/b.log", "z/c.log"]);
    let all = |fs: &Trouble| {
        let found = walk(
            fs,
            &tree.routes(&["*/*.log"]),
            &|_, _| true,
            &mut |_, _, _| {},
        );
        let files = found.files.iter().map(|(_, path)| tree.within(path));
        let mut files: Vec<_> = files.collect();
        files.sort_unstable();
        (files, found.unreadable)
    };
    let (files, unreadable) = all(&Trouble);
    assert_eq!(files, ["open/b.log", "z/c.log"]);
    assert_eq!(unreadable.len(), 1);
    assert_eq!(unreadable[0].0, tree.path("closed"));
    assert_eq!(unreadable[0].1.kind(), io::ErrorKind::PermissionDenied);

    fs::create_dir(tree.path("endless")).unwrap();
    let (_, unreadable) = all(&Trouble);
    let bound = |error: &io::Error| error.kind() == io::ErrorKind::QuotaExceeded;
    let cut = unreadable.iter().filter(|(_, error)| bound(error));
    assert!(cut.count() >= 1, "{unreadable:?}");
}
