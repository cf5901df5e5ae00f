//! Embedded metric format over TCP, UDP and a Unix socket: one JSON object per line.
//!
//! Records become samples at once; nothing of them is kept. A record that breaks a rule is counted
//! under the rule's word and costs no other. A stream that is slow, or never ends its record, costs
//! a bounded number of bytes. Nothing is ever answered.

mod framer;
mod stream;

use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use plimsoll_core::clock::Clock;
use plimsoll_core::shutdown::Shutdown;
use tokio::net::{TcpListener, UdpSocket, UnixListener};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::aggregate::Intake;
use crate::config::EmfListeners;
use crate::derive::emf::{Document, Fault, Faults};
use crate::health::Health;
use framer::{Framer, Held};
use stream::{Accept, serve};

/// What is read at once: the longest datagram.
const READ_BYTES: usize = 64 * 1024;
/// Reads before the other tasks have their turn.
const READS_MAX: usize = 16;
/// How soon an address that was not free is tried again.
const BIND_WAIT: Duration = Duration::from_secs(10);
/// Applications run as any user.
const SOCKET_MODE: u32 = 0o666;

/// What every listener needs.
#[derive(Clone, Debug)]
pub(crate) struct Receiver {
    /// Where samples go.
    pub(crate) intake: Intake,
    /// Tells which times CloudWatch takes.
    pub(crate) clock: Arc<dyn Clock>,
    /// Counts what is not as it should be.
    pub(crate) health: Arc<Health>,
    /// Ends all of it.
    pub(crate) shutdown: Shutdown,
    held: Held,
}

/// What became of a look at a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Looked {
    /// There may be more.
    More,
    /// Nothing is there now.
    Empty,
    /// Nothing will come.
    Ended,
}

impl Receiver {
    /// A receiver that hands in to `intake`.
    pub(crate) fn new(
        intake: Intake,
        clock: Arc<dyn Clock>,
        health: Arc<Health>,
        shutdown: Shutdown,
    ) -> Self {
        Self {
            intake,
            clock,
            health,
            shutdown,
            held: Held::default(),
        }
    }

    /// Listens wherever the configuration says, until the shutdown.
    pub(crate) fn start(&self, listeners: &EmfListeners, tasks: &mut JoinSet<()>) {
        if let Some(address) = listeners.tcp {
            let own = self.clone();
            tasks.spawn(async move {
                let bind = || async move { TcpListener::bind(address).await };
                if let Some(listener) = own.bound(&format!("tcp {address}"), bind).await {
                    own.accept(listener).await;
                }
            });
        }
        if let Some(address) = listeners.udp {
            let own = self.clone();
            tasks.spawn(async move { own.udp(address).await });
        }
        if let Some(path) = listeners.socket.clone() {
            let own = self.clone();
            tasks.spawn(async move {
                let bind = || async { bind_unix(&path) };
                if let Some(listener) = own.bound(&path.display().to_string(), bind).await {
                    own.accept(listener).await;
                    std::fs::remove_file(&path).ok();
                }
            });
        }
    }

    /// Binds, again and again if it must be; `None` if the shutdown came first.
    async fn bound<S, F: Future<Output = io::Result<S>>>(
        &self,
        place: &str,
        bind: impl Fn() -> F,
    ) -> Option<S> {
        let mut shutdown = self.shutdown.clone();
        loop {
            match bind().await {
                Ok(socket) => {
                    log::info!("embedded metric format is received at {place}");
                    return Some(socket);
                }
                Err(error) => {
                    if self.health.problems.add("emf_listener", 1) {
                        log::error!(
                            "embedded metric format cannot be received at {place}, which is tried \
                             again: {error}"
                        );
                    }
                }
            }
            tokio::select! {
                () = sleep(BIND_WAIT) => {}
                () = shutdown.requested() => return None,
            }
        }
    }

    /// Serves every connection in a task of its own.
    async fn accept<L: Accept>(&self, listener: L) {
        let mut connections = JoinSet::new();
        let mut shutdown = self.shutdown.clone();
        loop {
            while connections.try_join_next().is_some() {}
            let free = connections.len() < stream::CONNECTIONS_MAX;
            tokio::select! {
                accepted = listener.accepted(), if free => match accepted {
                    Ok(stream) => {
                        connections.spawn(serve(stream, self.clone()));
                    }
                    // A connection that was gone before it was taken, or too many descriptors.
                    Err(_) => sleep(stream::ACCEPT_WAIT).await,
                },
                Some(_) = connections.join_next(), if !free => {}
                () = shutdown.requested() => break,
            }
        }
        while connections.join_next().await.is_some() {}
    }

    async fn udp(&self, address: SocketAddr) {
        let bind = || async move { UdpSocket::bind(address).await };
        if let Some(socket) = self.bound(&format!("udp {address}"), bind).await {
            self.datagrams(socket).await;
        }
    }

    /// Takes datagrams until the shutdown, and then what is there.
    async fn datagrams(&self, socket: UdpSocket) {
        let mut shutdown = self.shutdown.clone();
        let mut ending = false;
        loop {
            if !ending {
                tokio::select! {
                    _ = socket.readable() => {}
                    () = shutdown.requested() => ending = true,
                }
            }
            let looked = self.look(
                |buffer| {
                    let len = socket.try_recv(buffer)?;
                    // A datagram is whole: what has no end of line ends with it.
                    Ok((len, true))
                },
                &mut Framer::new(self.held.clone()),
            );
            if ending && looked != Looked::More {
                return;
            }
        }
    }

    /// Reads what is there, as far as one task may at once. `read` gives the bytes and whether a
    /// record ends with them.
    fn look(
        &self,
        mut read: impl FnMut(&mut [u8]) -> io::Result<(usize, bool)>,
        framer: &mut Framer,
    ) -> Looked {
        let mut buffer = vec![0; READ_BYTES];
        for _ in 0..READS_MAX {
            match read(&mut buffer) {
                Ok((0, false)) => {
                    self.records(framer, &[], true);
                    return Looked::Ended;
                }
                Ok((len, whole)) => {
                    let bytes = buffer.get(..len).unwrap_or(&[]);
                    self.records(framer, bytes, whole);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Looked::Empty,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Looked::Ended,
            }
        }
        Looked::More
    }

    /// Takes the records in `bytes`: parsed first, then handed in under one lock.
    fn records(&self, framer: &mut Framer, bytes: &[u8], whole: bool) {
        let now = self.clock.now();
        let mut faults = Faults::default();
        let mut readings = Vec::new();
        let mut take = |record: Result<&[u8], Fault>| {
            let document = record.and_then(|text| Document::read(text, now));
            match document {
                Ok(document) => {
                    faults.merge(document.faults);
                    readings.extend(document.readings());
                }
                Err(fault) => faults.add(fault),
            }
        };
        framer.feed(bytes, &mut take);
        if whole {
            framer.finish(&mut take);
        }
        if !readings.is_empty() {
            let mut windows = self.intake.hold();
            for reading in readings {
                reading.hand_in(&mut windows);
            }
        }
        for (reason, count) in faults.counts() {
            if count > 0 && self.health.problems.add(reason, count) {
                log::warn!(
                    reason = reason;
                    "what an application sends is not all embedded metric format; it is left out"
                );
            }
        }
    }
}

/// Binds a Unix socket. One that nobody listens at any more is in the way and removed.
fn bind_unix(path: &Path) -> io::Result<UnixListener> {
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|at| at.file_type().is_socket());
    if is_socket && std::os::unix::net::UnixStream::connect(path).is_err() {
        std::fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(SOCKET_MODE))?;
    Ok(listener)
}

#[cfg(test)]
mod tests;
