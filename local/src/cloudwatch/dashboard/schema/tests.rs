//! Bodies that are taken, warned about and refused.

use super::*;

/// A body with one widget of these members.
fn widget_body(members: &str) -> String {
    format!(r#"{{"widgets":[{{{members}}}]}}"#)
}

/// A body with one metric widget of these properties besides its region.
fn metric_body(properties: &str) -> String {
    widget_body(&format!(
        r#""type":"metric","properties":{{"region":"r",{properties}}}"#
    ))
}

fn errors(body: &str) -> Vec<String> {
    let errors = check(body).errors;
    errors
        .iter()
        .map(|error| format!("{} {}", error.path, error.text))
        .collect()
}

#[test]
fn good_bodies_have_no_findings() {
    let row = r#"["N","m","a","1",{"id":"m1","stat":"p99","yAxis":"right","period":10}]"#;
    for body in [
        r#"{"widgets":[]}"#.to_owned(),
        r#"{"start":"-PT3H","periodOverride":"inherit","widgets":[]}"#.to_owned(),
        widget_body(r##""type":"text","x":0,"y":0,"width":24,"height":1,"properties":{"markdown":"# a"}"##),
        metric_body(&format!(
            r#""view":"timeSeries","metrics":[{row},["...","2"],[".","m2",".","."],[{{"expression":"m1*2","id":"e1"}}]]"#
        )),
        metric_body(r#""view":"gauge","yAxis":{"left":{"min":0,"max":100}},"metrics":[["N","m"]]"#),
        metric_body(r#""annotations":{"alarms":["arn:aws:cloudwatch:r:1:alarm:a"]}"#),
        metric_body(r#""metrics":[["N","m"]],"annotations":{"horizontal":[{"value":1},[{"value":1},{"value":2}]],"vertical":[{"value":"2026-11-24T00:00:00Z"}]}"#),
        widget_body(r#""type":"alarm","properties":{"alarms":["arn:aws:cloudwatch:r:1:alarm:a"],"states":["ALARM"]}"#),
        widget_body(r#""type":"log","properties":{"region":"r","query":"SOURCE 'a' | fields @message"}"#),
        r#"{"widgets":[],"variables":[{"type":"property","property":"InstanceId","inputType":"select","id":"i","search":"{N,InstanceId}","populateFrom":"InstanceId"}]}"#.to_owned(),
    ] {
        assert_eq!(check(&body), Findings::default(), "{body}");
    }
}

#[test]
fn unknown_members_are_warnings_only() {
    let body = metric_body(r#""metrics":[["N","m",{"colour":"red"}]],"sparkles":true"#);
    let findings = check(&body);
    assert!(findings.errors.is_empty(), "{findings:?}");
    let paths: Vec<_> = findings
        .warnings
        .iter()
        .map(|warning| warning.path.as_str())
        .collect();
    assert_eq!(
        paths,
        [
            "/widgets/0/properties/sparkles",
            "/widgets/0/properties/metrics/0/2/colour"
        ]
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn wrong_bodies_name_the_place() {
    let many = vec![r#"["N","m"]"#; 501].join(",");
    for (body, expected) in [
        ("{", " The field DashboardBody must be a valid JSON object"),
        ("[]", " The field DashboardBody must be a JSON object"),
        ("{}", "/widgets Should be there"),
        (r#"{"widgets":[],"end":"x"}"#, "/end Should have a start"),
        (
            r#"{"widgets":[],"periodOverride":"x"}"#,
            "/periodOverride Should be one of",
        ),
        (r#"{"widgets":[1]}"#, "/widgets/0 Should be object"),
        (
            &widget_body(r#""type":"nope","properties":{}"#),
            "/widgets/0/type Should be one of",
        ),
        (
            &widget_body(r#""type":"text""#),
            "/widgets/0/properties Should be there",
        ),
        (
            &widget_body(r#""type":"text","properties":{}"#),
            "/widgets/0/properties Should have required property 'markdown'",
        ),
        (
            &widget_body(r#""type":"text","x":24,"y":0,"properties":{"markdown":""}"#),
            "/widgets/0/x Should be an integer from 0 to 23",
        ),
        (
            &widget_body(r#""type":"text","x":2,"properties":{"markdown":""}"#),
            "/widgets/0 Should have x and y together",
        ),
        (
            &widget_body(r#""type":"text","width":25,"properties":{"markdown":""}"#),
            "/widgets/0/width",
        ),
        (
            &widget_body(r#""type":"log","properties":{"region":"r"}"#),
            "/widgets/0/properties Should have required property 'query'",
        ),
        (
            &widget_body(r#""type":"alarm","properties":{"alarms":["a"]}"#),
            "/widgets/0/properties/alarms/0",
        ),
        (
            &widget_body(r#""type":"alarm","properties":{"alarms":[]}"#),
            "/widgets/0/properties/alarms",
        ),
        (
            &metric_body(r#""view":"pie""#),
            "/widgets/0/properties Should have required property 'metrics'",
        ),
        (
            &metric_body(r#""view":"donut","metrics":[]"#),
            "/widgets/0/properties/view",
        ),
        (
            &metric_body(r#""view":"gauge","metrics":[]"#),
            "/widgets/0/properties/yAxis/left",
        ),
        (
            &metric_body(r#""period":7,"metrics":[]"#),
            "/widgets/0/properties/period",
        ),
        (
            &metric_body(&format!(r#""metrics":[{many}]"#)),
            "/widgets/0/properties/metrics Should NOT have more than 500",
        ),
        (
            &metric_body(r#""metrics":[["N"]]"#),
            "/widgets/0/properties/metrics/0 Should have a namespace",
        ),
        (
            &metric_body(r#""metrics":[["N","m","a"]]"#),
            "/widgets/0/properties/metrics/0 Should have a namespace",
        ),
        (
            &metric_body(r#""metrics":[[".","m"]]"#),
            "/widgets/0/properties/metrics/0/0 There is nothing",
        ),
        (
            &metric_body(r#""metrics":[["...","m"]]"#),
            "/widgets/0/properties/metrics/0/0 There is nothing",
        ),
        (
            &metric_body(r#""metrics":[[{"label":"x"}]]"#),
            "/widgets/0/properties/metrics/0 Should have required",
        ),
        (
            &metric_body(r#""metrics":[["N","m",{"id":"A"}]]"#),
            "/widgets/0/properties/metrics/0/2/id Should match",
        ),
        (
            &metric_body(r#""metrics":[["N","m",{"id":"a"}],["N","n",{"id":"a"}]]"#),
            "/widgets/0/properties/metrics/1/2/id Should be unique",
        ),
        (
            &metric_body(r#""metrics":[],"annotations":{"horizontal":[{"label":"x"}]}"#),
            "/widgets/0/properties/annotations/horizontal/0",
        ),
        (
            r#"{"widgets":[],"variables":[{"type":"property","inputType":"select","id":"i"}]}"#,
            "/variables/0 Should have required property 'property'",
        ),
    ] {
        let errors = errors(body);
        assert!(
            errors.iter().any(|error| error.starts_with(expected)),
            "{expected}: {errors:?}"
        );
    }
    let two = vec![
        format!(
            r#"{{"type":"metric","properties":{{"region":"r","metrics":[{}]}}}}"#,
            vec![r#"["N","m"]"#; 500].join(",")
        );
        6
    ];
    let errors = errors(&format!(r#"{{"widgets":[{}]}}"#, two.join(",")));
    assert_eq!(errors, ["/widgets Should NOT have more than 2500 metrics"]);
}
