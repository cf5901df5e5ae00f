//! When CloudWatch knows a metric.
//!
//! A datum carries the time it was collected for and arrives later. The models say how much later;
//! nothing here is measured.

/// How a metric gets to CloudWatch. Seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signal {
    /// Between two collections; a datum is the average over this time.
    pub collection: u32,
    /// From the end of what was collected to its arrival.
    pub delay: u32,
    /// Whether an instance that is not warm yet tells nothing.
    pub withhold_while_warming: bool,
}

/// Plimsoll's agent: the datum of an interval is at CloudWatch at most this long after its end.
const AGENT_DELAY: u32 = 2;
/// `force_flush_interval` of the amazon-cloudwatch-agent: a datum waits for two such timers in a
/// row, each with a phase of its own. Source: amazon-cloudwatch-agent, plugins/outputs/cloudwatch.
pub const FLUSH: u32 = 60;
/// What EC2 itself takes after the end of a period until the datum can be asked for. An assumption:
/// AWS does not say.
const EC2_DELAY: u32 = 60;

impl Signal {
    /// Plimsoll's agent with an `interval` of 10 s.
    pub const AGENT: Self = Self {
        collection: 10,
        delay: AGENT_DELAY,
        withhold_while_warming: true,
    };
    /// Detailed monitoring of EC2: one datum a minute.
    pub const EC2_DETAILED: Self = Self {
        collection: 60,
        delay: EC2_DELAY,
        withhold_while_warming: false,
    };
    /// Basic monitoring of EC2: one datum in five minutes.
    pub const EC2_BASIC: Self = Self {
        collection: 300,
        delay: EC2_DELAY,
        withhold_while_warming: false,
    };

    /// The amazon-cloudwatch-agent with its defaults, its two timers waiting `first` and `second`
    /// seconds of at most [`FLUSH`].
    #[must_use]
    pub fn cloudwatch_agent(first: u32, second: u32) -> Self {
        Self {
            collection: 60,
            delay: first.min(FLUSH) + second.min(FLUSH),
            withhold_while_warming: false,
        }
    }

    /// Every model by the name that scenarios and the command line use. The
    /// amazon-cloudwatch-agent's timers wait half their length each there.
    #[must_use]
    pub fn all() -> [(&'static str, Self); 4] {
        [
            ("agent", Self::AGENT),
            (
                "cloudwatch-agent",
                Self::cloudwatch_agent(FLUSH / 2, FLUSH / 2),
            ),
            ("ec2-detailed", Self::EC2_DETAILED),
            ("ec2-basic", Self::EC2_BASIC),
        ]
    }
}
