//! Sockets that applications send datagrams to, and the thread that empties them.
//!
//! The runtime has one thread, and it may be busy with a batch for milliseconds; a socket's buffer
//! holds no more than that at 200,000 datagrams a second. So a feed of datagrams has a thread of
//! its own that only reads, parses and adds. After a small burst it rests for a moment, so that a
//! steady stream costs a wake-up for dozens of datagrams and not one for each (ADR 19). What the kernel has
//! thrown away is counted.

mod open;

use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use plimsoll_core::clock::{Clock, UnixMillis};
use plimsoll_core::shutdown::Shutdown;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::sync::oneshot;

use crate::health::Health;
use crate::sys::mmsg::{BURST_MAX, Burst, Datagram, dropped};
pub(crate) use open::Mailbox;
pub use open::OpenError;

/// The rest after a burst that has emptied the socket. At 200,000 datagrams a second it lets 60 of
/// them come together, one call's worth, and far less than any system's default buffer holds.
const REST: Duration = Duration::from_micros(300);
/// Bursts that are read at the end, so that a sender that does not stop cannot hold it up.
const LAST_BURSTS_MAX: usize = 1_000;
/// The stack of the thread: nothing on it is larger than the headers of one call.
const STACK_BYTES: usize = 256 * 1024;

/// What is done with the datagrams of a feed.
pub(crate) trait Taker: Send + 'static {
    /// Takes the datagrams of one call, in their order.
    fn take<'b>(&mut self, datagrams: impl Iterator<Item = Datagram<'b>>, now: UnixMillis);

    /// Does what is due without datagrams. Gives the time until the next such call, if any.
    fn due(&mut self, now: UnixMillis) -> Option<Duration>;

    /// The reason to count datagrams under that the kernel has dropped.
    fn lost(&self) -> &'static str;
}

/// What the thread needs besides its sockets and its taker.
#[derive(Clone, Debug)]
pub(crate) struct Surroundings {
    /// The time of arrival.
    pub(crate) clock: Arc<dyn Clock>,
    /// Where loss is counted.
    pub(crate) health: Arc<Health>,
}

/// Receives until the shutdown, then what lies in the sockets, and closes them.
pub(crate) async fn receive(
    name: &'static str,
    mailboxes: Vec<Mailbox>,
    taker: impl Taker,
    around: Surroundings,
    mut shutdown: Shutdown,
) {
    let health = Arc::clone(&around.health);
    let (ended, end) = oneshot::channel();
    // Closing one end wakes the thread. It is closed as well when this task is aborted.
    let spawned = io::pipe().and_then(|(wake, stop)| {
        let reader = Reader {
            mailboxes,
            taker,
            around,
            wake,
        };
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .stack_size(STACK_BYTES);
        let run = move || ended.send(reader.run());
        thread.spawn(run).map(|_| stop)
    });
    let stop = match spawned {
        Ok(stop) => stop,
        Err(error) => {
            health.problems.add("receiver_failed", 1);
            log::error!(of = name; "no thread to receive with could be started: {error}");
            return;
        }
    };
    let mut end = std::pin::pin!(end);
    let result = tokio::select! {
        result = &mut end => result,
        () = shutdown.requested() => {
            drop(stop);
            end.await
        }
    };
    if let Ok(Err(error)) = result {
        health.problems.add("receiver_failed", 1);
        log::error!(of = name; "nothing more is received: {error}");
    }
}

/// Reads the sockets of one feed.
struct Reader<T> {
    mailboxes: Vec<Mailbox>,
    taker: T,
    around: Surroundings,
    wake: io::PipeReader,
}

impl<T: Taker> Reader<T> {
    fn run(mut self) -> io::Result<()> {
        let mut burst = Burst::default();
        loop {
            let due = self.taker.due(self.around.clock.now());
            if self.wait(true, due)? {
                break;
            }
            let taken = self.read(&mut burst);
            if taken < BURST_MAX && self.wait(false, Some(REST))? {
                break;
            }
        }
        for _ in 0..LAST_BURSTS_MAX {
            if self.read(&mut burst) == 0 {
                break;
            }
        }
        self.taker.due(self.around.clock.now());
        Ok(())
    }

    /// Waits for the end and for datagrams, and not longer than `timeout`; without `mailboxes` only
    /// for those of Unix sockets, which hold as few as 10 (`net.unix.max_dgram_qlen`).
    /// Whether the end has come.
    fn wait(&self, mailboxes: bool, timeout: Option<Duration>) -> io::Result<bool> {
        let sockets = self
            .mailboxes
            .iter()
            .filter(|one| mailboxes || one.is_local());
        let sockets =
            sockets.map(|mailbox| PollFd::from_borrowed_fd(mailbox.as_fd(), PollFlags::IN));
        let wake = self.wake.as_fd();
        let mut all: Vec<PollFd<'_>> = sockets.collect();
        all.push(PollFd::from_borrowed_fd(wake, PollFlags::IN));
        let timeout = timeout.and_then(|time| Timespec::try_from(time).ok());
        match poll(&mut all, timeout.as_ref()) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
        Ok(all.last().is_some_and(|wake| !wake.revents().is_empty()))
    }

    /// Reads each socket once. The most datagrams that one of them had.
    fn read(&mut self, burst: &mut Burst) -> usize {
        let mut most = 0;
        for mailbox in &mut self.mailboxes {
            // A fault of the network below; the socket lives on.
            if let Err(error) = burst.receive(mailbox.as_fd())
                && self.around.health.problems.add("receive_error", 1)
            {
                log::warn!(of = mailbox.key(); "receiving has failed once: {error}");
            }
            if burst.len() > 0 {
                let now = self.around.clock.now();
                self.taker.take(burst.datagrams(), now);
            }
            most = most.max(burst.len());
            let lost = mailbox.lost(dropped(mailbox.as_fd()));
            if lost > 0 && self.around.health.problems.add(self.taker.lost(), lost) {
                log::warn!(
                    of = mailbox.key(), datagrams = lost;
                    "datagrams came faster than they could be read; raise `receive_buffer` and \
                     the system's net.core.rmem_max"
                );
            }
        }
        most
    }
}

#[cfg(test)]
mod tests;
