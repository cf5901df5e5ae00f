//! What the stand-in holds before the first call: flags of `serve` and how they fill the world.

use std::path::PathBuf;

use plimsoll_core::clock::Clock;

use crate::cloudtrail::TrailFileError;
use crate::cost::{self, CostData, CostExplorer, CostFileError, Jump};
use crate::guardduty::FindingFileError;
use crate::service::Refusal;
use crate::state::{World, lock};

/// The flags.
#[derive(Clone, Debug, clap::Args)]
pub struct Contents {
    /// An SNS topic that exists from the start; may be given more than once
    #[arg(long = "topic", value_name = "NAME")]
    pub topics: Vec<String>,
    /// Cost data: a saved answer of GetCostAndUsage (.json) or a FOCUS export (.csv), moved so that
    /// its last day is yesterday; without it, costs of an ordinary account are generated
    #[arg(long, value_name = "FILE")]
    pub cost: Option<PathBuf>,
    /// In generated costs, a jump of EC2 in a Region yesterday, in US$: ap-southeast-1=900
    #[arg(long, value_name = "REGION=USD", value_parser = jump, conflicts_with = "cost")]
    pub cost_jump: Option<Jump>,
    /// Memory for log messages, in MiB; the oldest go first and are counted
    #[arg(long, value_name = "MIB", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..))]
    pub log_memory: u16,
    /// Findings of GuardDuty: a file or a folder
    #[arg(long, value_name = "PATH")]
    pub guardduty: Option<PathBuf>,
    /// Records of CloudTrail for LookupEvents: a file or a folder
    #[arg(long, value_name = "PATH")]
    pub cloudtrail: Option<PathBuf>,
}

/// Why the world could not be filled.
#[derive(Debug, thiserror::Error)]
pub enum ContentsError {
    /// A topic cannot have this name.
    #[error("\"{0}\" cannot be the name of a topic: 1 to 256 letters, digits, - and _")]
    Topic(String),
    /// The cost data is not good.
    #[error(transparent)]
    Cost(#[from] CostFileError),
    /// The findings are not good.
    #[error(transparent)]
    Findings(#[from] FindingFileError),
    /// The records are not good.
    #[error(transparent)]
    Records(#[from] TrailFileError),
}

impl Contents {
    /// Puts all of it into the world.
    ///
    /// # Errors
    /// See [`ContentsError`].
    pub fn fill(&self, world: &World) -> Result<(), ContentsError> {
        for name in &self.topics {
            let made = lock(&world.sns).create(name);
            made.map_err(|_: Refusal| ContentsError::Topic(name.clone()))?;
        }
        lock(&world.logs).bound_memory(usize::from(self.log_memory) * 1024 * 1024);
        let today = cost::day_of(world.clock.now());
        let settings = &world.settings;
        if let Some(path) = &self.cost {
            let data = CostData::from_file(path)?.ending_before(today);
            *lock(&world.cost) = CostExplorer::new(data);
        } else if let Some(jump) = &self.cost_jump {
            let (seed, account) = (settings.seed, &settings.account);
            let data = CostData::generated(seed, account, today, Some(jump.clone()));
            *lock(&world.cost) = CostExplorer::new(data);
        }
        if let Some(path) = &self.guardduty {
            lock(&world.guardduty).add_path(path)?;
        }
        if let Some(path) = &self.cloudtrail {
            lock(&world.cloudtrail).add_path(path)?;
        }
        Ok(())
    }
}

fn jump(text: &str) -> Result<Jump, String> {
    let read = || {
        let (region, usd) = text.split_once('=')?;
        let usd: f64 = usd.parse().ok()?;
        let good = !region.is_empty() && usd.is_finite() && usd > 0.0;
        good.then(|| Jump {
            region: region.to_owned(),
            usd,
        })
    };
    read().ok_or_else(|| "expected a Region and US$ such as ap-southeast-1=900".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_is_a_region_and_dollars() {
        for (text, good) in [
            ("ap-southeast-1=900", true),
            ("ap-southeast-1=0", false),
            ("=900", false),
            ("ap-southeast-1", false),
            ("ap-southeast-1=much", false),
        ] {
            assert_eq!(jump(text).is_ok(), good, "{text}");
        }
    }
}
