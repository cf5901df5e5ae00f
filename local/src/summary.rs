//! `plimsoll-local summary`: what came in at a running stand-in, in a few lines.
//!
//! It asks over HTTP, so it sees what the page sees. It fails when a count is zero, so that a
//! demo in which one part was silent does not pass for a good one.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::Request;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value as Json;
use tokio::net::TcpStream;

/// The largest answer that is read.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// Which stand-in to ask.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Its URL, as `serve` wrote it into the ready file
    pub url: String,
}

/// The stand-in did not tell.
#[derive(Debug, thiserror::Error)]
pub enum SummaryError {
    /// The URL is not one of a stand-in.
    #[error("{0:?} is not a URL such as http://127.0.0.1:4566")]
    Url(String),
    /// Nothing answers there.
    #[error("cannot connect to {address}")]
    Connect {
        /// Host and port.
        address: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// The connection or the request broke.
    #[error("asking {address} failed: {why}")]
    Ask {
        /// Host and port.
        address: String,
        /// What went wrong.
        why: String,
    },
    /// Something that must have happened did not.
    #[error("nothing came in of: {}", .0.join(", "))]
    Silent(Vec<&'static str>),
}

/// What a stand-in counted.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary(Vec<Count>);

/// One line.
#[derive(Clone, Debug, PartialEq)]
struct Count {
    name: &'static str,
    number: f64,
    /// Whether it is US$.
    money: bool,
    note: String,
}

/// Asks the stand-in.
///
/// # Errors
/// When it cannot be asked. A zero is no error here, see [`Summary::check`].
pub async fn ask(options: &Options) -> Result<Summary, SummaryError> {
    let wrong = || SummaryError::Url(options.url.clone());
    let rest = options.url.strip_prefix("http://").ok_or_else(wrong)?;
    let address = rest.trim_end_matches('/');
    if address.is_empty() || address.contains('/') {
        return Err(wrong());
    }
    let stream = TcpStream::connect(address)
        .await
        .map_err(|source| SummaryError::Connect {
            address: address.to_owned(),
            source,
        })?;
    let failed = |why: String| SummaryError::Ask {
        address: address.to_owned(),
        why,
    };
    let text = fetch(stream, address).await.map_err(failed)?;
    let overview: Json =
        serde_json::from_slice(&text).map_err(|error| failed(error.to_string()))?;
    Ok(Summary::of(&overview))
}

async fn fetch(stream: TcpStream, address: &str) -> Result<Bytes, String> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| error.to_string())?;
    let request = Request::get("/_local/overview.json")
        .header("host", address)
        .body(Empty::<Bytes>::new())
        .map_err(|error| error.to_string())?;
    let answer = async {
        let answer = sender
            .send_request(request)
            .await
            .map_err(|error| error.to_string())?;
        if !answer.status().is_success() {
            return Err(format!("HTTP status {}", answer.status()));
        }
        let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX);
        let body = body.collect().await.map_err(|error| error.to_string())?;
        Ok(body.to_bytes())
    };
    tokio::select! {
        answer = answer => answer,
        ended = connection => Err(match ended {
            Ok(()) => "the connection was closed".to_owned(),
            Err(error) => error.to_string(),
        }),
    }
}

impl Summary {
    fn of(overview: &Json) -> Self {
        let totals = &overview["totals"];
        let number = |name: &str| totals[name].as_f64().unwrap_or(0.0);
        let count = |name, number, note| Count {
            name,
            number,
            money: false,
            note,
        };
        let bytes = format!("{} bytes billed", number("log_bytes"));
        let series = format!("{} series", number("series"));
        let loud = format!("{} in ALARM", number("alarms_in_alarm"));
        let refused = format!("{} refused", number("calls_failed"));
        Self(vec![
            count("log lines", number("lines"), bytes),
            count("metric datums", number("datums"), series),
            count("calls", number("calls"), refused),
            count("alarms", number("alarms"), loud),
            count("alarms in ALARM", number("alarms_in_alarm"), String::new()),
            count("incidents", number("incidents"), String::new()),
            count("notifications", number("notifications"), String::new()),
            count("dashboards", number("dashboards"), String::new()),
            Count {
                name: "agent, a month",
                number: overview["price"]["agent_usd_per_month"]
                    .as_f64()
                    .unwrap_or(0.0),
                money: true,
                note: "list price at the pace of this run".to_owned(),
            },
            Count {
                name: "all of it, a month",
                number: overview["price"]["usd_per_month"].as_f64().unwrap_or(0.0),
                money: true,
                note: "with alarms, dashboard and the collector".to_owned(),
            },
        ])
    }

    /// The lines to print.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        for count in &self.0 {
            let number = if count.money {
                format!("${:.2}", count.number)
            } else {
                format!("{:.0}", count.number)
            };
            let row = format!("  {:<20}{number:>12}  {}", count.name, count.note);
            text.push_str(row.trim_end());
            text.push('\n');
        }
        text
    }

    /// Fails when anything is zero.
    ///
    /// # Errors
    /// [`SummaryError::Silent`] with what is.
    pub fn check(&self) -> Result<(), SummaryError> {
        let silent: Vec<_> = self
            .0
            .iter()
            .filter(|count| count.number <= 0.0)
            .map(|count| count.name)
            .collect();
        if silent.is_empty() {
            Ok(())
        } else {
            Err(SummaryError::Silent(silent))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn overview(incidents: u64) -> Json {
        json!({
            "totals": {
                "lines": 12, "log_bytes": 900, "datums": 40, "series": 20, "calls": 9,
                "calls_failed": 0, "alarms": 8, "alarms_in_alarm": 1, "incidents": incidents,
                "notifications": 2, "dashboards": 1,
            },
            "price": { "agent_usd_per_month": 6.25, "usd_per_month": 12.5 },
        })
    }

    #[test]
    fn a_silent_part_fails_the_summary_and_is_named() {
        assert!(Summary::of(&overview(1)).check().is_ok());
        let error = Summary::of(&overview(0)).check().unwrap_err();
        assert_eq!(error.to_string(), "nothing came in of: incidents");
        let error = Summary::of(&json!({})).check().unwrap_err();
        assert!(
            error
                .to_string()
                .contains("log lines, metric datums, calls")
        );
    }

    #[test]
    fn counts_are_aligned_and_money_has_cents() {
        let text = Summary::of(&overview(3)).text();
        assert!(
            text.contains("  incidents                      3\n"),
            "{text}"
        );
        assert!(
            text.contains("  agent, a month             $6.25  list price"),
            "{text}"
        );
    }

    #[tokio::test]
    async fn a_wrong_url_and_a_closed_port_are_told_apart() {
        for url in ["ftp://x", "http://", "http://127.0.0.1:1/path", "nonsense"] {
            let error = ask(&Options {
                url: url.to_owned(),
            })
            .await
            .unwrap_err();
            assert!(matches!(error, SummaryError::Url(_)), "{url}: {error}");
        }
        let error = ask(&Options {
            url: "http://127.0.0.1:0".to_owned(),
        })
        .await
        .unwrap_err();
        assert!(matches!(error, SummaryError::Connect { .. }), "{error}");
    }
}
