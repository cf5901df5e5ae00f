//! Manual pages and completions of both services: made from the definition of their command lines,
//! committed below `packaging/`, so that packaging needs no Rust and the programs carry none of it.
//! `UPDATE_GENERATED=1` writes them anew.

use std::collections::BTreeMap;
use std::path::Path;

use clap_complete::Shell;

use super::tree::root;

/// What the definitions give, by path below `packaging/`.
fn generated() -> BTreeMap<String, String> {
    let directory = tempfile::tempdir().expect("a directory");
    let (man, completions) = (
        directory.path().join("man"),
        directory.path().join("completions"),
    );
    for made in [&man, &completions] {
        std::fs::create_dir(made).expect("a directory");
    }
    for command in [
        plimsoll_agent::cli::command(),
        plimsoll_collector::cli::command(),
    ] {
        let name = command.get_name().to_owned();
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            clap_complete::generate_to(shell, &mut command.clone(), &name, &completions)
                .expect("a completion");
        }
        clap_mangen::generate_to(command, &man).expect("manual pages");
    }
    below(directory.path())
}

/// Every file in the two directories, by its path below `base`.
fn below(base: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for part in ["man", "completions"] {
        for entry in std::fs::read_dir(base.join(part)).into_iter().flatten() {
            let entry = entry.expect("a directory entry");
            let name = format!("{part}/{}", entry.file_name().to_string_lossy());
            let text = std::fs::read_to_string(entry.path()).expect("a text");
            found.insert(name, text);
        }
    }
    found
}

#[test]
fn manual_pages_and_completions_are_those_of_the_command_lines() {
    let packaging = root().join("packaging");
    let (wanted, found) = (generated(), below(&packaging));
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        for name in found.keys().filter(|name| !wanted.contains_key(*name)) {
            std::fs::remove_file(packaging.join(name)).expect("removed");
        }
        for (name, text) in &wanted {
            let path = packaging.join(name);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
            std::fs::write(path, text).expect("written");
        }
        return;
    }
    let names = |pages: &BTreeMap<String, String>| pages.keys().cloned().collect::<Vec<_>>();
    let remedy = "run UPDATE_GENERATED=1 cargo test -p plimsoll-tests pages";
    assert_eq!(names(&wanted), names(&found), "{remedy}");
    for (name, text) in &wanted {
        assert!(
            found.get(name) == Some(text),
            "packaging/{name} is out of date; {remedy}"
        );
    }
}
