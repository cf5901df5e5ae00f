//! Whether any process has a file open for writing, as `fcntl(2)` tells who asks for a lease.
//!
//! The kernel refuses a read lease while there is a writer, and grants it otherwise. It is given
//! back at once: what counts is the answer. It needs no `/proc` and sees writers of all users.
#![expect(unsafe_code, reason = "fcntl with a lease has no safe wrapper")]

use std::os::fd::{AsFd, AsRawFd};

/// Which signal tells of a broken lease (asm-generic/fcntl.h); not in every libc's headers.
const F_SETSIG: libc::c_int = 10;

/// Whether `file` is open for writing anywhere; `None` if the kernel does not say: the file
/// belongs to another user and the agent lacks `CAP_LEASE`, or the file system has no leases.
///
/// A process that opens the file for writing in the microsecond between the two calls waits for
/// the second one; only if it opens without waiting (`O_NONBLOCK`) it is told to try again. So this
/// is for files that nobody is expected to open any more.
pub(crate) fn is_written(file: impl AsFd) -> Option<bool> {
    let fd = file.as_fd().as_raw_fd();
    // SAFETY: the three calls take numbers only, and the descriptor is open while `file` is
    // borrowed. A broken lease is told by a signal, and the default one would end the process, so
    // one that is ignored by default is asked for first.
    let leased = unsafe {
        if libc::fcntl(fd, F_SETSIG, libc::SIGURG) != 0 {
            return None;
        }
        let leased = libc::fcntl(fd, libc::F_SETLEASE, libc::F_RDLCK);
        if leased == 0 {
            libc::fcntl(fd, libc::F_SETLEASE, libc::F_UNLCK);
        }
        leased
    };
    if leased == 0 {
        return Some(false);
    }
    let refused = std::io::Error::last_os_error().raw_os_error();
    (refused == Some(libc::EAGAIN)).then_some(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{File, OpenOptions};

    #[test]
    fn a_writer_is_seen_until_it_closes_the_file_even_under_no_name() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("app.log");
        let writer = File::create(&path).unwrap();
        let reader = File::open(&path).unwrap();
        assert_eq!(is_written(&reader), Some(true));
        std::fs::remove_file(&path).unwrap();
        assert_eq!(is_written(&reader), Some(true));
        drop(writer);
        assert_eq!(is_written(&reader), Some(false));
    }

    #[test]
    fn asking_hinders_no_writer_that_comes_later() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("app.log");
        File::create(&path).unwrap();
        let reader = File::open(&path).unwrap();
        assert_eq!(is_written(&reader), Some(false));
        let writer = OpenOptions::new().append(true).open(&path).unwrap();
        assert_eq!(is_written(&reader), Some(true));
        drop(writer);
    }
}
