//! `plimsoll-agent policy`: the rights that a configuration needs, as a document for IAM.
//!
//! Asks nobody but for a configuration that lies in Parameter Store. What has to be known besides
//! goes to standard error, so that the document can be piped.

use clap::Args;
use plimsoll_aws::policy::{MANAGED_CHARS_MAX, Place, Policy};
use plimsoll_core::cli::{complain, print};

use super::{ConfigArgs, configuration};
use crate::policy::Needs;

/// Print the rights that the configuration needs.
#[derive(Debug, Args)]
pub(super) struct PolicyArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Everything that the agent can ever need, whatever is configured.
    #[arg(long, conflicts_with_all = ["config", "cloudwatch_agent_config"])]
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
    /// The ARN of a KMS key that parameters of the configuration are encrypted with; may be given
    /// several times.
    #[arg(long, value_name = "ARN")]
    kms_key: Vec<String>,
}

/// Prints it.
pub(super) fn run(args: &PolicyArgs) -> Result<(), String> {
    let is_there = args.config.is_given() || args.config.path().exists();
    if !is_there && !args.all {
        let path = args.config.path();
        complain(&format!(
            "note: there is no {}, so these are all rights that the agent can need\n",
            path.display()
        ));
    }
    let needs = if args.all || !is_there {
        Needs::all()
    } else {
        Needs::of(&configuration(&args.config)?)
    };
    let place = Place::new(
        args.partition.as_deref(),
        args.region.as_deref(),
        args.account.as_deref(),
    );
    tell(&needs.policy(&place, &args.kms_key));
    Ok(())
}

fn tell(policy: &Policy) {
    for note in &policy.notes {
        complain(&format!("note: {note}\n"));
    }
    let chars = policy.chars();
    if chars > MANAGED_CHARS_MAX {
        complain(&format!(
            "note: a managed policy holds {MANAGED_CHARS_MAX} characters and this has {chars}; name \
             log groups so that one pattern fits them, or attach it to the role inline\n"
        ));
    }
    print(&policy.json());
}
