//! Counts TCP sockets by state and UDP sockets, from `/proc/net/{tcp,tcp6,udp,udp6}`.
//!
//! The files hold a line of 150 bytes per socket, so they are read in pieces and never kept: a host
//! with 100,000 connections costs time, not memory. Only the style of the amazon-cloudwatch-agent
//! asks for it. A socket is counted once for each line, those that share a port too.
//! Source: Linux, `Documentation/networking/proc_net_tcp.rst`.

use std::fs::File;
use std::io::{self, ErrorKind, Read};

use super::snapshot::HostRoot;

/// How much is read at once.
const PIECE_BYTES: usize = 16 * 1024;
/// The states of TCP; index 0 is none of them.
/// Source: Linux, `include/net/tcp_states.h`.
pub(crate) const STATES: usize = 13;

/// How many sockets there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sockets {
    /// TCP sockets by the number of their state.
    pub(crate) tcp: [u64; STATES],
    /// UDP sockets.
    pub(crate) udp: u64,
}

/// Counts all of them. Not for the runtime's own thread. A kernel without IPv6 has two files only.
pub(super) fn count(root: &HostRoot) -> io::Result<Sockets> {
    let mut sockets = Sockets::default();
    let mut piece = vec![0; PIECE_BYTES];
    for (path, may_lack) in [("/proc/net/tcp", false), ("/proc/net/tcp6", true)] {
        each_state(root, path, may_lack, &mut piece, |state| {
            if let Some(count) = sockets.tcp.get_mut(state) {
                *count += 1;
            }
        })?;
    }
    for (path, may_lack) in [("/proc/net/udp", false), ("/proc/net/udp6", true)] {
        each_state(root, path, may_lack, &mut piece, |_| sockets.udp += 1)?;
    }
    Ok(sockets)
}

fn each_state(
    root: &HostRoot,
    path: &str,
    may_lack: bool,
    piece: &mut [u8],
    mut tell: impl FnMut(usize),
) -> io::Result<()> {
    let mut file = match File::open(root.path(path)) {
        Err(error) if may_lack && error.kind() == ErrorKind::NotFound => return Ok(()),
        opened => opened?,
    };
    let mut kept = 0;
    loop {
        let read = file.read(piece.get_mut(kept..).unwrap_or_default())?;
        if read == 0 {
            return Ok(());
        }
        let held = piece.get(..kept + read).unwrap_or_default();
        let whole = memchr::memrchr(b'\n', held).map_or(0, |end| end + 1);
        let lines = held.get(..whole).unwrap_or_default();
        lines
            .split(|byte| *byte == b'\n')
            .filter_map(state)
            .for_each(&mut tell);
        kept += read;
        piece.copy_within(whole..kept, 0);
        kept -= whole;
        if kept == piece.len() {
            return Err(io::Error::new(ErrorKind::InvalidData, "a line has no end"));
        }
    }
}

/// The state of a line, its fourth word in hexadecimal; `None` of the header.
fn state(line: &[u8]) -> Option<usize> {
    let mut words = line
        .split(u8::is_ascii_whitespace)
        .filter(|w| !w.is_empty());
    let slot = words.next()?;
    let word = words.nth(2)?;
    if !slot.ends_with(b":") || word.len() != 2 {
        return None;
    }
    usize::from_str_radix(std::str::from_utf8(word).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn sockets_of_both_protocols_and_families_are_counted_over_the_ends_of_pieces() {
        let directory = tempfile::tempdir().unwrap();
        let net = directory.path().join("proc/net");
        fs::create_dir_all(&net).unwrap();
        let header = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when\n";
        let line = |n: usize, state: &str| {
            format!("{n:4}: 0100007F:1F90 00000000:0000 {state} 00000000:00000000 00:00000000\n")
        };
        let many: String = (0..900).map(|n| line(n, "01")).collect();
        let tcp = format!("{header}{many}{}{}", line(900, "0A"), line(901, "06"));
        fs::write(net.join("tcp"), tcp).unwrap();
        fs::write(net.join("udp"), format!("{header}{}", line(1, "07"))).unwrap();
        let root = HostRoot::at(directory.path());
        let sockets = count(&root).unwrap();
        assert_eq!(
            (sockets.tcp[1], sockets.tcp[10], sockets.tcp[6]),
            (900, 1, 1)
        );
        assert_eq!((sockets.tcp.iter().sum::<u64>(), sockets.udp), (902, 1));
        fs::write(net.join("tcp6"), format!("{header}{}", line(1, "0A"))).unwrap();
        assert_eq!(count(&root).unwrap().tcp[10], 2);
        fs::write(net.join("tcp6"), "x".repeat(PIECE_BYTES)).unwrap();
        assert!(count(&root).is_err(), "a line without an end");
    }
}
