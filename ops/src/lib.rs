//! What people need who operate a service: how a running one is asked, what keeps a sick one from
//! its work, and what is sent to someone who helps.
//!
//! Both services have the same socket, the same shape of `status`, `doctor` and `bundle`, and say the
//! same to systemd. What each of them knows of itself it brings along; nothing here names a source,
//! a sink or a key of a configuration.

pub mod asking;
pub mod bundle;
pub mod doctor;
pub mod protocol;
pub mod said;
pub mod shown;
pub mod socket;
pub mod status;
pub mod sys;
pub mod systemd;

/// What differs between the services as far as their operators see it.
#[derive(Clone, Copy, Debug)]
pub struct Service {
    /// The program, which is also the name of its unit without `.service`.
    pub program: &'static str,
    /// What people call it: "agent" or "collector".
    pub word: &'static str,
    /// The name of its socket, in the directory that systemd has made for it or in that of its
    /// state.
    pub socket: &'static str,
    /// Where the packaged unit has its `RuntimeDirectory`.
    pub runtime_directory: &'static str,
    /// The group whose members may ask it.
    pub group: &'static str,
    /// Where its configuration usually is.
    pub config: &'static str,
    /// The version of the program.
    pub version: &'static str,
}

impl Service {
    /// The unit that the packages install.
    #[must_use]
    pub fn unit(&self) -> String {
        format!("{}.service", self.program)
    }
}

/// A service for tests.
#[cfg(test)]
pub(crate) const TESTED: Service = Service {
    program: "plimsoll-agent",
    word: "agent",
    socket: "agent.sock",
    runtime_directory: "/run/plimsoll",
    group: "plimsoll",
    config: "/etc/plimsoll/agent.toml",
    version: "1.2.3",
};
