//! The address: does our daemon answer there, or could it listen there?

use super::{Patient, Sheet};
use crate::cli::client::NoAnswer;

pub(super) fn check(patient: &Patient, sheet: &mut Sheet) {
    let Some(client) = &patient.client else {
        return sheet.unknown("there is no address without a configuration");
    };
    let address = client.address().to_owned();
    match client.get("/v1/status") {
        Ok(_) => sheet.ok(format!("the daemon answers at {address}")),
        Err(NoAnswer::NoDaemon { .. }) => free(&address, sheet),
        Err(NoAnswer::OtherHome { .. }) => sheet.finding(
            format!("the daemon at {address} is another home's: this one's could not listen there"),
            "set another `listen` in remediator.yaml of one of them",
        ),
        Err(NoAnswer::Silent { .. }) => match &patient.hung {
            Some(hung) => sheet.finding(hung.what.clone(), hung.fix.clone()),
            None => sheet.finding(
                format!("the daemon at {address} takes connections and does not answer in time"),
                "look at its log; restart it when it does not come back by itself",
            ),
        },
        Err(NoAnswer::Problem(problem)) if problem.status == 503 => sheet.finding(
            format!("the daemon at {address} is not ready: {}", problem.detail),
            problem.hint.clone(),
        ),
        Err(NoAnswer::Problem(problem)) => {
            sheet.finding(format!("the daemon at {address} says: {}", problem.title), problem.hint.clone())
        }
        Err(NoAnswer::Broken(failure)) => sheet.finding(
            failure.to_string(),
            failure.hint.unwrap_or_else(|| "see what listens there: `ss -ltnp`".to_owned()),
        ),
    }
    let beyond =
        patient.config.as_ref().is_ok_and(|config| !config.listen.ip().is_loopback() && config.tls.is_none());
    if beyond {
        sheet.finding(
            format!("{address} can be reached from other machines without encryption"),
            "say `tls` in remediator.yaml (docs/http.md), or listen on 127.0.0.1 and put a proxy with TLS before it",
        );
    }
}

/// No daemon: then the address must be free for one.
fn free(address: &str, sheet: &mut Sheet) {
    match std::net::TcpListener::bind(address) {
        Ok(_) => sheet.ok(format!("no daemon runs; {address} is free for it")),
        Err(error) => sheet.finding(
            format!("no daemon answers at {address}, and none could listen there: {error}"),
            "end what listens there (`ss -ltnp`), or set `listen` in remediator.yaml",
        ),
    }
}
