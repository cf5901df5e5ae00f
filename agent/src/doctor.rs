//! What keeps the agent from doing its work on this host, each with its remedy.
//!
//! Looks and asks, and changes nothing: the calls that prove rights are such as AWS refuses for
//! another reason once the right is there. Files are tried as the user that the service runs as,
//! since root may read what the service may not.

mod calls;
mod host;
mod rights;
mod rivals;

use std::path::Path;

use plimsoll_ops::doctor::{Report, instance, name};

use crate::config::{Config, Depth, run_checks};
use crate::identity::Host;
use crate::scraper::HostRoot;

/// What the configuration needs of the user who asks: files to read, a directory to write.
pub(crate) fn rights(config: &Config, report: &mut Report) {
    let findings = run_checks(&config.checks, Depth::Validate);
    for problem in &findings.problems {
        let (found, remedy) = (&problem.found, &problem.expected);
        report.fail(
            "files",
            format!("{}: {found}", problem.key),
            remedy.as_str(),
        );
    }
    for note in &findings.notes {
        report.warn(
            "files",
            note.as_str(),
            "check the path, if the file should be there by now",
        );
    }
    if findings.problems.is_empty() {
        let user = name(rustix::process::geteuid().as_raw());
        report.fine(
            "files",
            format!("{user} may read what is there to be read, and write state"),
        );
    }
}

/// Looks at the host without asking the network.
pub(crate) fn look(config: &Config, report: &mut Report) {
    host::look(config, &HostRoot::default(), report);
    rivals::look(config, &HostRoot::default(), report);
}

/// Asks instance metadata and AWS.
pub(crate) async fn ask(config: &Config, report: &mut Report) {
    let mut host = Host::local(config.aws.region.as_deref());
    host.instance = instance(&config.aws, Path::new("/"), report).await;
    Box::pin(calls::ask(config, &host, report)).await;
}
