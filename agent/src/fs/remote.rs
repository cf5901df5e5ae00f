//! File systems whose changes this kernel does not see.
//!
//! A notification comes when a file is changed through this kernel. Where another machine, a
//! process behind FUSE or a virtual machine's host can write, it does not come, and where the
//! kernel makes files up as they are read, there is nothing to notify of. An overlay is none of
//! these: what is written through it is told by it, and writing to its layers underneath is
//! undefined by its own rules (kernel documentation, filesystems/overlayfs).

use std::path::Path;

/// Numbers of such file systems as `statfs(2)` tells them.
///
/// Sources: `statfs(2)`, `linux/magic.h`, and the file systems' own headers; which of them give no
/// notice of remote changes: GNU coreutils, `stat.c`, the table that `tail -f` decides by.
const UNSEEN: [(u64, &str); 20] = [
    (0x6969, "NFS"),
    (0xff53_4d42, "CIFS"),
    (0xfe53_4d42, "SMB 2"),
    (0x517b, "SMB"),
    (0x6573_5546, "FUSE"),
    (0x0102_1997, "9p"),
    (0x00c3_6400, "Ceph"),
    (0x5346_414f, "AFS"),
    (0x6b41_4653, "kAFS"),
    (0x7375_7245, "Coda"),
    (0x564c, "NCP"),
    (0x0116_1970, "GFS 2"),
    (0x7461_636f, "OCFS 2"),
    (0x0bd0_0bd0, "Lustre"),
    (0x4750_4653, "GPFS"),
    (0x1983_0326, "BeeGFS"),
    (0x786f_4256, "VirtualBox shared folder"),
    (0xbacb_acbc, "VMware shared folder"),
    (0x9fa0, "proc"),
    (0x6265_6572, "sysfs"),
];

/// Whether a directory is on such a file system. What cannot be asked is taken for ordinary.
pub(super) fn changes_unseen(directory: &Path) -> bool {
    rustix::fs::statfs(directory).is_ok_and(|stat| {
        // The field is signed or unsigned by C library, and a number in it has 32 bits.
        let number = u64::from_ne_bytes(stat.f_type.to_ne_bytes()) & 0xffff_ffff;
        UNSEEN.iter().any(|(unseen, _)| *unseen == number)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_makes_up_is_unseen_and_a_directory_of_this_machine_is_not() {
        assert!(changes_unseen(Path::new("/proc")));
        assert!(changes_unseen(Path::new("/sys")));
        assert!(!changes_unseen(&std::env::temp_dir()));
        assert!(!changes_unseen(Path::new("/nonexistent-directory")));
    }
}
