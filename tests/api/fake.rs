//! A remediator that writes to a journal in memory and decides nothing, and the HTTP face before it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use remediator::api::{self, Answer, Bearer, Daemon, Role, Sessions, Settings, TokenFile, Tokens};
use remediator::audit::Audit;
use remediator::base::digest::Blake3;
use remediator::base::ids::{IncidentId, Receipt, Seq};
use remediator::context::World;
use remediator::event::control::{DrainStarted, Drained, Paused};
use remediator::event::degradation::{DegradationReport, Source};
use remediator::event::notice::{Delivery, NoticeDelivered, NoticeFailed, NoticeQueued};
use remediator::ingest::{IngestFile, Mappings, Recovery};
use remediator::remediator::{Accepted, ChannelTested, Control, Readiness, ReadyState, ReadyStep, Rejection};
use tokio::sync::oneshot;

use super::story::{Story, opened, seen, story};

pub struct Fake {
    pub story: Story,
    pub audit: Audit,
    pub ready: AtomicBool,
    pub refused: Mutex<Vec<(Source, &'static str, String)>>,
    known: Mutex<BTreeMap<(Source, String), Accepted>>,
}

impl Fake {
    pub fn new() -> Self {
        let story = story();
        let audit = Audit::follow(story.memory.clone(), World::new(Blake3::ZERO)).expect("a thread");
        let (refused, known) = (Mutex::default(), Mutex::default());
        Self { story, audit, ready: AtomicBool::new(true), refused, known }
    }
    fn accept(&self, report: DegradationReport, source: Source) -> Accepted {
        let key = report.id.clone().map(|id| (source.clone(), id));
        if let Some(known) = key.as_ref().and_then(|k| self.known.lock().expect("lock").get(k).copied()) {
            return Accepted { duplicate: true, ..known };
        }
        let receipt = Receipt::fresh();
        let mut event = seen(receipt, &report.target);
        event.source = source;
        event.summary = report.summary;
        let id = IncidentId::derive(&Blake3::ZERO, &receipt, 0);
        let seq = self.story.memory.push(Some(id), None, event).seq;
        self.story.memory.push(Some(id), Some(seq), opened(&report.target));
        let accepted = Accepted { receipt, seq, duplicate: false };
        if let Some(key) = key {
            self.known.lock().expect("lock").insert(key, accepted);
        }
        accepted
    }
}

/// The test and the server hold the same one.
pub struct Shared(pub Arc<Fake>);

impl Daemon for Shared {
    fn report(&self, report: DegradationReport, source: Source) -> Answer<'_, Accepted> {
        Box::pin(async move {
            match report.code.as_str() {
                "TEST_FULL" => Err(Rejection::Full { retry_after_s: 7 }),
                "TEST_SEALED" => Err(Rejection::Sealed("fsync failed".into())),
                _ => Ok(self.0.accept(report, source)),
            }
        })
    }
    fn refuse(&self, source: Source, code: &'static str, said: String) -> Answer<'_, ()> {
        self.0.refused.lock().expect("lock").push((source, code, said));
        Box::pin(async { Ok(()) })
    }
    fn pause(&self, by: String, reason: String) -> Answer<'_, Seq> {
        let seq = self.0.story.memory.push(None, None, Paused { by, reason }).seq;
        Box::pin(async move { Ok(seq) })
    }
    fn drain(&self, by: String, reason: String) -> Answer<'_, Seq> {
        let started = self.0.story.memory.push(None, None, DrainStarted { by, reason }).seq;
        self.0.story.memory.push(None, Some(started), Drained { started });
        Box::pin(async move { Ok(started) })
    }
    fn close(&self, _: remediator::base::ids::IncidentId, _: String, _: String) -> Answer<'_, Seq> {
        Box::pin(std::future::ready(Ok(8)))
    }
    fn control(&self, control: Control, _: Vec<u8>, _: String) -> Answer<'_, Seq> {
        let code = match control {
            Control::Rerun | Control::Elevate => "NOT_NOW",
            Control::RotateKey => "TOO_SOON",
            Control::Break => "NOTHING_TO_DO",
            _ => "SIGNATURE_WRONG",
        };
        let reason = "it was refused".to_owned();
        Box::pin(async move { Err(Rejection::Refused { code, reason }) })
    }
    fn refuse_elevation(
        &self,
        _: remediator::base::ids::IncidentId,
        _: String,
        _: String,
    ) -> Answer<'_, Seq> {
        let (code, reason) = ("NOTHING_TO_DO", "nothing waits to be let".to_owned());
        Box::pin(std::future::ready(Err(Rejection::Refused { code, reason })))
    }
    fn recover(&self, _: Recovery, _: Source) -> Answer<'_, Accepted> {
        Box::pin(std::future::ready(Ok(Accepted { receipt: Receipt::fresh(), seq: 9, duplicate: false })))
    }
    fn ingest(&self) -> Result<Arc<Mappings>, Rejection> {
        let map = r#"{"subsystem":{"default":"disk"},"code":{"from":["/code"]},"target":{"from":["/t"]},
                      "summary":{"default":"s"}}"#;
        let file: IngestFile =
            serde_json::from_str(&format!(r#"{{"json":{{"disks":{{"items":"/all","map":{map}}}}}}}"#))
                .expect("a section");
        Ok(Arc::new(Mappings::new(file).expect("mappings")))
    }
    fn channels(&self) -> Result<Vec<(String, String)>, Rejection> {
        Ok(["log", "down", "gone"].map(|name| (name.to_owned(), "webhook".to_owned())).to_vec())
    }
    fn test_channel(&self, channel: String, by: String) -> Answer<'_, ChannelTested> {
        let memory = &self.0.story.memory;
        let answer = match channel.as_str() {
            "log" => Delivery::Delivered { said: "written".into() },
            "down" => Delivery::Failed { reason: "HTTP 500".into(), retry_after_ms: None },
            "gone" => Delivery::Refused { reason: "HTTP 410".into() },
            _ => {
                let (code, reason) = ("NO_SUCH_CHANNEL", "there is none".to_owned());
                return Box::pin(std::future::ready(Err(Rejection::Refused { code, reason })));
            }
        };
        let notice = memory.push(None, None, NoticeQueued::test(&channel, &by)).seq;
        let failed = |reason: &String, refused| {
            let (reason, retry_elapsed_ms) = (reason.clone(), None);
            NoticeFailed { notice, try_no: 1, reason, retry_elapsed_ms, refused }
        };
        match &answer {
            Delivery::Delivered { said } => {
                memory.push(None, Some(notice), NoticeDelivered { notice, try_no: 1, said: said.clone() })
            }
            Delivery::Failed { reason, .. } => memory.push(None, Some(notice), failed(reason, false)),
            Delivery::Refused { reason } => memory.push(None, Some(notice), failed(reason, true)),
        };
        Box::pin(std::future::ready(Ok(ChannelTested { seq: notice, answer })))
    }
    fn home(&self) -> Option<&str> {
        Some("1-2")
    }
    fn readiness(&self) -> Readiness {
        let ready = self.0.ready.load(Ordering::SeqCst);
        let state = if ready { ReadyState::Done } else { ReadyState::Failed("no disk".into()) };
        let steps =
            vec![ReadyStep { name: "lock", state: ReadyState::Done }, ReadyStep { name: "journal", state }];
        Readiness { ready, steps }
    }
    fn audit(&self) -> Option<Audit> {
        self.0.ready.load(Ordering::SeqCst).then(|| self.0.audit.clone())
    }
    fn live(&self) -> bool {
        true
    }
}

/// A served fake; stops when dropped.
pub struct Server {
    pub fake: Arc<Fake>,
    pub address: SocketAddr,
    pub person: String,
    pub of_roles: [(Role, String); 4],
    pub sentinel: String,
    http: reqwest::Client,
    stop: Option<oneshot::Sender<()>>,
}

pub async fn serve() -> Server {
    serve_with(Settings::default()).await
}

pub async fn serve_with(settings: Settings) -> Server {
    // The error says that another test was first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut tokens = Tokens::new().expect("randomness");
    let mut mint = |bearer| {
        let token = api::tokens::mint().expect("randomness");
        tokens.add(bearer, &token, 0);
        token
    };
    let of_roles = Role::ALL.map(|role| (role, mint(Bearer::Person { name: "ada".into(), role })));
    let person = of_roles[3].1.clone();
    let subsystems = vec!["disk".to_owned()];
    let sentinel = mint(Bearer::Sentinel { name: "disk-eye".into(), subsystems });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    let fake = Arc::new(Fake::new());
    let (stop, stopped) = oneshot::channel::<()>();
    let daemon = Shared(fake.clone());
    let (tokens, sessions) = (TokenFile::fixed(tokens), Sessions::in_memory());
    tokio::spawn(api::serve_with(listener, daemon, tokens, sessions, settings, async {
        let _ = stopped.await;
    }));
    let http = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().expect("a client");
    Server { fake, address, person, of_roles, sentinel, http, stop: Some(stop) }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
    }
}

/// An answer, taken apart.
pub struct Got {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
}

impl Got {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("not JSON ({e}): {}", self.text))
    }
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default()
    }
    /// Checks that it is a problem with this status and code.
    #[track_caller]
    pub fn problem(&self, status: u16, code: &str) -> serde_json::Value {
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["code"], code);
        assert_eq!(problem["status"], status);
        for member in ["type", "title", "detail", "hint"] {
            assert!(problem[member].as_str().is_some_and(|t| !t.is_empty()), "{member}: {problem}");
        }
        problem
    }
}

impl Server {
    pub async fn send(&self, method: &str, path: &str, token: Option<&str>, body: &[u8]) -> Got {
        self.send_with(method, path, token, body, "application/json").await
    }
    pub async fn send_with(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: &[u8],
        accept: &str,
    ) -> Got {
        let method = reqwest::Method::from_bytes(method.as_bytes()).expect("a method");
        let mut request = self
            .http
            .request(method.clone(), format!("http://{}{path}", self.address))
            .header("accept", accept)
            .body(body.to_vec());
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let response = request.send().await.expect("an answer");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let got = Got { status, headers, text: response.text().await.expect("a body") };
        super::document::check(method.as_str(), path, &got);
        got
    }
    /// What another program sends, with its own headers.
    pub async fn send_as(&self, path: &str, token: &str, headers: &[(&str, &str)], body: &str) -> Got {
        let url = format!("http://{}{path}", self.address);
        let mut request = self.http.post(url).bearer_auth(token).body(body.to_owned());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.expect("an answer");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let got = Got { status, headers, text: response.text().await.expect("a body") };
        super::document::check("POST", path, &got);
        got
    }
    /// The beginning of an answer that has no end; its text only when it is a problem.
    pub async fn begin(&self, path: &str, token: Option<&str>) -> Got {
        let request = self.http.get(format!("http://{}{path}", self.address));
        let request = token.into_iter().fold(request, |request, token| request.bearer_auth(token));
        let response = request.send().await.expect("an answer");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = if status == 200 { String::new() } else { response.text().await.expect("a body") };
        Got { status, headers, text }
    }
    pub async fn get(&self, path: &str) -> Got {
        self.send("GET", path, Some(&self.person), b"").await
    }
    pub async fn post(&self, path: &str, body: &str) -> Got {
        self.send("POST", path, Some(&self.person), body.as_bytes()).await
    }
}
