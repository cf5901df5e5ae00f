//! STS: who am I, and temporary credentials for a role.
//!
//! The credentials come from the registry that signatures are checked with, so what is handed out
//! here works everywhere here until it expires. No policy is evaluated: whoever may call may
//! assume any role.
//! Source: AWS STS API reference (2011-06-15).

use std::collections::VecDeque;
use std::time::Duration;

use plimsoll_core::clock::UnixMillis;

use crate::credentials::{Credentials, Issued};
use crate::service::{Answer, Call, Refusal};
use crate::state::unknown_operation;
use crate::value::Value;

/// The error for an input that breaks a rule.
const INVALID: &str = "ValidationError";
/// How long credentials of AssumeRole last unless told otherwise, and at least and at most.
const DURATION_SECONDS_DEFAULT: i64 = 3600;
const DURATION_SECONDS_MIN: i64 = 900;
const DURATION_SECONDS_MAX: i64 = 43_200;

/// Sessions that are remembered for GetCallerIdentity; the oldest are forgotten first.
const SESSIONS_MAX: usize = 1024;

/// The service of one account.
#[derive(Debug)]
pub struct Sts {
    account: String,
    sessions: VecDeque<Caller>,
}

/// Whose an access key is.
#[derive(Debug)]
struct Caller {
    key_id: String,
    arn: String,
}

impl Sts {
    /// The service of `account`.
    #[must_use]
    pub fn new(account: &str) -> Self {
        Self {
            account: account.to_owned(),
            sessions: VecDeque::new(),
        }
    }

    /// Remembers that the temporary credentials with this access key belong to a role's session.
    pub fn remember(&mut self, key_id: &str, session_arn: &str) {
        if self.sessions.len() >= SESSIONS_MAX {
            self.sessions.pop_front();
        }
        self.sessions.push_back(Caller {
            key_id: key_id.to_owned(),
            arn: session_arn.to_owned(),
        });
    }

    /// Serves one call.
    ///
    /// # Errors
    /// The refusal that AWS would answer.
    pub fn call(&mut self, call: &Call, credentials: &Credentials) -> Answer {
        match call.operation.as_str() {
            "GetCallerIdentity" => Ok(self.caller_identity(call)),
            "AssumeRole" => self.assume_role(call, credentials),
            "AssumeRoleWithWebIdentity" => self.assume_with_token(call, credentials),
            other => Err(unknown_operation(other)),
        }
    }

    fn caller_identity(&self, call: &Call) -> Value {
        let session = self.sessions.iter().find(|held| held.key_id == call.key_id);
        let account = &self.account;
        let (id, arn) = match session {
            Some(Caller { arn, .. }) => (session_id(arn), arn.clone()),
            None => (
                "AIDALOCALUSER0000001".to_owned(),
                format!("arn:aws:iam::{account}:user/local"),
            ),
        };
        Value::map([
            ("UserId", id.into()),
            ("Account", account.as_str().into()),
            ("Arn", arn.into()),
        ])
    }

    fn assume_role(&mut self, call: &Call, credentials: &Credentials) -> Answer {
        let session = self.session(call)?;
        let issued = credentials.issue_for(call.now, session.lifetime);
        self.remember(&issued.key_id, &session.arn);
        Ok(Value::map([
            ("Credentials", credentials_shape(&issued)),
            ("AssumedRoleUser", session.user()),
            ("PackedPolicySize", 0_i64.into()),
        ]))
    }

    fn assume_with_token(&mut self, call: &Call, credentials: &Credentials) -> Answer {
        let session = self.session(call)?;
        let token = text_within(&call.input, "WebIdentityToken", 4, 20_000)?;
        let claims = Claims::read(token, call.now)?;
        let issued = credentials.issue_for(call.now, session.lifetime);
        self.remember(&issued.key_id, &session.arn);
        Ok(Value::map([
            ("Credentials", credentials_shape(&issued)),
            ("SubjectFromWebIdentityToken", claims.subject.into()),
            ("AssumedRoleUser", session.user()),
            ("PackedPolicySize", 0_i64.into()),
            ("Provider", claims.issuer.into()),
            ("Audience", claims.audience.into()),
        ]))
    }

    /// The session of a role that the input asks for.
    fn session(&self, call: &Call) -> Result<Session, Refusal> {
        let role = text_within(&call.input, "RoleArn", 20, 2048)?;
        let name = text_within(&call.input, "RoleSessionName", 2, 64)?;
        let allowed = |letter: char| letter.is_ascii_alphanumeric() || "_+=,.@-".contains(letter);
        if !name.chars().all(allowed) {
            return Err(violation(
                name,
                "roleSessionName",
                r"Member must satisfy regular expression pattern: [\w+=,.@-]*",
            ));
        }
        let seconds = match call.input.member("DurationSeconds") {
            Value::Null => DURATION_SECONDS_DEFAULT,
            given => given.integer().unwrap_or(0),
        };
        if !(DURATION_SECONDS_MIN..=DURATION_SECONDS_MAX).contains(&seconds) {
            return Err(violation(
                &seconds.to_string(),
                "durationSeconds",
                "Member must have value from 900 to 43200",
            ));
        }
        let parts: Vec<&str> = role.splitn(6, ':').collect();
        let path = match parts.as_slice() {
            ["arn", _, "iam", _, account, path] if *account == self.account => {
                path.strip_prefix("role/").filter(|path| !path.is_empty())
            }
            _ => None,
        };
        let Some(path) = path else {
            return Err(Refusal {
                status: 403,
                ..Refusal::new(
                    "AccessDenied",
                    format!(
                        "User is not authorized to perform: sts:{} on resource: {role}",
                        call.operation
                    ),
                )
            });
        };
        let role_name = path.rsplit('/').next().unwrap_or(path);
        Ok(Session {
            arn: assumed_role_arn(&self.account, role_name, name),
            lifetime: Duration::from_secs(u64::try_from(seconds).unwrap_or(0)),
        })
    }
}

/// The ARN of a session of a role.
#[must_use]
pub fn assumed_role_arn(account: &str, role: &str, session: &str) -> String {
    format!("arn:aws:sts::{account}:assumed-role/{role}/{session}")
}

struct Session {
    arn: String,
    lifetime: Duration,
}

impl Session {
    fn user(&self) -> Value {
        Value::map([
            ("AssumedRoleId", session_id(&self.arn).into()),
            ("Arn", self.arn.as_str().into()),
        ])
    }
}

/// What an `OpenID` Connect token says. Its signature is not verified: there is no provider here.
#[derive(serde::Deserialize)]
struct Claims {
    #[serde(rename = "iss")]
    issuer: String,
    #[serde(rename = "sub")]
    subject: String,
    #[serde(default, rename = "aud", deserialize_with = "first_audience")]
    audience: String,
    #[serde(default, rename = "exp")]
    expires: Option<f64>,
}

impl Claims {
    fn read(token: &str, now: UnixMillis) -> Result<Self, Refusal> {
        use base64::Engine as _;
        use base64::engine::general_purpose::URL_SAFE_NO_PAD;
        let malformed = || {
            Refusal::new(
                "InvalidIdentityToken",
                "The ID Token provided is not a valid JWT. (You may see this error if you sent an \
                 Access Token)",
            )
        };
        let parts: Vec<&str> = token.split('.').collect();
        let [_, payload, _] = parts.as_slice() else {
            return Err(malformed());
        };
        let payload = URL_SAFE_NO_PAD
            .decode(payload.trim_end_matches('='))
            .map_err(|_| malformed())?;
        let claims: Self = serde_json::from_slice(&payload).map_err(|_| malformed())?;
        #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit 53 bits")]
        let now = now.as_secs() as f64;
        if claims.expires.is_some_and(|expires| expires < now) {
            return Err(Refusal::new("ExpiredTokenException", "Token expired")
                .with_code("ExpiredTokenException"));
        }
        Ok(claims)
    }
}

/// `aud` is a text or a list of texts.
fn first_audience<'de, D: serde::Deserializer<'de>>(input: D) -> Result<String, D::Error> {
    use serde::Deserialize as _;
    let value = serde_json::Value::deserialize(input)?;
    let first = value.get(0).unwrap_or(&value);
    Ok(first.as_str().unwrap_or_default().to_owned())
}

fn credentials_shape(issued: &Issued) -> Value {
    #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit 53 bits")]
    let expires = issued.expires.as_secs() as f64;
    Value::map([
        ("AccessKeyId", issued.key_id.as_str().into()),
        ("SecretAccessKey", issued.secret.as_str().into()),
        ("SessionToken", issued.token.as_str().into()),
        ("Expiration", Value::Time(expires)),
    ])
}

/// The id of the session that the ARN names: that of its role (`AROA` and 17 characters, which
/// the role's name decides) and the session's name.
fn session_id(arn: &str) -> String {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut parts = arn.rsplit('/');
    let (session, role) = (parts.next(), parts.next());
    let mut hasher = DefaultHasher::new();
    role.unwrap_or_default().hash(&mut hasher);
    let role_id = format!("AROA{:0>17X}", hasher.finish());
    format!("{role_id}:{}", session.unwrap_or_default())
}

fn text_within<'a>(
    input: &'a Value,
    name: &str,
    min: usize,
    max: usize,
) -> Result<&'a str, Refusal> {
    let mut shown = name.chars();
    let first = shown.next().map(|letter| letter.to_ascii_lowercase());
    let shown: String = first.into_iter().chain(shown).collect();
    let text = input.member(name).text().unwrap_or_default();
    let length = text.chars().count();
    if length < min {
        let constraint = format!("Member must have length greater than or equal to {min}");
        return Err(violation(text, &shown, &constraint));
    }
    if length > max {
        let constraint = format!("Member must have length less than or equal to {max}");
        return Err(violation(text, &shown, &constraint));
    }
    Ok(text)
}

fn violation(value: &str, name: &str, constraint: &str) -> Refusal {
    crate::input::Input::new(&Value::Null, INVALID).violation(
        &crate::input::quoted(value),
        name,
        constraint,
    )
}

#[cfg(test)]
mod tests;
