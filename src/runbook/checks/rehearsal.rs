//! A rehearsal can be set up and broken: programs by their absolute path, a target, no secret placeholders.

use std::path::{Component, Path};

use crate::runbook::model::{Rehearsal, is_id};

use super::Lint;

/// See the module.
pub fn check(lint: &mut Lint) {
    let Some(runbook) = lint.runbook() else { return };
    let Some(rehearsal) = &runbook.rehearsal else { return };
    let (matched, target) = (runbook.matcher.target.as_deref(), rehearsal.target.as_deref());
    if target.or(matched).is_none_or(|name| name.is_empty() || name.contains(['*', '?', '$'])) {
        let help = "write `target:`, the name of the thing in the copy";
        lint.report("rehearsal", "nothing says which target the rehearsal is about", help);
    }
    if rehearsal.breaks.is_empty() {
        lint.report(
            "rehearsal.break",
            "nothing breaks the copy",
            "one program or more: {argv: [/usr/bin/…]}",
        );
    }
    programs(lint, rehearsal);
    for id in rehearsal.services.keys().filter(|id| !is_id(id)) {
        let what = format!("`{id}` is no id of a service");
        lint.report("rehearsal.services", what, "lower-case letters, digits and dashes");
    }
    for path in rehearsal.files.keys().filter(|path| !within_home(path)) {
        let what = format!("`{path}` is no path within the copy");
        lint.report("rehearsal.files", what, "a path from `${home}` on, such as `site/index.html`");
    }
    if rehearsal.stand_ins.keys().any(String::is_empty) {
        lint.report("rehearsal.stand_ins", "empty text cannot be replaced", "name what stands in the files");
    }
    let within = rehearsal.within.ms();
    if !(1_000..=3_600_000).contains(&within) {
        lint.report("rehearsal.within", "out of range", "from 1s to 1h");
    }
}

fn within_home(path: &str) -> bool {
    let mut parts = Path::new(path).components();
    !path.is_empty() && parts.all(|part| matches!(part, Component::Normal(_)))
}

fn programs(lint: &mut Lint, rehearsal: &Rehearsal) {
    let commands = |at: &'static str, of: &[crate::runbook::model::Command]| {
        of.iter()
            .enumerate()
            .map(|(n, c)| (format!("rehearsal.{at}[{n}].argv"), c.argv.clone()))
            .collect::<Vec<_>>()
    };
    let services =
        rehearsal.services.iter().map(|(id, s)| (format!("rehearsal.services.{id}.argv"), s.argv.clone()));
    let all = commands("setup", &rehearsal.setup).into_iter().chain(commands("break", &rehearsal.breaks));
    for (at, argv) in all.chain(services) {
        let first = argv.first().map(String::as_str).unwrap_or_default();
        if !first.starts_with('/') && !first.starts_with("${home}/") {
            let help = "the absolute path of a program; there is no shell";
            lint.report(&format!("{at}[0]"), "no program", help);
        }
    }
}
