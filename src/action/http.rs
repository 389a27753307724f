//! Step kind `http`: one request, bounded in time, redirects and bytes kept. An answer says that the request was taken,
//! never that it helped: that is the verification's to see. Not for looks (`sentinel::http`).

use std::error::Error as _;
use std::io::PipeWriter;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::oneshot;

use super::group;
use super::pace::Pace;
use super::run::Done;
use crate::event::plan::{HttpMethod, HttpPlan};
use crate::event::step::{Failure, StepOutcome};

/// Asks.
pub(super) fn carry_out(plan: &HttpPlan, pace: &Pace<'_>) -> Done {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime {
        Ok(runtime) => runtime.block_on(ask_in_time(plan, pace)),
        Err(error) => Done::new(StepOutcome::NotStarted(format!("cannot wait for an answer: {error}"))),
    }
}

/// What came back.
struct Answer {
    status: u16,
    body: Vec<u8>,
    cut: bool,
}

async fn ask_in_time(plan: &HttpPlan, pace: &Pace<'_>) -> Done {
    let (_open, over) = match end_of_time(pace) {
        Ok(clock) => clock,
        Err(error) => return Done::new(StepOutcome::NotStarted(format!("cannot be cancelled: {error}"))),
    };
    tokio::select! {
        biased;
        _ = over => Done::new(pace.over(true).unwrap_or(StepOutcome::TimedOut)),
        asked = ask(plan) => match asked {
            Ok(answer) => judge(plan, &answer),
            Err(error) => Done::new(went_wrong(plan, &error)),
        },
    }
}

/// Tells when the step has to end. The thread that waits for it goes when the pipe is let go.
fn end_of_time(pace: &Pace<'_>) -> std::io::Result<(PipeWriter, oneshot::Receiver<()>)> {
    let (done, open) = std::io::pipe()?;
    let (tell, over) = oneshot::channel();
    let (cancel, until) = (Arc::clone(pace.cancel()), pace.until());
    std::thread::Builder::new().name("http step clock".to_owned()).spawn(move || {
        while Instant::now() < until && !cancel.is_set() {
            let fds = [Some(cancel.fd()), Some(done.as_fd())];
            if let [_, true] = group::wait_readable(fds, Some(until)) {
                return;
            }
        }
        // Nobody listens any more when the answer came at the same moment.
        let _ = tell.send(());
    })?;
    Ok((open, over))
}

/// No proxy and no cookies: what is sent is what stands in the plan, to whom it names.
fn client(plan: &HttpPlan) -> Result<reqwest::Client, reqwest::Error> {
    // An error means that a provider is there already, and it is the same one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let redirects = match plan.redirects {
        0 => reqwest::redirect::Policy::none(),
        some => reqwest::redirect::Policy::limited(some as usize),
    };
    reqwest::Client::builder()
        .redirect(redirects)
        .no_proxy()
        .pool_max_idle_per_host(0)
        .user_agent(concat!("remediator/", env!("CARGO_PKG_VERSION")))
        .build()
}

async fn ask(plan: &HttpPlan) -> Result<Answer, reqwest::Error> {
    let method = match plan.method {
        HttpMethod::Get => reqwest::Method::GET,
        HttpMethod::Head => reqwest::Method::HEAD,
        HttpMethod::Post => reqwest::Method::POST,
        HttpMethod::Put => reqwest::Method::PUT,
        HttpMethod::Patch => reqwest::Method::PATCH,
        HttpMethod::Delete => reqwest::Method::DELETE,
    };
    let mut request = client(plan)?.request(method, &plan.url);
    for (name, value) in &plan.headers {
        request = request.header(name, value);
    }
    if let Some(body) = &plan.body {
        request = request.body(body.clone());
    }
    let mut response = request.send().await?;
    let (status, max) = (response.status().as_u16(), usize::try_from(plan.max_body).unwrap_or(usize::MAX));
    let (mut body, mut cut) = (Vec::new(), false);
    while !cut && let Some(chunk) = response.chunk().await? {
        let room = max - body.len();
        cut = chunk.len() > room;
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
    }
    Ok(Answer { status, body, cut })
}

fn judge(plan: &HttpPlan, answer: &Answer) -> Done {
    let status = answer.status;
    let outcome = if plan.expect_status.contains(&status) {
        StepOutcome::Succeeded
    } else {
        let failure = match status {
            400..=499 => Failure::Http4xx,
            500..=599 => Failure::Http5xx,
            _ => Failure::HttpStatus,
        };
        let expected: Vec<String> = plan.expect_status.iter().map(u16::to_string).collect();
        let why = format!("{} answered {status}, expected {}", plan.url, expected.join(" or "));
        StepOutcome::Failed { failure, why, began: true }
    };
    let mut done = Done::saying(outcome, &format!("{} {}: {status}\n", plan.method.word(), plan.url));
    done.output.push(&answer.body);
    if answer.cut {
        done.output.push(b"\n(the answer is longer and was not read on)\n");
    }
    done
}

fn went_wrong(plan: &HttpPlan, error: &reqwest::Error) -> StepOutcome {
    let mut why = format!("{} {}: {error}", plan.method.word(), plan.url);
    let mut cause = error.source();
    while let Some(next) = cause {
        why += &format!(": {next}");
        cause = next.source();
    }
    if error.is_builder() {
        return StepOutcome::NotStarted(why);
    }
    if error.is_redirect() {
        return StepOutcome::Failed { failure: Failure::HttpStatus, why, began: true };
    }
    match error.is_connect() {
        // After a redirect the first server has been asked already.
        true => StepOutcome::Failed { failure: Failure::Connect, why, began: plan.redirects > 0 },
        false => StepOutcome::Failed { failure: Failure::Transport, why, began: true },
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::time::Duration;

    use super::*;
    use crate::action::Finished;
    use crate::action::testing::Bench;
    use crate::event::plan::ActionPlan;

    /// Answers each connection in turn with one of the texts; gives back what was asked.
    fn serve(answers: Vec<String>) -> (String, std::thread::JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let thread = std::thread::spawn(move || {
            let mut asked = Vec::new();
            for answer in answers {
                let (mut stream, _) = listener.accept().unwrap();
                let mut text = String::new();
                let mut bytes = [0; 4096];
                // Headers, and a body that ends with `}` where there is one.
                while !text.contains("\r\n\r\n") || text.starts_with("POST") && !text.ends_with('}') {
                    let read = stream.read(&mut bytes).unwrap();
                    text += std::str::from_utf8(&bytes[..read]).unwrap();
                }
                asked.push(text);
                let _ = stream.write_all(answer.as_bytes());
            }
            asked
        });
        (url, thread)
    }

    fn answer(status: &str, body: &str) -> String {
        format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
    }

    fn plan(method: HttpMethod, url: &str) -> HttpPlan {
        HttpPlan {
            method,
            url: url.to_owned(),
            headers: Default::default(),
            body: None,
            expect_status: vec![200],
            max_body: 1024,
            redirects: 0,
        }
    }

    fn send(bench: &Bench, plan: HttpPlan) -> Finished {
        bench.finish(ActionPlan::Http(plan), 10_000)
    }

    fn failure(done: &Finished) -> Option<(Failure, bool)> {
        match &done.outcome {
            StepOutcome::Failed { failure, began, .. } => Some((*failure, *began)),
            _ => None,
        }
    }

    #[test]
    fn it_sends_exactly_what_the_plan_says() {
        let bench = Bench::new();
        let (url, server) = serve(vec![answer("200 OK", "done")]);
        let mut plan = plan(HttpMethod::Post, &format!("{url}/restart"));
        plan.headers.insert("x-who".into(), "web 1".into());
        plan.body = Some(r#"{"a":"b"}"#.into());
        let done = send(&bench, plan);
        assert_eq!(done.outcome, StepOutcome::Succeeded);
        assert_eq!(done.output, format!("POST {url}/restart: 200\ndone"));
        let asked = server.join().unwrap().remove(0);
        assert!(
            asked.starts_with("POST /restart HTTP/1.1\r\n") && asked.ends_with(r#"{"a":"b"}"#),
            "{asked}"
        );
        assert!(asked.contains("x-who: web 1\r\n"), "{asked}");
    }

    #[test]
    fn failures_are_told_by_their_kind() {
        let bench = Bench::new();
        let answers = ["503 Busy", "404 Gone", "302 There", "garbage"].map(|s| answer(s, ""));
        let (url, server) = serve(answers.to_vec());
        for wanted in [Failure::Http5xx, Failure::Http4xx, Failure::HttpStatus, Failure::Transport] {
            let done = send(&bench, plan(HttpMethod::Get, &url));
            assert_eq!(failure(&done), Some((wanted, true)), "{:?}", done.outcome);
        }
        server.join().unwrap();
        let done = send(&bench, plan(HttpMethod::Get, &url));
        assert_eq!(failure(&done), Some((Failure::Connect, false)), "{:?}", done.outcome);
        assert!(matches!(send(&bench, plan(HttpMethod::Get, "http://")).outcome, StepOutcome::NotStarted(_)));
    }

    #[test]
    fn a_long_answer_is_cut_and_redirects_are_followed_only_where_said() {
        let bench = Bench::new();
        let (target, second) = serve(vec![answer("200 OK", &"x".repeat(5000))]);
        let there = format!(
            "HTTP/1.1 302 There\r\nlocation: {target}/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        );
        let (url, first) = serve(vec![there]);
        let done = send(&bench, HttpPlan { redirects: 1, ..plan(HttpMethod::Get, &url) });
        assert_eq!(done.outcome, StepOutcome::Succeeded);
        assert_eq!(done.output.matches('x').count(), 1024);
        assert!(done.output.contains("longer and was not read on"), "{}", done.output);
        first.join().unwrap();
        second.join().unwrap();
    }

    #[test]
    fn a_server_that_says_nothing_costs_no_more_than_the_timeout_and_can_be_given_up() {
        let bench = Bench::new();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let done = bench.finish(ActionPlan::Http(plan(HttpMethod::Get, &url)), 200);
        assert_eq!(done.outcome, StepOutcome::TimedOut);
        let first = listener.accept().unwrap();
        bench.told.lock().unwrap().clear();
        bench.begin(ActionPlan::Http(plan(HttpMethod::Get, &url)), 60_000);
        let second = listener.accept().unwrap();
        bench.hands.cancel(bench.attempt, 0, Duration::ZERO);
        assert_eq!(failure(&bench.wait_finished()), Some((Failure::Cancelled, true)));
        drop((first, second));
    }
}
