//! Who may import whom. Cargo's edges keep most of it; this test keeps the edges.

use std::collections::BTreeSet;

use super::tree::{files, root};

/// Members of the workspace with the members that each may depend on.
const MAY_DEPEND_ON: [(&str, &[&str]); 7] = [
    ("core", &[]),
    ("aws", &["plimsoll-core"]),
    ("ops", &["plimsoll-core", "plimsoll-aws"]),
    ("agent", &["plimsoll-core", "plimsoll-aws", "plimsoll-ops"]),
    ("dashboards", &["plimsoll-core"]),
    (
        "collector",
        &[
            "plimsoll-core",
            "plimsoll-aws",
            "plimsoll-ops",
            "plimsoll-dashboards",
        ],
    ),
    // A second opinion on the wire shares no encoder with the client.
    ("local", &["plimsoll-core"]),
];

/// Modules that decide and never do: no runtime, no calls.
const PURE: [&str; 7] = [
    "agent/src/batch",
    "agent/src/derive",
    "collector/src/backtest",
    "collector/src/detect",
    "collector/src/incident",
    "collector/src/posture",
    "dashboards/src",
];

/// What the agent may link, its own crates included: it runs on every instance.
const AGENT_PACKAGES_MAX: usize = 260;

fn dependencies(member: &str) -> BTreeSet<String> {
    let path = root().join(member).join("Cargo.toml");
    let text = std::fs::read_to_string(&path).expect("a manifest");
    let manifest: toml::Table = text.parse().expect("a valid manifest");
    let table = manifest.get("dependencies").and_then(toml::Value::as_table);
    table.map_or_else(BTreeSet::new, |table| table.keys().cloned().collect())
}

#[test]
fn no_crate_depends_on_more_of_the_house_than_it_may() {
    for (member, allowed) in MAY_DEPEND_ON {
        for name in dependencies(member) {
            if name.starts_with("plimsoll-") {
                assert!(
                    allowed.contains(&name.as_str()),
                    "{member} must not depend on {name}"
                );
            }
        }
    }
}

#[test]
fn only_the_aws_crate_names_the_sdk() {
    for member in ["core", "ops", "agent", "collector", "dashboards", "local"] {
        let named: Vec<String> = dependencies(member)
            .into_iter()
            .filter(|name| name.starts_with("aws-"))
            .collect();
        assert!(named.is_empty(), "{member} names {named:?}");
    }
}

#[test]
fn core_opens_no_socket() {
    for (file, text) in files("core/src", ".rs") {
        for banned in ["tokio::net", "std::net", "hyper::", "UnixStream"] {
            assert!(!text.contains(banned), "{file} names {banned}");
        }
    }
}

#[test]
fn pure_modules_have_no_runtime_and_make_no_calls() {
    for module in PURE {
        let (parent, name) = module.rsplit_once('/').expect("a path");
        let own = |file: &str| {
            name == "src"
                || file.starts_with(&format!("{module}/"))
                || file == format!("{module}.rs")
        };
        for (file, text) in files(parent, ".rs") {
            // Tests hold samples of other languages, and may wait for what they test.
            if !own(&file) || file.ends_with("/tests.rs") || file.contains("/tests/") {
                continue;
            }
            for banned in ["tokio::", "Api>", "Api ", ".await"] {
                let code = text
                    .lines()
                    .filter(|line| !line.trim_start().starts_with("//"));
                assert!(
                    !code.into_iter().any(|line| line.contains(banned)),
                    "{file} names {banned}"
                );
            }
        }
    }
}

#[test]
fn main_imports_only_its_own_library() {
    for (member, own) in [
        ("agent", "plimsoll_agent"),
        ("collector", "plimsoll_collector"),
        ("local", "plimsoll_local"),
    ] {
        let path = root().join(member).join("src/main.rs");
        let text = std::fs::read_to_string(path).expect("a main");
        for line in text.lines().filter(|line| line.starts_with("use ")) {
            let imported = line.trim_start_matches("use ");
            let allowed = [own, "std::", "anyhow"];
            assert!(
                allowed.iter().any(|name| imported.starts_with(name)),
                "{member}/src/main.rs: {line}"
            );
        }
    }
}

#[test]
fn the_agent_stays_within_its_budget_of_packages() {
    let tree = std::process::Command::new(env!("CARGO"))
        .args([
            "tree",
            "--offline",
            "--locked",
            "--package",
            "plimsoll-agent",
        ])
        .args(["--edges", "normal", "--prefix", "none", "--format", "{p}"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(
        tree.status.success(),
        "{}",
        String::from_utf8_lossy(&tree.stderr)
    );
    let text = String::from_utf8_lossy(&tree.stdout);
    // A package that stands in the tree again is marked with a star.
    let packages: BTreeSet<&str> = text
        .lines()
        .map(|line| line.trim_end_matches(" (*)"))
        .collect();
    assert!(packages.len() > 50, "the tree was read");
    assert!(packages.len() <= AGENT_PACKAGES_MAX, "{}", packages.len());
}
