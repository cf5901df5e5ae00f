//! GuardDuty: a detector with findings that were given, listed, sorted and filtered.
//!
//! One detector for the Region, as at AWS. Findings come from files or from
//! `CreateSampleFindings`;
//! none is ever made up unasked. Members are named as on the wire, `lowerCamel`.
//! Source: Amazon GuardDuty API reference.

mod criteria;
mod file;
mod sample;

use std::collections::VecDeque;
use std::path::Path;

use plimsoll_core::clock::UnixMillis;

pub use file::FindingFileError;

use crate::service::{Answer, Call, Refusal};
use crate::state::unknown_operation;
use crate::value::Value;
use criteria::Criteria;

/// Ids of one page of ListFindings and of one GetFindings call.
const PAGE_MAX: i64 = 50;
/// Findings that are kept; the oldest given ones go first.
const FINDINGS_MAX: usize = 10_000;

/// GuardDuty of one account and Region.
#[derive(Debug)]
pub struct GuardDuty {
    account: String,
    region: String,
    detector: String,
    created: UnixMillis,
    findings: VecDeque<Value>,
}

impl GuardDuty {
    /// A detector without findings, switched on at `now`.
    #[must_use]
    pub fn new(account: &str, region: &str, now: UnixMillis) -> Self {
        Self {
            account: account.to_owned(),
            region: region.to_owned(),
            detector: hex_id(&[account, region]),
            created: now,
            findings: VecDeque::new(),
        }
    }

    /// The detector's id.
    #[must_use]
    pub fn detector(&self) -> &str {
        &self.detector
    }

    /// Adds the findings of a `.json` file (one finding, a list, `{"Findings": […]}`, or an event
    /// of EventBridge), or of all such files of a folder. Gives how many were added.
    ///
    /// # Errors
    /// A file cannot be read or is no such file; nothing is added.
    pub fn add_path(&mut self, path: &Path) -> Result<usize, FindingFileError> {
        let findings = file::read(path)?;
        let count = findings.len();
        for finding in findings {
            self.add(finding);
        }
        Ok(count)
    }

    /// Adds a finding. One with the same id takes the place of the old one, as a repeat does.
    pub fn add(&mut self, finding: Value) {
        let id = finding.member("id").text().unwrap_or_default().to_owned();
        if let Some(held) = self.find_mut(&id) {
            *held = finding;
            return;
        }
        if self.findings.len() >= FINDINGS_MAX {
            self.findings.pop_front();
        }
        self.findings.push_back(finding);
    }

    /// All findings that are kept, in the order in which they came.
    #[must_use]
    pub fn findings(&self) -> Vec<&Value> {
        self.findings.iter().collect()
    }

    /// Serves one call. `detectorId` is a member of the input, whatever the path said.
    ///
    /// # Errors
    /// The refusal that AWS would answer.
    pub fn call(&mut self, call: &Call) -> Answer {
        let operation = call.operation.as_str();
        if operation == "ListDetectors" {
            let ids = Value::from(vec![self.detector.as_str()]);
            return Ok(Value::map([("detectorIds", ids)]));
        }
        if operation == "CreateDetector" {
            return Err(bad_request(
                "The request is rejected because a detector already exists for the current \
                 account.",
            ));
        }
        if call.input.member("detectorId").text() != Some(&self.detector) {
            return Err(bad_request(
                "The request is rejected because the input detectorId is not owned by the \
                 current account.",
            ));
        }
        match operation {
            "GetDetector" => Ok(self.detector_shape()),
            "ListFindings" => self.list(&call.input),
            "GetFindings" => self.get(&call.input),
            "CreateSampleFindings" => self.create_samples(call),
            "ArchiveFindings" => self.archive(&call.input, true),
            "UnarchiveFindings" => self.archive(&call.input, false),
            other => Err(unknown_operation(other)),
        }
    }

    fn detector_shape(&self) -> Value {
        let role = format!(
            "arn:aws:iam::{}:role/aws-service-role/guardduty.amazonaws.com/\
             AWSServiceRoleForAmazonGuardDuty",
            self.account
        );
        let created = self.created.to_string();
        Value::map([
            ("createdAt", created.as_str().into()),
            ("updatedAt", created.as_str().into()),
            ("findingPublishingFrequency", "FIFTEEN_MINUTES".into()),
            ("serviceRole", role.into()),
            ("status", "ENABLED".into()),
            ("tags", Value::Map(Vec::new())),
        ])
    }

    fn list(&self, input: &Value) -> Answer {
        let criteria = Criteria::parse(input.member("findingCriteria").member("criterion"))?;
        let limit = match input.member("maxResults") {
            Value::Null => PAGE_MAX,
            given => given
                .integer()
                .filter(|limit| (1..=PAGE_MAX).contains(limit))
                .ok_or_else(|| bad_request("maxResults must be from 1 to 50."))?,
        };
        let limit = usize::try_from(limit).unwrap_or(0);
        let skipped: usize = match input.member("nextToken").text() {
            None | Some("") => 0,
            Some(token) => token
                .parse()
                .map_err(|_| bad_request("The nextToken is not valid."))?,
        };
        let mut found: Vec<&Value> = self
            .findings
            .iter()
            .filter(|finding| criteria.hold(finding))
            .collect();
        criteria::sort(&mut found, input.member("sortCriteria"))?;
        let end = skipped.saturating_add(limit);
        let token = if end < found.len() {
            end.to_string()
        } else {
            String::new()
        };
        let ids: Vec<Value> = found
            .into_iter()
            .skip(skipped)
            .take(limit)
            .map(|finding| finding.member("id").clone())
            .collect();
        Ok(Value::map([
            ("findingIds", Value::List(ids)),
            ("nextToken", token.into()),
        ]))
    }

    fn get(&self, input: &Value) -> Answer {
        let ids = finding_ids(input)?;
        let mut found: Vec<&Value> = self
            .findings
            .iter()
            .filter(|finding| {
                finding
                    .member("id")
                    .text()
                    .is_some_and(|id| ids.contains(&id))
            })
            .collect();
        criteria::sort(&mut found, input.member("sortCriteria"))?;
        let findings = found.into_iter().cloned().collect();
        Ok(Value::map([("findings", Value::List(findings))]))
    }

    fn create_samples(&mut self, call: &Call) -> Answer {
        let types: Vec<&str> = call
            .input
            .member("findingTypes")
            .items()
            .iter()
            .filter_map(Value::text)
            .collect();
        let context = sample::Context {
            account: &self.account,
            region: &self.region,
            detector: &self.detector,
            now: call.now,
        };
        for finding in sample::findings(&context, &types)? {
            self.add(finding);
        }
        Ok(Value::Map(Vec::new()))
    }

    fn archive(&mut self, input: &Value, archived: bool) -> Answer {
        for id in finding_ids(input)? {
            if let Some(finding) = self.find_mut(id) {
                set_archived(finding, archived);
            }
        }
        Ok(Value::Map(Vec::new()))
    }

    fn find_mut(&mut self, id: &str) -> Option<&mut Value> {
        self.findings
            .iter_mut()
            .find(|finding| finding.member("id").text() == Some(id))
    }
}

/// The 1 to 50 ids of the input.
fn finding_ids(input: &Value) -> Result<Vec<&str>, Refusal> {
    let ids: Vec<&str> = input
        .member("findingIds")
        .items()
        .iter()
        .filter_map(Value::text)
        .collect();
    if ids.is_empty() || i64::try_from(ids.len()).is_ok_and(|count| count > PAGE_MAX) {
        return Err(bad_request(
            "The request is rejected because the parameter findingIds must have 1 to 50 items.",
        ));
    }
    Ok(ids)
}

fn set_archived(finding: &mut Value, archived: bool) {
    let Value::Map(members) = finding else {
        return;
    };
    let Some((_, Value::Map(service))) = members.iter_mut().find(|(name, _)| name == "service")
    else {
        return;
    };
    match service.iter_mut().find(|(name, _)| name == "archived") {
        Some((_, held)) => *held = archived.into(),
        None => service.push(("archived".to_owned(), archived.into())),
    }
}

/// 32 hexadecimal digits that the parts decide.
fn hex_id(parts: &[&str]) -> String {
    use sha2::{Digest, Sha256};
    let digest = Sha256::digest(parts.join("\n").as_bytes());
    let mut number = [0; 16];
    for (place, byte) in number.iter_mut().zip(digest) {
        *place = byte;
    }
    format!("{:032x}", u128::from_be_bytes(number))
}

fn bad_request(message: &str) -> Refusal {
    Refusal::new("BadRequestException", message)
}

#[cfg(test)]
mod tests;
