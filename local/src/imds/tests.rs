//! Tokens, paths, listings and notices.

use super::*;

const NOW: UnixMillis = UnixMillis(1_795_524_360_000);

struct Bench {
    imds: Imds,
    issued: u32,
    now: UnixMillis,
}

impl Bench {
    fn new() -> Self {
        let instance = InstanceProfile::located("123456789012", "eu-central-1", NOW);
        Self {
            imds: Imds::new(instance, 7),
            issued: 0,
            now: NOW,
        }
    }

    fn send(&mut self, method: &str, path: &str, headers: &[(&str, &str)]) -> MetadataAnswer {
        let header = |name: &str| {
            headers
                .iter()
                .find(|(held, _)| *held == name)
                .map(|(_, value)| *value)
        };
        let request = MetadataRequest {
            method,
            path,
            header: &header,
            now: self.now,
        };
        let issued = &mut self.issued;
        self.imds.handle(&request, &mut || {
            *issued += 1;
            RoleCredentials {
                key_id: "ASIA1".to_owned(),
                secret: "secret".to_owned(),
                token: "token".to_owned(),
                expires: UnixMillis(NOW.0 + 3_600_000),
            }
        })
    }

    fn token(&mut self) -> String {
        self.send("PUT", "/latest/api/token", &[(TTL_HEADER, "60")])
            .body
    }

    fn read(&mut self, path: &str) -> MetadataAnswer {
        let token = self.token();
        self.send("GET", &format!("/latest/{path}"), &[(TOKEN_HEADER, &token)])
    }
}

#[test]
fn tokens_need_a_lifetime_and_no_proxy() {
    for (headers, status) in [
        (vec![(TTL_HEADER, "1")], 200),
        (vec![(TTL_HEADER, "21600")], 200),
        (vec![(TTL_HEADER, "0")], 400),
        (vec![(TTL_HEADER, "21601")], 400),
        (vec![(TTL_HEADER, "long")], 400),
        (vec![], 400),
        (
            vec![(TTL_HEADER, "60"), ("x-forwarded-for", "10.0.0.1")],
            403,
        ),
    ] {
        let answer = Bench::new().send("PUT", "/latest/api/token", &headers);
        assert_eq!(answer.status, status, "{headers:?}");
        assert_eq!(answer.ttl_seconds.is_some(), status == 200, "{headers:?}");
    }
}

#[test]
fn reading_needs_a_token_that_still_lives() {
    let mut bench = Bench::new();
    let path = "/latest/meta-data/instance-id";
    assert_eq!(bench.send("GET", path, &[]).status, 401);
    assert_eq!(
        bench.send("GET", path, &[(TOKEN_HEADER, "guess")]).status,
        401
    );
    let token = bench.token();
    assert_eq!(
        bench.send("GET", path, &[(TOKEN_HEADER, &token)]).status,
        200
    );
    assert_eq!(
        bench.send("POST", path, &[(TOKEN_HEADER, &token)]).status,
        405
    );
    bench.now = UnixMillis(NOW.0 + 60_000);
    assert_eq!(
        bench.send("GET", path, &[(TOKEN_HEADER, &token)]).status,
        401
    );
    assert_eq!(bench.imds.counts().unauthorized, 3);
}

#[test]
fn values_and_listings_are_those_of_an_instance() {
    for (path, expected) in [
        ("meta-data/instance-id", "i-0123456789abcdef0"),
        ("meta-data/placement/region", "eu-central-1"),
        ("meta-data/placement/availability-zone", "eu-central-1a"),
        ("meta-data/placement/availability-zone-id", "euc1-az1"),
        (
            "meta-data/placement/",
            "availability-zone\navailability-zone-id\nregion",
        ),
        (
            "meta-data/tags/instance/",
            "Name\naws:autoscaling:groupName",
        ),
        (
            "meta-data/tags/instance/aws:autoscaling:groupName",
            "demo-web",
        ),
        ("meta-data/iam/security-credentials/", "plimsoll-agent"),
        ("meta-data/iam/", "info\nsecurity-credentials/"),
        ("meta-data/network/interfaces/macs/", "0a:1b:2c:3d:4e:5f/"),
        ("meta-data/services/domain", "amazonaws.com"),
        ("meta-data/autoscaling/target-lifecycle-state", "InService"),
        ("meta-data/events/maintenance/scheduled", "[]"),
        ("", "dynamic/\nmeta-data/"),
    ] {
        let answer = Bench::new().read(path);
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (200, expected),
            "{path}"
        );
    }
    let listing = Bench::new().read("meta-data/").body;
    assert!(
        listing.lines().any(|line| line == "placement/"),
        "{listing}"
    );
}

#[test]
fn what_is_not_there_yet_is_not_found() {
    let mut bench = Bench::new();
    for path in [
        "meta-data/spot/instance-action",
        "meta-data/events/recommendations/rebalance",
        "meta-data/nonsense",
        "meta-data/instance-id/x",
        "user-data",
    ] {
        assert_eq!(bench.read(path).status, 404, "{path}");
    }
    let at = UnixMillis(NOW.0 + 120_000);
    bench.imds.instance.spot_action = Some(SpotAction {
        action: "terminate".to_owned(),
        at,
    });
    bench.imds.instance.rebalance = Some(NOW);
    bench.imds.instance.tags = None;
    bench.imds.instance.role = None;
    bench.imds.instance.lifecycle_state = None;
    let body = bench.read("meta-data/spot/instance-action").body;
    assert_eq!(
        body,
        r#"{"action":"terminate","time":"2026-11-24T12:48:00Z"}"#
    );
    let body = bench
        .read("meta-data/events/recommendations/rebalance")
        .body;
    assert_eq!(body, r#"{"noticeTime":"2026-11-24T12:46:00Z"}"#);
    for path in [
        "meta-data/tags/instance",
        "meta-data/iam/security-credentials/",
        "meta-data/autoscaling/target-lifecycle-state",
    ] {
        assert_eq!(bench.read(path).status, 404, "{path}");
    }
}

#[test]
fn credentials_are_issued_only_when_they_are_asked_for() {
    let mut bench = Bench::new();
    bench.read("meta-data/iam/security-credentials/");
    bench.read("meta-data/iam/info");
    assert_eq!(bench.issued, 0);
    let answer = bench.read("meta-data/iam/security-credentials/plimsoll-agent");
    assert_eq!(bench.issued, 1);
    let document: serde_json::Value = serde_json::from_str(&answer.body).expect("JSON");
    assert_eq!(document["Code"], "Success");
    assert_eq!(document["Expiration"], "2026-11-24T13:46:00Z");
    assert_eq!(
        bench
            .read("meta-data/iam/security-credentials/other")
            .status,
        404
    );
}

#[test]
fn the_identity_document_names_the_instance() {
    let body = Bench::new().read("dynamic/instance-identity/document").body;
    let document: serde_json::Value = serde_json::from_str(&body).expect("JSON");
    for (name, value) in [
        ("accountId", "123456789012"),
        ("region", "eu-central-1"),
        ("instanceId", "i-0123456789abcdef0"),
        ("pendingTime", "2026-11-24T12:46:00Z"),
    ] {
        assert_eq!(document[name], value, "{name}");
    }
}
