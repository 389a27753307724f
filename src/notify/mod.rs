//! Delivery to people and to other programs, one file per channel kind and one line in the registry below. A channel
//! tries once, within its time, and says delivered, failed or refused. Not for: deciding what is told, or when it
//! is tried again (policy).

mod answer;
mod command;
mod log;
mod ntfy;
mod secrets;
mod slack;
mod webhook;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use crate::base::ids::{IncidentId, NodeId, Seq};
use crate::base::limits::{CHANNELS_MAX, DELIVERIES_AT_ONCE, DELIVERY_MS_MAX};
use crate::base::sealed::masked;
use crate::base::time::Span;
use crate::event::notice::{Delivery, NoticeAbout, NoticeOutcome, NoticeQueued};

pub use command::{Program, Ran};
pub use secrets::Secrets;

/// The channel that is always there and needs no configuration.
pub const LOG: &str = "log";
/// Time for one delivery when the configuration says nothing.
const TIMEOUT: Span = Span::from_secs(10);

/// One notice, ready to be told.
#[derive(Debug, Clone)]
pub struct Message {
    /// Whose journal it stands in.
    pub node: NodeId,
    /// Seq of its `notice.queued` entry: receivers may see it twice and can tell by node and this.
    pub notice: Seq,
    /// The incident it is about.
    pub incident: Option<IncidentId>,
    /// What it says, as it was queued.
    pub queued: NoticeQueued,
}

impl Message {
    /// As it leaves the machine: nothing that may have to be forgotten here is opened for others to keep.
    fn masked(&self) -> Self {
        let mut told = self.clone();
        told.queued.text = masked(&told.queued.text).into_owned();
        if let Some(outcome) = &mut told.queued.outcome {
            outcome.reason = masked(&outcome.reason).into_owned();
        }
        told
    }

    /// The same at every try: `NODE/SEQ`.
    pub fn id(&self) -> String {
        format!("{}/{}", self.node, self.notice)
    }

    /// What programs get.
    pub fn json(&self) -> serde_json::Value {
        let NoticeQueued { channel, topic, text, about, outcome } = &self.queued;
        let notice = Notice {
            v: 1,
            id: self.id(),
            node: self.node,
            notice: self.notice,
            channel,
            topic,
            text,
            incident: self.incident,
            about: about.as_ref(),
            outcome: outcome.as_ref(),
        };
        // Texts and numbers under names: nothing in it cannot be written.
        serde_json::to_value(notice).unwrap_or_default()
    }
}

/// What a channel of kind webhook or command is sent: docs/channels.md.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Notice<'a> {
    /// Version of this shape.
    #[schemars(extend("const" = 1))]
    v: u32,
    /// NODE/SEQ, the same at every try.
    #[schemars(extend("pattern" = "^[0-9a-f-]{36}/[0-9]+$"))]
    id: String,
    /// Whose journal the notice stands in.
    node: NodeId,
    /// Seq of its `notice.queued` entry.
    notice: Seq,
    /// The channel that was meant.
    channel: &'a str,
    /// What it is about: `escalation`, `attempt_ended`, `undo_failed`, `frozen`, `tainted`, `trust`, `undeliverable`,
    /// `outcome`, `step` or `test`; more may come.
    topic: &'a str,
    /// For people.
    text: &'a str,
    /// The incident that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    incident: Option<IncidentId>,
    /// The trouble that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    about: Option<&'a NoticeAbout>,
    /// How an attempt ended; with topic `outcome` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<&'a NoticeOutcome>,
}

/// What every channel has at hand.
#[derive(Clone)]
struct Ports {
    http: reqwest::Client,
    secrets: Secrets,
    run: Runner,
}

/// Runs a program to its end. Called where it may block; notify itself starts nothing.
pub type Runner = Arc<dyn Fn(Program) -> Ran + Send + Sync>;

/// The registry: one line per kind. A kind is a module with `Settings`, its `check` and its `deliver`.
macro_rules! kinds {
    ($($(#[$meta:meta])* $word:ident => $module:ident),+ $(,)?) => {
        /// A channel as written in remediator.yaml: exactly one kind.
        #[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct ChannelFile {
            $($(#[$meta])* #[serde(default)] pub $word: Option<$module::Settings>,)+
            /// The longest that one delivery may take. Default 10s, at most 60s.
            #[serde(default)]
            pub timeout: Option<Span>,
        }

        impl ChannelFile {
            /// Every kind, as written.
            pub const KINDS: &[&str] = &[$(stringify!($word)),+];

            /// The one kind that it has, or what is wrong and what to write.
            pub fn check(&self) -> Result<&'static str, String> {
                let mut kinds = Vec::new();
                $(if let Some(settings) = &self.$word {
                    settings.check().map_err(|problem| format!("{}: {problem}", stringify!($word)))?;
                    kinds.push(stringify!($word));
                })+
                let long = self.timeout.is_some_and(|t| t.ms() == 0 || t.ms() > DELIVERY_MS_MAX);
                match kinds.as_slice() {
                    _ if long => Err(format!("timeout: write between 1ms and {}", Span::from_ms(DELIVERY_MS_MAX))),
                    [kind] => Ok(kind),
                    [] => Err(format!("says no kind: write one of {}", Self::KINDS.join(", "))),
                    more => Err(format!("has several kinds ({}): write one", more.join(", "))),
                }
            }

            async fn deliver(&self, ports: &Ports, message: &Message, timeout: Duration) -> Delivery {
                $(if let Some(settings) = &self.$word {
                    return settings.deliver(ports, message, timeout).await;
                })+
                Delivery::Refused { reason: "the channel has no kind".into() }
            }
        }
    };
}

kinds! {
    /// A program that gets JSON on its standard input.
    command => command,
    /// An HTTP receiver that gets signed JSON.
    webhook => webhook,
    /// A topic of an ntfy server.
    ntfy => ntfy,
    /// An incoming webhook of Slack or of what takes the same.
    slack => slack,
}

struct Channel {
    file: ChannelFile,
    /// A receiver that hangs holds no more than these, and nobody else's.
    at_once: Semaphore,
}

type Named = BTreeMap<String, Channel>;

/// All channels of the configuration in force. Cheap to clone; clones change together.
#[derive(Clone)]
pub struct Channels {
    channels: Arc<RwLock<Arc<Named>>>,
    ports: Ports,
}

/// Why there are no channels.
#[derive(Debug, thiserror::Error)]
#[error("cannot make the HTTP client of the channels: {0}")]
pub struct Error(#[from] reqwest::Error);

impl Channels {
    /// From checked settings.
    pub fn new(files: BTreeMap<String, ChannelFile>, secrets: Secrets, run: Runner) -> Result<Self, Error> {
        let ports = Ports { http: answer::client()?, secrets, run };
        Ok(Self { channels: Arc::new(RwLock::new(Arc::new(named(files)))), ports })
    }

    /// Those of a configuration that was read again. What is being delivered goes on as it began.
    pub fn replace(&self, files: BTreeMap<String, ChannelFile>) {
        *self.channels.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(named(files));
    }

    fn in_force(&self) -> Arc<Named> {
        Arc::clone(&self.channels.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Hands a message to its channel, once. Never longer than the channel's time, and the wait for its turn.
    pub async fn deliver(&self, message: &Message) -> Delivery {
        let message = &message.masked();
        let name = message.queued.channel.as_str();
        if name == LOG {
            return log::deliver(message);
        }
        let channels = self.in_force();
        let Some(channel) = channels.get(name) else {
            let known: Vec<String> = self.names().into_iter().map(|(name, _)| name).collect();
            let reason =
                format!("there is no channel `{name}` in remediator.yaml: known are {}", known.join(", "));
            return Delivery::Refused { reason };
        };
        // Closed by nobody: an error cannot be.
        let _turn = channel.at_once.acquire().await;
        let timeout = channel.file.timeout.unwrap_or(TIMEOUT).to_std();
        match tokio::time::timeout(timeout, channel.file.deliver(&self.ports, message, timeout)).await {
            Ok(delivery) => delivery,
            Err(_) => Delivery::Failed {
                reason: format!("there was no answer within {} ms", timeout.as_millis()),
                retry_after_ms: None,
            },
        }
    }

    /// Every channel with its kind, `log` first.
    pub fn names(&self) -> Vec<(String, &'static str)> {
        let channels = self.in_force();
        let kind = |channel: &Channel| channel.file.check().unwrap_or("unknown");
        let configured = channels.iter().map(|(name, channel)| (name.clone(), kind(channel)));
        std::iter::once((LOG.to_owned(), LOG)).chain(configured).collect()
    }
}

fn named(files: BTreeMap<String, ChannelFile>) -> Named {
    let at_once = || Semaphore::new(DELIVERIES_AT_ONCE);
    files.into_iter().map(|(name, file)| (name, Channel { file, at_once: at_once() })).collect()
}

/// Checks all channels of a configuration; kind by name, or the first that is wrong and why.
pub fn check(files: &BTreeMap<String, ChannelFile>) -> Result<BTreeMap<String, String>, (String, String)> {
    if files.len() > CHANNELS_MAX {
        return Err((String::new(), format!("are {}, at most {CHANNELS_MAX}", files.len())));
    }
    let mut kinds = BTreeMap::new();
    for (name, file) in files {
        let wrong = |problem: String| (name.clone(), problem);
        if !is_name(name) {
            return Err(wrong("its name must match ^[a-z][a-z0-9-]{0,62}$".into()));
        }
        if name == LOG {
            return Err(wrong("`log` is the daemon's own log and always there: take another name".into()));
        }
        kinds.insert(name.clone(), file.check().map_err(wrong)?.to_owned());
    }
    Ok(kinds)
}

fn is_name(name: &str) -> bool {
    let rest = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    name.len() <= 63 && name.starts_with(|c: char| c.is_ascii_lowercase()) && name.bytes().all(rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::degradation::Severity;

    pub(super) fn message(text: &str, severity: Severity) -> Message {
        let (subsystem, code, target) = ("service".into(), "CODE".into(), "web".into());
        let about = Some(NoticeAbout { subsystem, code, target, severity });
        let (channel, topic) = ("c".into(), "escalation".into());
        let queued = NoticeQueued { channel, topic, text: text.into(), about, outcome: None };
        Message { node: NodeId(uuid::Uuid::nil()), notice: 7, incident: None, queued }
    }

    #[test]
    fn a_notice_as_json_says_who_what_and_which() {
        let json = message("it is down", Severity::Error).json();
        let id = "00000000-0000-0000-0000-000000000000/7";
        assert_eq!((&json["v"], &json["id"], &json["notice"]), (&1.into(), &id.into(), &7.into()));
        assert_eq!((&json["text"], &json["about"]["severity"]), (&"it is down".into(), &"error".into()));
        assert!(json.get("incident").is_none() && json.get("outcome").is_none());
    }

    #[tokio::test]
    async fn what_may_have_to_be_forgotten_does_not_leave_the_machine() {
        use std::sync::Mutex;
        let token = crate::base::sealed::written("sealed:1:0123456789abcdef:", b"whatever");
        let mut notice = message(&format!("it ended: {token}"), Severity::Error);
        let sent = Arc::new(Mutex::new(String::new()));
        let seen = Arc::clone(&sent);
        let run = Arc::new(move |program: Program| {
            *seen.lock().expect("ours") = program.stdin;
            Ran { code: Some(0), said: String::new() }
        });
        let file = serde_json::from_str(r#"{"command":{"argv":["/bin/true"]}}"#).expect("a channel");
        let secrets = Secrets::of(std::path::Path::new("unused"), None);
        let channels =
            Channels::new(BTreeMap::from([("c".to_owned(), file)]), secrets, run).expect("channels");
        notice.queued.channel = "c".into();
        assert!(matches!(channels.deliver(&notice).await, Delivery::Delivered { .. }));
        let sent = sent.lock().expect("ours");
        assert!(sent.contains("it ended: (sealed)") && !sent.contains("sealed:1:"), "{sent}");
    }

    #[test]
    fn a_channel_has_exactly_one_kind_and_bounds() {
        let file = |text: &str| serde_json::from_str::<ChannelFile>(text).expect("a channel").check();
        assert_eq!(file(r#"{"webhook":{"url":"http://127.0.0.1/x"}}"#), Ok("webhook"));
        assert_eq!(file(r#"{"ntfy":{"topic":"t"}}"#), Ok("ntfy"));
        assert_eq!(file(r#"{"slack":{"url_secret":"s"}}"#), Ok("slack"));
        let wrong = |text: &str| file(text).expect_err("refused");
        assert!(wrong("{}").contains("no kind"));
        assert!(wrong(r#"{"ntfy":{"topic":"t"},"slack":{"url_secret":"s"}}"#).contains("several"));
        assert!(wrong(r#"{"slack":{"url_secret":"https://hooks/x"}}"#).contains("never the value"));
        assert!(wrong(r#"{"webhook":{"url":"https://me:pw@x/"}}"#).contains("secret"));
        assert!(wrong(r#"{"webhook":{"url":"ftp://x/"}}"#).contains("http"));
        assert!(wrong(r#"{"ntfy":{"topic":"t"},"timeout":"2h"}"#).contains("timeout"));
    }
}
