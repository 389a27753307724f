//! Who owns the home and who may read it. State is for its owner only; content may be read by all, written by few.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::super::init::staging::abandoned;
use super::{Patient, Sheet};
use crate::base::text::for_shell;

/// Private places under the home: none of the bits of group and others.
const PRIVATE: [&str; 5] =
    ["state", "state/token", "state/tokens.json", "state/sessions.json", "state/subjects"];
/// What others must not be able to change.
const OURS: [&str; 4] = [".", "remediator.yaml", "runbooks", "proposals"];

pub(super) fn check(patient: &Patient, sheet: &mut Sheet) {
    let root = patient.home.root();
    let us = rustix::process::geteuid().as_raw();
    let mut good = true;
    let mut found = |sheet: &mut Sheet, what: String, fix: String| {
        good = false;
        sheet.finding(what, fix);
    };
    for path in
        PRIVATE.iter().map(|name| root.join(name)).chain(keys_of_subjects(&root.join("state/subjects")))
    {
        let Some((owner, mode)) = look(&path) else { continue };
        let shown = path.display();
        if mode & 0o077 != 0 {
            let bits = if path.is_dir() { "700" } else { "600" };
            found(
                sheet,
                format!("{shown} is open to others (mode {mode:o})"),
                format!("chmod {bits} {}", quoted(&path)),
            );
        }
        if owner != us {
            let what = format!("{shown} belongs to user {owner}, and this runs as user {us}");
            found(sheet, what, format!("run as that user: `sudo -u '#{owner}' remediator doctor`"));
        }
    }
    for name in OURS {
        let path = root.join(name);
        if let Some((_, mode)) = look(&path).filter(|(_, mode)| mode & 0o002 != 0) {
            let shown = path.display();
            found(
                sheet,
                format!("everybody can write to {shown} (mode {mode:o})"),
                format!("chmod o-w {}", quoted(&path)),
            );
        }
    }
    let writable = rustix::fs::access(patient.home.state(), rustix::fs::Access::WRITE_OK);
    if let Err(errno) = writable {
        let state = patient.home.state();
        found(
            sheet,
            format!("{} cannot be written: {errno}", state.display()),
            format!("`ls -ld {0}` and `findmnt -T {0}` say why", quoted(&state)),
        );
    }
    for name in ["state/token", "state/tokens.json"] {
        let there = root.join(name).try_exists();
        if let Err(error) = &there {
            let what = format!("{} cannot be looked at: {error}", root.join(name).display());
            found(sheet, what, "run as the owner of the home".into());
        }
        if let Ok(false) = there {
            let fix = "restart the daemon: it makes lost tokens anew";
            found(
                sheet,
                format!("{} is missing: commands have no token", root.join(name).display()),
                fix.into(),
            );
        }
    }
    for path in root.parent().map(abandoned).unwrap_or_default() {
        let what = format!("{} was left by a command that was ended while it made a home", path.display());
        found(sheet, what, format!("rm -r {}", quoted(&path)));
    }
    if good {
        sheet.ok(format!("{} and its state are the owner's", root.display()));
    }
}

fn keys_of_subjects(folder: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(folder).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
    files.filter(|path| path.extension().is_some_and(|end| end == "key")).collect()
}

fn look(path: &Path) -> Option<(u32, u32)> {
    std::fs::metadata(path).ok().map(|m| (m.uid(), m.mode() & 0o7777))
}

/// A path as a shell takes it.
fn quoted(path: &Path) -> String {
    for_shell(&path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mend_can_be_pasted_whatever_the_path() {
        assert_eq!(quoted(Path::new("/srv/home-1")), "/srv/home-1");
        assert_eq!(quoted(Path::new("/srv/my home")), "'/srv/my home'");
        assert_eq!(quoted(Path::new("/srv/it's; rm")), r"'/srv/it'\''s; rm'");
    }
}
