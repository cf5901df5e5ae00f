//! The log page in which EBS volumes and instance stores of EC2 count.
//!
//! Both have the same numbers at the same places and differ in the first word; an instance store
//! leaves two of them empty. What follows, histograms of latencies, is not read.
//! Source: amazon-ec2-utils, `ebsnvme`, `nvme_get_amzn_stats_logpage`; Amazon EBS User Guide,
//! "Amazon EBS detailed performance statistics"; Amazon EC2 User Guide, "Amazon EC2 instance store
//! NVMe detailed performance statistics".

/// The number of the page.
pub(crate) const PAGE: u8 = 0xd0;
/// The length of the page, histograms included.
pub(crate) const PAGE_BYTES: usize = 4096;
const EBS: u32 = 0x3c23_b510;
const INSTANCE_STORE: u32 = 0xec2c_0d7e;
/// The magic word and one that is reserved, or a version, stand before the numbers.
const HEAD_BYTES: usize = 8;
const NUMBER_BYTES: usize = 8;
/// Numbers that only grow.
pub(crate) const COUNTERS: usize = 10;

/// What kind of volume it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A volume of EBS.
    Ebs,
    /// A disk of the instance's own host.
    InstanceStore,
}

/// What a page says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Page {
    /// Which kind of volume says it.
    pub(crate) kind: Kind,
    /// Read and write requests, bytes, and microseconds; microseconds in which the volume's
    /// requests and throughput were exceeded, and the instance's.
    pub(crate) counters: [u64; COUNTERS],
    /// Requests that wait.
    pub(crate) queue_length: u64,
}

/// Why a page cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadPage {
    /// The device is of another maker, or too old to count.
    #[error("the first word {0:#x} is not that of an EBS volume or an instance store")]
    Magic(u32),
    /// The device gave too little.
    #[error("the page of {0} bytes is too short")]
    Short(usize),
}

/// Reads the head of a page.
pub(crate) fn parse(bytes: &[u8]) -> Result<Page, BadPage> {
    let short = BadPage::Short(bytes.len());
    let magic = u32::from_le_bytes(*bytes.first_chunk().ok_or(short)?);
    let kind = match magic {
        EBS => Kind::Ebs,
        INSTANCE_STORE => Kind::InstanceStore,
        other => return Err(BadPage::Magic(other)),
    };
    let number = |at: usize| {
        let rest = bytes.get(HEAD_BYTES + at * NUMBER_BYTES..);
        let eight = rest.and_then(|rest| rest.first_chunk()).ok_or(short)?;
        Ok(u64::from_le_bytes(*eight))
    };
    let mut counters = [0; COUNTERS];
    for (at, counter) in counters.iter_mut().enumerate() {
        *counter = number(at)?;
    }
    Ok(Page {
        kind,
        counters,
        queue_length: number(COUNTERS)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(magic: u32, numbers: impl IntoIterator<Item = u64>) -> Vec<u8> {
        let mut bytes = magic.to_le_bytes().to_vec();
        bytes.extend([1, 0, 0, 0]);
        bytes.extend(numbers.into_iter().flat_map(u64::to_le_bytes));
        bytes
    }

    #[test]
    fn numbers_are_read_in_their_order_whichever_kind_it_is() {
        for (magic, kind) in [(EBS, Kind::Ebs), (INSTANCE_STORE, Kind::InstanceStore)] {
            let mut bytes = page(magic, 1..=11);
            bytes.resize(PAGE_BYTES, 0xff);
            let expected = Page {
                kind,
                counters: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
                queue_length: 11,
            };
            assert_eq!(parse(&bytes), Ok(expected));
        }
    }

    #[test]
    fn a_page_that_is_short_or_of_another_maker_is_told_apart() {
        let whole = page(EBS, 1..=11);
        for length in [0, 3, 4, 8, 88, 95] {
            assert_eq!(parse(&whole[..length]), Err(BadPage::Short(length)));
        }
        assert!(parse(&whole[..96]).is_ok());
        assert_eq!(parse(&page(0, 1..=11)), Err(BadPage::Magic(0)));
    }
}
