//! Fills a snapshot: every file once, into the buffer of the tick before.
//!
//! A buffer is a little larger than what the file held last, so that one `read` gets all of it and
//! a second one sees the end. Files of `/proc` tell no size, and some give a page at a time however
//! large the buffer is, so the end is only what the kernel says it is.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;
use std::time::Instant;

use super::{HostRoot, Input, ScrapeError, Snapshot, State, Text};
use crate::scraper::processes;
use crate::scraper::sockets;
use plimsoll_ops::sys::clock;

/// The first size of a buffer: most files fit.
const BUFFER_BYTES: usize = 8 * 1024;
/// A file that is larger is taken for broken: `/proc/stat` of the largest instance is a tenth.
const FILE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// The bits of an interface that is up and one that is loopback.
/// Source: Linux, `include/uapi/linux/if.h`, `IFF_UP` and `IFF_LOOPBACK`.
const IFF_UP: u32 = 1;
const IFF_LOOPBACK: u32 = 8;

impl Snapshot {
    /// Reads `inputs` of the host, and nothing else is known then. Blocks for as long as that
    /// takes.
    pub(crate) fn fill(&mut self, root: &HostRoot, inputs: &BTreeSet<Input>) {
        self.taken = Instant::now();
        self.forget();
        for input in inputs {
            let unreadable = |source| ScrapeError::unreadable(*input, source);
            let path = root.path(input.path());
            match input {
                Input::Blocks => self.blocks = names(&path),
                Input::Processes => {
                    self.processes = Some(processes::count(&path).map_err(unreadable));
                }
                Input::Sockets => self.sockets = Some(sockets::count(root).map_err(unreadable)),
                Input::Interfaces => self.interfaces_up = up(&path),
                Input::DeviceNames => self.device_names = device_names(root),
                Input::Clock => {
                    self.clock = Some(match clock::state() {
                        Err(error) if is_forbidden(&error) => Ok(None),
                        state => state.map(Some).map_err(unreadable),
                    });
                }
                file => {
                    let lacking = file.may_lack();
                    let text = self.texts.entry(*file).or_default();
                    text.state = match text.fill(&path) {
                        Ok(()) => State::Read,
                        Err(error) if lacking && is_absent(&error) => State::Lacking,
                        Err(error) => State::Failed(unreadable(error)),
                    };
                }
            }
        }
    }

    /// Nothing of an earlier tick is told again; the buffers are kept.
    fn forget(&mut self) {
        for text in self.texts.values_mut() {
            text.state = State::Stale;
        }
        (self.blocks, self.interfaces_up) = (None, None);
        (self.processes, self.sockets, self.clock) = (None, None, None);
        self.device_names.clear();
        self.spaces.clear();
    }
}

impl Text {
    fn fill(&mut self, path: &Path) -> io::Result<()> {
        let mut bytes = std::mem::take(&mut self.text).into_bytes();
        bytes.clear();
        let read = read_whole(path, &mut bytes);
        // The kernel may hand out names that are not UTF-8; none of them is a number.
        self.text = String::from_utf8(bytes)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
        read
    }
}

fn read_whole(path: &Path, bytes: &mut Vec<u8>) -> io::Result<()> {
    let mut file = File::open(path)?;
    let mut length = 0;
    let size = bytes.capacity().max(BUFFER_BYTES);
    bytes.resize(size, 0);
    loop {
        if length == bytes.len() {
            if length >= FILE_BYTES_MAX {
                return Err(io::Error::from(io::ErrorKind::FileTooLarge));
            }
            bytes.resize(length * 2, 0);
        }
        match file.read(bytes.get_mut(length..).unwrap_or_default()) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                bytes.clear();
                return Err(error);
            }
        }
    }
    bytes.truncate(length);
    Ok(())
}

/// Whether the kernel has no such thing, or was told at boot to leave it out: files of pressure are
/// there and refuse to be read when the kernel runs with `psi=0`.
fn is_absent(error: &io::Error) -> bool {
    let unsupported = [libc::EOPNOTSUPP, libc::ENODEV];
    error.kind() == io::ErrorKind::NotFound
        || error
            .raw_os_error()
            .is_some_and(|code| unsupported.contains(&code))
}

/// Whether a sandbox does not let the agent ask: the sandboxes of systemd and of containers refuse
/// calls that could also set the clock.
fn is_forbidden(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::PermissionDenied || error.raw_os_error() == Some(libc::ENOSYS)
}

fn names(directory: &Path) -> Option<BTreeSet<String>> {
    let entries = fs::read_dir(directory).ok()?;
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    Some(names.collect())
}

fn up(directory: &Path) -> Option<BTreeSet<String>> {
    let names = names(directory)?.into_iter();
    let is_up = |name: &String| {
        let flags = fs::read_to_string(directory.join(name).join("flags")).ok();
        let flags = flags.and_then(|text| {
            let digits = text.trim().strip_prefix("0x")?;
            u32::from_str_radix(digits, 16).ok()
        });
        flags.is_some_and(|flags| flags & IFF_UP != 0 && flags & IFF_LOOPBACK == 0)
    };
    Some(names.filter(is_up).collect())
}

/// `/dev/mapper/x` → `dm-0`, and `/dev/root` → the device by the number that its mount has. From
/// `/sys`, because a sandbox may have a `/dev` of its own.
fn device_names(root: &HostRoot) -> BTreeMap<String, String> {
    let mut known = BTreeMap::new();
    let blocks = root.path(Input::DeviceNames.path());
    for kernel in names(&blocks).into_iter().flatten() {
        if kernel.starts_with("dm-")
            && let Ok(name) = fs::read_to_string(blocks.join(&kernel).join("dm/name"))
        {
            known.insert(format!("/dev/mapper/{}", name.trim_end()), kernel);
        }
    }
    // "id parent major:minor root point options ... - type source options", proc_pid_mountinfo(5).
    let table = fs::read(root.path("/proc/self/mountinfo")).unwrap_or_default();
    let number = String::from_utf8_lossy(&table).lines().find_map(|line| {
        let (mount, file_system) = line.split_once(" - ")?;
        let source = file_system.split_ascii_whitespace().nth(1)?;
        let number = mount.split_ascii_whitespace().nth(2)?;
        (source == "/dev/root").then(|| number.to_owned())
    });
    let target = number.and_then(|number| {
        let link = root.path(&format!("/sys/dev/block/{number}"));
        fs::read_link(link).ok()
    });
    let kernel = target.as_deref().and_then(Path::file_name);
    if let Some(kernel) = kernel.and_then(OsStr::to_str) {
        known.insert("/dev/root".to_owned(), kernel.to_owned());
    }
    known
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn host(files: &[(&str, &str)]) -> (tempfile::TempDir, HostRoot) {
        let directory = tempfile::tempdir().unwrap();
        let root = HostRoot::at(directory.path());
        for (path, text) in files {
            let path = root.path(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        (directory, root)
    }

    #[test]
    fn a_file_is_read_whole_into_the_same_buffer_and_never_told_twice() {
        let long = "x".repeat(3 * BUFFER_BYTES);
        let (_directory, root) = host(&[("/proc/stat", &long), ("/proc/loadavg", "1")]);
        let mut snapshot = Snapshot::empty(Instant::now());
        snapshot.fill(&root, &BTreeSet::from([Input::Stat, Input::Loadavg]));
        assert_eq!(snapshot.text(Input::Stat).unwrap(), long);
        let buffer = snapshot.texts[&Input::Stat].text.as_ptr();
        fs::write(root.path("/proc/stat"), "short").unwrap();
        snapshot.fill(&root, &BTreeSet::from([Input::Stat]));
        assert_eq!(snapshot.text(Input::Stat).unwrap(), "short");
        assert_eq!(snapshot.texts[&Input::Stat].text.as_ptr(), buffer);
        assert!(snapshot.text(Input::Loadavg).is_err(), "it was not asked");
    }

    #[test]
    fn what_a_host_may_lack_is_no_error_and_the_rest_is() {
        let (_directory, root) = host(&[]);
        let mut snapshot = Snapshot::empty(Instant::now());
        snapshot.fill(&root, &BTreeSet::from([Input::Stat, Input::ConntrackMax]));
        assert!(snapshot.optional(Input::ConntrackMax).unwrap().is_none());
        assert!(snapshot.optional(Input::Stat).is_err());
    }

    #[test]
    fn devices_have_the_name_that_the_kernel_gives_them() {
        let info = "26 1 259:1 / / rw shared:1 - ext4 /dev/root rw\n";
        let (_directory, root) = host(&[
            ("/proc/self/mountinfo", info),
            ("/sys/block/dm-0/dm/name", "vg-data\n"),
            ("/sys/block/nvme0n1/size", "1\n"),
            ("/sys/dev/block/x", ""),
        ]);
        let device = "../../devices/nvme0n1/nvme0n1p1";
        symlink(device, root.path("/sys/dev/block/259:1")).unwrap();
        let mut snapshot = Snapshot::empty(Instant::now());
        snapshot.fill(&root, &BTreeSet::from([Input::DeviceNames]));
        for (device, name) in [
            ("/dev/mapper/vg-data", "dm-0"),
            ("/dev/root", "nvme0n1p1"),
            ("/dev/xvda1", "xvda1"),
            ("tmpfs", "tmpfs"),
        ] {
            assert_eq!(snapshot.device_name(device), name);
        }
    }

    #[test]
    fn interfaces_that_are_down_and_loopback_are_not_up() {
        let (_directory, root) = host(&[
            ("/sys/class/net/lo/flags", "0x9\n"),
            ("/sys/class/net/eth0/flags", "0x1003\n"),
            ("/sys/class/net/eth1/flags", "0x1002\n"),
        ]);
        let mut snapshot = Snapshot::empty(Instant::now());
        snapshot.fill(&root, &BTreeSet::from([Input::Interfaces]));
        let up = ["lo", "eth0", "eth1"].map(|name| snapshot.is_up(name));
        assert_eq!(up, [false, true, false]);
    }
}
