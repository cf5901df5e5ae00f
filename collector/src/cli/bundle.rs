//! `plimsoll-collector bundle`: one archive with what someone who helps wants to see.

use std::path::PathBuf;

use clap::Args;
use plimsoll_ops::bundle::{Told, bundle};

use super::asking::AskArgs;
use super::{ConfigArgs, doctor};
use crate::SERVICE;

/// Gather what someone who helps wants to see.
#[derive(Debug, Args)]
pub(super) struct BundleArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// The archive; else plimsoll-collector-TIME.tar.gz in this directory. An existing file is kept.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Writes the archive and tells what is in it.
pub(super) fn run(args: &BundleArgs) -> Result<(), String> {
    let status = AskArgs::of(&args.config).status();
    let told = Told {
        config: &args.config.config,
        findings: doctor::findings(&args.config),
        status: status.map_or_else(|none| none.text().to_owned(), |told| told.to_string()),
    };
    bundle(&SERVICE, args.output.clone(), &told)
}
