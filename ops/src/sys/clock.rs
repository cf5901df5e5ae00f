//! What the kernel knows of its clock and of who corrects it. Reads only; the clock is not touched.
//!
//! Source: `adjtimex(2)`.
#![expect(unsafe_code, reason = "adjtimex has no safe wrapper")]

use std::io;

/// The kernel counts the offset in microseconds unless this bit says nanoseconds.
const STA_NANO: libc::c_int = 0x2000;
/// Nobody corrects the clock, or not any more.
const STA_UNSYNC: libc::c_int = 0x0040;

/// The clock of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockState {
    /// What the kernel still has to correct, in microseconds; positive when the clock is slow.
    pub offset_us: i64,
    /// The most by which the clock can be wrong, in microseconds.
    pub error_max_us: i64,
    /// Whether something corrects it.
    pub is_synchronised: bool,
}

/// Asks the kernel.
///
/// # Errors
/// The kernel does not tell, as in some sandboxes.
pub fn state() -> io::Result<ClockState> {
    // SAFETY: `timex` is made of integers only, for which zero is a value; with `modes` zero the
    // call only writes into the structure that it is given, which lives until it returns.
    let (answer, timex) = unsafe {
        let mut timex: libc::timex = std::mem::zeroed();
        (libc::adjtimex(&raw mut timex), timex)
    };
    if answer < 0 {
        return Err(io::Error::last_os_error());
    }
    let per_microsecond = if timex.status & STA_NANO == 0 {
        1
    } else {
        1000
    };
    Ok(ClockState {
        offset_us: timex.offset / per_microsecond,
        error_max_us: timex.maxerror,
        is_synchronised: timex.status & STA_UNSYNC == 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_tells_of_its_clock() {
        let state = state().unwrap();
        // The kernel holds the clock for unsynchronised when the error reaches 16 s.
        assert!((0..=16_000_000).contains(&state.error_max_us));
        assert!(!state.is_synchronised || state.error_max_us < 16_000_000);
    }
}
