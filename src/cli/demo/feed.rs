//! The demo's window on the daemon: pages of the journal over HTTP, as any other program would read them.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::story::Entry;
use crate::base::ids::Seq;

/// A daemon that listens answers the connection at once; one that was killed never does.
const CONNECT: Duration = Duration::from_millis(500);
/// Longest answer.
const ANSWER: Duration = Duration::from_secs(2);
/// Pause between two looks at the journal.
const POLL: Duration = Duration::from_millis(25);

/// One page of `GET /v1/audit`.
#[derive(Deserialize)]
struct Page {
    entries: Vec<Box<RawValue>>,
}

/// Reads entries one after another and remembers how far it came.
pub struct Feed {
    base: String,
    token: String,
    client: reqwest::Client,
    after: Option<Seq>,
}

impl Feed {
    /// A feed from the start of the journal.
    pub fn new(address: &str, token: String) -> anyhow::Result<Self> {
        let client = crate::cli::client::http(CONNECT, ANSWER)?;
        Ok(Self { base: format!("http://{address}"), token, client, after: None })
    }

    /// Whether the daemon says that it is ready.
    pub async fn is_ready(&self) -> bool {
        let answer = self.client.get(format!("{}/readyz", self.base)).send().await;
        answer.is_ok_and(|a| a.status().is_success())
    }

    /// Status code of any URL, for the demo's own look at the service.
    pub async fn status_of(&self, url: &str) -> Option<u16> {
        self.client.get(url).send().await.ok().map(|answer| answer.status().as_u16())
    }

    /// The entries after the last one read; none when the daemon does not answer just now.
    pub async fn next(&mut self) -> anyhow::Result<Vec<Entry>> {
        let after = self.after.map_or(-1, |seq| i64::try_from(seq).unwrap_or(i64::MAX));
        let url = format!("{}/v1/audit?after={after}&limit=200", self.base);
        let Ok(answer) = self.client.get(url).bearer_auth(&self.token).send().await else {
            return Ok(Vec::new());
        };
        match answer.status().as_u16() {
            200 => {}
            503 => return Ok(Vec::new()),
            other => bail!("GET /v1/audit answered {other}: {}", answer.text().await.unwrap_or_default()),
        }
        let Ok(body) = answer.text().await else { return Ok(Vec::new()) };
        let page: Page =
            serde_json::from_str(&body).context("GET /v1/audit answered something else than a page")?;
        let entries: Vec<Entry> = page
            .entries
            .iter()
            .map(|line| {
                serde_json::from_str(line.get()).context("an entry of the journal is not as documented")
            })
            .collect::<anyhow::Result<_>>()?;
        self.after = entries.last().map(|entry| entry.seq).or(self.after);
        Ok(entries)
    }

    /// Hands entries to `each` until it says that it has what it wanted; false when the time is over first.
    pub async fn until(
        &mut self,
        at_most: Duration,
        mut each: impl FnMut(&Entry) -> bool,
    ) -> anyhow::Result<bool> {
        let deadline = Instant::now() + at_most;
        while Instant::now() < deadline {
            let entries = self.next().await?;
            let mut found = false;
            for entry in &entries {
                found |= each(entry);
            }
            if found {
                return Ok(true);
            }
            if entries.is_empty() {
                tokio::time::sleep(POLL).await;
            }
        }
        Ok(false)
    }
}
