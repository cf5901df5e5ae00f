//! Everything the stand-in knows, and which service answers which call.
//!
//! Each service is a plain struct behind its own lock. No lock is held while another is taken:
//! what one service has to tell another is handed over here.

mod dilation;
mod handover;
mod scaling;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use plimsoll_core::clock::{Clock, UnixMillis};

use crate::autoscaling::Scaling;
use crate::calls::Ledger;
use crate::clock::LocalClock;
use crate::cloudtrail::Trail;
use crate::cloudwatch::CloudWatch;
use crate::control;
use crate::cost::{self, CostData, CostExplorer};
use crate::credentials::Credentials;
use crate::faults::Faults;
use crate::guardduty::GuardDuty;
use crate::imds::{Imds, InstanceProfile};
use crate::logs::{self, Logs};
use crate::plain::{PlainAnswer, PlainRequest};
use crate::service::{Answer, Call, Notifier as _, Refusal, Service};
use crate::sns::Topics;
use crate::sts::Sts;
use crate::throttle::Throttles;

/// What a [`World`] is made from.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The account's 12 digits.
    pub account: String,
    /// The Region that ARNs and instance metadata name.
    pub region: String,
    /// Decides all that is random.
    pub seed: u64,
    /// The static pair's access key id.
    pub access_key_id: String,
    /// The static pair's secret key.
    pub secret_access_key: String,
    /// Whether an alarm may go to ALARM before the minute ends, see
    /// [`crate::cloudwatch::CloudWatch::new`].
    pub prompt_alarms: bool,
    /// How many times as fast as the machine's clock this one runs; 1 for as fast.
    pub accelerate: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            account: "123456789012".to_owned(),
            region: "us-east-1".to_owned(),
            seed: 1,
            access_key_id: "local".to_owned(),
            secret_access_key: "local".to_owned(),
            prompt_alarms: true,
            accelerate: 1,
        }
    }
}

/// The whole state of the stand-in.
#[derive(Debug)]
pub struct World {
    /// What it was made from.
    pub settings: Settings,
    /// The clock; the control path moves it.
    pub clock: LocalClock,
    /// Who may call.
    pub credentials: Arc<Credentials>,
    /// Every call.
    pub calls: Ledger,
    /// Faults on demand.
    pub faults: Faults,
    /// Request quotas.
    pub throttles: Throttles,
    random: Mutex<fastrand::Rng>,
    /// Metrics, alarms, dashboards.
    pub cloudwatch: Mutex<CloudWatch>,
    /// Log groups and their events.
    pub logs: Mutex<Logs>,
    /// Topics and what was published.
    pub sns: Mutex<Topics>,
    /// Costs.
    pub cost: Mutex<CostExplorer>,
    /// Findings.
    pub guardduty: Mutex<GuardDuty>,
    /// The event history.
    pub cloudtrail: Mutex<Trail>,
    /// Roles and their sessions.
    pub sts: Mutex<Sts>,
    /// Simulated groups of instances.
    pub autoscaling: Mutex<Scaling>,
    /// Metadata of the instance.
    pub imds: Mutex<Imds>,
}

impl World {
    /// An empty world.
    #[must_use]
    pub fn new(settings: Settings, clock: Arc<dyn Clock>) -> Self {
        let credentials = Arc::new(Credentials::new(
            settings.access_key_id.clone(),
            settings.secret_access_key.clone(),
            settings.seed,
        ));
        let now = clock.now();
        let Settings {
            account,
            region,
            seed,
            ..
        } = &settings;
        let costs = CostData::generated(*seed, account, cost::day_of(now), None);
        let instance = InstanceProfile::located(account, region, now);
        Self {
            logs: Mutex::new(Logs::new(account, logs::MEMORY_BYTES_DEFAULT)),
            sns: Mutex::new(Topics::new(account, region)),
            cost: Mutex::new(CostExplorer::new(costs)),
            guardduty: Mutex::new(GuardDuty::new(account, region, now)),
            cloudtrail: Mutex::new(Trail::default()),
            sts: Mutex::new(Sts::new(account)),
            imds: Mutex::new(Imds::new(instance, *seed)),
            autoscaling: Mutex::new(Scaling::new(account, region, *seed)),
            clock: LocalClock::accelerated(clock, settings.accelerate),
            calls: Ledger::default(),
            faults: Faults::new(settings.seed),
            throttles: Throttles::default(),
            random: Mutex::new(fastrand::Rng::with_seed(settings.seed)),
            cloudwatch: Mutex::new(CloudWatch::new(
                &settings.account,
                &settings.region,
                settings.prompt_alarms,
            )),
            credentials,
            settings,
        }
    }

    /// Lets the service answer the call. Quotas, faults and the ledger are the server's part.
    ///
    /// # Errors
    /// What the service refuses, in the words of AWS.
    pub fn dispatch(&self, service: Service, call: &Call) -> Answer {
        let mapped = (self.clock.rate() > 1).then(|| self.on_this_clock(service, call));
        let call = mapped.as_ref().unwrap_or(call);
        let answer = match service {
            Service::CloudWatch => lock(&self.cloudwatch).call(call),
            Service::Logs => self.logs_call(call),
            Service::CostExplorer => lock(&self.cost).call(call),
            Service::CloudTrail => lock(&self.cloudtrail).call(call),
            Service::GuardDuty => lock(&self.guardduty).call(call),
            Service::Sns => lock(&self.sns).call(call),
            Service::Sts => lock(&self.sts).call(call, &self.credentials),
            Service::AutoScaling => self.scaling_call(call),
            Service::Ec2 => self.ec2_call(call),
        };
        self.deliver();
        answer
    }

    /// A fresh request id in the form of a UUID.
    pub fn request_id(&self) -> String {
        let id = format!("{:032x}", lock(&self.random).u128(..));
        let part = |from: usize, to: usize| id.get(from..to).unwrap_or_default();
        [
            part(0, 8),
            part(8, 12),
            part(12, 16),
            part(16, 20),
            part(20, 32),
        ]
        .join("-")
    }

    /// Answers instance metadata (`/latest/`), the control path (`/_local/`) and the page.
    #[must_use]
    pub fn plain(&self, request: &PlainRequest) -> PlainAnswer {
        match (request.method.as_str(), request.path.as_str()) {
            (_, path) if path == "/latest" || path.starts_with("/latest/") => {
                self.metadata(request)
            }
            _ if request.is_from_another_site() => {
                PlainAnswer::refused(403, "this is not for pages of other sites")
            }
            (_, "/_local/instance") => self.change_instance(request),
            (_, "/_local/faults" | "/_local/clock") => self.steer(request),
            _ => control::answer(self, request).unwrap_or_else(PlainAnswer::not_found),
        }
    }

    /// Evaluates the alarms that are due, has the groups follow them and tells the topics.
    pub fn tick(&self, now: UnixMillis) {
        lock(&self.cloudwatch).tick(now);
        self.tick_groups(now);
        self.deliver();
    }

    /// Hands over what one service has for another.
    fn deliver(&self) {
        let notifications = lock(&self.cloudwatch).take_notifications();
        if notifications.is_empty() {
            return;
        }
        let mut topics = lock(&self.sns);
        for notification in &notifications {
            log::debug!(topic = notification.topic; "alarm told");
            topics.notify(notification);
        }
    }

    /// Faults and the clock.
    fn steer(&self, request: &PlainRequest) -> PlainAnswer {
        match (request.method.as_str(), request.path.as_str()) {
            ("GET", "/_local/faults") => PlainAnswer::json(&serde_json::json!(self.faults.rules())),
            ("POST", "/_local/faults") => match self.faults.add_json(&request.body) {
                Ok(()) => PlainAnswer::json(&serde_json::json!(self.faults.rules())),
                Err(error) => PlainAnswer::refused(400, reason(&error)),
            },
            ("DELETE", "/_local/faults") => {
                self.faults.clear();
                PlainAnswer::json(&serde_json::json!([]))
            }
            ("GET", "/_local/clock") => self.tell_time(),
            ("POST", "/_local/clock") => {
                match serde_json::from_slice::<ClockSetting>(&request.body) {
                    Ok(setting) => {
                        self.clock.set_offset(setting.offset_ms);
                        self.tell_time()
                    }
                    Err(error) => PlainAnswer::refused(400, reason(&error)),
                }
            }
            _ => PlainAnswer::refused(405, "method not allowed"),
        }
    }

    fn tell_time(&self) -> PlainAnswer {
        PlainAnswer::json(&serde_json::json!({
            "now": self.clock.now().to_string(),
            "offset_ms": self.clock.offset_ms(),
        }))
    }
}

/// What `POST /_local/clock` takes.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct ClockSetting {
    offset_ms: i64,
}

/// The refusal of an operation that the service does not have here.
#[must_use]
pub fn unknown_operation(operation: &str) -> Refusal {
    Refusal::new(
        "UnknownOperationException",
        format!("The operation {operation} is not available here."),
    )
    .with_code("InvalidAction")
}

/// Takes a lock. A panic elsewhere does not make the data unusable.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An error with all its causes in one line.
pub(crate) fn reason(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
