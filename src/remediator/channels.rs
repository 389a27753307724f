//! Puts the channels of a configuration together: their secrets, and the hands' sandbox for the programs among them.
//! Not for: what they are and how they deliver (notify).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Error;
use crate::action::{self, Programs};
use crate::base::redact::redact;
use crate::notify::{ChannelFile, Channels, Program, Ran, Secrets};

/// The channels of a home, ready to deliver. Secrets are below `$CREDENTIALS_DIRECTORY`, else below `state`.
pub fn channels(
    files: BTreeMap<String, ChannelFile>,
    state: &Path,
    programs: Programs,
) -> Result<Channels, Error> {
    let run = move |program: Program| {
        let Program { argv, env, stdin, timeout } = program;
        let program = action::Program { argv, env, stdin, timeout };
        let end = programs.deliver(program, |text| redact(text).into_owned());
        Ran { code: end.code, said: end.said }
    };
    let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    Ok(Channels::new(files, Secrets::of(state, credentials), Arc::new(run))?)
}
