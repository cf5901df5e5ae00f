//! The section `agent`, which takes any key: the amazon-cloudwatch-agent tells nobody of a typo.

use super::metrics::{INTERVAL_MAX, agent_role, entity};
use super::reader::{Item, Reader};
use super::toml::Table;

/// What the section says that other sections need.
#[derive(Debug, Default)]
pub(super) struct Agent {
    /// Seconds.
    pub(super) interval: Option<Item<i64>>,
    pub(super) omits_hostname: bool,
    pub(super) role: Option<Item<String>>,
    pub(super) region: Option<Item<String>>,
    pub(super) dual_stack: Option<Item<bool>>,
    pub(super) table: Option<Table>,
}

const TO_JOURNAL: &str = "what the agent says goes to the journal (journalctl -u plimsoll-agent)";
const OF_SDK: &str = "calls are told as a whole at log_level = \"debug\", never with their bodies";
const OF_UNIT: &str = "the unit's User= decides whom the agent runs as";

/// Reads the section.
pub(super) fn read(mut reader: Reader<'_>) -> Agent {
    let notes = reader.notes;
    let mut table = Table::named("agent").from(&reader.at);
    let mut agent = Agent {
        interval: reader.number("metrics_collection_interval", 1..=INTERVAL_MAX),
        region: reader.text("region", 1..=64),
        role: agent_role(&mut reader),
        dual_stack: reader.flag("use_dualstack_endpoint"),
        ..Agent::default()
    };
    if let Some(omits) = reader.flag("omit_hostname") {
        agent.omits_hostname = omits.value;
    }
    let debug = reader.flag("debug").filter(|debug| debug.value);
    let quiet = reader.flag("quiet").filter(|quiet| quiet.value);
    if let Some(quiet) = quiet {
        if debug.is_some() {
            let how = "debug stands beside it and counts";
            notes.changed(&quiet.at, how);
        } else {
            table.set("log_level", "error", &quiet.at);
        }
    }
    if let Some(debug) = debug {
        table.set("log_level", "debug", &debug.at);
    }
    if let Some(logfile) = reader.text("logfile", 0..=4096) {
        if logfile.value.is_empty() {
            notes.ignored(&logfile.at, TO_JOURNAL);
        } else {
            notes.changed(&logfile.at, TO_JOURNAL);
        }
    }
    if let Some(hostname) = reader.text("hostname", 1..=255) {
        let why = "the host is called what the system calls it; write the name into [metrics] \
                   append_dimensions";
        notes.not_supported(&hostname.at, why);
    }
    reader.refuse("aws_sdk_log_level", OF_SDK);
    reader.ignore("run_as_user", OF_UNIT);
    reader.ignore("user_agent", "calls carry the name of this agent");
    reader.ignore(
        "usage_data",
        "nothing about the agent itself is sent to AWS",
    );
    reader.ignore(
        "usage_metadata",
        "nothing about the agent itself is sent to AWS",
    );
    reader.ignore("internal", "values of an interval are always folded");
    let why = "the metrics about the agent itself are asked for with the scraper `agent`";
    reader.ignore("system_metrics_enabled", why);
    entity(&mut reader);
    reader.open_ended();
    agent.table = (!table.is_empty()).then_some(table);
    agent
}
