//! HTTP/1.1 on a loopback address: reads requests, has them answered, closes connections that a
//! fault asks it to close.
//!
//! Bodies, connections and waiting are bounded. On a stop, running requests are answered first.

mod answer;
mod body;
mod route;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use plimsoll_core::clock::Clock;
use plimsoll_core::shutdown::Shutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::state::World;

/// Connections at the same time; more wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 512;
/// How long a client may take to send the head of a request, which also ends idle connections.
const HEAD_TIMEOUT: Duration = Duration::from_mins(2);
/// How long running requests get after a stop.
const DRAIN: Duration = Duration::from_secs(3);
/// How often the clock is looked at for alarms. They are due every ten seconds of the stand-in's
/// clock, which may jump.
const TICK: Duration = Duration::from_secs(1);

/// The same on an accelerated clock: as often by that clock, as far as the machine keeps up.
fn tick(rate: i64) -> Duration {
    const SHORTEST: Duration = Duration::from_millis(20);
    let rate = u32::try_from(rate).unwrap_or(u32::MAX).max(1);
    (TICK / rate).max(SHORTEST)
}

/// A bound socket that is not yet served.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    world: Arc<World>,
}

impl Server {
    /// Binds the address; port 0 takes a free port.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn bind(listen: SocketAddr, world: Arc<World>) -> std::io::Result<Self> {
        let listener = TcpListener::bind(listen).await?;
        Ok(Self { listener, world })
    }

    /// The bound address.
    ///
    /// # Errors
    /// When the system does not tell it.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `shutdown`, and evaluates the alarms meanwhile.
    pub async fn run(self, mut shutdown: Shutdown) {
        let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let mut connections = JoinSet::new();
        let mut ticks = tokio::time::interval(tick(self.world.clock.rate()));
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            let accepted = tokio::select! {
                () = shutdown.requested() => break,
                _ = ticks.tick() => {
                    self.world.tick(self.world.clock.now());
                    while connections.try_join_next().is_some() {}
                    continue;
                }
                accepted = accept(&self.listener, &slots) => accepted,
            };
            let Some((stream, slot)) = accepted else {
                continue;
            };
            let (world, shutdown) = (Arc::clone(&self.world), shutdown.clone());
            connections.spawn(async move {
                connection(stream, world, shutdown).await;
                drop(slot);
            });
        }
        drop(self.listener);
        let drained = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout(DRAIN, drained).await.is_err() {
            log::warn!("requests were still running after {DRAIN:?} and are cut off");
        }
    }
}

/// Waits for a free slot, then for a connection. `None` after an error, which is logged.
async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> Option<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => Some((stream, slot)),
        Err(error) => {
            log::warn!("a connection was not accepted: {error}");
            // Out of file descriptors, most likely: let some connections end first.
            tokio::time::sleep(Duration::from_millis(100)).await;
            None
        }
    }
}

async fn connection(stream: TcpStream, world: Arc<World>, mut shutdown: Shutdown) {
    stream.set_nodelay(true).ok();
    let service = service_fn(move |request: Request<Incoming>| {
        let world = Arc::clone(&world);
        async move { answer::answer(&world, request).await }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let outcome = tokio::select! {
        outcome = connection.as_mut() => outcome,
        () = shutdown.requested() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = outcome {
        log::debug!("a connection ended early: {error}");
    }
}

/// The connection is closed without an answer, as a fault asked for.
#[derive(Debug, thiserror::Error)]
#[error("closed by a fault")]
pub(crate) struct Dropped;

/// What hyper sends.
pub(crate) type Reply = Response<Full<Bytes>>;

#[cfg(test)]
mod tests;
