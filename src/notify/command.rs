//! Channel kind `command`: a program that gets the notice as JSON on its standard input. It is started by whoever
//! made the channels (`action`), bounded in time, alone in its group, with no environment but PATH and the notice's id.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use super::{Message, Ports, answer};
use crate::base::limits::{ARG_BYTES_MAX, ARGV_MAX};
use crate::event::notice::Delivery;

/// Exit codes of sysexits.h that no further try would change: usage, data, permission, configuration.
const REFUSALS: [i32; 4] = [64, 65, 77, 78];

/// Which program.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Program (an absolute path) and arguments. No shell, and nothing of a notice is put in.
    pub argv: Vec<String>,
}

/// A program to be run.
#[derive(Debug, Clone)]
pub struct Program {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// All of its environment.
    pub env: BTreeMap<String, String>,
    /// What it reads.
    pub stdin: String,
    /// After this its group is ended.
    pub timeout: Duration,
}

/// How it went.
#[derive(Debug, Clone)]
pub struct Ran {
    /// Exit code; none when it was ended by a signal, by time, or never started.
    pub code: Option<i32>,
    /// What it printed, or why it did not start.
    pub said: String,
}

impl Settings {
    pub(super) fn check(&self) -> Result<(), String> {
        match self.argv.first() {
            Some(program) if program.starts_with('/') => {}
            Some(program) => return Err(format!("argv: `{program}` is not an absolute path")),
            None => return Err("argv is empty: write a program".into()),
        }
        let long = self.argv.iter().any(|a| a.len() > ARG_BYTES_MAX || a.contains('\0'));
        match long || self.argv.len() > ARGV_MAX {
            true => Err(format!("argv: at most {ARGV_MAX} arguments of at most {ARG_BYTES_MAX} bytes")),
            false => Ok(()),
        }
    }

    pub(super) async fn deliver(&self, ports: &Ports, message: &Message, timeout: Duration) -> Delivery {
        let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        let env = [("PATH", path.to_owned()), ("REMEDIATOR_NOTICE", message.id())];
        let program = Program {
            argv: self.argv.clone(),
            env: env.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            stdin: format!("{}\n", message.json()),
            // TERM before the channel's own time is over, so that what it says still counts.
            timeout: timeout * 3 / 5,
        };
        let run = ports.run.clone();
        match tokio::task::spawn_blocking(move || run(program)).await {
            Ok(ran) => judge(&ran),
            Err(error) => {
                Delivery::Failed { reason: format!("it could not be run: {error}"), retry_after_ms: None }
            }
        }
    }
}

fn judge(ran: &Ran) -> Delivery {
    let said = answer::words(&ran.said);
    match ran.code {
        Some(0) => Delivery::Delivered { said },
        Some(code) if REFUSALS.contains(&code) => {
            Delivery::Refused { reason: format!("exit code {code}: {said}") }
        }
        Some(code) => Delivery::Failed { reason: format!("exit code {code}: {said}"), retry_after_ms: None },
        None => Delivery::Failed { reason: said, retry_after_ms: None },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_the_three_answers() {
        let judged = |code| judge(&Ran { code, said: "a\nb".into() });
        assert_eq!(judged(Some(0)), Delivery::Delivered { said: "a b".into() });
        assert!(matches!(judged(Some(1)), Delivery::Failed { reason, .. } if reason == "exit code 1: a b"));
        assert!(matches!(judged(Some(78)), Delivery::Refused { reason } if reason == "exit code 78: a b"));
        assert!(matches!(judged(None), Delivery::Failed { .. }));
        assert!(Settings { argv: vec!["page".into()] }.check().is_err());
        assert!(Settings { argv: vec!["/bin/page".into()] }.check().is_ok());
    }
}
