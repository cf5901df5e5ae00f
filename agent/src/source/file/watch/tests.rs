//! Notifications of the real kernel.

use super::*;
use crate::fs::HostFs;
use std::fs;

struct Watching {
    directory: tempfile::TempDir,
    watch: Watch,
}

impl Watching {
    fn new() -> Self {
        let (watch, error) = Watch::new(Instant::now());
        assert!(error.is_none());
        let directory = tempfile::tempdir().unwrap();
        Self { directory, watch }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A scan that enters these directories.
    fn scan(&mut self, entered: &[(&str, Interest)]) {
        for (name, interest) in entered {
            let path = self.path(name);
            let stat = HostFs.stat(&path).unwrap();
            self.watch.enter(&HostFs, &path, &stat, *interest);
        }
        assert_eq!(self.watch.finish(&HostFs, &[]), None);
    }

    fn hints(&mut self) -> Vec<Hint> {
        let mut hints = Vec::new();
        self.watch.drain(|hint| hints.push(hint));
        hints
    }
}

#[test]
fn writes_renames_and_new_names_in_a_watched_directory_are_told() {
    let mut it = Watching::new();
    it.scan(&[("", Interest::Files)]);
    let (from, to) = (it.path("a"), it.path("b"));
    fs::write(&from, "x").unwrap();
    fs::rename(&from, &to).unwrap();
    let hints = it.hints();
    assert!(hints.contains(&Hint::Written(from.clone())));
    assert!(hints.contains(&Hint::Renamed(from.clone())));
    assert!(hints.contains(&Hint::Moved { from, to }));

    it.scan(&[]);
    it.hints();
    fs::write(it.path("c"), "x").unwrap();
    assert!(it.hints().is_empty(), "nothing is watched");
}

#[test]
fn a_directory_that_is_watched_for_names_alone_tells_of_no_writes() {
    let mut it = Watching::new();
    it.scan(&[("", Interest::Names)]);
    fs::write(it.path("a"), "x").unwrap();
    assert_eq!(it.hints(), [Hint::Renamed(it.path("a"))]);
    it.scan(&[("", Interest::Files)]);
    fs::write(it.path("a"), "xy").unwrap();
    assert!(it.hints().contains(&Hint::Written(it.path("a"))));
}

#[test]
fn each_path_to_one_directory_gets_its_hints_until_it_is_left() {
    let mut it = Watching::new();
    fs::create_dir(it.path("real")).unwrap();
    std::os::unix::fs::symlink(it.path("real"), it.path("link")).unwrap();
    it.scan(&[("real", Interest::Files), ("link", Interest::Names)]);
    fs::write(it.path("real/a"), "x").unwrap();
    let hints = it.hints();
    assert!(hints.contains(&Hint::Written(it.path("real/a"))));
    assert!(hints.contains(&Hint::Written(it.path("link/a"))));
    it.scan(&[("link", Interest::Names)]);
    it.hints();
    fs::write(it.path("real/b"), "x").unwrap();
    let hints = it.hints();
    assert!(hints.contains(&Hint::Renamed(it.path("link/b"))));
    assert!(!hints.contains(&Hint::Renamed(it.path("real/b"))));
}

#[test]
fn a_directory_that_is_made_again_or_moved_away_is_told_and_watched_anew() {
    let mut it = Watching::new();
    fs::create_dir(it.path("logs")).unwrap();
    it.scan(&[("logs", Interest::Files)]);
    fs::remove_dir(it.path("logs")).unwrap();
    assert!(it.hints().contains(&Hint::Directory(it.path("logs"))));
    fs::create_dir(it.path("logs")).unwrap();
    it.scan(&[("logs", Interest::Files)]);
    fs::write(it.path("logs/a"), "x").unwrap();
    assert!(it.hints().contains(&Hint::Written(it.path("logs/a"))));

    fs::rename(it.path("logs"), it.path("old")).unwrap();
    fs::create_dir(it.path("logs")).unwrap();
    assert!(it.hints().contains(&Hint::Directory(it.path("logs"))));
    it.scan(&[("logs", Interest::Files)]);
    fs::write(it.path("logs/b"), "x").unwrap();
    fs::write(it.path("old/c"), "x").unwrap();
    let hints = it.hints();
    assert!(hints.contains(&Hint::Written(it.path("logs/b"))));
    assert!(
        !hints.contains(&Hint::Written(it.path("logs/c"))),
        "{hints:?}"
    );
}

#[test]
fn what_cannot_be_watched_is_polled_and_told_with_the_setting_that_helps() {
    let mut it = Watching::new();
    it.watch = Watch::deaf(Instant::now());
    fs::write(it.path("a"), "x").unwrap();
    let directory = it.directory.path().to_owned();
    let stat = HostFs.stat(&directory).unwrap();
    it.watch.enter(&HostFs, &directory, &stat, Interest::Files);
    it.watch.finish(&HostFs, &[(0, it.path("a"))]);
    let due = it.watch.poll_due().unwrap();
    fs::write(it.path("a"), "xy").unwrap();
    fs::write(it.path("b"), "x").unwrap();
    let mut hints = Vec::new();
    it.watch.poll(&HostFs, due, |hint| hints.push(hint));
    assert_eq!(
        hints,
        [Hint::Directory(directory), Hint::Written(it.path("a"))]
    );
    it.watch
        .poll(&HostFs, due, |hint| panic!("{hint:?} too soon"));
    it.watch
        .poll(&HostFs, it.watch.poll_due().unwrap(), |hint| {
            panic!("{hint:?} again")
        });
    assert!(told(Errno::NOSPC).contains("fs.inotify.max_user_watches"));
}
