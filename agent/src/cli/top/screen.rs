//! The terminal: taken, drawn on, and given back as it was.
//!
//! Plain sequences that every terminal of the last forty years knows; no library and no terminfo.
//! Source: ECMA-48, and xterm's "Control Sequences" for the private modes 7 (wrap), 25 (cursor) and
//! 1049 (second screen).

use std::io;

use plimsoll_core::cli::print;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use tokio::sync::mpsc;

use super::frame::TALL;

/// The second screen, no cursor, no line that wraps.
const TAKE: &str = "\x1b[?1049h\x1b[?25l\x1b[?7l";
const GIVE_BACK: &str = "\x1b[?7h\x1b[?25h\x1b[?1049l";
const HOME: &str = "\x1b[H";
const CLEAR_LINE: &str = "\x1b[K";
const CLEAR_BELOW: &str = "\x1b[J";
/// How often who waits for keys looks whether anybody still wants them.
const KEY_WAIT: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 200_000_000,
};
/// `q`, Ctrl-C and Ctrl-D, as a terminal sends them that makes no signals.
const ENOUGH: [u8; 4] = [b'q', b'Q', 3, 4];

/// The terminal while it is drawn on. Dropping it gives it back.
#[derive(Debug)]
pub(super) struct Screen {
    before: Termios,
}

impl Screen {
    /// Takes the terminal: keys come one by one, and none makes a signal.
    ///
    /// # Errors
    /// Those of `tcgetattr(3)` and `tcsetattr(3)`.
    pub(super) fn take() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut raw = before.clone();
        raw.local_modes
            .remove(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG);
        tcsetattr(io::stdin(), OptionalActions::Now, &raw)?;
        print(TAKE);
        Ok(Self { before })
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        print(GIVE_BACK);
        // Nothing is left to be done with a terminal that is gone.
        tcsetattr(io::stdin(), OptionalActions::Now, &self.before).ok();
    }
}

/// How many lines fit.
pub(super) fn rows() -> usize {
    let size = tcgetwinsize(io::stdout());
    size.map_or(TALL, |size| usize::from(size.ws_row).max(1))
}

/// Draws lines over what was there.
pub(super) fn draw(lines: &[String]) {
    let mut picture = HOME.to_owned();
    for (index, line) in lines.iter().take(rows()).enumerate() {
        if index > 0 {
            picture.push('\n');
        }
        picture.push_str(line);
        picture.push_str(CLEAR_LINE);
    }
    picture.push_str(CLEAR_BELOW);
    print(&picture);
}

/// Hears when a key says that it is enough, or the terminal is gone.
pub(super) fn keys() -> mpsc::Receiver<()> {
    let (enough, heard) = mpsc::channel(1);
    tokio::task::spawn_blocking(move || {
        let terminal = io::stdin();
        while !enough.is_closed() {
            let mut asked = [PollFd::new(&terminal, PollFlags::IN)];
            if !matches!(poll(&mut asked, Some(&KEY_WAIT)), Ok(1..)) {
                continue;
            }
            let mut keys = [0; 16];
            let read = rustix::io::read(&terminal, &mut keys).unwrap_or(0);
            let pressed = keys.get(..read).unwrap_or_default();
            if pressed.is_empty() || pressed.iter().any(|key| ENOUGH.contains(key)) {
                enough.try_send(()).ok();
                return;
            }
        }
    });
    heard
}
