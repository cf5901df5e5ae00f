//! Space of mounted file systems.
//!
//! The mount table comes with the snapshot; how full each file system is was asked by the
//! [`probe`](super::probe), which a dead network mount cannot hold up.
//! Pseudo file systems are left out by type, a device that is mounted twice is told once, and the
//! root file system is always told, whatever its type.
//! Source: `proc_pid_mounts(5)`, `statvfs(3)`.

use std::collections::BTreeSet;
use std::sync::Arc;

use plimsoll_core::catalog::{DISK_FREE, DISK_TOTAL, DISK_USED_PERCENT};

use super::filter::NameFilter;
use super::snapshot::Snapshot;
use super::{ScrapeError, Scraper};
use crate::sample::{Sample, as_value};

/// File systems that hold no data of their own or whose size says nothing.
pub const PSEUDO_TYPES: [&str; 31] = [
    "autofs",
    "bdev",
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "cpuset",
    "debugfs",
    "devpts",
    "devtmpfs",
    "efivarfs",
    "fuse.lxcfs",
    "fusectl",
    "hugetlbfs",
    "iso9660",
    "mqueue",
    "nsfs",
    "overlay",
    "proc",
    "pstore",
    "ramfs",
    "rootfs",
    "rpc_pipefs",
    "securityfs",
    "selinuxfs",
    "squashfs",
    "sysfs",
    "tmpfs",
    "tracefs",
    "udev",
];

/// The root file system.
const ROOT: &str = "/";

/// Which mounts are measured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MountFilter {
    /// File system types to leave out.
    pub ignored_types: Vec<String>,
    /// Mount points to measure.
    pub paths: NameFilter,
}

/// How full a file system is, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Space {
    /// Its size.
    pub(crate) total: u64,
    /// What is in use.
    pub(crate) used: u64,
    /// What ordinary users may still take.
    pub(crate) free: u64,
}

/// The family `disk`.
#[derive(Debug, Default)]
pub(crate) struct Disk;

impl Scraper for Disk {
    fn scrape(&mut self, now: &Snapshot, out: &mut Vec<Sample>) -> Result<(), ScrapeError> {
        for (path, space) in now.spaces()? {
            // A file system without blocks is a pseudo file system that the list does not know.
            if space.total == 0 {
                continue;
            }
            let reachable = space.used.saturating_add(space.free).max(1);
            let used_percent = as_value(space.used) * 100.0 / as_value(reachable);
            out.extend([
                Sample::of(&DISK_TOTAL, path, as_value(space.total)),
                Sample::of(&DISK_FREE, path, as_value(space.free)),
                Sample::of(&DISK_USED_PERCENT, path, used_percent),
            ]);
        }
        Ok(())
    }
}

/// The mount points to measure, each device and each path once, in the order of the mount table.
pub(super) fn mount_points(table: &str, filter: &MountFilter) -> Vec<Arc<str>> {
    let mut devices = BTreeSet::new();
    let mut points: Vec<Arc<str>> = Vec::new();
    for line in table.lines() {
        let mut words = line.split_ascii_whitespace();
        let (Some(device), Some(point), Some(kind)) = (words.next(), words.next(), words.next())
        else {
            continue;
        };
        let point = unescape(point);
        let ignored = filter.ignored_types.iter().any(|ignored| ignored == kind);
        if (ignored && point != ROOT) || !filter.paths.admits(&point) {
            continue;
        }
        let again = device.starts_with('/') && !devices.insert(device);
        if !again && points.iter().all(|known| **known != *point) {
            points.push(point.into());
        }
    }
    points
}

/// Undoes the kernel's octal escapes of space, tab, newline and backslash.
fn unescape(word: &str) -> String {
    let mut text = String::with_capacity(word.len());
    let mut rest = word;
    while let Some((before, after)) = rest.split_once('\\') {
        text.push_str(before);
        let code = after
            .get(..3)
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match (code, after.get(3..)) {
            (Some(code), Some(behind)) if code.is_ascii() => {
                text.push(char::from(code));
                rest = behind;
            }
            _ => {
                text.push('\\');
                rest = after;
            }
        }
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(table: &str, paths: NameFilter) -> Vec<String> {
        let filter = MountFilter {
            ignored_types: PSEUDO_TYPES.map(str::to_owned).to_vec(),
            paths,
        };
        let points = mount_points(table, &filter);
        points.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn real_file_systems_are_measured_once_and_pseudo_ones_are_not() {
        let table = "proc /proc proc rw 0 0\n\
                     /dev/nvme0n1p1 / xfs rw 0 0\n\
                     tmpfs /run tmpfs rw 0 0\n\
                     /dev/nvme1n1 /var/lib/my\\040data ext4 rw 0 0\n\
                     /dev/nvme1n1 /mnt/bind ext4 rw 0 0\n\
                     fs-1.efs:/ /shared nfs4 rw 0 0\n\
                     torn line\n";
        let all = || NameFilter::new(&["*"], &["/skip/*"]).unwrap();
        assert_eq!(points(table, all()), ["/", "/var/lib/my data", "/shared"]);
        let shared = NameFilter::new(&["/shared"], &[] as &[&str]).unwrap();
        assert_eq!(points(table, shared), ["/shared"]);
    }

    #[test]
    fn the_root_of_a_container_is_measured_although_it_is_an_overlay() {
        let table = "overlay / overlay rw 0 0\noverlay /other overlay rw 0 0\n";
        let all = NameFilter::new(&["*"], &[] as &[&str]).unwrap();
        assert_eq!(points(table, all), ["/"]);
    }

    #[test]
    fn escapes_are_undone_and_broken_ones_are_kept() {
        for (word, text) in [
            ("/a\\040b", "/a b"),
            ("/a\\134b", "/a\\b"),
            ("/a\\04", "/a\\04"),
            ("/a\\9zz", "/a\\9zz"),
            ("/\\303\\251", "/\\303\\251"),
        ] {
            assert_eq!(unescape(word), text, "{word}");
        }
    }
}
