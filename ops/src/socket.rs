//! How a running service is asked: a Unix socket of this machine.
//!
//! A question is one line of JSON and is answered with lines of JSON; then the connection ends. The
//! service never waits for who asks: connections, questions and answers are bounded, and writing has
//! a deadline. There is no listener on any network, and without a socket the service works as with
//! one.

mod connection;
mod place;

pub use connection::{Answering, Connection, serve};
pub use place::{ControlSocket, Door, OpenError, SOCKET_PATH_MAX, open};
