//! Target `http`: bodies over HTTP: degradations, ingest, heartbeats, words and statements of people. Every answer is one
//! that the documentation names, with a problem in a few words; what is handed in keeps the rules of a report.

use std::collections::BTreeSet;
use std::future::ready;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, LazyLock, Mutex};

use remediator::api::{self, Answer, Bearer, Daemon, Problem, Role, Tokens};
use remediator::audit::Audit;
use remediator::base::ids::{IncidentId, Receipt, Seq};
use remediator::base::limits::{DETAIL_BYTES_MAX, SUMMARY_BYTES_MAX};
use remediator::event::degradation::{DegradationReport, Source};
use remediator::ingest::{IngestFile, Mappings, Recovery};
use remediator::remediator::{Accepted, BeatRefused, Control, Heard, Readiness, Rejection};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};

use super::said;

/// Where the bodies go, chosen by the first byte of the input, a digit.
const ROUTES: [(&str, &str); 10] = [
    ("/v1/degradations", "application/json"),
    ("/v1/ingest/alertmanager", "application/json"),
    ("/v1/ingest/grafana", "application/json"),
    ("/v1/ingest/cloudevents", "application/cloudevents+json"),
    ("/v1/ingest/cloudevents", "application/cloudevents-batch+json"),
    ("/v1/ingest/json/any", "application/json"),
    ("/v1/heartbeats/beat", "application/json"),
    ("/v1/control/pause", "application/json"),
    ("/v1/control/resume", "application/json"),
    ("/v1/sentinels/eye/revoke", "application/json"),
];

/// Answers everything and keeps nothing.
struct Kept;

impl Daemon for Kept {
    fn report(&self, report: DegradationReport, _: Source) -> Answer<'_, Accepted> {
        assert_eq!(report.check(), Ok(()), "handed in against the rules");
        Box::pin(ready(Ok(Accepted { receipt: Receipt(uuid::Uuid::nil()), seq: 1, duplicate: false })))
    }
    fn refuse(&self, _: Source, code: &'static str, said: String) -> Answer<'_, ()> {
        assert!(!code.is_empty() && said.len() <= DETAIL_BYTES_MAX, "{} bytes of evidence", said.len());
        Box::pin(ready(Ok(())))
    }
    fn pause(&self, _: String, reason: String) -> Answer<'_, Seq> {
        assert!(reason.len() <= SUMMARY_BYTES_MAX);
        Box::pin(ready(Ok(2)))
    }
    fn drain(&self, _: String, _: String) -> Answer<'_, Seq> {
        Box::pin(ready(Ok(3)))
    }
    fn control(&self, _: Control, _: Vec<u8>, _: String) -> Answer<'_, Seq> {
        Box::pin(ready(Ok(4)))
    }
    fn close(&self, _: IncidentId, _: String, _: String) -> Answer<'_, Seq> {
        Box::pin(ready(Ok(5)))
    }
    fn recover(&self, _: Recovery, _: Source) -> Answer<'_, Accepted> {
        Box::pin(ready(Ok(Accepted { receipt: Receipt(uuid::Uuid::nil()), seq: 6, duplicate: false })))
    }
    fn ingest(&self) -> Result<Arc<Mappings>, Rejection> {
        Ok(Arc::clone(&MAPPINGS))
    }
    fn revoke_grant(&self, _: String, _: String, reason: String) -> Answer<'_, Seq> {
        assert!(reason.len() <= SUMMARY_BYTES_MAX);
        Box::pin(ready(Ok(7)))
    }
    fn heartbeat_subsystems(&self, _: &str) -> Result<Option<BTreeSet<String>>, Rejection> {
        Ok(Some(BTreeSet::from(["disk".to_owned()])))
    }
    fn heartbeat(
        &self,
        _: String,
        _: Source,
        at_ms: u64,
    ) -> Pin<Box<dyn Future<Output = Result<Heard, BeatRefused>> + Send + '_>> {
        Box::pin(ready(match at_ms {
            0 => Err(BeatRefused::Replayed { at_ms, last_ms: 1 }),
            _ => Ok(Heard { age_ms: 1, edge: false }),
        }))
    }
    fn readiness(&self) -> Readiness {
        Readiness { ready: true, steps: Vec::new() }
    }
    fn audit(&self) -> Option<Audit> {
        None
    }
    fn live(&self) -> bool {
        true
    }
}

static MAPPINGS: LazyLock<Arc<Mappings>> = LazyLock::new(|| {
    let file: IngestFile = serde_json::from_str(
        r#"{"json": {"any": {"map": {"subsystem": {"default": "any"}, "code": {"from": ["/code"]}, "target": {"from": ["/t"]},
            "summary": {"from": ["/summary"], "default": "s"}, "resolved": {"from": ["/status"], "is": ["ok"]}}}}}"#,
    )
    .expect("a section");
    Arc::new(Mappings::new(file).expect("mappings"))
});

struct Bench {
    runtime: Runtime,
    address: SocketAddr,
    token: String,
    kept: Option<TcpStream>,
}

static BENCH: LazyLock<Mutex<Bench>> = LazyLock::new(|| {
    let mut tokens = Tokens::new().expect("randomness");
    let token = api::tokens::mint().expect("randomness");
    tokens.add(Bearer::Person { name: "ada".into(), role: Role::Lead }, &token, 0);
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port");
    let address = listener.local_addr().expect("bound");
    runtime.spawn(api::serve(listener, Kept, tokens, std::future::pending()));
    Mutex::new(Bench { runtime, address, token, kept: None })
});

/// See the module.
pub fn check(bytes: &[u8]) {
    let Some((first, body)) = bytes.split_first() else { return };
    let (path, kind) = ROUTES[usize::from(first.wrapping_sub(b'0')) % ROUTES.len()];
    let mut bench = BENCH.lock().expect("one at a time");
    let Bench { runtime, address, token, kept } = &mut *bench;
    let (status, text) = runtime.block_on(async {
        let mut stream = match kept.take() {
            Some(stream) => stream,
            None => TcpStream::connect(*address).await.expect("connected"),
        };
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(&[head.as_bytes(), body].concat()).await.expect("sent");
        let answer = answer(&mut stream).await;
        *kept = Some(stream);
        answer
    });
    judge(status, &text);
}

/// Status and body. Every answer says its length.
async fn answer(stream: &mut TcpStream) -> (u16, String) {
    let mut got = Vec::new();
    loop {
        let read = stream.read_buf(&mut got).await.expect("an answer");
        assert!(read > 0, "hung up: {}", String::from_utf8_lossy(&got));
        let Some(end) = got.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&got[..end]).to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize =
            length.and_then(|l| l.parse().ok()).unwrap_or_else(|| panic!("no length: {head}"));
        if got.len() >= end + 4 + length {
            let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).expect("a status");
            return (status, String::from_utf8(got.split_off(end + 4)).expect("UTF-8"));
        }
    }
}

fn judge(status: u16, text: &str) {
    match status {
        200 | 202 => {
            let answer: serde_json::Value = serde_json::from_str(text).expect("JSON");
            for item in answer["items"].as_array().into_iter().flatten() {
                said::is_fit(item["detail"].as_str().unwrap_or_default());
            }
        }
        400 | 403 | 409 | 413 | 422 => {
            let problem: Problem =
                serde_json::from_str(text).unwrap_or_else(|e| panic!("no problem ({e}): {text}"));
            assert_eq!(problem.status, status);
            said::is_fit(&problem.detail);
            said::is_line(problem.field.as_deref().unwrap_or_default());
            assert!(!problem.hint.is_empty() && !problem.code.is_empty());
        }
        other => panic!("{other}: {text}"),
    }
}
