//! Look kind `tcp`: does a port take connections, and say what it should? Refused, reset, closed or wrong has
//! failed; what could not even be tried is unknown.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{saw, with};
use crate::base::limits::BANNER_BYTES_MAX;
use crate::base::text::clip;
use crate::event::plan::TcpLook;
use crate::event::verification::{Observation, Verdict};

/// How far a look got: what it proves when the time is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Got {
    Nothing,
    Resolved { loopback: bool },
    Connected,
}

pub(super) async fn look(look: &TcpLook, timeout: Duration) -> Observation {
    let began = Instant::now();
    let (mut got, mut answer) = (Got::Nothing, Vec::new());
    let asked = tokio::time::timeout(timeout, ask(look, &mut got, &mut answer)).await;
    let millis = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let at = format!("{}:{}", look.host, look.port);
    let (verdict, words) = match asked {
        Ok(Ok(())) => judge(look, &answer, millis),
        Ok(Err(error)) => (classify(&error, got), format!("{error}")),
        Err(_) => {
            let within = timeout.as_millis();
            match got {
                Got::Connected => {
                    (Verdict::Failed, format!("takes connections but did not answer within {within} ms"))
                }
                // On this machine no network can be at fault: its queue of connections is full.
                Got::Resolved { loopback: true } => {
                    (Verdict::Failed, format!("took no connection within {within} ms"))
                }
                _ => (Verdict::Unknown, format!("could not be reached within {within} ms")),
            }
        }
    };
    let values = [("latency_ms", millis), ("answer_bytes", answer.len() as u64)];
    with(saw(verdict, format!("{at}: {words}")), &values)
}

async fn ask(look: &TcpLook, got: &mut Got, answer: &mut Vec<u8>) -> std::io::Result<()> {
    let mut last = None;
    let mut stream = None;
    for address in tokio::net::lookup_host((look.host.as_str(), look.port)).await? {
        *got = Got::Resolved { loopback: address.ip().is_loopback() };
        match TcpStream::connect(address).await {
            Ok(connected) => {
                stream = Some(connected);
                break;
            }
            Err(error) => last = Some(error),
        }
    }
    let no_address = || std::io::Error::new(ErrorKind::NotFound, "the name has no address");
    let mut stream = stream.ok_or_else(|| last.unwrap_or_else(no_address))?;
    *got = Got::Connected;
    if let Some(text) = &look.send {
        stream.write_all(text.as_bytes()).await?;
    }
    let Some(expect) = &look.expect else { return Ok(()) };
    let mut bytes = [0; 1024];
    while answer.len() < BANNER_BYTES_MAX && !contains(answer, expect.as_bytes()) {
        let read = stream.read(&mut bytes).await?;
        if read == 0 {
            return Ok(());
        }
        answer.extend_from_slice(&bytes[..read.min(BANNER_BYTES_MAX - answer.len())]);
    }
    Ok(())
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    memchr::memmem::find(bytes, part).is_some()
}

fn judge(look: &TcpLook, answer: &[u8], millis: u64) -> (Verdict, String) {
    match &look.expect {
        Some(expect) if !contains(answer, expect.as_bytes()) => {
            let said = String::from_utf8_lossy(answer);
            let words = format!("did not say `{}` but `{}`", expect.escape_debug(), clip(said.trim(), 100));
            (Verdict::Failed, words)
        }
        Some(_) => (Verdict::Healthy, format!("answered as expected in {millis} ms")),
        None => (Verdict::Healthy, format!("took the connection in {millis} ms")),
    }
}

/// Proven bad, or not even tried?
fn classify(error: &std::io::Error, got: Got) -> Verdict {
    match (got, error.kind()) {
        (Got::Connected, _) => Verdict::Failed,
        (
            Got::Resolved { .. },
            ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted,
        ) => Verdict::Failed,
        // Names that do not resolve, networks without a route, descriptors that ran out here.
        _ => Verdict::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::TcpListener;

    use super::*;

    fn seen(host: &str, port: u16, expect: Option<&str>) -> Observation {
        let plan =
            TcpLook { host: host.into(), port, send: Some("?".into()), expect: expect.map(Into::into) };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(look(&plan, Duration::from_millis(500)))
    }

    fn server(answer: &'static [u8]) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let _ = std::io::Read::read(&mut stream, &mut [0; 16]);
                let _ = stream.write_all(answer);
            }
        });
        port
    }

    #[test]
    fn an_open_port_is_healthy_and_what_it_says_is_judged() {
        let port = server(b"220 mail ready\r\n");
        let seen_open = seen("127.0.0.1", port, None);
        assert_eq!(seen_open.verdict, Verdict::Healthy, "{seen_open:?}");
        assert!(seen_open.values["latency_ms"] < 500);
        assert_eq!(seen("localhost", port, Some("mail ready")).verdict, Verdict::Healthy);
        let wrong = seen("127.0.0.1", port, Some("+PONG"));
        assert!(wrong.verdict == Verdict::Failed && wrong.evidence.contains("but `220 mail"), "{wrong:?}");
        assert_eq!(seen("127.0.0.1", server(b""), Some("x")).verdict, Verdict::Failed);
    }

    #[test]
    fn refused_silent_and_full_have_failed() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        // The kernel takes the connection; nobody says anything.
        let silent = seen("127.0.0.1", port, Some("x"));
        assert!(
            silent.verdict == Verdict::Failed && silent.evidence.contains("did not answer"),
            "{silent:?}"
        );
        rustix::net::listen(&listener, 0).unwrap();
        let address = listener.local_addr().unwrap();
        let _full: Vec<_> = (0..4)
            .map(|_| std::net::TcpStream::connect_timeout(&address, Duration::from_millis(100)))
            .collect();
        let full = seen("127.0.0.1", port, None);
        assert!(full.verdict == Verdict::Failed && full.evidence.contains("took no connection"), "{full:?}");
        drop((listener, _full));
        assert_eq!(seen("127.0.0.1", port, None).verdict, Verdict::Failed);
    }

    #[test]
    fn what_could_not_be_tried_is_unknown() {
        assert_eq!(seen("no-such-host.invalid", 1, None).verdict, Verdict::Unknown);
    }
}
