//! Whether a unit of systemd has processes, which is what the kernel knows of it.
//!
//! Asking systemd itself costs a process each time. A unit's control group lies in the slice that it
//! was given: most in `system.slice`, instances of a template in a slice of their own below that,
//! and any unit wherever `Slice=` says. So the likely places are tried first and all slices searched
//! after that. Two units of one name cannot be: the manager of a user is not followed.

use std::fs;
use std::path::{Path, PathBuf};

use crate::scraper::HostRoot;

/// Where control groups are and which file counts processes: version 2, then version 1.
/// Source: kernel documentation, admin-guide/cgroup-v2.rst, `cgroup.events`, `populated`.
const TREES: [(&str, &str); 2] = [
    ("/sys/fs/cgroup", "cgroup.events"),
    ("/sys/fs/cgroup/systemd", "cgroup.procs"),
];
/// Most units are here. Source: `systemd.special(7)`.
const SYSTEM: &str = "system.slice";
/// Slices that are searched for one unit.
const SLICES_MAX: usize = 1000;

/// Whether the unit has processes now.
pub(super) fn is_active(root: &HostRoot, unit: &str) -> bool {
    let mut trees = TREES.iter().map(|(tree, file)| (root.path(tree), *file));
    trees
        .find_map(|(tree, file)| in_tree(&tree, file, unit))
        .unwrap_or(false)
}

/// `None` if the tree has no such unit.
fn in_tree(tree: &Path, file: &str, unit: &str) -> Option<bool> {
    let system = tree.join(SYSTEM);
    let template = template_slice(unit).map(|slice| system.join(slice));
    let mut likely = [Some(system), template].into_iter().flatten();
    if let Some(told) = likely.find_map(|slice| read(&slice.join(unit).join(file))) {
        return Some(told);
    }
    let mut open = slices(tree);
    let mut searched = 0;
    while let Some(slice) = open.pop() {
        if let Some(told) = read(&slice.join(unit).join(file)) {
            return Some(told);
        }
        searched += 1;
        if searched == SLICES_MAX {
            return None;
        }
        open.extend(slices(&slice));
    }
    None
}

/// The slice that instances of a template share. Source: `systemd.unit(5)`, "Slice=" of template
/// units, and `systemd-escape(1)`: a `-` of the name would nest the slice and is escaped.
fn template_slice(unit: &str) -> Option<String> {
    let (template, _) = unit.split_once('@')?;
    Some(format!("system-{}.slice", template.replace('-', "\\x2d")))
}

/// The slices right below a directory.
fn slices(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(directory) else {
        return Vec::new();
    };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    paths
        .filter(|path| path.extension().is_some_and(|end| end == "slice"))
        .take(SLICES_MAX)
        .collect()
}

fn read(file: &Path) -> Option<bool> {
    let text = fs::read_to_string(file).ok()?;
    let populated = text
        .lines()
        .find_map(|line| line.strip_prefix("populated "));
    Some(populated.map_or(!text.trim().is_empty(), |count| count.trim() == "1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_is_found_in_whatever_slice_it_lies() {
        let root = tempfile::tempdir().unwrap();
        let host = HostRoot::at(root.path());
        let groups = [
            ("system.slice/app.service", "app.service"),
            (
                "system.slice/system-my\\x2dapp.slice/my-app@1.service",
                "my-app@1.service",
            ),
            ("own.slice/own-deep.slice/deep.service", "deep.service"),
        ];
        for (group, unit) in groups {
            assert!(!is_active(&host, unit), "{unit} is not there yet");
            let group = root.path().join("sys/fs/cgroup").join(group);
            fs::create_dir_all(&group).unwrap();
            fs::write(group.join("cgroup.events"), "populated 1\nfrozen 0\n").unwrap();
            assert!(is_active(&host, unit), "{unit}");
            fs::write(group.join("cgroup.events"), "populated 0\nfrozen 0\n").unwrap();
            assert!(!is_active(&host, unit), "{unit} has no process");
        }
    }

    #[test]
    fn version_1_of_control_groups_counts_processes() {
        let root = tempfile::tempdir().unwrap();
        let host = HostRoot::at(root.path());
        let group = root
            .path()
            .join("sys/fs/cgroup/systemd/system.slice/app.service");
        fs::create_dir_all(&group).unwrap();
        for (processes, active) in [("", false), ("4711\n4712\n", true)] {
            fs::write(group.join("cgroup.procs"), processes).unwrap();
            assert_eq!(is_active(&host, "app.service"), active);
        }
    }
}
