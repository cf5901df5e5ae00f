//! Connections, over TCP or a Unix socket.

use std::io;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

use super::{Framer, Looked, Receiver};

/// Connections at once; others wait in the kernel. Each process of an application has one.
pub(super) const CONNECTIONS_MAX: usize = 512;
/// How long nothing is accepted after the kernel refused.
pub(super) const ACCEPT_WAIT: Duration = Duration::from_millis(100);

/// Something that accepts connections.
pub(super) trait Accept: Send + Sync {
    /// What it accepts.
    type Stream: Read + 'static;

    /// The next connection.
    fn accepted(&self) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

/// Something that bytes come from.
pub(super) trait Read: Send + Sync {
    /// Completes when there may be something.
    fn ready(&self) -> impl Future<Output = io::Result<()>> + Send;

    /// Reads what is there.
    fn read_now(&self, buffer: &mut [u8]) -> io::Result<usize>;
}

impl Accept for TcpListener {
    type Stream = TcpStream;

    async fn accepted(&self) -> io::Result<TcpStream> {
        Ok(self.accept().await?.0)
    }
}

impl Accept for UnixListener {
    type Stream = UnixStream;

    async fn accepted(&self) -> io::Result<UnixStream> {
        Ok(self.accept().await?.0)
    }
}

impl Read for TcpStream {
    async fn ready(&self) -> io::Result<()> {
        self.readable().await
    }

    fn read_now(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.try_read(buffer)
    }
}

impl Read for UnixStream {
    async fn ready(&self) -> io::Result<()> {
        self.readable().await
    }

    fn read_now(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.try_read(buffer)
    }
}

/// Takes the records of a connection until its end; after a shutdown what is there.
pub(super) async fn serve<S: Read>(stream: S, receiver: Receiver) {
    let mut shutdown = receiver.shutdown.clone();
    let mut framer = Framer::new(receiver.held.clone());
    let mut ending = false;
    loop {
        if !ending {
            tokio::select! {
                ready = stream.ready() => if ready.is_err() {
                    return;
                },
                () = shutdown.requested() => ending = true,
            }
        }
        let read = |buffer: &mut [u8]| Ok((stream.read_now(buffer)?, false));
        match receiver.look(read, &mut framer) {
            Looked::Ended => return,
            Looked::Empty if ending => return,
            Looked::Empty | Looked::More => {}
        }
    }
}
