//! Memory and swap. Used memory is what is neither free nor buffers nor cache, and cache holds what
//! the kernel's own caches can give back.

use plimsoll_core::catalog::cwagent as catalog;

use crate::sample::{Sample, as_value};
use crate::scraper::memory::{available, field, percent, required};
use crate::scraper::snapshot::{Input, Snapshot};
use crate::scraper::{ScrapeError, Scraper};

/// The family `memory`.
#[derive(Debug, Default)]
pub(super) struct Memory;

impl Scraper for Memory {
    fn scrape(&mut self, now: &Snapshot, out: &mut Vec<Sample>) -> Result<(), ScrapeError> {
        let text = now.text(Input::Meminfo)?;
        let optional = |name| field(text, name).unwrap_or(0);
        let total = required(text, "MemTotal")?;
        let free = required(text, "MemFree")?;
        let available = available(text)?;
        let buffered = optional("Buffers");
        let cached = optional("Cached").saturating_add(optional("SReclaimable"));
        let given = free.saturating_add(buffered).saturating_add(cached);
        let used = total.saturating_sub(given);
        let bytes = [
            (&catalog::CW_MEM_ACTIVE, optional("Active")),
            (&catalog::CW_MEM_AVAILABLE, available),
            (&catalog::CW_MEM_BUFFERED, buffered),
            (&catalog::CW_MEM_CACHED, cached),
            (&catalog::CW_MEM_FREE, free),
            (&catalog::CW_MEM_INACTIVE, optional("Inactive")),
            (&catalog::CW_MEM_SHARED, optional("Shmem")),
            (&catalog::CW_MEM_TOTAL, total),
            (&catalog::CW_MEM_USED, used),
        ];
        out.extend(bytes.map(|(metric, bytes)| Sample::new(metric, as_value(bytes))));
        out.extend([
            Sample::new(
                &catalog::CW_MEM_AVAILABLE_PERCENT,
                percent(available, total),
            ),
            Sample::new(&catalog::CW_MEM_USED_PERCENT, percent(used, total)),
        ]);
        Ok(())
    }
}

/// The family `swap`.
#[derive(Debug, Default)]
pub(super) struct Swap;

impl Scraper for Swap {
    fn scrape(&mut self, now: &Snapshot, out: &mut Vec<Sample>) -> Result<(), ScrapeError> {
        let text = now.text(Input::Meminfo)?;
        let total = required(text, "SwapTotal")?;
        let free = required(text, "SwapFree")?;
        let used = total.saturating_sub(free);
        out.extend([
            Sample::new(&catalog::CW_SWAP_FREE, as_value(free)),
            Sample::new(&catalog::CW_SWAP_USED, as_value(used)),
            Sample::new(&catalog::CW_SWAP_USED_PERCENT, percent(used, total)),
        ]);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scraper::testing::{named, scrape_once};

    #[test]
    fn cache_that_can_be_given_back_is_not_used_memory() {
        let text = "MemTotal: 1000 kB\nMemFree: 100 kB\nMemAvailable: 700 kB\nBuffers: 50 kB\n\
                    Cached: 350 kB\nActive: 5 kB\nInactive: 6 kB\nShmem: 7 kB\nSReclaimable: 100 kB\n";
        let samples = scrape_once(Memory, &[(Input::Meminfo, text)]).unwrap();
        let kib = [
            ("mem_active", 5.0),
            ("mem_available", 700.0),
            ("mem_buffered", 50.0),
            ("mem_cached", 450.0),
            ("mem_free", 100.0),
            ("mem_inactive", 6.0),
            ("mem_shared", 7.0),
            ("mem_total", 1000.0),
            ("mem_used", 400.0),
        ];
        let mut expected = kib.map(|(name, kib)| (name, kib * 1024.0)).to_vec();
        expected.extend([("mem_available_percent", 70.0), ("mem_used_percent", 40.0)]);
        assert_eq!(named(&samples), expected);
    }

    #[test]
    fn a_host_without_swap_has_none_in_use() {
        let none = "SwapTotal: 0 kB\nSwapFree: 0 kB\n";
        let samples = scrape_once(Swap, &[(Input::Meminfo, none)]).unwrap();
        let expected = [
            ("swap_free", 0.0),
            ("swap_used", 0.0),
            ("swap_used_percent", 0.0),
        ];
        assert_eq!(named(&samples), expected);
    }
}
