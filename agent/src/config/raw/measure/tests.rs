//! Tables of metrics and their mistakes.

use crate::config::{Config, EmfListeners};

fn problems(text: &str) -> String {
    match Config::from_text("agent.toml", text) {
        Ok(_) => String::new(),
        Err(problems) => {
            let told: Vec<String> = problems.0.iter().map(ToString::to_string).collect();
            told.join("\n")
        }
    }
}

fn metric(lines: &str) -> String {
    format!("[[logs.file]]\npath = \"/a\"\ngroup = \"g\"\n[[logs.file.metric]]\n{lines}\n")
}

#[test]
fn mistakes_in_a_metric_are_told_with_their_place_and_what_is_allowed() {
    for (lines, told) in [
        ("match = 'x'", "logs.file[0].metric[0].name"),
        ("name = \"m\"", "expected match or json"),
        (
            "name = \"m\"\nmatch = '('",
            "6:9: logs.file[0].metric[0].match",
        ),
        (
            "name = \"m\"\nmatch = 'x'\nkind = \"gauge\"",
            "metric[0].value",
        ),
        (
            "name = \"m\"\nmatch = 'x'\nkind = \"timer\"",
            "expected one of: counter, gauge, distribution",
        ),
        (
            "name = \"m\"\nmatch = 'x'\nunit = \"Byte\"",
            "did you mean `Bytes`?",
        ),
        (
            "name = \"ü\"\nmatch = 'x'",
            "expected up to 255 printable ASCII",
        ),
        (
            "name = \"m\"\nmatch = 'x'\nnamespace = \"AWS/x\"",
            "not starting with AWS/",
        ),
        (
            "name = \"m\"\nmatch = 'x'\nby = \"host\"",
            "found without access_log",
        ),
        (
            "name = \"m\"\nmatch = 'x'\ndimensions = [\":a\"]",
            "not starting with :",
        ),
        ("access_log = \"ngnix\"", "did you mean `nginx`?"),
        (
            "access_log = \"nginx\"\nname = \"m\"",
            "found together with access_log",
        ),
        (
            "access_log = \"nginx\"\nby = [\"hots\"]",
            "did you mean `host`?",
        ),
        ("access_log = \"nginx\"\nnmae = \"m\"", "unknown key"),
    ] {
        let error = problems(&metric(lines));
        assert!(error.contains(told), "{lines}: {error}");
    }
    for lines in [
        "name = \"m\"\nmatch = 'x'",
        "name = \"m\"\njson = { level = \"ERROR\" }",
        "name = \"m\"\nvalue = \"took\"\nkind = \"distribution\"\nunit = \"Milliseconds\"",
        "name = \"m\"\nmatch = '(?<a>.)'\ndimensions = \"a\"\nlabels = { S = \"x\" }",
        "access_log = \"alb\"\nby = [\"method\", \"host\"]\nnamespace = \"Shop\"",
    ] {
        assert_eq!(problems(&metric(lines)), "", "{lines}");
    }
}

#[test]
fn lines_that_are_not_sent_need_no_group_but_others_do() {
    let file = "[[logs.file]]\npath = \"/a\"\n";
    assert!(problems(file).contains("logs.file[0].group"));
    assert_eq!(problems(&format!("{file}ship = false")), "");
}

#[test]
fn metrics_of_logs_and_of_sockets_are_sent_also_when_nothing_of_the_host_is_measured() {
    let metrics = |text: &str| {
        let text = format!("[metrics]\nscrapers = []\n{text}");
        Config::from_text("agent.toml", &text).unwrap().metrics
    };
    let file = "[[logs.file]]\npath = \"/a\"\ngroup = \"g\"\n";
    assert!(metrics(file).is_none());
    assert!(metrics(&format!("{file}emf = \"extract\"\n")).is_some());
    assert!(metrics(&metric("access_log = \"nginx\"")).is_some());
    let listeners = |lines: &str| {
        let config = metrics(&format!("[metrics.emf]\n{lines}\n")).unwrap();
        config.applications.emf.unwrap()
    };
    let usual = Some("127.0.0.1:25888".parse().unwrap());
    let both = EmfListeners {
        tcp: usual,
        udp: usual,
        socket: None,
    };
    assert_eq!(listeners(""), both);
    let socket = EmfListeners {
        socket: Some("/run/emf.sock".into()),
        ..EmfListeners::default()
    };
    assert_eq!(listeners("socket = \"/run/emf.sock\""), socket);
    for (lines, told) in [
        ("deliver = \"logs\"", "would be lost with the process"),
        ("tcp = \"localhost\"", "expected an IP address and a port"),
        ("socket = \"emf.sock\"", "expected an absolute path"),
    ] {
        let error = problems(&format!("[metrics.emf]\n{lines}\n"));
        assert!(error.contains(told), "{lines}: {error}");
    }
}
