//! Who is told to stop, and when.
//!
//! Only sources hear a shutdown. Everything downstream ends because its input ends, after it has
//! drained. So there is one [`Trigger`] for the process and one [`Shutdown`] for each source. What
//! is downstream may hear one thing: that the end is near, so that it holds nothing back ([`Hurry`]).

use std::sync::{Arc, Weak};

use tokio::sync::watch;

/// Makes a connected pair.
#[must_use]
pub fn channel() -> (Trigger, Shutdown) {
    let (sender, receiver) = watch::channel(Phase::Running);
    (Trigger(Arc::new(sender)), Shutdown(receiver))
}

/// How near the end is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Running,
    /// The end is announced, the time of it is not ours to choose.
    Hurry,
    Stop,
}

/// Asks every [`Shutdown`] of the pair to stop. Dropping it asks as well, so that a wiring
/// function that fails half-way leaves no source running.
#[derive(Debug)]
pub struct Trigger(Arc<watch::Sender<Phase>>);

impl Trigger {
    /// Asks all sources to stop. Asking twice is harmless.
    pub fn request(&self) {
        self.0.send_replace(Phase::Stop);
    }

    /// Who may say that the end is near, and nothing else. It does not keep the sources alive.
    #[must_use]
    pub fn announcer(&self) -> Announcer {
        Announcer(Arc::downgrade(&self.0))
    }
}

/// Says that the end is near.
#[derive(Clone, Debug)]
pub struct Announcer(Weak<watch::Sender<Phase>>);

impl Announcer {
    /// Nothing is to be held back any more. Sources go on.
    pub fn hurry(&self) {
        if let Some(sender) = self.0.upgrade() {
            sender.send_if_modified(|phase| {
                let running = *phase == Phase::Running;
                if running {
                    *phase = Phase::Hurry;
                }
                running
            });
        }
    }
}

/// A source's view of the shutdown.
#[derive(Clone, Debug)]
pub struct Shutdown(watch::Receiver<Phase>);

impl Shutdown {
    /// Whether a stop was asked for.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        *self.0.borrow() == Phase::Stop || self.0.has_changed().is_err()
    }

    /// Completes when a stop was asked for.
    pub async fn requested(&mut self) {
        // An error means that the trigger was dropped, which asks for the same.
        drop(self.0.wait_for(|phase| *phase == Phase::Stop).await);
    }

    /// What is downstream of the source may know.
    #[must_use]
    pub fn hurry(&self) -> Hurry {
        Hurry(self.0.clone())
    }
}

/// Tells that the end is near, and nothing else.
#[derive(Clone, Debug)]
pub struct Hurry(watch::Receiver<Phase>);

impl Hurry {
    /// Completes when the end is near; never if it comes without being announced and the trigger is
    /// gone.
    pub async fn asked(&mut self) {
        if self
            .0
            .wait_for(|phase| *phase >= Phase::Hurry)
            .await
            .is_err()
        {
            std::future::pending::<()>().await;
        }
    }
}

/// Completes on SIGTERM (systemd) or SIGINT (a terminal), with the signal's name.
///
/// # Errors
/// When the process may not install signal handlers.
pub async fn termination() -> std::io::Result<&'static str> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_source_hears_a_request_and_late_ones_too() {
        let (trigger, mut first) = channel();
        assert!(!first.is_requested());
        trigger.request();
        let mut late = first.clone();
        first.requested().await;
        late.requested().await;
        assert!(late.is_requested());
    }

    #[tokio::test]
    async fn an_end_that_is_near_stops_no_source() {
        let (trigger, mut source) = channel();
        let mut hurry = source.hurry();
        trigger.announcer().hurry();
        hurry.asked().await;
        assert!(!source.is_requested());
        trigger.request();
        trigger.announcer().hurry();
        source.requested().await;
    }

    #[tokio::test]
    async fn a_dropped_trigger_stops_the_sources() {
        let (trigger, mut source) = channel();
        drop(trigger);
        source.requested().await;
        assert!(source.is_requested());
    }
}
