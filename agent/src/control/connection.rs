//! Who is let in, and how a question is answered without ever being waited for.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{getegid, geteuid};
use serde_json::Value;
use tokio::net::UnixStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::place::Door;
use super::request::{Request, VERSION, error, object};
use super::{Control, status};
use crate::sys::peer;
use crate::tap::{Reader, TAPS_MAX};

/// Connections at once: a few people and a monitor. A further one is told so and let go.
const CONNECTIONS_MAX: usize = 8;
/// The longest question.
const REQUEST_BYTES_MAX: usize = 8 * 1024;
/// How long a question may take to come.
const REQUEST_WAIT: Duration = Duration::from_secs(5);
/// How long the answer may wait for who asked. Who does not read any more is let go.
const ANSWER_WAIT: Duration = Duration::from_secs(10);
/// The same for who looks on and may just have stopped to read.
const TAP_WAIT: Duration = Duration::from_mins(1);
/// How long is waited after the system refused a connection: out of descriptors, for example.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// Answers for as long as it is polled.
pub(super) async fn serve(control: Arc<Control>, door: Door) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = door.listener.accept() => match accepted {
                Ok((stream, _)) if connections.len() < CONNECTIONS_MAX => {
                    connections.spawn(converse(Arc::clone(&control), stream));
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
async fn converse(control: Arc<Control>, stream: UnixStream) {
    let answered = match refused(&stream) {
        Some(why) => answer(&stream, &error(&why)).await,
        None => match timeout(REQUEST_WAIT, question(&stream)).await {
            Ok(Ok(asked)) => respond(&control, &stream, &asked).await,
            Ok(Err(why)) => Err(why),
            Err(_) => {
                let late = format!("no question came within {} s", REQUEST_WAIT.as_secs());
                answer(&stream, &error(&late)).await
            }
        },
    };
    if let Err(why) = answered {
        log::debug!("a question was not answered: {why}");
    }
}

async fn respond(control: &Arc<Control>, stream: &UnixStream, asked: &[u8]) -> io::Result<()> {
    match Request::read(asked) {
        Ok(Request::Status) => answer(stream, &status::tell(control).await).await,
        Ok(Request::Tap { selection, limit }) => {
            let Some(reader) = control.health.taps.open(selection, limit) else {
                let full = format!("{TAPS_MAX} others look on already; try again later");
                return answer(stream, &error(&full)).await;
            };
            pass(stream, &reader).await
        }
        Err(why) => answer(stream, &error(&why)).await,
    }
}

/// Passes records on until there are enough or nobody takes them any more. The first line says that
/// it has begun; one with `dropped` says how many records did not fit since the line before.
async fn pass(stream: &UnixStream, reader: &Reader) -> io::Result<()> {
    answer(
        stream,
        &object([("v", VERSION.into()), ("tap", "begun".into())]),
    )
    .await?;
    loop {
        let waiting = tokio::select! {
            waiting = reader.next() => waiting,
            gone = gone(stream) => return gone,
        };
        let mut lines = waiting.lines;
        if waiting.dropped > 0 {
            let dropped = object([("dropped", waiting.dropped.into())]);
            lines.extend_from_slice(line(&dropped).as_bytes());
        }
        let written = timeout(TAP_WAIT, write(stream, &lines)).await;
        written.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))?;
        if waiting.ended {
            return Ok(());
        }
    }
}

/// Completes when the other end has closed. What it still says is not listened to.
async fn gone(stream: &UnixStream) -> io::Result<()> {
    loop {
        stream.readable().await?;
        match stream.try_read(&mut [0; 256]) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}

/// Why the process at the other end may not ask: it is neither root, nor of the agent's user, nor in
/// the agent's group. The mode of the socket says the same, but anyone who owns it can change that.
fn refused(stream: &UnixStream) -> Option<String> {
    let Ok(peer) = stream.peer_cred() else {
        return Some("the system does not tell who asks".to_owned());
    };
    let (user, group) = (geteuid().as_raw(), getegid().as_raw());
    let known = peer.uid() == 0 || peer.uid() == user || peer.gid() == group;
    if known || peer::groups(stream).contains(&group) {
        return None;
    }
    Some(format!(
        "user {} may not ask; root may, user {user}, and members of group {group}",
        peer.uid()
    ))
}

/// The first line that comes, without its end.
async fn question(stream: &UnixStream) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        stream.readable().await?;
        let mut part = [0; 1024];
        let read = match stream.try_read(&mut part) {
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
            answer(stream, &error(&long)).await?;
            return Err(io::ErrorKind::InvalidInput.into());
        }
    }
}

/// Writes one line, or gives up on who does not read.
async fn answer(stream: &UnixStream, value: &Value) -> io::Result<()> {
    let line = line(value);
    let writing = write(stream, line.as_bytes());
    timeout(ANSWER_WAIT, writing)
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

fn line(value: &Value) -> String {
    let mut line = value.to_string();
    line.push('\n');
    line
}

async fn write(stream: &UnixStream, mut rest: &[u8]) -> io::Result<()> {
    while !rest.is_empty() {
        stream.writable().await?;
        match stream.try_write(rest) {
            Ok(written) => rest = rest.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
