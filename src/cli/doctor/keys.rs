//! The journal's key, and people's: is there somebody who may give power back?

use std::path::Path;

use super::{Patient, Sheet};
use crate::base::sshsig::{SshPrivateKey, SshPublicKey};
use crate::cli::signing;
use crate::remediator::{read_journal_key, read_trust_folder};
use crate::runbook::Role;
use crate::subject::Subjects;

pub(super) fn check(patient: &Patient, sheet: &mut Sheet) {
    journal(patient, sheet);
    log(patient, sheet);
    subjects(patient, sheet);
    people(patient, sheet);
    match signing::key(&patient.home, None) {
        Ok(path) => signer(patient, &path, sheet),
        Err(_) => sheet.unknown("no SSH key of yours is in the usual places: say which with --key PATH"),
    }
}

/// The key that commands sign with unless another is said: is it somebody's here?
fn signer(patient: &Patient, path: &Path, sheet: &mut Sheet) {
    let shown = path.display();
    let (Some(key), Ok(trust)) = (public_half(path), read_trust_folder(patient.home.root())) else {
        return sheet.unknown(format!("statements are signed with {shown}; whose key it is cannot be told"));
    };
    match trust.signers().grants().iter().find(|grant| grant.key == key) {
        Some(grant) => sheet.ok(format!("statements are signed with {shown}, a key of {}", grant.principal)),
        None => sheet.unknown(format!(
            "statements would be signed with {shown}, which is nobody's key in proposals/trust/allowed_signers and would \
             be refused: say which is yours with --key PATH"
        )),
    }
}

fn public_half(path: &Path) -> Option<SshPublicKey> {
    let text = std::fs::read_to_string(path).ok()?;
    if let Ok(private) = SshPrivateKey::parse(&text) {
        return private.public().ok();
    }
    // One with a passphrase has its public half beside it.
    let beside = || std::fs::read_to_string(format!("{}.pub", path.display())).ok();
    SshPublicKey::parse(&text).ok().or_else(|| SshPublicKey::parse(&beside()?).ok())
}

fn journal(patient: &Patient, sheet: &mut Sheet) {
    let key = match read_journal_key(&patient.home.state()) {
        Ok(key) => key,
        // Each says itself what mends it.
        Err(error) => return sheet.finding(error.to_string(), "see docs/operating.md, \"Keys\""),
    };
    if let Ok(Some(bad)) = patient.report().map(|report| report.first_bad.as_ref()) {
        // A later entry may have given it another key: what stands before the damage does not say.
        let seq = bad.seq;
        return sheet
            .unknown(format!("which key signs cannot be told: the journal is damaged from seq {seq} on"));
    }
    match patient.report().map(|report| report.keys.last().map(|key| key.id)) {
        Ok(Some(last)) if last == key.id() => sheet.ok(format!("the journal is signed with key {last}")),
        Ok(Some(last)) => sheet.finding(
            format!("the key on disk is {}, the journal's is {last}", key.id()),
            "put state/keys/journal.key back from the newest backup",
        ),
        Ok(None) | Err(_) => sheet.unknown("the journal does not tell which key signs it"),
    }
}

/// Whoever has published once needs the same key again.
fn log(patient: &Patient, sheet: &mut Sheet) {
    let state = patient.home.state();
    let published = state.join("tlog").join(crate::tlog::CHECKPOINT).is_file();
    if published && !state.join("keys/log.key").is_file() {
        sheet.finding(
            "the key of the transparency log is gone: it publishes nothing",
            "put state/keys/log.key back from the newest backup made --with-keys, then restart the daemon",
        );
    }
}

/// Erasures that were begun and not recorded.
fn subjects(patient: &Patient, sheet: &mut Sheet) {
    let subjects = Subjects::of_state(&patient.home.state());
    let (doomed, begun) = match (subjects.doomed(), subjects.erasing()) {
        (Ok(doomed), Ok(begun)) => (doomed, begun),
        (Err(error), _) | (_, Err(error)) => {
            return sheet.finding(error.to_string(), "see docs/retention.md, \"Forgetting a subject\"");
        }
    };
    for id in doomed {
        match begun.iter().any(|erasing| erasing.id == id) {
            true => sheet.unknown(format!("the erasure of key {id} is under way, or the next start finishes it")),
            false => sheet.finding(
                format!("state/subjects/{id}.erasing cannot be read: no entry can say on whose word that key is destroyed"),
                "put the file back from a copy, or remove it once the key is gone: the next start destroys it all the same",
            ),
        }
    }
}

fn people(patient: &Patient, sheet: &mut Sheet) {
    let trust = match read_trust_folder(patient.home.root()) {
        Ok(trust) => trust,
        Err(error) => {
            let fix = "mend proposals/trust; the version in force stays until then";
            return sheet.finding(format!("the trust files cannot be read: {error}"), fix);
        }
    };
    let now_us = crate::cli::out::now_us();
    for (role, lost, does) in [
        (Role::Control, "a pause could never be ended", "power is given back by"),
        (Role::Trust, "the trust files could never be changed again", "the trust files are changed by"),
    ] {
        let holders: Vec<String> = trust.holders(role, now_us).into_iter().collect();
        let name = role.namespace();
        match holders.is_empty() {
            true => sheet.finding(
                format!("nobody holds {name} with a key that counts now: {lost}"),
                format!(
                    "give somebody {name} in proposals/trust/allowed_signers, signed by whoever held trust@"
                ),
            ),
            false => sheet.ok(format!("{does} {}", holders.join(", "))),
        }
    }
}
