//! What is read of signals, and what is told of mistakes.

use crate::config::{Config, ProbeKind, SignalsConfig};

fn read(text: &str) -> Result<Option<SignalsConfig>, Vec<String>> {
    match Config::from_text("agent.toml", text) {
        Ok(config) => Ok(config.signals),
        Err(problems) => Err(problems.0.iter().map(ToString::to_string).collect()),
    }
}

fn one(keys: &str) -> String {
    format!("[[signal]]\nname = \"s\"\n{keys}\n")
}

#[test]
fn signals_are_ordered_after_those_they_name_with_defaults_of_the_table() {
    let text = "[signals]\nwarm_up = \"1m\"\nhealth = [{ tcp = \"localhost:80\" }]\n\
                [[signal]]\nname = \"b\"\nexpression = 'signal(\"a\") / 2'\nwarm_up = \"2s\"\n\
                [[signal]]\nname = \"a\"\npreset = \"saturation\"\ntarget = 70\nhealth = []\n";
    let signals = read(text).unwrap().unwrap().signals;
    let names: Vec<&str> = signals.iter().map(|signal| &*signal.name).collect();
    assert_eq!(names, ["a", "b"]);
    assert_eq!(signals[0].warm_up.as_secs(), 60);
    assert_eq!(signals[1].warm_up.as_secs(), 2);
    assert!(signals[0].health.is_empty());
    let tcp = ProbeKind::Tcp("127.0.0.1:80".parse().unwrap());
    assert_eq!(signals[1].health[0].kind, tcp);
    assert_eq!(signals[0].unit.as_str(), "Percent");
}

#[test]
fn a_signal_alone_is_something_to_do_and_needs_no_scraper() {
    let text = format!(
        "[metrics]\nscrapers = []\n{}",
        one("expression = \"load_1\"")
    );
    assert_eq!(read(&text).unwrap().unwrap().signals.len(), 1);
    assert_eq!(
        read("[[logs.file]]\npath = \"/x\"\ngroup = \"g\"\n")
            .ok()
            .flatten(),
        None
    );
}

#[test]
fn names_are_known_from_the_feeds_that_are_configured() {
    for (feeds, expression) in [
        ("[metrics.statsd]\n", "statsd:anything"),
        ("[metrics.otlp]\n", "\"any.thing\""),
        ("[metrics.emf]\n", "emf:x"),
        (
            "[metrics]\ncompatibility = \"cloudwatch-agent\"\nscrapers = [\"cpu\"]\n",
            "mem_available_percent",
        ),
        (
            "[metrics]\ncompatibility = \"cloudwatch-agent\"\nscrapers = [\"cpu\"]\n",
            "pressure_io_some",
        ),
        ("[metrics.nvme]\n", "diskio_ebs_volume_queue_length"),
    ] {
        let text = format!("{feeds}{}", one(&format!("expression = '{expression}'")));
        assert!(read(&text).is_ok(), "{text}: {:?}", read(&text));
    }
}

#[test]
fn mistakes_are_told_with_their_place_and_what_is_near() {
    let cycle = "[[signal]]\nname = \"a\"\nexpression = 'signal(\"b\")'\n\
                 [[signal]]\nname = \"b\"\nexpression = 'signal(\"a\") + load_1'\n";
    let twice = one("expression = \"load_1\"").repeat(2);
    let cases = [
        (
            cycle.to_owned(),
            "agent.toml:3:14: signal[0].expression: found a cycle: a -> b -> a",
        ),
        (twice, "found \"s\" twice"),
        (one("expression = \"lod_1\""), "found metric \"lod_1\""),
        (one("expression = \"lod_1\""), "did you mean `load_1`?"),
        (
            one("expression = \"statsd:x\""),
            "expected the table metrics.statsd as well",
        ),
        (
            one("expression = \"procstat_cpu_usage\""),
            "expected the table metrics.procstat",
        ),
        (one("expression = \"1 + 1\""), "found no metric"),
        (
            one("expression = \"load_1 +\""),
            "character 9: found the end",
        ),
        (one("expression = 'signal(\"t\")'"), "did you mean `s`?"),
        (one("preset = \"saturate\""), "expected one of: saturation"),
        (one(""), "expression: missing"),
        (
            one("expression = \"load_1\"\npreset = \"pressure\""),
            "expected one of them",
        ),
    ];
    check(&cases);
}

#[test]
fn keys_with_a_wrong_value_are_told_with_what_is_allowed() {
    let cases = [
        (
            one("expression = \"load_1\"\nunit = \"percent\""),
            "did you mean `Percent`?",
        ),
        (
            one("expression = \"load_1\"\nhealth = [{}]"),
            "found none of them",
        ),
        (
            one("expression = \"load_1\"\nhealth = [{ http = \"http://app/\" }]"),
            "localhost",
        ),
        (
            one("expression = \"load_1\"\nhealth = [{ http = \"https://127.0.0.1/\" }]"),
            "localhost",
        ),
        (
            one("expression = \"load_1\"\nhealth = [{ file = \"x\" }]"),
            "absolute path",
        ),
        (
            one("expression = \"load_1\"\nhealth = [{ unit = \"app\" }]"),
            "app.service",
        ),
        (
            one("expression = \"load_1\"\nhealth = [{ tcp = \"80\" }]"),
            "an address with a port",
        ),
        (
            one(
                "expression = \"load_1\"\nhealth = [{ file = \"/x\", interval = \"1s\", timeout = \"2s\" }]",
            ),
            "no more than the interval",
        ),
        (
            format!(
                "[signals]\ninterval = \"7s\"\n{}",
                one("expression = \"load_1\"")
            ),
            "found 7s",
        ),
        (
            "[[signal]]\nexpression = \"load_1\"\n".to_owned(),
            "name: missing",
        ),
        (
            format!(
                "[metrics]\ncompatibility = \"cloudwatch-agent\"\nscrapers = [\"cpu\"]\n{}",
                one("expression = \"net_errors\"")
            ),
            "found metric \"net_errors\"",
        ),
    ];
    check(&cases);
}

fn check(cases: &[(String, &str)]) {
    for (text, told) in cases {
        let problems = read(text).unwrap_err();
        let is_told = problems.iter().any(|line| line.contains(told));
        assert!(is_told, "{text}: {problems:#?}");
    }
}
