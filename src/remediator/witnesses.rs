//! Has the log's checkpoints cosigned: the witnesses of a policy are asked for each new head, at most every ten seconds,
//! and once a minute when nothing is new. All of them are asked for the same head, beside each other. One that is away is
//! asked again later and later; the log and everything else goes on without it.
//! Not for what is said to a witness (`tlog::submit`).

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::base::limits::NOTE_BYTES_MAX;
use crate::tlog::checkpoint::Checkpoint;
use crate::tlog::note::Note;
use crate::tlog::policy::{Policy, Witness};
use crate::tlog::submit::{Answer, ask};
use crate::tlog::{Log, WitnessState};

/// How often it looks whether something is due.
const LOOK: Duration = Duration::from_millis(500);
/// The least between two rounds: witnesses are other people's machines.
const EVERY: Duration = Duration::from_secs(10);
/// The longest between two rounds.
const HEARTBEAT: Duration = Duration::from_secs(60);
/// The longest pause before one that is away is asked again.
const AGAIN_MAX: Duration = Duration::from_secs(600);
/// The longest that is waited for one.
const CONNECT: Duration = Duration::from_secs(5);
const ANSWER: Duration = Duration::from_secs(15);

/// See the module.
pub(super) struct Witnesses {
    log: Log,
    policy: Policy,
    /// As the policy was read.
    read: String,
    asked: Vec<Asked>,
    /// What was asked for last, and when.
    text: String,
    at: Option<Instant>,
    http: reqwest::Client,
    runtime: tokio::runtime::Handle,
}

/// One of them.
struct Asked {
    name: String,
    witness: Witness,
    url: String,
    /// What it cosigned last, as far as known.
    known: u64,
    failed: u32,
    /// Not asked before.
    again: Option<Instant>,
}

/// Why nobody is asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum WitnessesError {
    #[error("cannot read the policy {path}: {source}; `log.policy` in remediator.yaml names it")]
    Read { path: String, source: std::io::Error },
    #[error("the policy {path} cannot be used: {source}")]
    Policy { path: String, source: crate::tlog::policy::PolicyError },
    #[error("cannot make an HTTP client: {0}")]
    Client(#[from] reqwest::Error),
}

/// The policy that the configuration names. It is read again when the configuration is.
#[derive(Default)]
pub(super) struct Named(Mutex<(Option<PathBuf>, bool)>);

impl Named {
    /// This one, or none, from now on.
    pub fn set(&self, path: Option<PathBuf>) {
        *self.lock() = (path, true);
    }
    /// What it was set to, when that was not taken yet.
    fn news(&self) -> Option<Option<PathBuf>> {
        let mut named = self.lock();
        std::mem::take(&mut named.1).then(|| named.0.clone())
    }
    fn lock(&self) -> MutexGuard<'_, (Option<PathBuf>, bool)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Has a log cosigned by the witnesses of whichever policy is named, until told to stop.
pub(super) fn run(named: &Named, log: &Log, runtime: &tokio::runtime::Handle, stop: &AtomicBool) {
    let mut asked = None::<Witnesses>;
    while !stop.load(Ordering::Relaxed) {
        match named.news() {
            Some(Some(path)) => match Witnesses::open(&path, log, runtime) {
                Ok(same) if asked.as_ref().is_some_and(|now| now.read == same.read) => {}
                Ok(other) => {
                    log.witnesses_are(other.asked.iter().map(|asked| asked.name.clone()));
                    tracing::info!(policy = %path.display(), witnesses = other.asked.len(), "witnesses are asked");
                    asked = Some(other);
                }
                Err(error) if asked.is_some() => {
                    tracing::error!(%error, "the policy before stays in force");
                }
                Err(error) => tracing::error!(%error, "no witness is asked to cosign the log"),
            },
            Some(None) if asked.is_some() => {
                log.witnesses_are(std::iter::empty());
                tracing::info!("no policy is named any more: no witness is asked");
                asked = None;
            }
            Some(None) | None => {}
        }
        std::thread::park_timeout(LOOK);
        if let Some(asked) = &mut asked {
            asked.look(stop);
        }
    }
}

impl Witnesses {
    /// Those of a policy file that have a URL in it.
    fn open(path: &Path, log: &Log, runtime: &tokio::runtime::Handle) -> Result<Self, WitnessesError> {
        let said = || path.display().to_string();
        let read =
            std::fs::read_to_string(path).map_err(|source| WitnessesError::Read { path: said(), source })?;
        let policy =
            Policy::parse(&read).map_err(|source| WitnessesError::Policy { path: said(), source })?;
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .timeout(ANSWER)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("remediator/", env!("CARGO_PKG_VERSION")))
            .build()?;
        let asked: Vec<Asked> = policy
            .witnesses()
            .filter_map(|(name, witness)| {
                let url = format!("{}/add-checkpoint", witness.url.as_deref()?.trim_end_matches('/'));
                let (name, witness) = (name.to_owned(), witness.clone());
                Some(Asked { name, witness, url, known: 0, failed: 0, again: None })
            })
            .collect();
        let (log, runtime) = (log.clone(), runtime.clone());
        Ok(Self { log, policy, read, asked, text: String::new(), at: None, http, runtime })
    }

    /// Asks when it is time.
    fn look(&mut self, stop: &AtomicBool) {
        let Ok((head, note)) = self.log.newest() else { return };
        let since = self.at.map(|at| at.elapsed());
        let news = note.text != self.text || self.asked.iter().any(Asked::is_waited_for);
        let longest = if news { EVERY } else { HEARTBEAT };
        if since.is_none_or(|since| since >= longest) {
            self.at = Some(Instant::now());
            self.round(&head, &note, stop);
            self.text = note.text;
        }
    }

    /// Asks everybody for one head.
    fn round(&mut self, head: &Checkpoint, note: &Note, stop: &AtomicBool) {
        let (log, policy, http, runtime) = (&self.log, &self.policy, &self.http, &self.runtime);
        std::thread::scope(|scope| {
            for asked in self.asked.iter_mut().filter(|asked| asked.may_be_asked()) {
                scope.spawn(move || {
                    let prove = |old| log.consistency(old, head.size).map_err(|e| e.to_string());
                    let url = asked.url.clone();
                    let mut send = |body| runtime.block_on(send(http, &url, body));
                    let answer = ask(&asked.witness, (note, head), asked.known, &prove, &mut send);
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    asked.heard(head.size, answer.as_ref().err());
                    let state = WitnessState { up: answer.is_ok(), size: asked.known };
                    log.heard(&asked.name, state);
                    if let Ok(signatures) = answer
                        && let Err(error) = log.cosigned(note, signatures, policy)
                    {
                        tracing::warn!(%error, "the cosigned checkpoint cannot be kept");
                    }
                });
            }
        });
    }
}

impl Asked {
    fn may_be_asked(&self) -> bool {
        self.again.is_none_or(|again| again <= Instant::now())
    }
    /// It failed, and its pause is over.
    fn is_waited_for(&self) -> bool {
        self.failed > 0 && self.may_be_asked()
    }
    /// What came of asking it. Told once when it changes, not each time.
    fn heard(&mut self, size: u64, error: Option<&String>) {
        match error {
            None => {
                if self.failed > 0 {
                    tracing::info!(witness = self.name, "the witness cosigns again");
                }
                (self.known, self.failed, self.again) = (size, 0, None);
            }
            Some(error) => {
                if self.failed == 0 {
                    tracing::warn!(witness = self.name, error, "a witness did not cosign; it is asked again");
                }
                self.failed = self.failed.saturating_add(1);
                let pause = EVERY.saturating_mul(1 << (self.failed - 1).min(6)).min(AGAIN_MAX);
                self.again = Instant::now().checked_add(pause);
            }
        }
    }
}

async fn send(http: &reqwest::Client, url: &str, body: String) -> Result<Answer, String> {
    let mut response = http.post(url).body(body).send().await.map_err(|e| e.without_url().to_string())?;
    let status = response.status().as_u16();
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|e| e.without_url().to_string())? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > NOTE_BYTES_MAX {
            return Err("its answer is longer than any can be".to_owned());
        }
    }
    Answer::of(status, &String::from_utf8_lossy(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::sign::JournalKey;
    use crate::tlog::note::{Kind, Verifier};

    #[test]
    fn one_that_is_away_is_asked_later_and_later_and_at_once_when_it_is_back() {
        let verifier = Verifier::new("w", Kind::Timestamped, JournalKey::from_seed(&[2; 32]).public());
        let witness = Witness { verifier, url: None };
        let mut asked =
            Asked { name: "w".into(), witness, url: String::new(), known: 0, failed: 0, again: None };
        let pause = |asked: &Asked| {
            let again = asked.again.expect("a pause").saturating_duration_since(Instant::now());
            (again.as_secs_f64() / 10.0).round() as u64
        };
        let mut pauses = Vec::new();
        for _ in 0..9 {
            asked.heard(5, Some(&"refused".to_owned()));
            assert!(!asked.may_be_asked() && asked.known == 0);
            pauses.push(pause(&asked));
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        asked.heard(5, None);
        assert!(asked.may_be_asked() && !asked.is_waited_for() && asked.known == 5);
    }
}
