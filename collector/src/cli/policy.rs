//! `plimsoll-collector policy`: the rights that a configuration needs, as a document for IAM.
//!
//! Asks nobody. What has to be known besides goes to standard error, so that the document can be
//! piped.

use std::path::{Path, PathBuf};

use clap::Args;
use plimsoll_aws::policy::{MANAGED_CHARS_MAX, Place};
use plimsoll_core::cli::{complain, count_mistakes, print};

use crate::config::{Config, DEFAULT_PATH};
use crate::policy::{Beside, Needs};

/// Print the rights that the configuration needs.
#[derive(Debug, Args)]
pub(super) struct PolicyArgs {
    /// The configuration file; else /etc/plimsoll/collector.toml, if it is there.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Everything that the collector can ever need, whatever is configured.
    #[arg(long, conflicts_with = "config")]
    all: bool,
    /// The account of the resources, twelve digits; else any.
    #[arg(long, value_name = "ID")]
    account: Option<String>,
    /// Their Region; else any.
    #[arg(long)]
    region: Option<String>,
    /// Their partition; else that of the Region, or aws.
    #[arg(long)]
    partition: Option<String>,
    /// The bucket of the trail or of findings, with the prefix before `AWSLogs/` if there is one; may be
    /// given several times.
    #[arg(long, value_name = "NAME[/PREFIX]")]
    bucket: Vec<String>,
    /// Let buckets be listed, so that an object that is gone is told from one that is denied.
    #[arg(long)]
    list_bucket: bool,
    /// The ARN of a KMS key that encrypts trail, queues or topics; may be given several times.
    #[arg(long, value_name = "ARN")]
    kms_key: Vec<String>,
}

/// Prints it.
pub(super) fn run(args: &PolicyArgs) -> Result<(), String> {
    let usual = Path::new(DEFAULT_PATH);
    let path = args
        .config
        .as_deref()
        .or_else(|| usual.exists().then_some(usual));
    if path.is_none() && !args.all {
        complain(&format!(
            "note: there is no {DEFAULT_PATH}, so these are all rights that the collector can need\n"
        ));
    }
    let needs = match path.filter(|_| !args.all) {
        None => Needs::all(),
        Some(path) => {
            let config = Config::syntax(path);
            Needs::of(&config.map_err(|mistakes| count_mistakes(&mistakes.lines()))?)
        }
    };
    let place = Place::new(
        args.partition.as_deref(),
        args.region.as_deref(),
        args.account.as_deref(),
    );
    let beside = Beside {
        buckets: args.bucket.clone(),
        lists: args.list_bucket,
        keys: args.kms_key.clone(),
    };
    let policy = needs.policy(&place, &beside);
    for note in &policy.notes {
        complain(&format!("note: {note}\n"));
    }
    let chars = policy.chars();
    if chars > MANAGED_CHARS_MAX {
        complain(&format!(
            "note: a managed policy holds {MANAGED_CHARS_MAX} characters and this has {chars}; attach \
             it to the role inline\n"
        ));
    }
    print(&policy.json());
    Ok(())
}
