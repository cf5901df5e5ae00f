//! Manual pages and completions of both services, made from the definition of their command lines, and
//! the journal's catalogs of their messages:
//! committed below `packaging/`, so that packaging needs no Rust and the programs carry none of it.
//! `UPDATE_GENERATED=1` writes them anew.

use std::collections::BTreeMap;
use std::path::Path;

use clap_complete::Shell;
use plimsoll_core::logging::message::{self, Message};

use super::tree::root;

/// Directories below `packaging/` that are written here alone.
const PARTS: [&str; 3] = ["man", "completions", "catalog"];

/// What `journalctl --catalog` shows with messages that have an id. Source: systemd, "Journal Message
/// Catalogs".
fn catalog(program: &str, messages: &[Message]) -> String {
    let entries = messages.iter().map(|message| {
        format!(
            "-- {}\nSubject: {}\nDefined-By: {program}\n\
             Documentation: file:///usr/share/doc/{program}/README.md\n\n{}\n\n",
            message.id, message.subject, message.explanation
        )
    });
    entries.collect()
}

/// What the definitions give, by path below `packaging/`.
fn generated() -> BTreeMap<String, String> {
    let directory = tempfile::tempdir().expect("a directory");
    let [man, completions, catalogs] = PARTS.map(|part| directory.path().join(part));
    for made in [&man, &completions, &catalogs] {
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
    for (program, messages) in [
        ("plimsoll-agent", message::AGENT),
        ("plimsoll-collector", message::COLLECTOR),
    ] {
        let path = catalogs.join(format!("{program}.catalog"));
        std::fs::write(path, catalog(program, messages)).expect("a catalog");
    }
    below(directory.path())
}

/// Every file in the two directories, by its path below `base`.
fn below(base: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for part in PARTS {
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
