//! Who is let in, and how a question is answered without ever being waited for.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{getegid, geteuid};
use serde_json::Value;
use tokio::net::UnixStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::place::Door;
use crate::protocol::error;
use crate::sys::peer;

/// Connections at once: a few people and a monitor. A further one is told so and let go.
const CONNECTIONS_MAX: usize = 8;
/// The longest question.
const REQUEST_BYTES_MAX: usize = 8 * 1024;
/// How long a question may take to come.
const REQUEST_WAIT: Duration = Duration::from_secs(5);
/// How long the answer may wait for who asked. Who does not read any more is let go.
const ANSWER_WAIT: Duration = Duration::from_secs(10);
/// How long is waited after the system refused a connection: out of descriptors, for example.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// What can answer questions.
pub trait Answering: Send + Sync + 'static {
    /// Answers one question, the first line that came, on its connection.
    ///
    /// # Errors
    /// The other end went away.
    fn respond(
        self: Arc<Self>,
        connection: &Connection,
        asked: &[u8],
    ) -> impl Future<Output = io::Result<()>> + Send;
}

/// Somebody who may ask.
#[derive(Debug)]
pub struct Connection(UnixStream);

/// Answers for as long as it is polled.
pub async fn serve<A: Answering>(answering: Arc<A>, door: Door) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = door.listener.accept() => match accepted {
                Ok((stream, _)) if connections.len() < CONNECTIONS_MAX => {
                    connections.spawn(converse(Arc::clone(&answering), Connection(stream)));
                }
                Ok((stream, _)) => {
                    let full = format!("{CONNECTIONS_MAX} others ask already; try again\n");
                    // Whoever cannot take even this finds a closed connection.
                    stream.try_write(line(&error(full.trim_end())).as_bytes()).ok();
                }
                Err(why) => {
                    log::debug!("a question could not be taken: {why}");
                    sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Takes one question and answers it. What goes wrong is the other side's: it went away.
async fn converse<A: Answering>(answering: Arc<A>, connection: Connection) {
    let answered = match connection.refused() {
        Some(why) => connection.answer(&error(&why)).await,
        None => match timeout(REQUEST_WAIT, connection.question()).await {
            Ok(Ok(asked)) => answering.respond(&connection, &asked).await,
            Ok(Err(why)) => Err(why),
            Err(_) => {
                let late = format!("no question came within {} s", REQUEST_WAIT.as_secs());
                connection.answer(&error(&late)).await
            }
        },
    };
    if let Err(why) = answered {
        log::debug!("a question was not answered: {why}");
    }
}

impl Connection {
    /// Writes one line, or gives up on who does not read.
    ///
    /// # Errors
    /// The other end went away, or does not read.
    pub async fn answer(&self, value: &Value) -> io::Result<()> {
        self.write(line(value).as_bytes(), ANSWER_WAIT).await
    }

    /// Writes these bytes within `patience`.
    ///
    /// # Errors
    /// The other end went away, or does not read.
    pub async fn write(&self, bytes: &[u8], patience: Duration) -> io::Result<()> {
        let written = timeout(patience, self.write_all(bytes)).await;
        written.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    async fn write_all(&self, mut rest: &[u8]) -> io::Result<()> {
        while !rest.is_empty() {
            self.0.writable().await?;
            match self.0.try_write(rest) {
                Ok(written) => rest = rest.get(written..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Completes when the other end has closed. What it still says is not listened to.
    ///
    /// # Errors
    /// The connection is broken, which is as good as closed.
    pub async fn gone(&self) -> io::Result<()> {
        loop {
            self.0.readable().await?;
            match self.0.try_read(&mut [0; 256]) {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Why the process at the other end may not ask: it is neither root, nor of the service's user,
    /// nor in the service's group. The mode of the socket says the same, but anyone who owns it can
    /// change that.
    fn refused(&self) -> Option<String> {
        let Ok(peer) = self.0.peer_cred() else {
            return Some("the system does not tell who asks".to_owned());
        };
        let (user, group) = (geteuid().as_raw(), getegid().as_raw());
        let known = peer.uid() == 0 || peer.uid() == user || peer.gid() == group;
        if known || peer::groups(&self.0).contains(&group) {
            return None;
        }
        Some(format!(
            "user {} may not ask; root may, user {user}, and members of group {group}",
            peer.uid()
        ))
    }

    /// The first line that comes, without its end.
    async fn question(&self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        loop {
            self.0.readable().await?;
            let mut part = [0; 1024];
            let read = match self.0.try_read(&mut part) {
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Err(error) => return Err(error),
            };
            bytes.extend_from_slice(part.get(..read).unwrap_or_default());
            let end = memchr::memchr(b'\n', &bytes);
            if let Some(end) = end.or((read == 0).then_some(bytes.len())) {
                bytes.truncate(end);
                return Ok(bytes);
            }
            if bytes.len() > REQUEST_BYTES_MAX {
                let long = format!("a question has at most {REQUEST_BYTES_MAX} bytes");
                self.answer(&error(&long)).await?;
                return Err(io::ErrorKind::InvalidInput.into());
            }
        }
    }
}

fn line(value: &Value) -> String {
    let mut line = value.to_string();
    line.push('\n');
    line
}
