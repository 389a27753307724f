//! `GET /v1/audit/stream` over real connections: without gap, from any place, in both forms, however slow the reader.

use std::collections::VecDeque;
use std::time::Duration;

use remediator::event::control::Paused;

use remediator::api::{Bounds, Settings};

use super::fake::{Server, serve, serve_with};

/// One frame of an event stream.
#[derive(Debug, PartialEq)]
struct Frame {
    event: String,
    id: u64,
    data: String,
}

/// A reader with its connection.
struct Stream {
    response: reqwest::Response,
    buffer: String,
    blocks: VecDeque<String>,
    end: &'static str,
}

async fn open(server: &Server, query: &str, headers: &[(&str, &str)]) -> Stream {
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().expect("a client");
    let mut request =
        client.get(format!("http://{}/v1/audit/stream{query}", server.address)).bearer_auth(&server.person);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await.expect("an answer");
    assert_eq!(response.status(), 200);
    let header = |name: &str| response.headers()[name].to_str().expect("text").to_owned();
    assert_eq!((header("cache-control"), header("x-accel-buffering")), ("no-store".into(), "no".into()));
    let end = if header("content-type") == "text/event-stream" { "\n\n" } else { "\n" };
    Stream { response, buffer: String::new(), blocks: VecDeque::new(), end }
}

impl Stream {
    /// The next block as it stands; none when the server ended the stream.
    async fn block(&mut self) -> Option<String> {
        loop {
            if let Some(block) = self.blocks.pop_front() {
                return Some(block);
            }
            let chunk = tokio::time::timeout(Duration::from_secs(60), self.response.chunk());
            let chunk = chunk.await.expect("something within a minute").expect("no broken connection")?;
            self.buffer.push_str(std::str::from_utf8(&chunk).expect("pieces end between lines"));
            while let Some((block, rest)) = self.buffer.split_once(self.end) {
                self.blocks.push_back(block.to_owned());
                self.buffer = rest.to_owned();
            }
        }
    }
    /// The next frame that is neither `retry` nor a comment.
    async fn frame(&mut self) -> Frame {
        loop {
            let block = self.block().await.expect("an open stream");
            if block.starts_with(':') || block.starts_with("retry:") {
                continue;
            }
            let field = |name: &str| {
                let line = block.lines().find_map(|line| line.strip_prefix(name));
                line.unwrap_or_else(|| panic!("no {name} in {block}")).to_owned()
            };
            let id = field("id: ").parse().expect("a seq");
            return Frame { event: field("event: "), id, data: field("data: ") };
        }
    }
}

fn grow(server: &Server, count: usize, reason: &str) -> u64 {
    let memory = &server.fake.story.memory;
    let push = |_| memory.push(None, None, Paused { by: "person:ada".into(), reason: reason.into() }).seq;
    (0..count).fold(0, |_, number| push(number))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_reader_gets_every_entry_byte_for_byte_wherever_it_begins() {
    let server = serve().await;
    let mut whole = open(&server, "", &[]).await;
    assert_eq!(whole.block().await.as_deref(), Some("retry: 2000"));
    let held = grow(&server, 1, "first");
    let mut late = open(&server, &format!("?after={}", held - 2), &[]).await;
    let last = grow(&server, 500, "more");
    let mut lines = Vec::new();
    for id in 0..=last {
        let frame = whole.frame().await;
        assert_eq!(frame.id, id);
        lines.push(frame.data);
        if id > held - 2 {
            assert_eq!(late.frame().await.data, lines[id as usize]);
        }
    }
    for seq in [0, 1, held, last] {
        assert_eq!(server.get(&format!("/v1/audit/{seq}")).await.text, lines[seq as usize]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_comes_again_goes_on_behind_the_last_id_it_saw() {
    let server = serve().await;
    let last = grow(&server, 10, "x");
    let seen = last - 4;
    // A browser keeps the address of the first time.
    let mut again = open(&server, "?after=0", &[("last-event-id", &seen.to_string())]).await;
    let frame = again.frame().await;
    assert_eq!((frame.id, frame.event.as_str()), (seen + 1, "control.paused"));
    let client = server.send_with("GET", "/v1/audit/stream?after=-2", Some(&server.person), b"", "*/*").await;
    client.problem(400, "BAD_PARAMETER");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_is_gone_is_said_and_the_stream_goes_on_behind_the_head() {
    let server = serve().await;
    let head = grow(&server, 1, "x");
    let mut stream = open(&server, "?after=99999", &[]).await;
    let reset = stream.frame().await;
    let said = format!("{{\"v\":1,\"asked\":99999,\"head\":{head}}}");
    assert_eq!(reset, Frame { event: "reset".into(), id: head, data: said });
    let next = grow(&server, 1, "y");
    assert_eq!(stream.frame().await.id, next);
    let path = "/v1/audit/stream?after=99999";
    let got = server.send_with("GET", path, Some(&server.person), b"", "application/x-ndjson").await;
    got.problem(410, "POSITION_GONE");
}

#[tokio::test(flavor = "multi_thread")]
async fn as_ndjson_it_is_the_lines_themselves() {
    let server = serve().await;
    let mut stream = open(&server, "?after=2", &[("accept", "application/x-ndjson")]).await;
    for seq in 3..6 {
        let line = stream.block().await.expect("a line");
        assert_eq!(line, server.get(&format!("/v1/audit/{seq}")).await.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quiet_stream_shows_that_it_lives() {
    let server = serve().await;
    let head = grow(&server, 1, "x");
    let mut events = open(&server, &format!("?after={head}"), &[]).await;
    let mut lines = open(&server, &format!("?after={head}"), &[("accept", "application/x-ndjson")]).await;
    assert_eq!(events.block().await.as_deref(), Some("retry: 2000"));
    assert_eq!(events.block().await.as_deref(), Some(": keep-alive"));
    assert_eq!(lines.block().await.as_deref(), Some(""));
    let next = grow(&server, 1, "y");
    assert_eq!(events.frame().await.id, next);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_does_not_read_keeps_nobody_waiting_and_loses_nothing() {
    let server = serve().await;
    let mut slow = open(&server, "?after=0", &[]).await;
    let mut quick = open(&server, "?after=0", &[]).await;
    // More than is kept at hand and more than the connection holds.
    let long = "x".repeat(400);
    let last = grow(&server, 20_000, &long);
    for id in 1..=last {
        assert_eq!(quick.frame().await.id, id);
    }
    for id in 1..=last {
        assert_eq!(slow.frame().await.id, id);
    }
}

/// The bound is a time, so that some has to pass: others are answered meanwhile.
async fn others_are_served(server: &Server, meanwhile: Duration) {
    let began = std::time::Instant::now();
    while began.elapsed() < meanwhile {
        assert_eq!(server.get("/v1/audit?last=1").await.status, 200);
    }
}

/// What is said to a reader that is dropped, and that the stream ends there.
async fn last_words(stream: &mut Stream, mut seen: u64) -> (u64, serde_json::Value) {
    loop {
        let frame = stream.frame().await;
        if frame.event == "dropped" {
            assert_eq!(frame.id, seen, "what was sent ends where the hint says");
            assert_eq!(stream.block().await, None, "and nothing follows");
            return (seen, serde_json::from_str(&frame.data).expect("JSON"));
        }
        assert_eq!(frame.id, seen + 1, "without a gap");
        seen = frame.id;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_stalls_is_dropped_with_a_hint_and_goes_on_without_gap() {
    let bounds = Bounds { stalled: Duration::from_millis(300), ..Bounds::default() };
    let server = serve_with(Settings { bounds, ..Settings::default() }).await;
    let mut slow = open(&server, "?after=0", &[]).await;
    assert_eq!(slow.frame().await.id, 1);
    // More than the connection holds: whoever appends is done long before it is read.
    let last = grow(&server, 40_000, &"x".repeat(400));
    others_are_served(&server, Duration::from_secs(3)).await;
    let (seen, said) = last_words(&mut slow, 1).await;
    assert_eq!(said, serde_json::json!({"v": 1, "last": seen, "why": "stalled"}));
    assert!(seen < last, "it was not read to the end");
    let figures = server.get("/metrics").await.text;
    assert!(figures.contains("remediator_streams_dropped_total{why=\"stalled\"} 1"), "{figures}");
    // As a browser does: the address of the first time and the last id.
    let mut again = open(&server, "?after=0", &[("last-event-id", &seen.to_string())]).await;
    for id in seen + 1..=last {
        assert_eq!(again.frame().await.id, id);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_falls_behind_is_told_and_goes_on_without_gap() {
    let bounds = Bounds { behind: 5_000, ..Bounds::default() };
    let server = serve_with(Settings { bounds, ..Settings::default() }).await;
    let head = grow(&server, 1, "x");
    let mut slow = open(&server, &format!("?after={head}"), &[]).await;
    let next = grow(&server, 1, "y");
    assert_eq!(slow.frame().await.id, next, "it has caught up");
    let last = grow(&server, 40_000, &"x".repeat(400));
    // Until all of it is published: another one that leaves nearly everything out has seen the end.
    let mut quick = open(&server, &format!("?after={}", last - 1), &[]).await;
    assert_eq!(quick.frame().await.id, last);
    let (seen, said) = last_words(&mut slow, next).await;
    assert_eq!(said["why"], "behind");
    // One that comes again may be as far behind as it likes.
    let mut again = open(&server, "", &[("last-event-id", &seen.to_string())]).await;
    for id in seen + 1..=last {
        assert_eq!(again.frame().await.id, id);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn as_ndjson_the_last_line_of_a_dropped_reader_says_where_to_go_on() {
    let bounds = Bounds { stalled: Duration::from_millis(300), ..Bounds::default() };
    let server = serve_with(Settings { bounds, ..Settings::default() }).await;
    let mut slow = open(&server, "?after=0", &[("accept", "application/x-ndjson")]).await;
    grow(&server, 40_000, &"x".repeat(400));
    others_are_served(&server, Duration::from_secs(3)).await;
    let mut lines = Vec::new();
    while let Some(line) = slow.block().await {
        lines.push(serde_json::from_str::<serde_json::Value>(&line).expect("whole lines only"));
    }
    let said = lines.pop().expect("a last line");
    let last = lines.last().expect("entries")["seq"].clone();
    assert_eq!(said, serde_json::json!({"dropped": {"v": 1, "last": last, "why": "stalled"}}));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_ends_its_streams_when_it_stops() {
    let server = serve().await;
    let mut stream = open(&server, "?after=0", &[]).await;
    assert_eq!(stream.frame().await.id, 1);
    drop(server);
    while stream.block().await.is_some() {}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_leaves_some_out_gets_what_fits_of_what_was_and_of_what_comes() {
    let server = serve().await;
    let page = server.get("/v1/audit?kind=attempt.&limit=100").await;
    let before: Vec<u64> = page.json()["entries"]
        .as_array()
        .expect("entries")
        .iter()
        .filter_map(|e| e["seq"].as_u64())
        .collect();
    assert!(before.len() > 1, "{before:?}");
    let mut attempts = open(&server, "?after=-1&kind=attempt.", &[]).await;
    let mut paused = open(&server, "?after=-1&actor=ada&kind=control.", &[]).await;
    for seq in before {
        let frame = attempts.frame().await;
        assert_eq!((frame.id, frame.event.starts_with("attempt.")), (seq, true));
    }
    // Many that do not fit, and some that do, after everything was seen.
    let last = grow(&server, 300, "more");
    let mut found = Vec::new();
    while found.last().is_none_or(|id| *id < last) {
        let frame = paused.frame().await;
        assert_eq!(frame.event, "control.paused");
        found.push(frame.id);
    }
    assert!(found.is_sorted() && found.len() >= 300, "{}", found.len());
    server.get("/v1/audit/stream?kind=atempt.").await.problem(400, "BAD_PARAMETER");
    server.get("/v1/audit?outcome=").await.problem(400, "BAD_PARAMETER");
}
