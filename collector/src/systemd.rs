//! What systemd is told: ready, stopping. Outside of systemd all of it does nothing.

use sd_notify::NotifyState;

/// The collector is up.
pub(crate) fn ready() {
    tell(&[NotifyState::Ready]);
}

/// The collector drains and will end.
pub(crate) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        log::debug!("systemd could not be told: {error}");
    }
}
