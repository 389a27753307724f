//! Encryption: can the certificates be used, for how long, and does the key belong to its owner alone?

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::{Patient, Sheet};
use crate::api::tls::{Tls, Validity};
use crate::cli::out;
use crate::remediator::config::TlsConfig;

/// A certificate that ends within so many days is a finding: most are renewed a month before.
const SOON_DAYS: i64 = 14;
const DAY_S: i64 = 86_400;

pub(super) fn check(patient: &Patient, sheet: &mut Sheet) {
    let Ok(config) = &patient.config else {
        return sheet.unknown("there are no certificates without a configuration");
    };
    let Some(tls) = &config.tls else {
        return sheet.ok("no TLS is asked for: `tls` in remediator.yaml would");
    };
    if let Err(error) = Tls::load(tls.cert.clone(), tls.key.clone(), tls.client_ca.clone()) {
        return sheet.finding(error.to_string(), "mend the file, or the path under `tls` in remediator.yaml");
    }
    let own = tls.own.as_ref();
    for key in [Some(&tls.key), own.map(|(_, key)| key)].into_iter().flatten() {
        private(key, sheet);
    }
    for cert in [Some(&tls.cert), own.map(|(cert, _)| cert)].into_iter().flatten() {
        lasts(cert, sheet);
    }
    shown_when_asked(tls, sheet);
}

fn private(key: &Path, sheet: &mut Sheet) {
    match key.metadata() {
        Ok(file) if file.permissions().mode() & 0o077 == 0 => {}
        Ok(_) => sheet.finding(
            format!("{} can be read or changed by others", key.display()),
            format!("chmod 600 {}", key.display()),
        ),
        Err(error) => sheet.finding(
            format!("{} cannot be looked at: {error}", key.display()),
            "run as the owner of the home, or mend the path under `tls` in remediator.yaml",
        ),
    }
}

fn lasts(cert: &Path, sheet: &mut Sheet) {
    let shown = cert.display();
    let now_s = out::now_us() / 1_000_000;
    match Validity::of(cert) {
        Ok(Validity { from: Some(from), .. }) if i64::try_from(from).is_ok_and(|from| from > now_s) => {
            sheet.finding(format!("{shown} is not good yet"), "mend the clock, or take another certificate");
        }
        Ok(Validity { until: Some(end), .. }) => {
            let left = i64::try_from(end).unwrap_or(i64::MAX).saturating_sub(now_s);
            let days = left.div_euclid(DAY_S);
            match left {
                ..=0 => sheet.finding(format!("{shown} has ended {} day(s) ago", -days), "renew it"),
                _ if days < SOON_DAYS => sheet.finding(
                    format!("{shown} ends in {days} day(s)"),
                    "renew it: the daemon takes the new one without a restart",
                ),
                _ => sheet.ok(format!("{shown} is good for {days} days")),
            }
        }
        Ok(_) => sheet.unknown(format!("until when {shown} is good cannot be told")),
        Err(error) => sheet.finding(error.to_string(), "mend the file"),
    }
}

/// A daemon that asks everybody for a certificate asks the commands, too.
fn shown_when_asked(tls: &TlsConfig, sheet: &mut Sheet) {
    if tls.client_ca.is_some() && tls.own.is_none() {
        sheet.finding(
            "`tls.client_ca` asks everybody for a certificate, and the commands of this home have none",
            "set `tls.commands.cert` and `tls.commands.key` in remediator.yaml",
        );
    }
}
