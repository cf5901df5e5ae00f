//! The dimensions that series of the fleet are published and looked up by.
//!
//! Series under [`AUTO_SCALING_GROUP`] alone, and under group and zone, are shared by all instances
//! of a group: `CloudWatch` merges them, so their price does not grow with the fleet. Series under
//! [`INSTANCE_ID`] exist once for each instance and are only ever searched for, never named.

/// One instance.
pub const INSTANCE_ID: &str = "InstanceId";
/// All instances of one Auto Scaling group.
pub const AUTO_SCALING_GROUP: &str = "AutoScalingGroupName";
/// One Availability Zone, together with [`AUTO_SCALING_GROUP`].
pub const AVAILABILITY_ZONE: &str = "AvailabilityZone";
/// The mount point of a file system, with disk metrics.
pub const PATH: &str = "path";
/// How bad an incident or finding is.
pub const SEVERITY: &str = "severity";
/// Where the collector reads from.
pub const SOURCE: &str = "source";

/// The severities of incidents, worst first, as the dimension [`SEVERITY`] has them.
pub const SEVERITIES: [&str; 5] = ["critical", "high", "medium", "low", "informational"];
