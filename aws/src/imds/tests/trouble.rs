//! Instance metadata that is slow, forgets its tokens, closes connections or talks nonsense.

use std::net::TcpListener as Listener;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::loopback::Told;

const PATH: &str = "/latest/meta-data/autoscaling/target-lifecycle-state";
const LIFETIME: &str = "x-aws-ec2-metadata-token-ttl-seconds";

/// Answers a question for a token with one that lives so long.
fn token(name: &str, seconds: u64) -> Told {
    let headers = vec![(LIFETIME, seconds.to_string())];
    (200, headers, name.as_bytes().to_vec())
}

fn unavailable(answer: Result<String, ImdsError>) -> String {
    match answer {
        Err(error @ ImdsError::Unavailable { .. }) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn many_questions_share_one_connection() {
    let server = instance(&[(PATH, "InService")]).await;
    let imds = Imds::new(&settings(&server.url()));
    for _ in 0..20 {
        assert_eq!(imds.get(PATH).await, Ok("InService".to_owned()));
    }
    assert_eq!((server.connections(), server.asked().len()), (1, 21));
}

#[tokio::test]
async fn a_connection_that_was_closed_meanwhile_is_opened_again() {
    let server = Loopback::start(|asked: &Asked| {
        let mut told = match asked.method.as_str() {
            "PUT" => token("t", 60),
            _ => (200, vec![], b"InService".to_vec()),
        };
        told.1.push(("connection", "close".to_owned()));
        told
    })
    .await;
    let imds = Imds::new(&settings(&server.url()));
    for _ in 0..3 {
        assert_eq!(imds.get(PATH).await, Ok("InService".to_owned()));
    }
    assert_eq!((server.connections(), server.asked().len()), (4, 4));
}

/// As a server does that tells nobody: its idle timeout runs out.
#[tokio::test]
async fn a_connection_that_ends_without_a_word_costs_no_answer() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    let served = tokio::spawn(async move {
        let mut connections = 0;
        while connections < 4 {
            let (mut stream, _) = listener.accept().await.expect("accepted");
            let mut asked = [0; 1024];
            let length = stream.read(&mut asked).await.expect("read");
            let answer: &[u8] = if asked[..length].starts_with(b"PUT") {
                b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nt"
            } else {
                b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nInService"
            };
            stream.write_all(answer).await.expect("written");
            connections += 1;
        }
    });
    let imds = Imds::new(&settings(&url));
    for _ in 0..3 {
        assert_eq!(imds.get(PATH).await, Ok("InService".to_owned()));
    }
    served.await.expect("four connections");
}

#[tokio::test]
async fn a_token_that_is_refused_is_fetched_anew_once() {
    let tokens = AtomicU32::new(0);
    let server = Loopback::start(move |asked: &Asked| {
        if asked.method == "PUT" {
            let number = tokens.fetch_add(1, Ordering::Relaxed);
            return token(&format!("token-{number}"), 21_600);
        }
        match asked.header("x-aws-ec2-metadata-token") {
            Some("token-1") => (200, vec![], b"InService".to_vec()),
            // The first token holds for the first path alone.
            Some("token-0") if asked.target != PATH => (200, vec![], b"web".to_vec()),
            _ => (401, vec![], vec![]),
        }
    })
    .await;
    let imds = Imds::new(&settings(&server.url()));
    assert_eq!(imds.get("/latest/x").await, Ok("web".to_owned()));
    assert_eq!(imds.get(PATH).await, Ok("InService".to_owned()));
    let puts = |server: &Loopback| server.asked().iter().filter(|a| a.method == "PUT").count();
    assert_eq!(puts(&server), 2);
}

#[tokio::test]
async fn a_service_that_takes_no_token_is_unavailable_and_not_asked_for_ever() {
    let server = Loopback::start(|asked: &Asked| match asked.method.as_str() {
        "PUT" => token("t", 21_600),
        _ => (401, vec![], vec![]),
    })
    .await;
    let imds = Imds::new(&settings(&server.url()));
    assert!(unavailable(imds.get(PATH).await).contains("HTTP 401"));
    assert_eq!(server.asked().len(), 2);
    assert!(unavailable(imds.get(PATH).await).contains("HTTP 401"));
    assert_eq!(server.asked().len(), 2 + 3);
}

#[tokio::test]
async fn a_token_is_renewed_before_it_ends() {
    let server = Loopback::start(|asked: &Asked| match asked.method.as_str() {
        "PUT" => token("t", 1),
        _ => (200, vec![], b"InService".to_vec()),
    })
    .await;
    let imds = Imds::new(&settings(&server.url()));
    imds.get(PATH).await.expect("answered");
    imds.get(PATH).await.expect("answered");
    assert_eq!(server.asked().len(), 3);
    tokio::time::sleep(Duration::from_millis(950)).await;
    imds.get(PATH).await.expect("answered");
    assert_eq!(server.asked().len(), 5);
}

#[tokio::test]
async fn a_token_that_no_header_can_carry_is_refused() {
    for odd in ["", "a\nb", "\u{7f}"] {
        let server = Loopback::start(move |_: &Asked| token(odd, 60)).await;
        let imds = Imds::new(&settings(&server.url()));
        let said = unavailable(imds.get(PATH).await);
        assert!(said.contains("its token is none"), "{said}");
    }
}

#[tokio::test]
async fn an_error_that_passes_is_asked_again_as_often_as_is_set() {
    let busy = AtomicU32::new(2);
    let server = Loopback::start(move |asked: &Asked| match asked.method.as_str() {
        "PUT" => token("t", 60),
        _ if busy.load(Ordering::Relaxed) > 0 => {
            busy.fetch_sub(1, Ordering::Relaxed);
            (503, vec![], vec![])
        }
        _ => (200, vec![], b"InService".to_vec()),
    })
    .await;
    let mut settings = settings(&server.url());
    settings.imds_attempts = Some(2);
    assert!(unavailable(Imds::new(&settings).get(PATH).await).contains("HTTP 503"));
    settings.imds_attempts = Some(1);
    assert_eq!(
        Imds::new(&settings).get(PATH).await.as_deref(),
        Ok("InService")
    );
}

#[tokio::test]
async fn a_service_that_falls_silent_is_slow_and_not_absent() {
    let listener = Listener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    listener.set_nonblocking(true).expect("set");
    let listener = TcpListener::from_std(listener).expect("a listener");
    let served = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("accepted");
        let mut asked = [0; 1024];
        for answer in [&b"t"[..], b"InService"] {
            let _length = stream.read(&mut asked).await.expect("read");
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n",
                answer.len()
            );
            stream.write_all(head.as_bytes()).await.expect("written");
            stream.write_all(answer).await.expect("written");
        }
        (listener, stream)
    });
    let imds = Imds::new(&settings(&format!("http://{address}")));
    assert_eq!(imds.get(PATH).await.as_deref(), Ok("InService"));
    let kept = served.await.expect("served");
    let said = unavailable(imds.get(PATH).await);
    assert!(said.contains("did not answer in time"), "{said}");
    drop(kept);
    let said = unavailable(imds.get(PATH).await);
    assert!(said.contains("cannot be reached"), "{said}");
}

#[tokio::test]
async fn nonsense_is_an_error_that_names_the_question() {
    let cases: [(&[u8], &str); 4] = [
        (b"SSH-2.0-OpenSSH_9.2\r\n", "cannot be read"),
        (
            b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nInSer",
            "cannot be read",
        ),
        (
            b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n\xff\xfe",
            "not text",
        ),
        (
            b"HTTP/1.1 200 OK\r\ncontent-length: 70000\r\n\r\n",
            "longer than 65536",
        ),
    ];
    for (answer, expected) in cases {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let served = tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.expect("accepted");
                let mut asked = [0; 1024];
                let _length = stream.read(&mut asked).await.expect("read");
                stream.write_all(answer).await.expect("written");
                if answer.ends_with(b"\r\n\r\n") {
                    stream.write_all(&vec![b'x'; 70_000]).await.ok();
                }
            }
        });
        let mut settings = settings(&url);
        settings.imds_attempts = Some(2);
        let said = unavailable(Imds::new(&settings).get(PATH).await);
        assert!(said.contains(PATH) && said.contains(expected), "{said}");
        served.abort();
    }
}

#[tokio::test]
async fn a_question_that_is_given_up_leaves_no_answer_to_the_next() {
    let server = instance(&[(PATH, "InService"), ("/latest/x", "other")]).await;
    let imds = Imds::new(&settings(&server.url()));
    assert_eq!(imds.get("/latest/x").await.as_deref(), Ok("other"));
    // The question is sent when it is polled first, and dropped before its answer is read.
    let mut asked = Box::pin(imds.get("/latest/x"));
    let polled = std::future::poll_fn(|context| {
        std::task::Poll::Ready(asked.as_mut().poll(context).is_pending())
    });
    assert!(polled.await);
    drop(asked);
    assert_eq!(imds.get(PATH).await.as_deref(), Ok("InService"));
}
