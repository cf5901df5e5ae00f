//! Who this host is: the values behind dimensions and placeholders.
//!
//! Instance metadata is asked once at the start, for at most [`PATIENCE`], so that a machine that
//! is no instance starts as fast. It goes on being asked in the background: metadata may come late
//! during boot, and a group may adopt the instance or give it up later. Where metadata shows no
//! tags, [`group`] asks for the group. Metrics follow; the names of log streams
//! stay as they were at the start.
//!
//! Without metadata the dimension `InstanceId` becomes `Host` with the host's name: a host name
//! under the name `InstanceId` would be taken for an instance by alarms and dashboards. The
//! placeholder `{instance_id}` becomes the host's name, because a stream needs some name.

mod group;

use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use plimsoll_aws::ScalingApi;
use plimsoll_aws::imds::{Identity, Imds, ImdsError};
use plimsoll_core::shutdown::Shutdown;
use sysinfo::System;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::config::Placeholder;
use crate::health::Health;

/// How long the start waits for instance metadata.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often metadata that gave nothing is asked again. Source: EC2 user guide, which asks to poll
/// no faster than every five seconds.
const AGAIN_ABSENT: Duration = Duration::from_mins(1);
/// How often an instance is asked for the group that it is in now.
const AGAIN_GROUP: Duration = Duration::from_mins(10);
/// An address that is never sent to: connecting a UDP socket only picks the local address.
const FAR_ADDRESS: &str = "169.254.169.254:80";

/// The dimensions that a configuration may name.
pub(crate) const DIMENSIONS: [&str; 9] = [
    "InstanceId",
    "InstanceType",
    "ImageId",
    "AutoScalingGroupName",
    "AvailabilityZone",
    "Region",
    "AccountId",
    "Host",
    "host",
];

/// What is known about this host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Host {
    pub(crate) name: String,
    pub(crate) ip_address: Option<String>,
    pub(crate) region: Option<String>,
    pub(crate) instance: Option<Identity>,
}

impl Host {
    /// What the host knows without asking anyone.
    pub(crate) fn local(region: Option<&str>) -> Self {
        Self {
            name: System::host_name().unwrap_or_else(|_| "unknown-host".to_owned()),
            ip_address: local_address(),
            region: region.map(str::to_owned),
            instance: None,
        }
    }

    /// An instance of a group, with a value for everything: what an estimate is made for.
    pub(crate) fn example() -> Self {
        let text = || "example".to_owned();
        Self {
            name: text(),
            ip_address: Some(text()),
            region: Some(text()),
            instance: Some(Identity {
                instance_id: text(),
                instance_type: text(),
                image_id: text(),
                availability_zone: text(),
                region: text(),
                account_id: text(),
                auto_scaling_group: Some(text()),
                ..Identity::default()
            }),
        }
    }

    /// The name and the value of a dimension; `None` while it is not known.
    pub(crate) fn dimension(&self, name: &str) -> Option<(Arc<str>, Arc<str>)> {
        let instance = self.instance.as_ref();
        let (name, value) = match (name, instance) {
            ("InstanceId", Some(instance)) => (name, Some(instance.instance_id.as_str())),
            ("InstanceId" | "Host", _) => ("Host", Some(self.name.as_str())),
            // As the amazon-cloudwatch-agent spells it.
            ("host", _) => (name, Some(self.name.as_str())),
            ("Region", _) => (name, self.region()),
            ("InstanceType", Some(instance)) => (name, Some(instance.instance_type.as_str())),
            ("ImageId", Some(instance)) => (name, Some(instance.image_id.as_str())),
            ("AvailabilityZone", Some(instance)) => {
                (name, Some(instance.availability_zone.as_str()))
            }
            ("AccountId", Some(instance)) => (name, Some(instance.account_id.as_str())),
            ("AutoScalingGroupName", Some(instance)) => {
                (name, instance.auto_scaling_group.as_deref())
            }
            _ => (name, None),
        };
        let value = value.filter(|value| !value.is_empty())?;
        Some((Arc::from(name), Arc::from(value)))
    }

    /// The value of a placeholder; `None` when it is not known.
    pub(crate) fn placeholder(&self, placeholder: Placeholder) -> Option<String> {
        let instance = self.instance.as_ref();
        let of = |value: fn(&Identity) -> &String| instance.map(|instance| value(instance).clone());
        match placeholder {
            Placeholder::InstanceId => {
                of(|instance| &instance.instance_id).or_else(|| Some(self.name.clone()))
            }
            Placeholder::Hostname => Some(self.name.clone()),
            Placeholder::IpAddress => instance
                .and_then(|instance| instance.private_ip.clone())
                .or_else(|| self.ip_address.clone()),
            Placeholder::AccountId => of(|instance| &instance.account_id),
            Placeholder::Region => self.region().map(str::to_owned),
            Placeholder::AvailabilityZone => of(|instance| &instance.availability_zone),
            Placeholder::AutoScalingGroup => instance?.auto_scaling_group.clone(),
            Placeholder::ImageId => of(|instance| &instance.image_id),
            Placeholder::InstanceType => of(|instance| &instance.instance_type),
            Placeholder::Tag(name) => instance?.tags.get(&name).cloned(),
            Placeholder::FileName | Placeholder::FilePath | Placeholder::Date => None,
        }
    }

    /// The Region that calls go to, or else the one that the instance is in.
    fn region(&self) -> Option<&str> {
        let own = self
            .instance
            .as_ref()
            .map(|instance| instance.region.as_str());
        self.region.as_deref().or(own)
    }

    /// Takes over what metadata says now; whether anything changed. Metadata that shows no tags says
    /// nothing about the group.
    fn learn(&mut self, mut identity: Identity) -> bool {
        if !identity.tags_shown {
            let before = self.instance.as_ref();
            identity.auto_scaling_group = before.and_then(|one| one.auto_scaling_group.clone());
        }
        let changed = self.instance.as_ref() != Some(&identity);
        self.instance = Some(identity);
        changed
    }
}

/// What is known at the start. Absent metadata is counted and told once.
pub(crate) async fn at_start(imds: &Imds, region: Option<&str>, health: &Health) -> Host {
    let mut host = Host::local(region);
    match timeout(PATIENCE, imds.identity()).await {
        Ok(Ok(identity)) => host.instance = Some(identity),
        Ok(Err(error)) => tell_absent(&error.to_string(), health),
        Err(_) => tell_absent("no answer within two seconds", health),
    }
    if let Some(instance) = &host.instance
        && !instance.tags_shown
    {
        log::info!(
            "instance metadata shows no tags, so the name of the Auto Scaling group, where it matters, \
             is asked for by DescribeTags; enable InstanceMetadataTags to have it at once"
        );
    }
    host
}

fn tell_absent(why: &str, health: &Health) {
    if health.problems.add("imds_absent", 1) {
        log::info!("this host goes by its name, because instance metadata gave nothing: {why}");
    }
}

/// Goes on asking beside everything else: metadata, and EC2 for the group where that shows no tags
/// and `group_matters`.
pub(crate) fn follow<A: ScalingApi>(
    aside: &mut JoinSet<()>,
    imds: Imds,
    scaling: Arc<A>,
    known: watch::Sender<Host>,
    group_matters: Arc<AtomicBool>,
    health: Arc<Health>,
    shutdown: &Shutdown,
) {
    let rng = fastrand::Rng::new();
    let group = group::follow(
        scaling,
        known.clone(),
        group_matters,
        health,
        rng,
        shutdown.clone(),
    );
    aside.spawn(group);
    aside.spawn(keep_asking(imds, known, shutdown.clone()));
}

/// Goes on asking, and tells what changed.
async fn keep_asking(imds: Imds, known: watch::Sender<Host>, mut shutdown: Shutdown) {
    loop {
        let pause = if known.borrow().instance.is_some() {
            AGAIN_GROUP
        } else {
            AGAIN_ABSENT
        };
        tokio::select! {
            () = sleep(pause) => {}
            () = shutdown.requested() => return,
            () = known.closed() => return,
        }
        let answer = tokio::select! {
            answer = imds.identity() => answer,
            () = shutdown.requested() => return,
        };
        match answer {
            Ok(identity) => {
                known.send_if_modified(|host| host.learn(identity));
            }
            // Someone switched metadata off: that does not change by asking.
            Err(ImdsError::Disabled { .. }) => return,
            Err(error) => log::debug!("instance metadata still gives nothing: {error}"),
        }
    }
}

/// The address that calls leave from. Nothing is sent.
fn local_address() -> Option<String> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect(FAR_ADDRESS).ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_unspecified()).then(|| address.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instance(group: Option<&str>) -> Host {
        Host {
            name: "web".to_owned(),
            instance: Some(Identity {
                instance_id: "i-1".to_owned(),
                region: "eu-west-1".to_owned(),
                auto_scaling_group: group.map(str::to_owned),
                ..Identity::default()
            }),
            ..Host::default()
        }
    }

    fn dimension(host: &Host, name: &str) -> Option<String> {
        let (name, value) = host.dimension(name)?;
        Some(format!("{name}={value}"))
    }

    #[test]
    fn a_machine_that_is_no_instance_is_told_by_its_name_under_host() {
        let host = Host {
            name: "nas".to_owned(),
            ..Host::default()
        };
        assert_eq!(dimension(&host, "InstanceId").as_deref(), Some("Host=nas"));
        assert_eq!(dimension(&host, "AutoScalingGroupName"), None);
        let name = host.placeholder(Placeholder::InstanceId);
        assert_eq!(name.as_deref(), Some("nas"));
    }

    #[test]
    fn an_instance_is_told_by_its_id_and_unknown_values_are_held_back() {
        let host = instance(Some("web-asg"));
        assert_eq!(
            dimension(&host, "InstanceId").as_deref(),
            Some("InstanceId=i-1")
        );
        assert_eq!(
            dimension(&host, "AutoScalingGroupName").as_deref(),
            Some("AutoScalingGroupName=web-asg")
        );
        assert_eq!(
            dimension(&host, "Region").as_deref(),
            Some("Region=eu-west-1")
        );
        assert_eq!(
            dimension(&host, "InstanceType"),
            None,
            "an empty value is none"
        );
        assert_eq!(dimension(&instance(None), "AutoScalingGroupName"), None);
    }

    #[test]
    fn metadata_without_tags_says_nothing_about_the_group_and_with_tags_it_does() {
        let mut host = instance(Some("web"));
        let told = |tags_shown, group: Option<&str>| Identity {
            tags_shown,
            ..instance(group).instance.unwrap()
        };
        assert!(!host.learn(told(false, None)));
        assert_eq!(host, instance(Some("web")));
        assert!(host.learn(told(true, Some("api"))));
        assert!(host.learn(told(true, None)));
        assert_eq!(dimension(&host, "AutoScalingGroupName"), None);
    }

    #[test]
    fn every_dimension_that_may_be_named_has_a_value_on_a_whole_instance() {
        let host = Host::example();
        for name in DIMENSIONS {
            assert!(host.dimension(name).is_some(), "{name}");
        }
    }
}
