//! Target `config`: `remediator.yaml`. What is wrong with it is said in a few words.

use remediator::remediator::config;

use super::said;

/// See the module.
pub fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Err(why) = config::check(text) {
        said::is_fit(why);
    }
}
