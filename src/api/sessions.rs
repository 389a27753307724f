//! Sessions of browsers: a cookie stands for the person's token that it was given for, so that an `EventSource`, which
//! sends no header of ours, can read the stream. Only hashes are kept. Not for: which requests may use one (`origin`).

use std::collections::VecDeque;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

use super::{Bearer, Tokens};
use crate::base::digest::Blake3;
use crate::base::formats::{self, Version};
use crate::base::limits::{
    LOGIN_FAILURES_MAX, LOGIN_WINDOW_S, SESSION_AGE_S_MAX, SESSION_IDLE_S_MAX, SESSIONS_MAX,
};

/// How far what the file says of a session's last use may be behind.
const WRITE_EVERY_S: u64 = 15 * 60;

/// One session as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Session {
    /// Of the cookie's value.
    hash: Blake3,
    /// The stored hash of the token that it stands for: without that token it is worth nothing.
    token: Blake3,
    /// When it began, Unix s.
    begun_s: u64,
    /// When it was used last, Unix s.
    used_s: u64,
}

/// The file's form.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    v: Version<{ formats::SESSIONS }>,
    sessions: Vec<Session>,
}

/// See the module.
#[derive(Default)]
pub struct Sessions {
    path: Option<PathBuf>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    sessions: Vec<Session>,
    written_s: u64,
    failures: VecDeque<u64>,
}

impl Sessions {
    /// Kept in memory only: they end with the process.
    pub fn in_memory() -> Self {
        Self::default()
    }

    /// Kept in `state/sessions.json`, so that a browser goes on when the daemon has started again. A file that cannot
    /// be read is as good as none: people log in again.
    pub fn kept_in(path: PathBuf) -> Self {
        let kept = match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_else(|error| {
                tracing::warn!(%error, path = %path.display(), "no sessions could be read: people log in again");
                Kept::default()
            }),
            Err(_) => Kept::default(),
        };
        let inner = Inner { sessions: kept.sessions, ..Inner::default() };
        Self { path: Some(path), inner: Mutex::new(inner) }
    }

    /// Whether a login may be tried; else, because too many failed of late, the seconds after which it may.
    pub fn may_try(&self, now_s: u64) -> Result<(), u64> {
        let mut inner = self.lock();
        while inner.failures.front().is_some_and(|at| at + LOGIN_WINDOW_S <= now_s) {
            inner.failures.pop_front();
        }
        match inner.failures.front() {
            Some(first) if inner.failures.len() >= LOGIN_FAILURES_MAX => {
                Err((first + LOGIN_WINDOW_S).saturating_sub(now_s).max(1))
            }
            _ => Ok(()),
        }
    }

    /// A login failed.
    pub fn failed(&self, now_s: u64) {
        self.lock().failures.push_back(now_s);
    }

    /// Begins a session for a token; its id goes into the cookie and is kept nowhere. The one unused for longest gives
    /// way when there are too many.
    pub fn begin(&self, token: Blake3, now_s: u64) -> Result<String, getrandom::Error> {
        let mut id = [0u8; 32];
        getrandom::fill(&mut id)?;
        let id = hex::encode(id);
        let mut inner = self.lock();
        inner.sessions.retain(|session| session.is_good(now_s));
        while inner.sessions.len() >= SESSIONS_MAX {
            let oldest = (0..inner.sessions.len()).min_by_key(|n| inner.sessions[*n].used_s).unwrap_or(0);
            inner.sessions.swap_remove(oldest);
        }
        inner.sessions.push(Session { hash: hash(&id), token, begun_s: now_s, used_s: now_s });
        self.write(&mut inner, now_s);
        Ok(id)
    }

    /// Whose session it is; using it keeps it from ending for being idle.
    pub fn person(&self, id: &str, tokens: &Tokens, now_s: u64) -> Option<Bearer> {
        let mut inner = self.lock();
        let at = inner.find(id)?;
        let session = &mut inner.sessions[at];
        let bearer = tokens.bearer_of(&session.token).filter(|b| matches!(b, Bearer::Person { .. }));
        let (Some(bearer), true) = (bearer, session.is_good(now_s)) else {
            inner.sessions.swap_remove(at);
            self.write(&mut inner, now_s);
            return None;
        };
        session.used_s = now_s.max(session.used_s);
        if inner.written_s + WRITE_EVERY_S <= now_s {
            self.write(&mut inner, now_s);
        }
        Some(bearer.clone())
    }

    /// Ends a session.
    pub fn end(&self, id: &str, now_s: u64) {
        let mut inner = self.lock();
        if let Some(at) = inner.find(id) {
            inner.sessions.swap_remove(at);
            self.write(&mut inner, now_s);
        }
    }

    /// What cannot be written is said and changes nothing: the sessions then end with the process.
    fn write(&self, inner: &mut Inner, now_s: u64) {
        inner.written_s = now_s;
        let Some(path) = &self.path else { return };
        if let Err(error) = save(path, &inner.sessions) {
            tracing::warn!(%error, path = %path.display(), "sessions could not be written: they end with this process");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Every stored hash is compared, each in constant time.
    fn find(&self, id: &str) -> Option<usize> {
        let wanted = hash(id);
        let mut found = None;
        for (at, session) in self.sessions.iter().enumerate() {
            if bool::from(session.hash.as_bytes().ct_eq(wanted.as_bytes())) {
                found = Some(at);
            }
        }
        found
    }
}

impl Session {
    fn is_good(&self, now_s: u64) -> bool {
        now_s.saturating_sub(self.used_s) < SESSION_IDLE_S_MAX
            && now_s.saturating_sub(self.begun_s) < SESSION_AGE_S_MAX
    }
}

/// An id has 256 random bits: its plain hash leads nobody back to it.
fn hash(id: &str) -> Blake3 {
    Blake3::of(id.as_bytes())
}

/// For the owner only, all or nothing. Not synced: one that is lost costs a login.
fn save(path: &Path, sessions: &[Session]) -> std::io::Result<()> {
    let kept = Kept { v: Version, sessions: sessions.to_vec() };
    let text = serde_json::to_string(&kept).map_err(std::io::Error::other)?;
    let mut file = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(Path::new(".")))?;
    file.write_all(text.as_bytes())?;
    file.persist(path).map_err(|e| e.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{Role, tokens};

    fn known() -> (Tokens, Blake3) {
        let mut known = Tokens::new().expect("randomness");
        let token = tokens::mint().expect("randomness");
        known.add(Bearer::Person { name: "ada".into(), role: Role::Lead }, &token, 0);
        let hash = known.bearers().next().expect("one").hash;
        (known, hash)
    }

    #[test]
    fn a_session_ends_when_it_is_idle_old_or_ended_and_with_its_token() {
        let (tokens, token) = known();
        let sessions = Sessions::in_memory();
        let id = sessions.begin(token, 0).expect("randomness");
        let mut now = 0;
        while now + SESSION_IDLE_S_MAX - 1 < SESSION_AGE_S_MAX {
            now += SESSION_IDLE_S_MAX - 1;
            assert!(sessions.person(&id, &tokens, now).is_some(), "used again in time");
        }
        assert!(sessions.person(&id, &tokens, SESSION_AGE_S_MAX).is_none(), "too old");
        let id = sessions.begin(token, 0).expect("randomness");
        assert!(sessions.person(&id, &tokens, SESSION_IDLE_S_MAX).is_none(), "idle");
        assert!(sessions.person(&id, &tokens, 1).is_none(), "it does not come back");
        let id = sessions.begin(token, 0).expect("randomness");
        assert!(sessions.person(&id, &Tokens::new().expect("randomness"), 1).is_none(), "its token is gone");
        let id = sessions.begin(token, 0).expect("randomness");
        sessions.end(&id, 1);
        assert!(sessions.person(&id, &tokens, 1).is_none());
    }

    #[test]
    fn the_one_unused_for_longest_gives_way() {
        let (tokens, token) = known();
        let sessions = Sessions::in_memory();
        let ids: Vec<String> =
            (0..SESSIONS_MAX as u64).map(|n| sessions.begin(token, n).expect("randomness")).collect();
        assert!(sessions.person(&ids[0], &tokens, 100).is_some());
        let one_more = sessions.begin(token, 101).expect("randomness");
        let good = |id: &String| sessions.person(id, &tokens, 102).is_some();
        assert!(good(&one_more) && good(&ids[0]) && !good(&ids[1]) && good(&ids[2]));
    }

    #[test]
    fn failures_are_counted_over_a_minute() {
        let sessions = Sessions::in_memory();
        for _ in 0..LOGIN_FAILURES_MAX {
            assert_eq!(sessions.may_try(7), Ok(()));
            sessions.failed(7);
        }
        assert_eq!(sessions.may_try(8), Err(LOGIN_WINDOW_S - 1));
        assert_eq!(sessions.may_try(7 + LOGIN_WINDOW_S), Ok(()));
    }

    #[test]
    fn what_is_kept_outlives_the_process_and_holds_no_id() {
        let (tokens, token) = known();
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("sessions.json");
        let id = Sessions::kept_in(path.clone()).begin(token, 5).expect("randomness");
        assert!(!std::fs::read_to_string(&path).expect("written").contains(&id));
        assert_eq!(std::os::unix::fs::MetadataExt::mode(&path.metadata().expect("there")) & 0o077, 0);
        assert!(Sessions::kept_in(path.clone()).person(&id, &tokens, 6).is_some());
        std::fs::write(&path, "torn{").expect("written");
        assert!(Sessions::kept_in(path).person(&id, &tokens, 6).is_none());
    }
}
