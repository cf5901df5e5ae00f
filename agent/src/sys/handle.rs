//! The kernel's own handle of a file, as `name_to_handle_at(2)` gives it, as one number.
//!
//! The handle is what a file server would use to find the file again: beside the inode number it
//! holds its generation, which changes when the number is used for another file. It is only
//! compared, never opened.
#![expect(unsafe_code, reason = "name_to_handle_at has no safe wrapper")]

use std::ffi::CStr;
use std::os::fd::{AsFd, AsRawFd};
use std::path::Path;

use rustix::fs::{fstatfs, statfs};
use rustix::path::Arg;

/// The longest handle: `MAX_HANDLE_SZ` of linux/exportfs.h.
const HANDLE_BYTES_MAX: usize = 128;
/// `FUSE_SUPER_MAGIC` of linux/magic.h. A handle of FUSE holds the number of a node that the
/// kernel may forget and give anew while the file stays the same.
const FUSE: i128 = 0x6573_5546;
/// FNV-1a with 64 bits, by Fowler, Noll and Vo: its offset basis and its prime. It is the same on
/// every machine and in every release, which a number that is kept on disk must be.
const FNV_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

/// `struct file_handle` with room for the longest handle.
#[repr(C)]
struct Handle {
    len: u32,
    kind: i32,
    bytes: [u8; HANDLE_BYTES_MAX],
}

/// The digest of the handle of an open file. `None` if the file system has no handles that last
/// (`EOPNOTSUPP`, FUSE), or the agent may not ask (`EPERM` under a seccomp filter).
pub(crate) fn of_file(file: impl AsFd) -> Option<u64> {
    let fd = file.as_fd();
    if is_fuse(i128::from(fstatfs(fd).ok()?.f_type)) {
        return None;
    }
    digest(fd.as_raw_fd(), c"", libc::AT_EMPTY_PATH)
}

/// The same for the file that `path` leads to, links followed.
pub(crate) fn of_path(path: &Path) -> Option<u64> {
    if is_fuse(i128::from(statfs(path).ok()?.f_type)) {
        return None;
    }
    let asked =
        path.into_with_c_str(|path| Ok(digest(libc::AT_FDCWD, path, libc::AT_SYMLINK_FOLLOW)));
    asked.ok().flatten()
}

/// The word that holds the number is signed or not, and of 32 bits or 64, as the platform has it.
fn is_fuse(kind: i128) -> bool {
    kind == FUSE
}

fn digest(directory: i32, path: &CStr, flags: i32) -> Option<u64> {
    let mut handle = Handle {
        len: u32::try_from(HANDLE_BYTES_MAX).ok()?,
        kind: 0,
        bytes: [0; HANDLE_BYTES_MAX],
    };
    let mut mount = 0;
    // SAFETY: `path` ends with NUL, and both pointers lead to values that live during the call.
    // `Handle` has the layout of `struct file_handle` followed by as many bytes as it says.
    let answer = unsafe {
        libc::name_to_handle_at(
            directory,
            path.as_ptr(),
            (&raw mut handle).cast(),
            &raw mut mount,
            flags,
        )
    };
    if answer != 0 {
        return None;
    }
    let told = handle.bytes.get(..usize::try_from(handle.len).ok()?)?;
    let kind = handle.kind.to_le_bytes();
    let hash = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(FNV_PRIME);
    let digest = kind.iter().chain(told).fold(FNV_BASIS, hash);
    // The greatest number says "none" where digests are written down.
    Some(digest.min(u64::MAX - 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    #[test]
    fn a_file_has_one_handle_by_any_way_and_name_and_another_file_has_another() {
        let directory = tempfile::tempdir().unwrap();
        let [one, two, link] = ["one", "two", "link"].map(|name| directory.path().join(name));
        let file = File::create(&one).unwrap();
        File::create(&two).unwrap();
        std::os::unix::fs::symlink(&one, &link).unwrap();
        let handle = of_file(&file);
        assert_eq!(of_path(&one), handle);
        assert_eq!(of_path(&link), handle);
        std::fs::rename(&one, directory.path().join("renamed")).unwrap();
        assert_eq!(of_file(&file), handle);
        // A file system may have none, and then none may be made up.
        assert_eq!(handle.is_some(), of_path(&two).is_some());
        assert!(handle.is_none() || of_path(&two) != handle);
    }

    #[test]
    fn what_is_not_there_has_no_handle() {
        assert_eq!(of_path(Path::new("/nonexistent")), None);
    }
}
