//! Where records enter the agent.
//!
//! A source turns input into chunks of records with a stream and a position and puts them into the
//! queue, or metrics of applications into their intake. It names no sink, and it is the only thing
//! that hears a shutdown.

pub(crate) mod collectd;
pub(crate) mod datagram;
pub(crate) mod emf;
pub(crate) mod file;
pub(crate) mod journald;
pub(crate) mod otlp;
pub(crate) mod prometheus;
pub(crate) mod series;
pub(crate) mod statsd;
pub(crate) mod told;
