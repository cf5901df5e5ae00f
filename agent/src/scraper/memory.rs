//! Memory and swap, from `/proc/meminfo`.
//!
//! Used memory is what is not available, so page cache that can be given back does not count as
//! used. Source: `proc_meminfo(5)`.

use plimsoll_core::catalog::{
    MEM_AVAILABLE, MEM_TOTAL, MEM_USED, MEM_USED_PERCENT, SWAP_USED, SWAP_USED_PERCENT,
};

use super::snapshot::{Input, Snapshot};
use super::{ScrapeError, Scraper};
use crate::sample::{Sample, as_value};

/// The family `memory`.
#[derive(Debug, Default)]
pub(crate) struct Memory;

impl Scraper for Memory {
    fn scrape(&mut self, now: &Snapshot, out: &mut Vec<Sample>) -> Result<(), ScrapeError> {
        let text = now.text(Input::Meminfo)?;
        let total = required(text, "MemTotal")?;
        let available = available(text)?;
        let used = total.saturating_sub(available);
        out.extend([
            Sample::new(&MEM_TOTAL, as_value(total)),
            Sample::new(&MEM_AVAILABLE, as_value(available)),
            Sample::new(&MEM_USED, as_value(used)),
            Sample::new(&MEM_USED_PERCENT, percent(used, total)),
        ]);
        Ok(())
    }
}

/// The family `swap`.
#[derive(Debug, Default)]
pub(crate) struct Swap;

impl Scraper for Swap {
    fn scrape(&mut self, now: &Snapshot, out: &mut Vec<Sample>) -> Result<(), ScrapeError> {
        let text = now.text(Input::Meminfo)?;
        let total = required(text, "SwapTotal")?;
        let used = total.saturating_sub(required(text, "SwapFree")?);
        out.extend([
            Sample::new(&SWAP_USED, as_value(used)),
            Sample::new(&SWAP_USED_PERCENT, percent(used, total)),
        ]);
        Ok(())
    }
}

/// Memory that new work can have. Kernels before 3.14 do not tell it; what they are asked for is
/// what free(1) added up before.
pub(super) fn available(text: &str) -> Result<u64, ScrapeError> {
    Ok(match field(text, "MemAvailable") {
        Some(available) => available,
        None => required(text, "MemFree")?
            .saturating_add(field(text, "Buffers").unwrap_or(0))
            .saturating_add(field(text, "Cached").unwrap_or(0)),
    })
}

/// `part` as a share of `whole`; zero of nothing.
pub(super) fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        return 0.0;
    }
    as_value(part) * 100.0 / as_value(whole)
}

/// A field without which there is nothing to tell.
pub(super) fn required(text: &str, name: &'static str) -> Result<u64, ScrapeError> {
    field(text, name).ok_or_else(|| ScrapeError::malformed(Input::Meminfo, name))
}

/// A field in bytes; the kernel writes kibibytes.
pub(super) fn field(text: &str, name: &str) -> Option<u64> {
    let value = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    let kib: u64 = value.split_ascii_whitespace().next()?.parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::super::testing::scrape_once;
    use super::*;

    fn values(scraper: impl Scraper, text: &str) -> Vec<f64> {
        let samples = scrape_once(scraper, &[(Input::Meminfo, text)]).unwrap();
        samples.iter().map(Sample::number).collect()
    }

    #[test]
    fn used_memory_is_what_is_not_available() {
        let text = "MemTotal:  1000 kB\nMemFree: 100 kB\nMemAvailable:  600 kB\n";
        assert_eq!(
            values(Memory, text),
            [1_024_000.0, 614_400.0, 409_600.0, 40.0]
        );
    }

    #[test]
    fn an_old_kernel_without_available_memory_is_read_like_free_did() {
        let text = "MemTotal: 1000 kB\nMemFree: 100 kB\nBuffers: 50 kB\nCached: 350 kB\n";
        assert_eq!(values(Memory, text)[3..], [50.0]);
    }

    #[test]
    fn a_host_without_swap_uses_none() {
        assert_eq!(
            values(Swap, "SwapTotal: 0 kB\nSwapFree: 0 kB\n"),
            [0.0, 0.0]
        );
        assert_eq!(
            values(Swap, "SwapTotal: 400 kB\nSwapFree: 100 kB\n"),
            [307_200.0, 75.0]
        );
    }

    #[test]
    fn a_missing_field_is_an_error_that_names_it() {
        let error = scrape_once(Memory, &[(Input::Meminfo, "MemFree: 1 kB\n")]).unwrap_err();
        assert!(error.to_string().contains("MemTotal"), "{error}");
    }
}
