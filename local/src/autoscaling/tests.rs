//! Groups from calls to capacity, in a world of their own on a clock that the test moves.

use std::sync::Arc;
use std::time::Duration;

use plimsoll_core::clock::{Clock as _, ManualClock, UnixMillis};

use crate::service::{Call, Service};
use crate::state::{Settings, World, lock};
use crate::value::Value;

/// A whole minute: 2026-11-24T12:46:00Z.
const NOW: UnixMillis = UnixMillis(1_795_524_360_000);

struct Bench {
    world: World,
    clock: Arc<ManualClock>,
}

impl Bench {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::at(NOW));
        Self {
            world: World::new(Settings::default(), clock.clone()),
            clock,
        }
    }

    fn send(&self, service: Service, operation: &str, json: &str) -> Result<Value, String> {
        let call = Call {
            operation: operation.to_owned(),
            input: serde_json::from_str(json).expect("valid test input"),
            now: self.clock.now(),
            region: "us-east-1".to_owned(),
            key_id: "local".to_owned(),
        };
        let answer = self.world.dispatch(service, &call);
        answer.map_err(|refusal| format!("{}: {}", refusal.code, refusal.message))
    }

    fn call(&self, operation: &str, json: &str) -> Value {
        self.send(Service::AutoScaling, operation, json)
            .expect(operation)
    }

    fn refused(&self, operation: &str, json: &str) -> String {
        self.send(Service::AutoScaling, operation, json)
            .expect_err(operation)
    }

    fn group(&self, min: u32, max: u32, desired: u32) {
        let json = format!(
            r#"{{"AutoScalingGroupName":"web","MinSize":{min},"MaxSize":{max},
            "DesiredCapacity":{desired},"AvailabilityZones":["us-east-1a"],
            "LaunchConfigurationName":"lc","DefaultInstanceWarmup":60}}"#
        );
        self.call("CreateAutoScalingGroup", &json);
    }

    fn shown(&self) -> serde_json::Value {
        lock(&self.world.autoscaling).one("web").expect("the group")
    }

    fn number(&self, name: &str) -> i64 {
        self.shown()[name].as_i64().expect(name)
    }

    fn states(&self) -> Vec<String> {
        let shown = self.shown();
        let all = shown["instances"].as_array().expect("a list").iter();
        all.map(|one| one["state"].as_str().expect("text").to_owned())
            .collect()
    }

    /// Moves on by so many seconds, ten at a time; before each step `load` is shared by those
    /// that serve, and each of them publishes its part.
    fn run(&self, seconds: u64, load: Option<f64>) {
        self.run_late(seconds, load, 0);
    }

    /// The same where each sample is known so many seconds after its time.
    fn run_late(&self, seconds: u64, load: Option<f64>, late: i64) {
        for _ in 0..seconds / 10 {
            let serving = i32::try_from(self.number("in_service")).expect("few");
            if let Some(load) = load.filter(|_| serving > 0) {
                let json = format!(
                    r#"{{"Namespace":"Plimsoll/Signal","MetricData":[{{"MetricName":"saturation",
                    "Value":{},"Timestamp":{},"StorageResolution":1,
                    "Dimensions":[{{"Name":"AutoScalingGroupName","Value":"web"}}]}}]}}"#,
                    load / f64::from(serving),
                    self.clock.now().as_secs() - late
                );
                self.send(Service::CloudWatch, "PutMetricData", &json)
                    .expect("valid");
            }
            self.clock.advance(Duration::from_secs(10));
            self.world.tick(self.clock.now());
        }
    }

    fn track(&self, name: &str, metric: &str, period: u32) {
        let json = format!(
            r#"{{"AutoScalingGroupName":"web","PolicyName":"{name}",
            "PolicyType":"TargetTrackingScaling","TargetTrackingConfiguration":{{"TargetValue":50,
            "CustomizedMetricSpecification":{{"Namespace":"Plimsoll/Signal",
            "MetricName":"{metric}","Statistic":"Average","Period":{period},
            "Dimensions":[{{"Name":"AutoScalingGroupName","Value":"web"}}]}}}}}}"#
        );
        self.call("PutScalingPolicy", &json);
    }
}

#[test]
fn a_load_of_three_times_scales_out_and_in_again() {
    let bench = Bench::new();
    bench.group(1, 10, 2);
    bench.track("keep", "saturation", 60);
    bench.run(300, Some(80.0));
    assert_eq!(bench.number("in_service"), 2);
    bench.run(180, Some(240.0));
    assert!(bench.number("desired") <= 5, "three minutes are not over");
    bench.run(900, Some(240.0));
    assert_eq!(bench.number("in_service"), 5);
    bench.run(1_200, Some(80.0));
    let kept = bench.number("desired");
    assert!((2..5).contains(&kept), "{kept}");
    let shown = bench.shown();
    let reversals = shown["thrash"]["reversals_per_hour"].as_f64();
    assert!(reversals.expect("a number") > 0.0);
    let cause = shown["activities"].to_string();
    assert!(cause.contains("triggered policy keep changing the desired capacity from 2 to"));
}

#[test]
fn a_signal_that_is_always_late_scales_out_all_the_same() {
    for late in [0, 70, 130] {
        let bench = Bench::new();
        bench.group(1, 10, 2);
        bench.track("keep", "saturation", 60);
        bench.run_late(900, Some(240.0), late);
        assert!(bench.number("desired") >= 5, "{late} s");
    }
}

#[test]
fn with_the_signal_withheld_nothing_scales_in() {
    let bench = Bench::new();
    bench.group(1, 10, 4);
    bench.track("keep", "saturation", 10);
    bench.run(600, Some(160.0));
    bench.run(3_600, None);
    assert_eq!(bench.number("desired"), 4);
}

#[test]
fn a_policy_without_data_keeps_the_others_from_scaling_in() {
    let bench = Bench::new();
    bench.group(1, 10, 4);
    bench.track("keep", "saturation", 60);
    bench.track("silent", "other", 60);
    bench.run(2_400, Some(40.0));
    assert_eq!(bench.number("desired"), 4);
    let gone = r#"{"AutoScalingGroupName":"web","PolicyName":"silent"}"#;
    bench.call("DeletePolicy", gone);
    bench.run(120, Some(40.0));
    assert!(bench.number("desired") < 4);
}

#[test]
fn ten_second_periods_decide_after_three_of_them() {
    let bench = Bench::new();
    bench.group(1, 10, 4);
    bench.track("keep", "saturation", 10);
    bench.run(300, Some(160.0));
    bench.run(40, Some(240.0));
    assert_eq!(bench.number("desired"), 5);
}

#[test]
fn hooks_hold_an_instance_until_they_are_completed_or_time_out() {
    let bench = Bench::new();
    for transition in ["LAUNCHING", "TERMINATING"] {
        bench.group_once();
        let json = format!(
            r#"{{"AutoScalingGroupName":"web","LifecycleHookName":"{transition}",
            "LifecycleTransition":"autoscaling:EC2_INSTANCE_{transition}",
            "HeartbeatTimeout":100,"DefaultResult":"CONTINUE"}}"#
        );
        bench.call("PutLifecycleHook", &json);
    }
    let desired = |count| format!(r#"{{"AutoScalingGroupName":"web","DesiredCapacity":{count}}}"#);
    bench.call("SetDesiredCapacity", &desired(1));
    bench.run(60, None);
    assert_eq!(bench.states(), ["Pending:Wait"]);
    let id = bench.shown()["instances"][0]["id"].clone();
    let complete = |hook: &str| {
        format!(
            r#"{{"AutoScalingGroupName":"web","LifecycleHookName":"{hook}","InstanceId":{id},
            "LifecycleActionResult":"CONTINUE"}}"#
        )
    };
    bench.call("CompleteLifecycleAction", &complete("LAUNCHING"));
    assert_eq!(bench.states(), ["InService"]);
    let over = bench.refused("CompleteLifecycleAction", &complete("LAUNCHING"));
    let id_text = id.as_str().expect("text");
    assert_eq!(
        over,
        format!("ValidationError: No active Lifecycle Action found with instance ID {id_text}")
    );
    bench.call("SetDesiredCapacity", &desired(0));
    assert_eq!(bench.states(), ["Terminating:Wait"]);
    bench.run(90, None);
    bench.call("RecordLifecycleActionHeartbeat", &complete("TERMINATING"));
    bench.run(90, None);
    assert_eq!(bench.states(), ["Terminating:Wait"]);
    bench.run(20, None);
    assert!(bench.states().is_empty());
}

#[test]
fn instance_metadata_follows_the_group_of_its_instance() {
    let bench = Bench::new();
    bench.group(0, 2, 0);
    let id = lock(&bench.world.imds).instance.instance_id.clone();
    let attach = format!(r#"{{"AutoScalingGroupName":"web","InstanceIds":["{id}"]}}"#);
    bench.call("AttachInstances", &attach);
    let told = || {
        let imds = lock(&bench.world.imds);
        let tags = imds.instance.tags.clone().unwrap_or_default();
        let group = tags.get("aws:autoscaling:groupName").cloned();
        (imds.instance.lifecycle_state.clone(), group)
    };
    assert_eq!(
        told(),
        (Some("InService".to_owned()), Some("web".to_owned()))
    );
    let filter = format!(
        r#"{{"Filter":{{"1":{{"Name":"resource-id","Value":{{"1":"{id}"}}}},
        "2":{{"Name":"key","Value":{{"1":"aws:autoscaling:groupName"}}}}}}}}"#
    );
    let tags = bench
        .send(Service::Ec2, "DescribeTags", &filter)
        .expect("valid");
    assert_eq!(
        tags.member("tagSet").items()[0].member("value").text(),
        Some("web")
    );
    bench.call(
        "SetDesiredCapacity",
        r#"{"AutoScalingGroupName":"web","DesiredCapacity":0}"#,
    );
    assert_eq!(told().0.as_deref(), Some("Terminated"));
}

#[test]
fn a_step_policy_adds_only_what_does_not_warm_up_already() {
    let bench = Bench::new();
    bench.group(1, 20, 10);
    bench.run(180, None);
    let policy = bench.call(
        "PutScalingPolicy",
        r#"{"AutoScalingGroupName":"web","PolicyName":"steps","PolicyType":"StepScaling",
        "AdjustmentType":"PercentChangeInCapacity","StepAdjustments":[
        {"MetricIntervalLowerBound":0,"MetricIntervalUpperBound":10,"ScalingAdjustment":10},
        {"MetricIntervalLowerBound":10,"ScalingAdjustment":30}]}"#,
    );
    let arn = policy.member("PolicyARN").text().expect("an ARN");
    let alarm = format!(
        r#"{{"AlarmName":"busy","Namespace":"Plimsoll/Signal","MetricName":"saturation",
        "Statistic":"Average","Period":60,"EvaluationPeriods":1,"Threshold":60,
        "Dimensions":[{{"Name":"AutoScalingGroupName","Value":"web"}}],
        "ComparisonOperator":"GreaterThanOrEqualToThreshold","AlarmActions":["{arn}"]}}"#
    );
    bench
        .send(Service::CloudWatch, "PutMetricAlarm", &alarm)
        .expect("valid");
    bench.run(60, Some(600.0));
    assert_eq!(bench.number("desired"), 11);
    bench.run(60, Some(720.0));
    assert_eq!(bench.number("desired"), 13);
}

#[test]
fn what_breaks_a_limit_is_refused_in_the_words_of_aws() {
    let bench = Bench::new();
    bench.group(1, 4, 1);
    for (operation, json, expected) in [
        (
            "SetDesiredCapacity",
            r#""DesiredCapacity":5"#,
            "above max value 4",
        ),
        (
            "PutLifecycleHook",
            r#""LifecycleHookName":"h","HeartbeatTimeout":7201,
            "LifecycleTransition":"autoscaling:EC2_INSTANCE_LAUNCHING""#,
            "between 30 and 7200",
        ),
        (
            "PutScalingPolicy",
            r#""PolicyName":"p","PolicyType":"StepScaling","AdjustmentType":"ChangeInCapacity",
            "StepAdjustments":[{"MetricIntervalLowerBound":0,"MetricIntervalUpperBound":5,
            "ScalingAdjustment":1},{"MetricIntervalLowerBound":6,"ScalingAdjustment":2}]"#,
            "gap",
        ),
        (
            "PutScalingPolicy",
            r#""PolicyName":"p","PolicyType":"TargetTrackingScaling",
            "TargetTrackingConfiguration":{"TargetValue":5,"CustomizedMetricSpecification":{
            "MetricName":"m","Namespace":"n","Statistic":"Average","Period":20}}"#,
            "one of 10, 30, 60",
        ),
    ] {
        let json = format!(r#"{{"AutoScalingGroupName":"web",{json}}}"#);
        let told = bench.refused(operation, &json);
        assert!(told.contains(expected), "{told}");
    }
}

impl Bench {
    fn group_once(&self) {
        if lock(&self.world.autoscaling).one("web").is_none() {
            self.group(0, 4, 0);
        }
    }
}
