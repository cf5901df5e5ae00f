//! The source tree as data, for the tests that look at the house itself.

use std::path::{Path, PathBuf};

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the crate lies in the workspace")
        .to_owned()
}

/// Every file below `directory` whose name ends with `suffix`, with its text, sorted.
pub(crate) fn files(directory: &str, suffix: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut waiting = vec![root().join(directory)];
    while let Some(path) = waiting.pop() {
        let entries =
            std::fs::read_dir(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        for entry in entries {
            let path = entry.expect("a directory entry").path();
            let name = path.to_string_lossy().into_owned();
            if path.is_dir() {
                if !name.ends_with("/target") && !name.contains("/.") {
                    waiting.push(path);
                }
            } else if name.ends_with(suffix) {
                let text = std::fs::read(&path).expect("a readable file");
                let relative = path.strip_prefix(root()).expect("below the root");
                found.push((
                    relative.to_string_lossy().into_owned(),
                    String::from_utf8_lossy(&text).into_owned(),
                ));
            }
        }
    }
    found.sort();
    found
}
