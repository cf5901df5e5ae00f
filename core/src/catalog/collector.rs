//! What the collector finds and says about its own work.

use super::{Metric, Unit, namespace};

macro_rules! collector_metrics {
    ($($id:ident $namespace:ident $name:literal $unit:ident [$($dimension:literal)*] $help:literal)*) => {
        $(
            #[doc = $help]
            pub const $id: Metric = Metric {
                namespace: namespace::$namespace,
                name: $name,
                unit: Unit::$unit,
                dimensions: &[$($dimension),*],
                help: $help,
            };
        )*
        /// All metrics of the collector.
        pub const COLLECTOR_METRICS: &[&Metric] = &[$(&$id),*];
    };
}

collector_metrics! {
    INCIDENTS_OPEN SECURITY "incidents_open" Count ["severity"] "Security incidents that are open, by severity."
    FINDINGS SECURITY "findings" Count ["severity"] "New security findings in the interval, by severity."
    COST_DAILY COST "cost_daily" None [] "Usage cost of the last day that Cost Explorer knows, in US$."
    COST_EXPECTED COST "cost_expected" None [] "What that day was expected to cost from the weeks before, in US$."
    COST_ANOMALIES_OPEN COST "cost_anomalies_open" Count [] "Cost incidents that are open."
    COST_AT_RISK COST "cost_at_risk_per_day" None [] "US$ a day that open incidents are estimated to burn."
    SIGNALS_READ COLLECTOR "signals_read" Count ["source"] "Records taken in during the interval, by source."
    SIGNALS_REJECTED COLLECTOR "signals_rejected" Count ["reason"] "Inputs that could not be read and were kept aside, by reason."
    SOURCE_AGE COLLECTOR "source_age" Seconds ["source"] "Time since a source last gave something new."
    NOTIFICATIONS_SENT COLLECTOR "notifications_sent" Count [] "Notifications that SNS accepted in the interval."
    NOTIFICATIONS_WAITING COLLECTOR "notifications_waiting" Count [] "Notifications that are written down and not yet accepted by SNS."
    RULES_LOADED COLLECTOR "rules_loaded" Count [] "Detection rules in use."
}
