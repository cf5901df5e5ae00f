//! What is answered to each question. Nothing here changes anything.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use plimsoll_ops::protocol::{VERSION, error, object};
use plimsoll_ops::socket::{Answering, Connection};

use super::request::Request;
use super::{Control, status};
use crate::tap::{Reader, TAPS_MAX};

/// How long is waited for who looks on and may just have stopped to read.
const TAP_WAIT: Duration = Duration::from_mins(1);

impl Answering for Control {
    async fn respond(self: Arc<Self>, connection: &Connection, asked: &[u8]) -> io::Result<()> {
        match Request::read(asked) {
            Ok(Request::Status) => connection.answer(&status::tell(&self).await).await,
            Ok(Request::Tap { selection, limit }) => {
                let Some(reader) = self.health.taps.open(selection, limit) else {
                    let full = format!("{TAPS_MAX} others look on already; try again later");
                    return connection.answer(&error(&full)).await;
                };
                pass(connection, &reader).await
            }
            Err(why) => connection.answer(&error(&why)).await,
        }
    }
}

/// Passes records on until there are enough or nobody takes them any more. The first line says that
/// it has begun; one with `dropped` says how many records did not fit since the line before.
async fn pass(connection: &Connection, reader: &Reader) -> io::Result<()> {
    let begun = object([("v", VERSION.into()), ("tap", "begun".into())]);
    connection.answer(&begun).await?;
    loop {
        let waiting = tokio::select! {
            waiting = reader.next() => waiting,
            gone = connection.gone() => return gone,
        };
        let mut lines = waiting.lines;
        if waiting.dropped > 0 {
            let dropped = object([("dropped", waiting.dropped.into())]);
            lines.extend_from_slice(format!("{dropped}\n").as_bytes());
        }
        connection.write(&lines, TAP_WAIT).await?;
        if waiting.ended {
            return Ok(());
        }
    }
}
