//! What the driver of a network interface counts, by `SIOCETHTOOL`.
//!
//! The kernel fills memory that the caller gives, without being told how much there is: it goes by
//! the number of counters that the driver has at that moment. So much more is given than the
//! driver said it needs, and a driver with very many counters is refused.
//! Source: Linux, `include/uapi/linux/ethtool.h`, `net/ethtool/ioctl.c`.
#![expect(unsafe_code, reason = "ioctl has no safe wrapper")]

use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixDatagram;

/// Counters that a driver may have: an interface with 128 queues has some 2,500.
const COUNTERS_MAX: usize = 4096;
/// How much more memory is given than the driver needs, should it get more queues meanwhile. What
/// is not written to is never in memory.
const SPARE: usize = 8;
const COUNTER_BYTES: usize = 8;
/// `ETH_GSTRING_LEN`.
const NAME_BYTES: usize = 32;

const SIOCETHTOOL: libc::c_ulong = 0x8946;
const ETHTOOL_GDRVINFO: u32 = 0x03;
const ETHTOOL_GSTRINGS: u32 = 0x1b;
const ETHTOOL_GSTATS: u32 = 0x1d;
const ETH_SS_STATS: u32 = 1;
/// `struct ethtool_drvinfo`: its length, and where the name of the driver and the number of
/// counters are.
const DRVINFO_BYTES: usize = 196;
const DRVINFO_DRIVER: usize = 4;
const DRVINFO_COUNTERS: usize = 180;
/// Bytes before the names in `struct ethtool_gstrings`, and before the counters in `struct
/// ethtool_stats`.
const STRINGS_HEAD: usize = 12;
const STATS_HEAD: usize = 8;

/// What a driver tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Statistics {
    /// The driver's name.
    pub(crate) driver: String,
    /// Its counters by name, in its order.
    pub(crate) counters: Vec<(String, u64)>,
}

/// Asks the driver of an interface.
///
/// # Errors
/// `EOPNOTSUPP` when it tells nothing, `ENODEV` when there is no such interface, `InvalidData` when
/// it has too many counters or does not count the same twice.
pub(crate) fn statistics(interface: &str) -> io::Result<Statistics> {
    // Any socket will do, and one of this kind needs no network.
    let socket = UnixDatagram::unbound()?;
    let mut info = vec![0; DRVINFO_BYTES];
    ask(&socket, interface, &mut info, &[ETHTOOL_GDRVINFO])?;
    let driver = text(&info, DRVINFO_DRIVER);
    let count = usize::try_from(word(&info, DRVINFO_COUNTERS)).unwrap_or(usize::MAX);
    if count == 0 {
        return Ok(Statistics {
            driver,
            counters: Vec::new(),
        });
    }
    if count > COUNTERS_MAX {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let room = COUNTERS_MAX * SPARE;
    let mut names = vec![0; STRINGS_HEAD + room * NAME_BYTES];
    ask(
        &socket,
        interface,
        &mut names,
        &[ETHTOOL_GSTRINGS, ETH_SS_STATS],
    )?;
    let mut values = vec![0; STATS_HEAD + room * COUNTER_BYTES];
    ask(&socket, interface, &mut values, &[ETHTOOL_GSTATS])?;
    let told = word(&names, STRINGS_HEAD - 4);
    if told != word(&values, STATS_HEAD - 4) {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let told = usize::try_from(told).unwrap_or_default().min(room);
    let counters = (0..told).map(|at| {
        let name = text(&names, STRINGS_HEAD + at * NAME_BYTES);
        (name, counter(&values, STATS_HEAD + at * COUNTER_BYTES))
    });
    Ok(Statistics {
        driver,
        counters: counters.collect(),
    })
}

/// One request: `words` are its first ones, and the answer takes the place of all of it.
fn ask(
    socket: &UnixDatagram,
    interface: &str,
    request: &mut [u8],
    words: &[u32],
) -> io::Result<()> {
    for (place, word) in request.chunks_exact_mut(4).zip(words) {
        place.copy_from_slice(&word.to_ne_bytes());
    }
    let mut name = [0; libc::IFNAMSIZ];
    // The last byte ends the name.
    if interface.len() >= name.len() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    for (place, byte) in name.iter_mut().zip(interface.bytes()) {
        *place = libc::c_char::from_ne_bytes([byte]);
    }
    let mut asked = libc::ifreq {
        ifr_name: name,
        ifr_ifru: libc::__c_anonymous_ifr_ifru {
            ifru_data: request.as_mut_ptr().cast(),
        },
    };
    // SAFETY: the descriptor is open while the socket is borrowed. The request outlives the call,
    // and is as long as the kernel's structure for it: fixed for the first command, and for the
    // others far longer than the counters that the driver said it has.
    let answer = unsafe { libc::ioctl(socket.as_raw_fd(), SIOCETHTOOL as _, &raw mut asked) };
    if answer < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

fn word(bytes: &[u8], at: usize) -> u32 {
    let four = bytes.get(at..).and_then(|rest| rest.first_chunk());
    four.map_or(0, |four| u32::from_ne_bytes(*four))
}

fn counter(bytes: &[u8], at: usize) -> u64 {
    let eight = bytes.get(at..).and_then(|rest| rest.first_chunk());
    eight.map_or(0, |eight| u64::from_ne_bytes(*eight))
}

/// The text in a field of 32 bytes, up to its NUL.
fn text(bytes: &[u8], at: usize) -> String {
    let field = bytes.get(at..at + NAME_BYTES).unwrap_or_default();
    let text = field.split(|byte| *byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(text).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_that_is_not_there_is_an_error_and_a_long_name_is_not_cut() {
        for (name, expected) in [
            ("nosuch0", Some(libc::ENODEV)),
            ("a-name-of-more-than-15", None),
        ] {
            let error = statistics(name).unwrap_err();
            assert_eq!(error.raw_os_error(), expected, "{name}");
        }
    }

    #[test]
    fn whatever_interfaces_this_machine_has_answer_or_refuse() {
        for entry in std::fs::read_dir("/sys/class/net").unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if let Ok(told) = statistics(&name) {
                assert!(told.driver.len() <= NAME_BYTES, "{name}");
                assert!(told.counters.iter().all(|(name, _)| !name.is_empty()));
            }
        }
    }
}
