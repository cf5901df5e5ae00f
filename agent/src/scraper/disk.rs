//! Space and inodes of mounted file systems, and when they will be full.
//!
//! The mount table comes with the snapshot; how full each file system is was asked by the
//! [`probe`](super::probe), which a dead network mount cannot hold up.
//! Pseudo file systems are left out by type, a device that is mounted twice is told once, and the
//! root file system is always told, whatever its type. Inodes are told by default: a file system
//! without free ones is as full as one without space. Days to full come only while it fills.
//! Source: `proc_pid_mounts(5)`, `statvfs(3)`.

use std::collections::BTreeSet;
use std::sync::Arc;

use plimsoll_core::catalog::{
    DISK_DAYS_TO_FULL, DISK_FREE, DISK_INODES_USED_PERCENT, DISK_TOTAL, DISK_USED_PERCENT,
};

use super::filter::NameFilter;
use super::snapshot::Snapshot;
use super::trend::Trends;
use super::{ScrapeError, Scraper, Style};
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
    /// Whether the root file system too is left out by its type. Otherwise it is always told.
    pub root_by_type: bool,
    /// Whether the dimension `device` is left out, in the style of the amazon-cloudwatch-agent.
    pub drop_device: bool,
}

/// How full a file system is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Space {
    /// Its size in bytes.
    pub(crate) total: u64,
    /// The bytes in use.
    pub(crate) used: u64,
    /// The bytes that ordinary users may still take.
    pub(crate) free: u64,
    /// Its inodes; zero where it makes them as it goes.
    pub(crate) inodes_total: u64,
    /// The inodes that nothing uses.
    pub(crate) inodes_free: u64,
}

impl Space {
    /// The share of what ordinary users can have that is in use, in percent, as `df` tells it.
    pub(crate) fn used_percent(&self) -> f64 {
        let reachable = self.used.saturating_add(self.free).max(1);
        as_value(self.used) * 100.0 / as_value(reachable)
    }

    /// The inodes in use.
    pub(crate) fn inodes_used(&self) -> u64 {
        self.inodes_total.saturating_sub(self.inodes_free)
    }
}

/// The family `disk`.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    trends: Trends,
}

impl Scraper for Disk {
    fn scrape(&mut self, now: &Snapshot, out: &mut Vec<Sample>) -> Result<(), ScrapeError> {
        for (path, space) in now.spaces()? {
            // A file system without blocks is a pseudo file system that the list does not know.
            if space.total == 0 {
                continue;
            }
            out.extend([
                Sample::of(&DISK_TOTAL, path, as_value(space.total)),
                Sample::of(&DISK_FREE, path, as_value(space.free)),
                Sample::of(&DISK_USED_PERCENT, path, space.used_percent()),
            ]);
            if space.inodes_total > 0 {
                let share = as_value(space.inodes_used()) * 100.0 / as_value(space.inodes_total);
                out.push(Sample::of(&DISK_INODES_USED_PERCENT, path, share));
            }
            let days = self.trends.days_to_full(path, now.taken(), space);
            out.extend(days.map(|days| Sample::of(&DISK_DAYS_TO_FULL, path, days)));
        }
        self.trends.keep(now.spaces()?.iter().map(|(path, _)| path));
        Ok(())
    }
}

/// A line of the mount table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mount<'t> {
    /// The device, or what stands for one.
    pub(super) device: &'t str,
    /// Where it is mounted.
    pub(super) point: String,
    /// The type of the file system.
    pub(super) kind: &'t str,
}

/// The mounts in the order of the table.
pub(super) fn mounts(table: &str) -> impl Iterator<Item = Mount<'_>> {
    table.lines().filter_map(|line| {
        let mut words = line.split_ascii_whitespace();
        Some(Mount {
            device: words.next()?,
            point: unescape(words.next()?),
            kind: words.next()?,
        })
    })
}

/// The mount points to measure, each path once, in the order of the mount table. A device that is
/// mounted twice is told once; the amazon-cloudwatch-agent tells each of its mounts, and never one
/// that the automounter holds, which asking would mount.
pub(super) fn mount_points(table: &str, filter: &MountFilter, style: Style) -> Vec<Arc<str>> {
    let mut devices = BTreeSet::new();
    let mut points: Vec<Arc<str>> = Vec::new();
    for Mount {
        device,
        point,
        kind,
    } in mounts(table)
    {
        let ignored = filter.ignored_types.iter().any(|ignored| ignored == kind);
        let kept = point == ROOT && !filter.root_by_type;
        if (ignored && !kept) || kind == "autofs" || !filter.paths.admits(&point) {
            continue;
        }
        let once = style == Style::Plimsoll && device.starts_with('/');
        let again = once && !devices.insert(device);
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
    use std::time::Instant;

    use super::super::testing::{named, snapshot};
    use super::*;

    #[test]
    fn space_and_inodes_are_told_and_file_systems_without_either_are_not() {
        let mut now = snapshot(
            Instant::now(),
            [(super::super::Input::Mounts, "")].into_iter(),
        );
        let space = Space {
            total: 1000,
            used: 600,
            free: 200,
            inodes_total: 40,
            inodes_free: 30,
        };
        let btrfs = Space {
            inodes_total: 0,
            inodes_free: 0,
            ..space
        };
        let spaces = [("/", space), ("/data", btrfs), ("/odd", Space::default())];
        now.set_spaces(
            spaces
                .map(|(path, space)| (Arc::from(path), space))
                .to_vec(),
        );
        let mut samples = Vec::new();
        Disk::default().scrape(&now, &mut samples).unwrap();
        let expected = [
            ("disk_total", 1000.0),
            ("disk_free", 200.0),
            ("disk_used_percent", 75.0),
            ("disk_inodes_used_percent", 25.0),
            ("disk_total", 1000.0),
            ("disk_free", 200.0),
            ("disk_used_percent", 75.0),
        ];
        assert_eq!(named(&samples), expected);
    }

    fn points(table: &str, paths: NameFilter, style: Style) -> Vec<String> {
        let filter = MountFilter {
            ignored_types: PSEUDO_TYPES.map(str::to_owned).to_vec(),
            paths,
            ..MountFilter::default()
        };
        let points = mount_points(table, &filter, style);
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
        assert_eq!(
            points(table, all(), Style::Plimsoll),
            ["/", "/var/lib/my data", "/shared"]
        );
        let each = points(table, all(), Style::CloudWatchAgent);
        assert_eq!(each, ["/", "/var/lib/my data", "/mnt/bind", "/shared"]);
        let shared = NameFilter::new(&["/shared"], &[] as &[&str]).unwrap();
        assert_eq!(points(table, shared, Style::Plimsoll), ["/shared"]);
    }

    #[test]
    fn the_root_of_a_container_is_measured_although_it_is_an_overlay() {
        let table = "overlay / overlay rw 0 0\noverlay /other overlay rw 0 0\n";
        let all = NameFilter::new(&["*"], &[] as &[&str]).unwrap();
        assert_eq!(points(table, all, Style::Plimsoll), ["/"]);
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
