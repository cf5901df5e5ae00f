//! Which groups the process at the other end of a Unix socket is in, besides its own.
//!
//! The kernel remembers them from when the connection was made, so that they cannot be another's
//! who has got the same process id since.
//! Source: Linux 4.13, `SO_PEERGROUPS` (include/uapi/asm-generic/socket.h); socket(7) has it not.
#![expect(unsafe_code, reason = "SO_PEERGROUPS has no safe wrapper")]

use std::os::fd::{AsFd, AsRawFd};

/// The option's number on the architectures that EC2 has; not in every libc's headers.
const SO_PEERGROUPS: libc::c_int = 59;
/// Groups that are asked for. A process in more of them is told by its own group alone.
const GROUPS_MAX: usize = 256;

/// The supplementary groups of the peer of `socket`; none where the kernel does not tell.
pub(crate) fn groups(socket: impl AsFd) -> Vec<libc::gid_t> {
    let mut groups = vec![0; GROUPS_MAX];
    let bytes = size_of::<libc::gid_t>() * GROUPS_MAX;
    let mut length = libc::socklen_t::try_from(bytes).unwrap_or(0);
    // SAFETY: the descriptor is open while `socket` is borrowed; the kernel writes at most `length`
    // bytes into `groups`, which has so many, and then says how many they were.
    let answer = unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            libc::SOL_SOCKET,
            SO_PEERGROUPS,
            groups.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    let told = length as usize / size_of::<libc::gid_t>();
    groups.truncate(if answer == 0 { told } else { 0 });
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixStream;

    #[test]
    fn the_groups_of_a_peer_are_those_of_its_process() {
        let (one, _other) = UnixStream::pair().unwrap();
        let mut told = groups(&one);
        told.sort_unstable();
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("Groups:"));
        let mut own: Vec<u32> = line
            .unwrap()
            .split_ascii_whitespace()
            .map(|group| group.parse().unwrap())
            .collect();
        own.sort_unstable();
        assert_eq!(told, own);
    }
}
