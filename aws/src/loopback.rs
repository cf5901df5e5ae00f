//! A server for tests: it answers whatever the test decides and remembers what it was asked.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) target: String,
    /// Name in lower case and value of each header.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(header, _)| header == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// What to answer: status, headers, body.
pub(crate) type Told = (u16, Vec<(&'static str, String)>, Vec<u8>);

/// Listens on a free port of 127.0.0.1 until it is dropped.
#[derive(Debug)]
pub(crate) struct Loopback {
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    connections: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Loopback {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Loopback {
    pub(crate) async fn start(tell: impl Fn(&Asked) -> Told + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let connections = Arc::new(AtomicUsize::new(0));
        let (seen, opened) = (Arc::clone(&asked), Arc::clone(&connections));
        let tell = Arc::new(tell);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                opened.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(serve(stream, Arc::clone(&seen), Arc::clone(&tell)));
            }
        });
        Self {
            address,
            asked,
            connections,
            task,
        }
    }

    /// A server that always tells the same, as JSON.
    pub(crate) async fn saying(status: u16, json: &'static str) -> Self {
        Self::start(move |_| {
            let headers = vec![("content-type", "application/x-amz-json-1.1".to_owned())];
            (status, headers, json.as_bytes().to_vec())
        })
        .await
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many connections were opened.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

async fn serve(
    mut stream: TcpStream,
    seen: Arc<Mutex<Vec<Asked>>>,
    tell: Arc<impl Fn(&Asked) -> Told>,
) {
    let mut buffer = Vec::new();
    while let Some(asked) = next(&mut stream, &mut buffer).await {
        let (status, headers, body) = tell(&asked);
        seen.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(asked);
        let mut answer = format!("HTTP/1.1 {status} -\r\n").into_bytes();
        // A test may announce another length than it sends.
        if !headers.iter().any(|(name, _)| *name == "content-length") {
            answer.extend(format!("content-length: {}\r\n", body.len()).bytes());
        }
        let closes = headers
            .iter()
            .any(|(name, value)| *name == "connection" && value == "close");
        for (name, value) in headers {
            answer.extend(format!("{name}: {value}\r\n").bytes());
        }
        answer.extend(b"\r\n");
        answer.extend(body);
        if stream.write_all(&answer).await.is_err() || closes {
            return;
        }
    }
}

/// Reads one request with a `Content-Length`, or none when the connection ends.
async fn next(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Asked> {
    let end = loop {
        if let Some(at) = buffer.windows(4).position(|w| w == b"\r\n\r\n") {
            break at;
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers
        .iter()
        .find(|(name, _)| name == "content-length")
        .map_or(0, |(_, value)| value.parse().expect("a length"));
    buffer.drain(..end + 4);
    while buffer.len() < length {
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
    let body = buffer.drain(..length).collect();
    Some(Asked {
        method,
        target,
        headers,
        body,
    })
}
