//! What systemd is told: ready, alive, stopping. Outside of systemd all of it does nothing.

use sd_notify::NotifyState;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

/// The agent is up.
pub(crate) fn ready() {
    tell(&[NotifyState::Ready]);
}

/// A new configuration is being read; [`ready`] follows. The time is what `Type=notify-reload` asks
/// for, see systemd.service(5).
pub(crate) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => log::debug!("systemd could not be told: {error}"),
    }
}

/// The agent drains and will end.
pub(crate) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// Says twice per watchdog period that the runtime still turns. `None` when the unit has no
/// watchdog. The task must be aborted at the end.
pub(crate) fn watchdog() -> Option<JoinHandle<()>> {
    let period = sd_notify::watchdog_enabled()? / 2;
    if period.is_zero() {
        return None;
    }
    Some(tokio::spawn(async move {
        let mut ticks = interval(period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            tell(&[NotifyState::Watchdog]);
        }
    }))
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        log::debug!("systemd could not be told: {error}");
    }
}
