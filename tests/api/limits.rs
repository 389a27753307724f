//! What somebody does who wants to starve the daemon: over raw connections, against bounds that are small here.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use remediator::api::{Bounds, Settings};

use super::fake::{Server, serve, serve_with};

/// How long a test waits for what must come; nothing is measured.
const PATIENCE: Duration = Duration::from_secs(30);

async fn small(bounds: Bounds) -> Server {
    serve_with(Settings { bounds, ..Settings::default() }).await
}

/// How long between two bytes of somebody slow.
const TRICKLE: Duration = Duration::from_millis(15);

fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.address).expect("connected");
    stream.set_read_timeout(Some(PATIENCE)).expect("set");
    stream
}

/// Everything until the other side closes. A connection that it closed while we still wrote may be reset.
fn rest(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    let mut piece = [0; 4096];
    loop {
        match stream.read(&mut piece) {
            Ok(0) => break,
            Ok(n) => text.extend_from_slice(&piece[..n]),
            Err(e) if matches!(e.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => break,
            Err(e) => panic!("the connection is still open: {e}"),
        }
    }
    String::from_utf8_lossy(&text).into_owned()
}

fn head(server: &Server, more: &str) -> String {
    format!(
        "POST /v1/degradations HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\nConnection: close\r\n{more}\r\n",
        server.person
    )
}

/// Whether the other side closed it; looks for as long as the connection waits for something to read.
fn is_closed(stream: &mut TcpStream) -> bool {
    match stream.read(&mut [0; 64]) {
        Ok(read) => read == 0,
        Err(e) => !matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
    }
}

/// In its own thread: the server runs on ours.
async fn apart<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.expect("it ends")
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_only_hold_connections_open_are_cut_and_others_get_their_turn() {
    let bounds = Bounds { connections: 3, idle: Duration::from_millis(200), ..Bounds::default() };
    let server = small(bounds).await;
    let idle: Vec<TcpStream> = (0..6).map(|_| connect(&server)).collect();
    for mut stream in &idle {
        stream.write_all(b"GET /livez HTTP/1.1\r\n").expect("written");
    }
    let mut last = connect(&server);
    let answer = apart(move || {
        last.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").expect("written");
        rest(&mut last)
    });
    assert!(answer.await.starts_with("HTTP/1.1 200"));
    drop(idle);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_trickles_is_cut_off() {
    let server = small(Bounds { head: Duration::from_millis(400), ..Bounds::default() }).await;
    let mut slow = connect(&server);
    slow.set_read_timeout(Some(TRICKLE)).expect("set");
    // Never idle, and never done: a byte every now and then until the other side has enough of it.
    let cut = apart(move || {
        for byte in b"GET /livez HTTP/1.1\r\nX: ".iter().chain(std::iter::repeat_n(&b'a', 2_000)) {
            if slow.write_all(&[*byte]).is_err() || is_closed(&mut slow) {
                return true;
            }
        }
        false
    });
    assert!(cut.await, "half a minute of single bytes was taken");
    assert_eq!(server.get("/v1/status").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_trickles_is_answered_in_time_and_cut_off() {
    let server = small(Bounds { request: Duration::from_millis(400), ..Bounds::default() }).await;
    let mut slow = connect(&server);
    let head = head(&server, "Content-Length: 2000\r\n");
    let answer = apart(move || {
        slow.write_all(head.as_bytes()).expect("written");
        slow.set_read_timeout(Some(TRICKLE)).expect("set");
        for _ in 0..2_000 {
            if slow.write_all(b" ").is_err() || slow.peek(&mut [0]).is_ok() {
                break;
            }
        }
        slow.set_read_timeout(Some(PATIENCE)).expect("set");
        rest(&mut slow)
    });
    let answer = answer.await;
    // Whoever still writes when the connection is closed may lose the answer; nobody gets another one.
    assert!(answer.is_empty() || answer.contains("503") && answer.contains("TIMEOUT"), "{answer}");
    // One who sends nothing more reads it.
    let mut quiet = connect(&server);
    let head = self::head(&server, "Content-Length: 2000\r\n");
    let answer = apart(move || {
        quiet.write_all(head.as_bytes()).expect("written");
        rest(&mut quiet)
    });
    assert!(answer.await.contains("\"code\":\"TIMEOUT\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_is_too_large_or_has_too_many_headers_is_refused() {
    let server = serve().await;
    let many: String = (0..200).map(|n| format!("X-{n}: a\r\n")).collect();
    let long = format!("X: {}\r\n", "a".repeat(70_000));
    for more in [many, long] {
        let (mut stream, head) = (connect(&server), head(&server, &more));
        let answer = apart(move || {
            // It is answered before all of it is taken.
            let _ = stream.write_all(head.as_bytes());
            let _ = stream.shutdown(Shutdown::Write);
            rest(&mut stream)
        });
        let answer = answer.await;
        assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    }
    let (mut stream, usual) = (connect(&server), "GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n");
    let usual = format!("{usual}X: {}\r\n\r\n", "a".repeat(30_000));
    let answer = apart(move || {
        stream.write_all(usual.as_bytes()).expect("written");
        rest(&mut stream)
    });
    assert!(answer.await.starts_with("HTTP/1.1 200"), "what proxies add is taken");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_too_large_is_refused_however_it_says_its_length() {
    let server = serve().await;
    let body = "x".repeat(70_000);
    let chunked = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    for (more, body) in [
        (format!("Content-Length: {}\r\n", body.len()), body),
        ("Transfer-Encoding: chunked\r\n".into(), chunked),
    ] {
        let (mut stream, head) = (connect(&server), head(&server, &more));
        let answer = apart(move || {
            stream.write_all(head.as_bytes()).expect("written");
            stream.write_all(body.as_bytes()).expect("it is read to its end");
            rest(&mut stream)
        });
        let answer = answer.await;
        assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("TOO_LARGE"), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_packed_body_is_refused_and_never_unpacked() {
    let server = serve().await;
    let good =
        r#"{"subsystem":"service","code":"PROCESS_DEAD","target":"web","severity":"error","summary":"gone"}"#;
    for coding in ["gzip", "deflate", "br", "zstd", "identity, gzip", "x-unknown"] {
        for path in ["/v1/degradations", "/v1/ingest/alertmanager"] {
            let headers = [("content-encoding", coding), ("content-type", "application/json")];
            let got = server.send_as(path, &server.person, &headers, good).await;
            got.problem(415, "PACKED");
            assert_eq!(got.header("accept-encoding"), "identity");
        }
    }
    let plain = [("content-encoding", "identity"), ("content-type", "application/json")];
    assert_eq!(server.send_as("/v1/degradations", &server.person, &plain, good).await.status, 202);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_does_not_take_every_place() {
    let server = small(Bounds { of_this_machine: 2, ..Bounds::default() }).await;
    let mut held: Vec<TcpStream> = (0..2).map(|_| connect(&server)).collect();
    for stream in &mut held {
        stream.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").expect("written");
        assert!(stream.read(&mut [0; 16]).expect("an answer") > 0);
    }
    let mut third = connect(&server);
    let nothing = apart(move || {
        let _ = third.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n");
        rest(&mut third)
    });
    assert_eq!(nothing.await, "", "it is closed without an answer");
    drop(held);
    // A place that is given back is free: not at once, but soon.
    let until = std::time::Instant::now() + PATIENCE;
    while std::time::Instant::now() < until {
        let mut next = connect(&server);
        let answer = apart(move || {
            let _ = next.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
            rest(&mut next)
        });
        if answer.await.starts_with("HTTP/1.1 200") {
            return;
        }
    }
    panic!("nobody gets a place any more");
}
