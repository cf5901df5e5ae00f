//! Dashboards: kept as they were put, after a look at their bodies.

mod schema;

use std::collections::BTreeMap;

use plimsoll_core::clock::UnixMillis;

use super::read::offset;
use super::refuse;
use crate::input::Input;
use crate::service::{Answer, Call, Refusal};
use crate::value::Value;

/// Dashboards that are kept. AWS has no quota; memory here has.
const DASHBOARDS_MAX: usize = 100;
/// Bytes of a body that is kept, for the same reason.
const BODY_MAX: usize = 1024 * 1024;
/// Entries on a page of `ListDashboards`.
const PAGE: usize = 1_000;

/// The dashboards of the account.
#[derive(Debug, Default)]
pub(super) struct Dashboards(BTreeMap<String, Dashboard>);

#[derive(Debug)]
struct Dashboard {
    body: String,
    modified: UnixMillis,
}

impl Dashboards {
    /// Answers the calls about dashboards; `None` for any other.
    pub(super) fn call(&mut self, call: &Call, account: &str) -> Option<Answer> {
        Some(match call.operation.as_str() {
            "PutDashboard" => self.put(call),
            "GetDashboard" => self.read(call, account),
            "ListDashboards" => self.list(call, account),
            "DeleteDashboards" => self.delete(call),
            _ => return None,
        })
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    fn put(&mut self, call: &Call) -> Answer {
        let member = |name: &str| call.input.member(name).text().unwrap_or_default();
        let name = member("DashboardName");
        let body = member("DashboardBody");
        let warnings = check(name, body)?;
        if !self.0.contains_key(name) && self.0.len() >= DASHBOARDS_MAX {
            return Err(refuse::limit(format!(
                "There are {DASHBOARDS_MAX} dashboards already."
            )));
        }
        let dashboard = Dashboard {
            body: body.to_owned(),
            modified: call.now,
        };
        self.0.insert(name.to_owned(), dashboard);
        Ok(Value::map([(
            "DashboardValidationMessages",
            Value::List(warnings),
        )]))
    }

    fn read(&self, call: &Call, account: &str) -> Answer {
        let name = call
            .input
            .member("DashboardName")
            .text()
            .unwrap_or_default();
        let dashboard = self.0.get(name).ok_or_else(|| unknown(name))?;
        Ok(Value::map([
            ("DashboardArn", arn(account, name).into()),
            ("DashboardBody", dashboard.body.as_str().into()),
            ("DashboardName", name.into()),
        ]))
    }

    fn list(&self, call: &Call, account: &str) -> Answer {
        let input = Input::new(&call.input, "InvalidParameterValue");
        let prefix = input
            .text("DashboardNamePrefix", 0, 255)?
            .unwrap_or_default();
        let offset = offset(&call.input)?;
        let mut found = self
            .0
            .iter()
            .filter(|(name, _)| name.starts_with(prefix))
            .skip(offset);
        let entry = |(name, dashboard): (&String, &Dashboard)| {
            Value::map([
                ("DashboardName", name.as_str().into()),
                ("DashboardArn", arn(account, name).into()),
                ("LastModified", Value::time(dashboard.modified)),
                (
                    "Size",
                    Value::Integer(i64::try_from(dashboard.body.len()).unwrap_or(i64::MAX)),
                ),
            ])
        };
        let entries: Vec<_> = found.by_ref().take(PAGE).map(entry).collect();
        let more = found.next().is_some();
        Ok(Value::map([
            ("DashboardEntries", Value::List(entries)),
            (
                "NextToken",
                more.then(|| (offset + PAGE).to_string()).into(),
            ),
        ]))
    }

    fn delete(&mut self, call: &Call) -> Answer {
        let items = call.input.member("DashboardNames").items();
        let names: Vec<_> = items.iter().filter_map(Value::text).collect();
        if let Some(name) = names.iter().find(|name| !self.0.contains_key(**name)) {
            return Err(unknown(name));
        }
        self.0.retain(|name, _| !names.contains(&name.as_str()));
        Ok(Value::Map(Vec::new()))
    }
}

/// Checks a dashboard and gives the warnings about it.
fn check(name: &str, body: &str) -> Result<Vec<Value>, Refusal> {
    let valid = (1..=255).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    if !valid {
        let message = format!(
            "The value '{name}' for field DashboardName contains invalid characters or has a \
             length outside 1 to 255. It can only contain alphanumerics, dash (-) and underscore \
             (_)."
        );
        return Err(invalid(message, Vec::new()));
    }
    if body.len() > BODY_MAX {
        let message = format!("The dashboard body is larger than {BODY_MAX} bytes.");
        return Err(invalid(message, Vec::new()));
    }
    let findings = schema::check(body);
    if findings.errors.is_empty() {
        return Ok(messages(&findings.warnings));
    }
    let message = format!(
        "The dashboard body is invalid, there are {} validation errors: {}",
        findings.errors.len(),
        findings.summary()
    );
    Err(invalid(message, messages(&findings.errors)))
}

fn messages(items: &[schema::Message]) -> Vec<Value> {
    let message = |item: &schema::Message| {
        Value::map([
            ("DataPath", item.path.as_str().into()),
            ("Message", item.text.as_str().into()),
        ])
    };
    items.iter().map(message).collect()
}

fn arn(account: &str, name: &str) -> String {
    format!("arn:aws:cloudwatch::{account}:dashboard/{name}")
}

fn invalid(message: String, messages: Vec<Value>) -> Refusal {
    Refusal {
        members: vec![("dashboardValidationMessages", Value::List(messages))],
        ..Refusal::new("DashboardInvalidInputError", message).with_code("InvalidParameterInput")
    }
}

fn unknown(name: &str) -> Refusal {
    Refusal {
        status: 404,
        ..Refusal::new(
            "DashboardNotFoundError",
            format!("Dashboard {name} does not exist"),
        )
        .with_code("ResourceNotFound")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(dashboards: &mut Dashboards, operation: &str, members: &[(&str, &str)]) -> Answer {
        let members = members.iter();
        let call = Call {
            operation: operation.to_owned(),
            key_id: String::new(),
            input: Value::Map(
                members
                    .map(|(name, text)| ((*name).to_owned(), (*text).into()))
                    .collect(),
            ),
            now: UnixMillis(5),
            region: "us-east-1".to_owned(),
        };
        dashboards.call(&call, "123456789012").unwrap()
    }

    const BODY: &str = r#"{"widgets":[{"type":"text","properties":{"markdown":"x"},"odd":1}]}"#;

    #[test]
    fn a_body_comes_back_byte_for_byte_and_its_warnings_do_not_stop_it() {
        let mut all = Dashboards::default();
        let put = [("DashboardName", "d"), ("DashboardBody", BODY)];
        let answer = call(&mut all, "PutDashboard", &put).unwrap();
        let warning = &answer.member("DashboardValidationMessages").items()[0];
        assert_eq!(warning.member("DataPath").text(), Some("/widgets/0/odd"));
        let answer = call(&mut all, "GetDashboard", &[("DashboardName", "d")]).unwrap();
        assert_eq!(answer.member("DashboardBody").text(), Some(BODY));
        let answer = call(&mut all, "ListDashboards", &[]).unwrap();
        let size = answer.member("DashboardEntries").items()[0]
            .member("Size")
            .integer();
        assert_eq!(size, i64::try_from(BODY.len()).ok());
    }

    #[test]
    fn an_invalid_body_is_refused_with_its_places_and_the_old_one_stays() {
        let mut all = Dashboards::default();
        call(
            &mut all,
            "PutDashboard",
            &[("DashboardName", "d"), ("DashboardBody", BODY)],
        )
        .unwrap();
        let bad = r#"{"widgets":[{"type":"nope","x":99}]}"#;
        let put = [("DashboardName", "d"), ("DashboardBody", bad)];
        let refusal = call(&mut all, "PutDashboard", &put).unwrap_err();
        assert_eq!(
            (refusal.status, refusal.code),
            (400, "InvalidParameterInput")
        );
        assert_eq!(refusal.members[0].0, "dashboardValidationMessages");
        assert!(!refusal.members[0].1.items().is_empty());
        let answer = call(&mut all, "GetDashboard", &[("DashboardName", "d")]).unwrap();
        assert_eq!(answer.member("DashboardBody").text(), Some(BODY));
        let name = [("DashboardName", "no spaces"), ("DashboardBody", BODY)];
        assert!(call(&mut all, "PutDashboard", &name).is_err());
        let missing = call(&mut all, "GetDashboard", &[("DashboardName", "e")]).unwrap_err();
        assert_eq!((missing.status, missing.code), (404, "ResourceNotFound"));
    }
}
