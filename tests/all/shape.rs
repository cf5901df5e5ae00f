//! The shape of the tree: small files that say what they are for, and nothing of one machine.

use super::tree::files;

const MEMBERS: [&str; 7] = [
    "core",
    "aws",
    "agent",
    "collector",
    "dashboards",
    "local",
    "tests",
];

#[test]
fn every_file_opens_with_what_it_is_for_and_stays_one_idea() {
    for member in MEMBERS {
        for (file, text) in files(member, ".rs") {
            assert!(text.starts_with("//!"), "{file} must open with //!");
            assert!(text.lines().count() <= 500, "{file} is over 500 lines");
            assert!(!file.ends_with("/mod.rs"), "{file}: name the file itself");
        }
    }
}

#[test]
fn no_metric_of_the_catalog_is_missing_from_the_house() {
    let code: String = ["agent/src", "collector/src"]
        .iter()
        .flat_map(|directory| files(directory, ".rs"))
        .map(|(_, text)| text)
        .collect();
    let catalog: String = files("core/src/catalog", ".rs")
        .into_iter()
        .map(|(_, text)| text)
        .collect();
    let mut constants = 0;
    for line in catalog.lines().map(str::trim) {
        let Some((constant, rest)) = line.split_once(' ') else {
            continue;
        };
        let is_constant = constant.len() > 3
            && constant
                .chars()
                .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
        if is_constant && rest.contains('"') && line.ends_with(".\"") {
            constants += 1;
            assert!(
                code.contains(constant),
                "{constant} is in the catalog, but nobody emits it"
            );
        }
    }
    assert_eq!(
        constants,
        plimsoll_core::catalog::all().count(),
        "the test sees every metric"
    );
}
