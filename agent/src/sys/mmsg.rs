//! Many datagrams with one system call, and how many the kernel has thrown away.
//!
//! A call of `recvmmsg(2)` takes what lies in the socket's buffer, up to a bound, so a busy socket
//! costs one call for dozens of datagrams. It never waits.
#![expect(
    unsafe_code,
    reason = "recvmmsg and SO_MEMINFO have no safe wrapper in the crates we use"
)]

use std::io;
use std::mem;
use std::os::fd::{AsFd, AsRawFd};
use std::ptr;

/// Datagrams of one call.
pub(crate) const BURST_MAX: usize = 64;
/// Bytes of a datagram: the most that UDP carries (65,507, RFC 768 and the header of RFC 791),
/// rounded up to whole pages. A longer one of a Unix socket is cut, and [`Datagram::is_whole`] says
/// so. The pages of the buffers come into being when a datagram is that long.
const DATAGRAM_BYTES_MAX: usize = 65_536;
/// The word of `SO_MEMINFO` that counts datagrams for which there was no room: `SK_MEMINFO_DROPS`
/// of `linux/sock_diag.h`, since Linux 4.12.
const DROPS: usize = 8;
/// The flag in the type that the C library wants.
#[cfg(not(target_env = "musl"))]
const DONTWAIT: libc::c_int = libc::MSG_DONTWAIT;
#[cfg(target_env = "musl")]
const DONTWAIT: libc::c_uint = libc::MSG_DONTWAIT.cast_unsigned();
/// The words that `SO_MEMINFO` may give.
const WORDS_MAX: usize = 16;

/// The datagrams of one call, and the memory for the next.
#[derive(Debug)]
pub(crate) struct Burst {
    bytes: Vec<u8>,
    received: Vec<(usize, bool)>,
}

/// One datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Datagram<'b> {
    /// What was received of it.
    pub(crate) bytes: &'b [u8],
    /// Whether that is all of it.
    pub(crate) is_whole: bool,
}

impl Default for Burst {
    fn default() -> Self {
        Self {
            // Zeroed memory of this size is mapped, not written.
            bytes: vec![0; BURST_MAX * DATAGRAM_BYTES_MAX],
            received: Vec::with_capacity(BURST_MAX),
        }
    }
}

impl Burst {
    /// Takes the datagrams that are there, none if there are none.
    ///
    /// # Errors
    /// What the kernel says, such as a fault that an earlier datagram met on its way.
    pub(crate) fn receive(&mut self, socket: impl AsFd) -> io::Result<()> {
        self.received.clear();
        // SAFETY: both are plain C structures of numbers and pointers; all zeros is a valid value,
        // with null pointers that the kernel takes for "none".
        let (mut parts, mut headers): ([libc::iovec; BURST_MAX], [libc::mmsghdr; BURST_MAX]) =
            unsafe { (mem::zeroed(), mem::zeroed()) };
        let buffers = self.bytes.chunks_exact_mut(DATAGRAM_BYTES_MAX);
        for ((part, header), buffer) in parts.iter_mut().zip(&mut headers).zip(buffers) {
            part.iov_base = buffer.as_mut_ptr().cast();
            part.iov_len = buffer.len();
            header.msg_hdr.msg_iov = part;
            header.msg_hdr.msg_iovlen = 1;
        }
        let count = libc::c_uint::try_from(BURST_MAX).unwrap_or(1);
        let (fd, first) = (socket.as_fd().as_raw_fd(), headers.as_mut_ptr());
        // SAFETY: `headers` holds `count` headers, each with one part that leads to a buffer of its
        // own and of the stated length; all of them live and stay in place during the call.
        let answer = unsafe { libc::recvmmsg(fd, first, count, DONTWAIT, ptr::null_mut()) };
        let Ok(count) = usize::try_from(answer) else {
            let error = io::Error::last_os_error();
            return match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => Ok(()),
                _ => Err(error),
            };
        };
        self.received
            .extend(headers.iter().take(count).map(|header| {
                let length = usize::try_from(header.msg_len).unwrap_or(DATAGRAM_BYTES_MAX);
                let is_whole = header.msg_hdr.msg_flags & libc::MSG_TRUNC == 0;
                (length, is_whole)
            }));
        Ok(())
    }

    /// How many datagrams the last call took.
    #[must_use]
    pub(crate) fn len(&self) -> usize {
        self.received.len()
    }

    /// The datagrams of the last call.
    pub(crate) fn datagrams(&self) -> impl Iterator<Item = Datagram<'_>> {
        let buffers = self.bytes.chunks_exact(DATAGRAM_BYTES_MAX);
        let received = self.received.iter().zip(buffers);
        received.filter_map(|((length, is_whole), buffer)| {
            let bytes = buffer.get(..*length)?;
            let is_whole = *is_whole;
            Some(Datagram { bytes, is_whole })
        })
    }
}

/// How many datagrams the kernel has dropped at this socket since it was opened, because its buffer
/// was full or their checksums were wrong; it wraps around. `None` if the kernel does not say.
pub(crate) fn dropped(socket: impl AsFd) -> Option<u32> {
    let mut words = [0_u32; WORDS_MAX];
    let mut length = libc::socklen_t::try_from(size_of_val(&words)).ok()?;
    let fd = socket.as_fd().as_raw_fd();
    // SAFETY: the pointer leads to as many bytes as `length` says, and both live during the call.
    let answer = unsafe {
        libc::getsockopt(
            fd,
            libc::SOL_SOCKET,
            libc::SO_MEMINFO,
            words.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    let told = usize::try_from(length).ok()? / size_of::<u32>();
    (answer == 0 && told > DROPS).then(|| words.get(DROPS).copied())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;
    use std::os::unix::net::UnixDatagram;

    fn received(burst: &Burst) -> Vec<(usize, bool)> {
        let told = burst.datagrams();
        told.map(|one| (one.bytes.len(), one.is_whole)).collect()
    }

    #[test]
    fn a_burst_holds_each_datagram_as_it_was_sent_and_says_which_is_cut() {
        let (sender, receiver) = UnixDatagram::pair().unwrap();
        let mut burst = Burst::default();
        burst.receive(&receiver).unwrap();
        assert_eq!(burst.len(), 0);
        let long = vec![7; DATAGRAM_BYTES_MAX + 1];
        for datagram in [&b"one"[..], b"", b"three", &long] {
            sender.send(datagram).unwrap();
        }
        burst.receive(&receiver).unwrap();
        let expected = [(3, true), (0, true), (5, true), (DATAGRAM_BYTES_MAX, false)];
        assert_eq!(received(&burst), expected);
        assert_eq!(burst.datagrams().next().unwrap().bytes, b"one");
    }

    #[test]
    fn what_does_not_fit_into_the_buffer_of_the_socket_is_counted() {
        let receiver = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
        rustix::net::sockopt::set_socket_recv_buffer_size(&receiver, 4096).unwrap();
        let sender = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
        let sent = 2 * BURST_MAX;
        for _ in 0..sent {
            sender
                .send_to(&[0; 512], receiver.local_addr().unwrap())
                .unwrap();
        }
        let mut burst = Burst::default();
        let mut taken = 0;
        loop {
            burst.receive(&receiver).unwrap();
            if burst.len() == 0 {
                break;
            }
            taken += burst.len();
        }
        let lost = usize::try_from(dropped(&receiver).unwrap()).unwrap();
        assert!(lost > 0);
        assert_eq!(taken + lost, sent);
    }
}
