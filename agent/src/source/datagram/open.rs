//! Opens sockets for datagrams, so that a wrong address is told before anything runs.

use std::fs;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

use rustix::net::sockopt::{
    set_socket_recv_buffer_size, set_socket_recv_buffer_size_force, socket_recv_buffer_size,
};

use crate::sys::mmsg::dropped;

/// Why a source of metrics cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("{key}: {place} cannot be used")]
pub struct OpenError {
    /// The key of the configuration.
    pub(crate) key: &'static str,
    /// The address or the path that it names.
    pub(crate) place: String,
    /// What the system says.
    pub(crate) source: io::Error,
}

/// An open socket. One of the file system is removed with it.
#[derive(Debug)]
pub(crate) struct Mailbox {
    socket: OwnedFd,
    key: &'static str,
    file: Option<SocketFile>,
    lost: u32,
}

/// The name of a Unix socket, removed when this is dropped unless another has taken its place.
#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    inode: (u64, u64),
}

impl Mailbox {
    /// A socket for UDP. `key` names it in messages.
    ///
    /// # Errors
    /// When the address is not of this host, or is in use.
    pub(crate) fn udp(
        key: &'static str,
        address: SocketAddr,
        buffer_bytes: usize,
    ) -> Result<Self, OpenError> {
        let socket = UdpSocket::bind(address).map_err(|source| OpenError {
            key,
            place: address.to_string(),
            source,
        })?;
        Ok(Self::new(key, socket.into(), None, buffer_bytes))
    }

    /// A Unix socket at `path` with the permissions of `mode`. A socket that nobody reads any more
    /// is replaced; any other file stays and is an error.
    ///
    /// # Errors
    /// When the place is taken, or may not be written to.
    pub(crate) fn unix(
        key: &'static str,
        path: &Path,
        mode: u32,
        buffer_bytes: usize,
    ) -> Result<Self, OpenError> {
        let bound = remove_stale(path).and_then(|()| {
            let socket = UnixDatagram::bind(path)?;
            let file = SocketFile::new(path)?;
            fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
            Ok((socket, file))
        });
        let (socket, file) = bound.map_err(|source| OpenError {
            key,
            place: path.display().to_string(),
            source,
        })?;
        Ok(Self::new(key, socket.into(), Some(file), buffer_bytes))
    }

    fn new(
        key: &'static str,
        socket: OwnedFd,
        file: Option<SocketFile>,
        buffer_bytes: usize,
    ) -> Self {
        // Beyond the system's bound only a process with CAP_NET_ADMIN may go.
        let set = set_socket_recv_buffer_size_force(&socket, buffer_bytes)
            .or_else(|_| set_socket_recv_buffer_size(&socket, buffer_bytes));
        // The kernel doubles what it is asked for, to have room for its own book-keeping.
        // Source: socket(7), SO_RCVBUF.
        let given = socket_recv_buffer_size(&socket).unwrap_or(0) / 2;
        if set.is_err() || given < buffer_bytes {
            log::info!(
                of = key, wanted = buffer_bytes, given = given;
                "the buffer of the socket is smaller than asked for; net.core.rmem_max bounds it"
            );
        }
        Self {
            lost: dropped(&socket).unwrap_or(0),
            socket,
            key,
            file,
        }
    }

    /// The key of the configuration that it comes from.
    pub(crate) fn key(&self) -> &'static str {
        self.key
    }

    /// Whether it is a Unix socket: one whose senders wait, or lose, after a few datagrams.
    pub(super) fn is_local(&self) -> bool {
        self.file.is_some()
    }

    /// How many more datagrams the kernel has dropped, given its count now.
    pub(super) fn lost(&mut self, count: Option<u32>) -> u64 {
        let Some(count) = count else {
            return 0;
        };
        let more = count.wrapping_sub(self.lost);
        self.lost = count;
        u64::from(more)
    }

    /// The address that the kernel has chosen.
    #[cfg(test)]
    pub(crate) fn address(&self) -> SocketAddr {
        let address = rustix::net::getsockname(&self.socket).unwrap();
        address.try_into().unwrap()
    }
}

impl AsFd for Mailbox {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Removes a socket at `path` that nobody reads.
fn remove_stale(path: &Path) -> io::Result<()> {
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !found.file_type().is_socket() {
        return Err(io::Error::other(
            "there is a file that is no socket; it is left alone",
        ));
    }
    match UnixDatagram::unbound()?.connect(path) {
        // A socket of streams is somebody else's as well.
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        _ => Err(io::Error::from(io::ErrorKind::AddrInUse)),
    }
}

impl SocketFile {
    fn new(path: &Path) -> io::Result<Self> {
        let found = fs::symlink_metadata(path)?;
        Ok(Self {
            path: path.to_owned(),
            inode: (found.dev(), found.ino()),
        })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let still = fs::symlink_metadata(&self.path);
        let is_ours = still.is_ok_and(|found| (found.dev(), found.ino()) == self.inode);
        if is_ours && let Err(error) = fs::remove_file(&self.path) {
            log::warn!(path:? = self.path; "the socket's file could not be removed: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BYTES: usize = 64 * 1024;

    #[test]
    fn an_address_that_is_taken_is_told_with_the_key() {
        let first = Mailbox::udp("metrics.a", "127.0.0.1:0".parse().unwrap(), BYTES).unwrap();
        let second = Mailbox::udp("metrics.b", first.address(), BYTES).unwrap_err();
        let told = plimsoll_core::error::chain(&second);
        let expected = format!("metrics.b: {} cannot be used: ", first.address());
        assert!(told.starts_with(&expected), "{told}");
        assert!(told.contains("in use"), "{told}");
    }

    #[test]
    fn only_a_socket_that_nobody_reads_is_replaced_and_ours_is_removed_at_the_end() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("statsd.sock");
        drop(UnixDatagram::bind(&path).unwrap());
        assert!(path.exists());
        let ours = Mailbox::unix("k", &path, 0o622, BYTES).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o622);

        assert!(Mailbox::unix("k", &path, 0o622, BYTES).is_err());
        assert!(path.exists());
        drop(ours);
        assert!(!path.exists());

        fs::write(&path, "precious").unwrap();
        assert!(Mailbox::unix("k", &path, 0o622, BYTES).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    }

    #[test]
    fn a_socket_that_has_taken_our_place_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("statsd.sock");
        let ours = Mailbox::unix("k", &path, 0o600, BYTES).unwrap();
        fs::rename(&path, directory.path().join("old.sock")).unwrap();
        let other = UnixDatagram::bind(&path).unwrap();
        drop(ours);
        assert!(path.exists());
        drop(other);
    }
}
