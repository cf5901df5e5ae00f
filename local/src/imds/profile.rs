//! What the instance is.

use std::collections::BTreeMap;

use plimsoll_core::clock::UnixMillis;

/// The values that instance metadata tells. The default is a small machine in an Auto Scaling
/// group.
#[derive(Clone, Debug, PartialEq)]
pub struct InstanceProfile {
    /// The account's 12 digits.
    pub account: String,
    /// The instance's id.
    pub instance_id: String,
    /// Its type.
    pub instance_type: String,
    /// The image that it was started from.
    pub image_id: String,
    /// `on-demand` or `spot`.
    pub life_cycle: String,
    /// `x86_64` or `arm64`.
    pub architecture: String,
    /// The Region.
    pub region: String,
    /// The availability zone.
    pub availability_zone: String,
    /// The zone's id, which is the same in all accounts.
    pub availability_zone_id: String,
    /// The private address.
    pub private_ip: String,
    /// The private host name.
    pub hostname: String,
    /// The address of the first network interface.
    pub mac: String,
    /// The network.
    pub vpc_id: String,
    /// The subnet.
    pub subnet_id: String,
    /// The first network interface.
    pub interface_id: String,
    /// Security groups by name.
    pub security_groups: Vec<String>,
    /// The reservation.
    pub reservation_id: String,
    /// The role of the instance profile; `None` for an instance without one.
    pub role: Option<String>,
    /// Tags, if metadata shows them; `None` when it does not.
    pub tags: Option<BTreeMap<String, String>>,
    /// When the instance was started.
    pub started: UnixMillis,
    /// `InService`, `Terminated`, `Standby`, …; `None` outside of a group.
    pub lifecycle_state: Option<String>,
    /// What the Spot service is about to do, and when.
    pub spot_action: Option<SpotAction>,
    /// When a rebalance recommendation was given.
    pub rebalance: Option<UnixMillis>,
}

/// A Spot interruption notice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpotAction {
    /// `terminate`, `stop` or `hibernate`.
    pub action: String,
    /// When it happens: two minutes after the notice.
    pub at: UnixMillis,
}

impl Default for InstanceProfile {
    fn default() -> Self {
        let tags = [
            ("Name", "demo-web"),
            ("aws:autoscaling:groupName", "demo-web"),
        ];
        Self {
            account: "123456789012".to_owned(),
            instance_id: "i-0123456789abcdef0".to_owned(),
            instance_type: "m6i.large".to_owned(),
            image_id: "ami-0123456789abcdef0".to_owned(),
            life_cycle: "on-demand".to_owned(),
            architecture: "x86_64".to_owned(),
            region: "us-east-1".to_owned(),
            availability_zone: "us-east-1a".to_owned(),
            availability_zone_id: "use1-az1".to_owned(),
            private_ip: "10.0.1.23".to_owned(),
            hostname: "ip-10-0-1-23.ec2.internal".to_owned(),
            mac: "0a:1b:2c:3d:4e:5f".to_owned(),
            vpc_id: "vpc-0123456789abcdef0".to_owned(),
            subnet_id: "subnet-0123456789abcdef0".to_owned(),
            interface_id: "eni-0123456789abcdef0".to_owned(),
            security_groups: vec!["demo-web".to_owned()],
            reservation_id: "r-0123456789abcdef0".to_owned(),
            role: Some("plimsoll-agent".to_owned()),
            tags: Some(
                tags.map(|(key, value)| (key.to_owned(), value.to_owned()))
                    .into(),
            ),
            started: UnixMillis(0),
            lifecycle_state: Some("InService".to_owned()),
            spot_action: None,
            rebalance: None,
        }
    }
}

impl InstanceProfile {
    /// The default instance in another account and Region, started at `started`.
    #[must_use]
    pub fn located(account: &str, region: &str, started: UnixMillis) -> Self {
        Self {
            account: account.to_owned(),
            region: region.to_owned(),
            availability_zone: format!("{region}a"),
            availability_zone_id: zone_id(region),
            started,
            ..Self::default()
        }
    }
}

/// The id of a Region's first zone: `us-east-1` gives `use1-az1`, `ap-southeast-2` `apse2-az1`.
fn zone_id(region: &str) -> String {
    let mut parts = region.split('-');
    let area = parts.next().unwrap_or_default();
    let direction = match parts.next().unwrap_or_default() {
        "northeast" => "ne",
        "northwest" => "nw",
        "southeast" => "se",
        "southwest" => "sw",
        "east" => "e",
        "west" => "w",
        "north" => "n",
        "south" => "s",
        _ => "c",
    };
    let number = parts.next_back().unwrap_or_default();
    format!("{area}{direction}{number}-az1")
}
