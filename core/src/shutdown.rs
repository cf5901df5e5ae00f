//! Who is told to stop, and when.
//!
//! Only sources hear a shutdown. Everything downstream ends because its input ends, after it has
//! drained. So there is one [`Trigger`] for the process and one [`Shutdown`] for each source.

use tokio::sync::watch;

/// Makes a connected pair.
#[must_use]
pub fn channel() -> (Trigger, Shutdown) {
    let (sender, receiver) = watch::channel(false);
    (Trigger(sender), Shutdown(receiver))
}

/// Asks every [`Shutdown`] of the pair to stop. Dropping it asks as well, so that a wiring
/// function that fails half-way leaves no source running.
#[derive(Debug)]
pub struct Trigger(watch::Sender<bool>);

impl Trigger {
    /// Asks all sources to stop. Asking twice is harmless.
    pub fn request(&self) {
        self.0.send_replace(true);
    }
}

/// A source's view of the shutdown.
#[derive(Clone, Debug)]
pub struct Shutdown(watch::Receiver<bool>);

impl Shutdown {
    /// Whether a stop was asked for.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        *self.0.borrow() || self.0.has_changed().is_err()
    }

    /// Completes when a stop was asked for.
    pub async fn requested(&mut self) {
        // An error means that the trigger was dropped, which asks for the same.
        drop(self.0.wait_for(|stop| *stop).await);
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
    async fn a_dropped_trigger_stops_the_sources() {
        let (trigger, mut source) = channel();
        drop(trigger);
        source.requested().await;
        assert!(source.is_requested());
    }
}
