//! Look kind `http`: does a URL answer as expected, in time? Refused, reset, garbled, wrong or wedged (it takes
//! the connection and says nothing) has failed; what could not even be tried is unknown.

use std::error::Error as _;
use std::io::ErrorKind;
use std::time::{Duration, Instant};

use tokio::net::{TcpStream, lookup_host};

use super::{saw, with};
use crate::base::limits::LOOK_BODY_BYTES_MAX;
use crate::event::plan::HttpLook;
use crate::event::verification::{Observation, Verdict};

/// Asking once more whether anybody takes connections, after a timeout.
const SECOND_LOOK: Duration = Duration::from_millis(500);

/// No redirects (the answer of the URL itself counts), no proxy, no kept connections (each look stands alone).
pub(super) fn client() -> Result<reqwest::Client, reqwest::Error> {
    // An error means that a provider is there already, and it is the same one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .pool_max_idle_per_host(0)
        .user_agent(concat!("remediator/", env!("CARGO_PKG_VERSION")))
        .build()
}

struct Answer {
    status: u16,
    body: Vec<u8>,
}

pub(super) async fn look(client: &reqwest::Client, look: &HttpLook, timeout: Duration) -> Observation {
    let began = Instant::now();
    let mut status = None;
    let asked = tokio::time::timeout(timeout, ask(client, look, &mut status)).await;
    let latency = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let url = &look.url;
    match asked {
        Ok(Ok(answer)) => {
            let values = [
                ("status", u64::from(answer.status)),
                ("latency_ms", latency),
                ("body_bytes", answer.body.len() as u64),
            ];
            with(judge(look, &answer, latency), &values)
        }
        Ok(Err(error)) => {
            let seen = saw(classify(&error), format!("{url}: {}", causes(&error)));
            with(seen, &[("latency_ms", latency)])
        }
        Err(_) => {
            let (verdict, words) = match status {
                Some(status) => (Verdict::Failed, format!("answered {status} and did not come to an end")),
                None => wedged_or_away(url).await,
            };
            let seen = saw(verdict, format!("{url}: {words} within {} ms", timeout.as_millis()));
            with(seen, &[("latency_ms", latency)])
        }
    }
}

async fn ask(
    client: &reqwest::Client,
    look: &HttpLook,
    status: &mut Option<u16>,
) -> Result<Answer, reqwest::Error> {
    let mut response = client.get(&look.url).send().await?;
    let code = response.status().as_u16();
    *status = Some(code);
    let mut body = Vec::new();
    while body.len() < LOOK_BODY_BYTES_MAX
        && let Some(chunk) = response.chunk().await?
    {
        let room = LOOK_BODY_BYTES_MAX - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
    }
    Ok(Answer { status: code, body })
}

fn judge(look: &HttpLook, answer: &Answer, latency: u64) -> Observation {
    let (url, status) = (&look.url, answer.status);
    if !look.expect_status.contains(&status) {
        let expected: Vec<String> = look.expect_status.iter().map(u16::to_string).collect();
        let words = format!("{url}: answered {status}, expected {}", expected.join(" or "));
        return saw(Verdict::Failed, words);
    }
    if let Some(text) = &look.expect_body
        && !String::from_utf8_lossy(&answer.body).contains(text)
    {
        let words = format!("{url}: answered {status}, but its body does not contain `{text}`");
        return saw(Verdict::Failed, words);
    }
    saw(Verdict::Healthy, format!("{url}: answered {status} in {latency} ms"))
}

/// Proven bad, or not even tried?
fn classify(error: &reqwest::Error) -> Verdict {
    let system = io_error(error);
    let out_of_descriptors = [rustix::io::Errno::MFILE, rustix::io::Errno::NFILE, rustix::io::Errno::NOMEM];
    let ours = system.and_then(std::io::Error::raw_os_error);
    if error.is_builder() || out_of_descriptors.iter().any(|errno| Some(errno.raw_os_error()) == ours) {
        return Verdict::Unknown;
    }
    if !error.is_connect() {
        // The connection was there; what came over it was not an answer.
        return Verdict::Failed;
    }
    match system.map(std::io::Error::kind) {
        Some(
            ErrorKind::ConnectionRefused
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe
            | ErrorKind::UnexpectedEof,
        ) => Verdict::Failed,
        // Names that do not resolve, networks without a route, certificates that we cannot judge.
        _ => Verdict::Unknown,
    }
}

fn io_error(error: &reqwest::Error) -> Option<&std::io::Error> {
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(io) = cause.downcast_ref::<std::io::Error>() {
            // TLS and DNS wrap their own errors in one without a code; the innermost one knows best.
            if io.raw_os_error().is_some() || io.get_ref().is_none() {
                return Some(io);
            }
        }
        source = cause.source();
    }
    None
}

/// The last causes say what happened; the first only repeats the URL.
fn causes(error: &reqwest::Error) -> String {
    let mut words = Vec::new();
    let mut source = error.source();
    while let Some(cause) = source {
        words.push(cause.to_string());
        source = cause.source();
    }
    if words.is_empty() { error.to_string() } else { words.join(": ") }
}

/// After a timeout without an answer: is somebody there who takes connections?
async fn wedged_or_away(url: &str) -> (Verdict, String) {
    let Some((host, port)) = reqwest::Url::parse(url).ok().and_then(|url| {
        let host = url.host_str()?.trim_matches(['[', ']']).to_owned();
        Some((host, url.port_or_known_default()?))
    }) else {
        return (Verdict::Unknown, "no answer".to_owned());
    };
    let address = match tokio::time::timeout(SECOND_LOOK, lookup_host((host.as_str(), port))).await {
        Ok(Ok(mut addresses)) => addresses.next(),
        _ => None,
    };
    let Some(address) = address else { return (Verdict::Unknown, format!("{host} could not be resolved")) };
    match tokio::time::timeout(SECOND_LOOK, TcpStream::connect(address)).await {
        Ok(Ok(_)) => (Verdict::Failed, "takes connections but did not answer".to_owned()),
        Ok(Err(error)) if error.kind() == ErrorKind::ConnectionRefused => {
            (Verdict::Failed, "did not answer and now refuses connections".to_owned())
        }
        // On this machine no network can be at fault: its queue of connections is full.
        Err(_) if address.ip().is_loopback() => {
            (Verdict::Failed, "does not even take connections any more and did not answer".to_owned())
        }
        _ => (Verdict::Unknown, "could not be reached".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{SocketAddr, TcpListener};

    use super::*;

    /// A server that says the same to everyone, one after another, until the test is over.
    fn server(answer: &'static [u8]) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut request = [0; 4096];
                let _ = stream.read(&mut request);
                let _ = stream.write_all(answer);
            }
        });
        address
    }

    fn seen(url: &str, expect_body: Option<&str>) -> Observation {
        let plan = HttpLook {
            url: url.to_owned(),
            expect_status: vec![200, 204],
            expect_body: expect_body.map(str::to_owned),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async { look(&client().unwrap(), &plan, Duration::from_millis(700)).await })
    }

    fn says(address: SocketAddr, expect_body: Option<&str>) -> (Verdict, String) {
        let seen = seen(&format!("http://{address}/health"), expect_body);
        (seen.verdict, seen.evidence)
    }

    #[test]
    fn status_and_body_are_judged() {
        let address = server(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
        let good = seen(&format!("http://{address}/"), Some("ell"));
        assert_eq!(good.verdict, Verdict::Healthy, "{good:?}");
        assert_eq!((good.values["status"], good.values["body_bytes"]), (200, 5));
        assert!(good.values["latency_ms"] < 700);
        let (verdict, evidence) = says(address, Some("bye"));
        assert!(verdict == Verdict::Failed && evidence.contains("does not contain `bye`"), "{evidence}");
        let address = server(b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n");
        let (verdict, evidence) = says(address, None);
        assert!(verdict == Verdict::Failed && evidence.contains("500, expected 200 or 204"), "{evidence}");
        // A redirect is an answer of its own and is not followed.
        let address =
            server(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(says(address, None).0, Verdict::Failed);
    }

    #[test]
    fn refused_closed_garbled_and_endless_have_failed() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let refused = listener.local_addr().unwrap();
        drop(listener);
        let (verdict, evidence) = says(refused, None);
        assert!(verdict == Verdict::Failed && evidence.contains("refused"), "{evidence}");
        assert_eq!(says(server(b""), None).0, Verdict::Failed);
        assert_eq!(says(server(b"SSH-2.0-OpenSSH_9.6\r\n"), None).0, Verdict::Failed);
        assert_eq!(
            says(server(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello"), None).0,
            Verdict::Failed
        );
    }

    #[test]
    fn a_wedged_service_has_failed_and_a_full_queue_too() {
        // Nobody accepts: the kernel takes the connection, no answer comes.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (verdict, evidence) = says(listener.local_addr().unwrap(), None);
        assert!(verdict == Verdict::Failed && evidence.contains("takes connections"), "{evidence}");
        rustix::net::listen(&listener, 0).unwrap();
        let address = listener.local_addr().unwrap();
        let _full: Vec<_> = (0..4)
            .map(|_| std::net::TcpStream::connect_timeout(&address, Duration::from_millis(100)))
            .collect();
        let (verdict, evidence) = says(address, None);
        assert!(verdict == Verdict::Failed && evidence.contains("any more"), "{evidence}");
    }

    #[test]
    fn what_could_not_be_tried_is_unknown() {
        assert_eq!(seen("http://no-such-host.invalid/", None).verdict, Verdict::Unknown);
        assert_eq!(seen("not a url", None).verdict, Verdict::Unknown);
    }
}
