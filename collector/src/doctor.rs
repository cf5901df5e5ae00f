//! What keeps the collector from doing its work on this host, each with its remedy.
//!
//! Looks and asks, and changes nothing: the calls that prove rights are such as AWS refuses for
//! another reason once the right is there. Files are tried as the user that the service runs as,
//! since root may read what the service may not.

mod calls;

use std::path::Path;

use plimsoll_ops::doctor::{Report, clock, disk, instance, name};

use crate::config::Config;

/// What the configuration at `path` needs of the user who asks: directories to read, a state to
/// write, rules that hold their own tests.
pub(crate) fn rights(path: &Path, report: &mut Report) {
    let config = match Config::load(path) {
        Ok(config) => config,
        Err(mistakes) => {
            for problem in mistakes.problems {
                let found = format!("{}: {}", problem.key, problem.found);
                report.fail("files", found, problem.expected);
            }
            for rule in mistakes.rules {
                report.fail(
                    "rules",
                    rule,
                    "correct the rule, or take it out of rules.directory",
                );
            }
            return;
        }
    };
    let user = name(rustix::process::geteuid().as_raw());
    let found = format!("{user} may read what is there to be read, and write the state");
    report.fine("files", found);
    let rules = &config.detectors.rules;
    let failed = rules.failed_tests();
    for test in &failed {
        let remedy = "correct the rule or its example; `plimsoll-collector validate` shows all";
        report.fail("rules", test.to_string(), remedy);
    }
    if failed.is_empty() {
        let found = format!("{} rules find their own examples", rules.rules().len());
        report.fine("rules", found);
    }
}

/// Looks at the host without asking the network.
pub(crate) fn look(config: &Config, report: &mut Report) {
    disk(config.state_dir(), "collector.state", report);
    clock(report);
}

/// Asks instance metadata and AWS; Cost Explorer only if it may be paid.
pub(crate) async fn ask(config: &Config, paid: bool, report: &mut Report) {
    instance(&config.aws, Path::new("/"), report).await;
    calls::ask(config, paid, report).await;
}
