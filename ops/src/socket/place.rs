//! Where the socket is, and how it is opened.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use plimsoll_core::config::Section;
use tokio::net::{UnixListener, UnixStream};

use crate::Service;

/// Owner and group may ask.
const MODE: u32 = 0o660;
/// Source: unix(7), `sun_path`: 108 bytes with the zero at the end.
pub const SOCKET_PATH_MAX: usize = 107;

/// Where a service is asked how it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ControlSocket {
    /// In the directory that systemd has made for the service, else in the state directory.
    #[default]
    Usual,
    /// At this path.
    At(PathBuf),
    /// Nowhere.
    Off,
}

impl ControlSocket {
    /// Takes the key `control_socket`: a path that fits into an address of a Unix socket, or `off`.
    pub fn take(section: &mut Section<'_>) -> Self {
        let Some(path) = section.take_name("control_socket") else {
            return Self::Usual;
        };
        if path.value == "off" {
            return Self::Off;
        }
        let length = path.value.len();
        if !path.value.starts_with('/') {
            let found = format!("found \"{}\"", path.value);
            section.reject(&path, &found, "expected an absolute path, or \"off\"");
        } else if length > SOCKET_PATH_MAX {
            let expected = format!("expected at most {SOCKET_PATH_MAX}, the kernel's limit");
            section.reject(&path, &format!("found {length} bytes"), &expected);
        }
        Self::At(path.value.into())
    }

    /// Where `service` opens it. `runtime` is what systemd says of `RuntimeDirectory=`.
    /// Source: systemd.exec(5), `RUNTIME_DIRECTORY`: paths separated by colons.
    #[must_use]
    pub fn path(&self, service: &Service, runtime: &str, state_dir: &Path) -> Option<PathBuf> {
        match self {
            Self::Off => None,
            Self::At(path) => Some(path.clone()),
            Self::Usual => {
                let first = runtime.split(':').next().unwrap_or_default();
                let runtime = first.starts_with('/').then(|| Path::new(first));
                Some(runtime.unwrap_or(state_dir).join(service.socket))
            }
        }
    }

    /// Where it may be, for who asks and does not know how the service was started.
    #[must_use]
    pub fn places(&self, service: &Service, state_dir: &Path) -> Vec<PathBuf> {
        match self {
            Self::Off => Vec::new(),
            Self::At(path) => vec![path.clone()],
            Self::Usual => vec![
                state_dir.join(service.socket),
                Path::new(service.runtime_directory).join(service.socket),
            ],
        }
    }
}

/// Why a service cannot be asked. It runs on.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Somebody answers there.
    #[error("another process answers at {}; give each its own control_socket and its own state", .0.display())]
    Taken(PathBuf),
    /// There is something else.
    #[error("{} is no socket and is left alone", .0.display())]
    NoSocket(PathBuf),
    /// The system does not allow it.
    #[error("{} cannot be opened: {why}", path.display())]
    System {
        /// The socket.
        path: PathBuf,
        /// What the system says.
        why: io::Error,
    },
}

/// The open socket. Its name is removed with it, unless another has taken its place.
#[derive(Debug)]
pub struct Door {
    pub(super) listener: UnixListener,
    path: PathBuf,
    inode: (u64, u64),
}

impl Drop for Door {
    fn drop(&mut self) {
        let still = fs::symlink_metadata(&self.path);
        if still.is_ok_and(|found| inode(&found) == self.inode) {
            // The next one replaces what is left.
            fs::remove_file(&self.path).ok();
        }
    }
}

/// Opens the socket at `path`. One that nobody answers at any more is replaced; anything else that
/// is there stays.
///
/// # Errors
/// See [`OpenError`].
pub async fn open(path: &Path) -> Result<Door, OpenError> {
    let failed = |why| OpenError::System {
        path: path.to_owned(),
        why,
    };
    if let Ok(found) = fs::symlink_metadata(path) {
        if !found.file_type().is_socket() {
            return Err(OpenError::NoSocket(path.to_owned()));
        }
        // This does not wait: a service whose queue of connections is full says so at once.
        match UnixStream::connect(path).await {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                fs::remove_file(path).map_err(failed)?;
            }
            _ => return Err(OpenError::Taken(path.to_owned())),
        }
    }
    let listener = UnixListener::bind(path).map_err(failed)?;
    let opened = fs::set_permissions(path, fs::Permissions::from_mode(MODE))
        .and_then(|()| fs::symlink_metadata(path));
    Ok(Door {
        listener,
        path: path.to_owned(),
        inode: inode(&opened.map_err(failed)?),
    })
}

fn inode(found: &fs::Metadata) -> (u64, u64) {
    (found.dev(), found.ino())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TESTED;

    #[test]
    fn the_usual_place_is_what_systemd_has_made_and_else_the_state_directory() {
        let state = Path::new("/var/lib/plimsoll");
        let check = |socket: ControlSocket, runtime, expected: Option<&str>| {
            let path = socket.path(&TESTED, runtime, state);
            assert_eq!(path, expected.map(PathBuf::from));
            // Who asks finds it without the environment of the service.
            assert!(path.is_none_or(|path| socket.places(&TESTED, state).contains(&path)));
        };
        let in_state = Some("/var/lib/plimsoll/agent.sock");
        let own = ControlSocket::At("/x/y.sock".into());
        check(ControlSocket::Usual, "", in_state);
        check(ControlSocket::Usual, "relative", in_state);
        let in_run = Some("/run/plimsoll/agent.sock");
        check(ControlSocket::Usual, "/run/plimsoll", in_run);
        check(ControlSocket::Usual, "/run/plimsoll:/run/b", in_run);
        check(own, "/run/plimsoll", Some("/x/y.sock"));
        check(ControlSocket::Off, "/run/plimsoll", None);
    }

    #[tokio::test]
    async fn only_a_socket_that_nobody_answers_at_is_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(TESTED.socket);
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let door = open(&path).await.unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, MODE);

        let second = open(&path).await.unwrap_err();
        assert!(matches!(second, OpenError::Taken(_)), "{second}");
        assert!(path.exists());
        drop(door);
        assert!(!path.exists());

        fs::write(&path, "precious").unwrap();
        let file = open(&path).await.unwrap_err();
        assert!(matches!(file, OpenError::NoSocket(_)), "{file}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    }

    #[tokio::test]
    async fn a_socket_that_has_taken_our_place_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(TESTED.socket);
        let door = open(&path).await.unwrap();
        fs::rename(&path, directory.path().join("old")).unwrap();
        let _other = std::os::unix::net::UnixListener::bind(&path).unwrap();
        drop(door);
        assert!(path.exists());
    }
}
