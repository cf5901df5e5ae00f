//! What the agent says about its own work. Their names begin with `agent_`, since they share the
//! namespace of the host.

use super::{metrics, namespace};

metrics! { AGENT_METRICS, "All metrics of the agent about itself.", namespace::HOST;
    AGENT_LINES_READ "agent_lines_read" Count [] "Complete lines read from files in the interval."
    AGENT_BYTES_READ "agent_bytes_read" Bytes [] "Bytes read from files in the interval."
    AGENT_EVENTS_SENT "agent_events_sent" Count [] "Log events that CloudWatch Logs accepted in the interval."
    AGENT_EVENTS_REJECTED "agent_events_rejected" Count ["reason"] "Log events that were refused and kept in the dead-letter file, by reason."
    AGENT_DATUMS_SENT "agent_datums_sent" Count [] "Metric datums that CloudWatch accepted in the interval."
    AGENT_DATUMS_DROPPED "agent_datums_dropped" Count ["reason"] "Metric datums that were dropped, by reason."
    AGENT_CALLS "agent_calls" Count ["operation"] "Calls made to AWS in the interval, tries included."
    AGENT_RETRIES "agent_retries" Count [] "Calls that were repeated after throttling or a passing fault."
    AGENT_THROTTLES "agent_throttles" Count [] "Answers that told the agent to slow down."
    AGENT_FILES "agent_files" Count [] "Files that are followed."
    AGENT_PROBLEMS "agent_problems" Count ["reason"] "Inputs that were not as they should be, by reason."
    AGENT_QUEUE_BYTES "agent_queue_bytes" Bytes [] "Bytes read and not yet accepted by CloudWatch."
    AGENT_OLDEST_UNSENT "agent_oldest_unsent" Seconds [] "Age of the oldest line that was read and is not yet accepted."
    AGENT_MEMORY "agent_memory_rss" Bytes [] "Resident memory of the agent."
    AGENT_CPU "agent_cpu_percent" Percent [] "Share of one processor that the agent used."
    AGENT_SIGNAL_AGE "agent_signal_age" Seconds ["signal"] "Time since the sample of a signal that CloudWatch accepted last was taken."
    AGENT_SIGNAL_DELAY "agent_signal_delay" Seconds ["signal"] "The longest time from taking a sample of a signal to CloudWatch's answer, of those accepted in the interval."
    AGENT_SIGNAL_GAPS "agent_signal_gaps" Count ["reason" "signal"] "Samples of a signal that were withheld or dropped in the interval, by reason."
    AGENT_LIFECYCLE_NOTICES "agent_lifecycle_notices" Count ["notice"] "Notices of instance metadata or systemd that the instance is about to leave or to be disturbed, by kind."
    AGENT_COST_PER_MONTH "agent_cost_usd_per_month" None [] "What this agent's calls and bytes would cost in US$ in a month at the pace of the interval, by list price."
}
