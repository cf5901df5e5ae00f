//! Messages that monitors know by an id that never changes, whatever becomes of their words.
//!
//! The journal has the id as `MESSAGE_ID`, so that `journalctl MESSAGE_ID=…` finds all of a kind, and
//! `journalctl --catalog` shows what is said here with each. Source: systemd, "Journal Message
//! Catalogs": 128 random bits in hexadecimal.

/// A kind of message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// 32 hexadecimal digits.
    pub id: &'static str,
    /// What happened, without a full stop.
    pub subject: &'static str,
    /// What it means and what to do.
    pub explanation: &'static str,
}

/// The name of the field with which a message is given its id.
pub(super) const FIELD: &str = "message_id";

macro_rules! messages {
    ($(#[$about:meta])* $list:ident: $($name:ident $id:literal $subject:literal $explanation:literal;)+) => {
        $(
            #[doc = $subject]
            pub const $name: Message = Message {
                id: $id,
                subject: $subject,
                explanation: $explanation,
            };
        )+
        $(#[$about])*
        pub const $list: &[Message] = &[$($name),+];
    };
}

messages! {
    /// Those of the agent.
    AGENT:
    AGENT_STARTED "0a15930ff1174fdfaad2d24ed18e05fc" "The agent has started"
        "It goes on where it was: positions of files and of the journal are kept in the state directory.";
    AGENT_ENDED "8f46aa06a7c2428280e9de1f7d960f65" "The agent has ended"
        "The fields tell what was sent. What was not is sent after the next start; unsent_bytes says how much that is.";
    AGENT_RELOADED "9eb735f8a15b48df9305132fb3d10591" "A new configuration of the agent is in force"
        "Files that were followed before are followed from where they were.";
    AGENT_REFUSED "aa21706a5fc64b8889292d6cdd454fa9" "A new configuration of the agent was refused"
        "The agent runs on with the one before. The mistakes stand in the messages before this one, each with its place. Correct them, check with `plimsoll-agent validate`, then `systemctl reload plimsoll-agent`.";
    AGENT_LOGS_WAIT "6d08e6e7a50042ba94f0584f47155a59" "Calls for a log stream keep failing"
        "Its lines wait in their files and nothing is lost while those are there. `plimsoll-agent doctor` tells the cause and its remedy, such as a right that is missing.";
    AGENT_DEAD_LETTER "d73deef12456451682b1c5e07ed9ef4f" "CloudWatch Logs has refused an event for good"
        "It is kept beside the positions. `plimsoll-agent dlq ls` tells how many there are and why, `dlq show` shows them, `dlq retry` sends them again.";
    AGENT_POSITIONS_UNWRITTEN "704e4b77597241d68c913e027c749412" "Positions cannot be written"
        "The agent goes on from memory. A restart now would send lines again. Free space in the state directory, or correct its rights.";
    AGENT_DATUMS_REFUSED "7a31ed51120e46ae887586e275162438" "CloudWatch has refused metrics for good"
        "They are dropped and counted (`datums_dropped`). The message says what CloudWatch did not like.";
}

messages! {
    /// Those of the collector.
    COLLECTOR:
    COLLECTOR_STARTED "9fa0ef3c1f4c4cf9b548ac26f5877679" "The collector is up"
        "It goes on where it was: what was read and told is kept in its state.";
    COLLECTOR_RELOADED "649bc37995984ac989e3c87dfbd8089b" "A new configuration of the collector is in force"
        "Sources, rules and sinks run by it; the state stays.";
    COLLECTOR_REFUSED "eb543d3b2f3c4a1bad80ccb4da4def2b" "A new configuration of the collector was refused"
        "The collector runs on with the one before. The mistakes stand in the messages before this one, each with its place. Correct them, check with `plimsoll-collector validate`, then `systemctl reload plimsoll-collector`.";
    COLLECTOR_QUEUE_UNREAD "435a16f0224b4e9e84c3355c203bc0f8" "A queue or its objects cannot be read"
        "Messages stay in the queue and are read once they can be. `plimsoll-collector doctor` tells the cause and its remedy, such as a right that is missing.";
    COLLECTOR_COST_UNREAD "f8186343c27b4c8fa120762811bac96d" "The daily cost cannot be read"
        "It is asked for again later. Cost Explorer must be switched on for the account, and the role needs ce:GetCostAndUsage.";
    COLLECTOR_UNTOLD "93b94d681e634458a1f6112bfb1d6265" "SNS has refused a notification for good"
        "The incident is kept and not told to that topic. The message says why.";
    COLLECTOR_PLAN_UNKEPT "4b33ce6cd4fa41a692698f509cabe15c" "Alarms or the dashboard cannot be kept as they should be"
        "They are compared again later. `plimsoll-collector plan` shows what differs, `doctor` which right is missing.";
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_message_has_an_id_of_its_own_that_systemd_takes() {
        let all = AGENT.iter().chain(COLLECTOR);
        let mut ids = BTreeSet::new();
        for message in all {
            let right = message.id.len() == 32 && message.id.bytes().all(|b| b.is_ascii_hexdigit());
            assert!(right && ids.insert(message.id), "{}", message.subject);
            assert!(!message.subject.ends_with('.') && message.explanation.ends_with('.'));
        }
    }
}
