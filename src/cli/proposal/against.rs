//! Content files held against their proposals, as text: what goes beyond, and what nobody argued for.
//! Not for signatures and approvals (`verified`, the catalog).

use crate::runbook::problem::{Problem, Source};
use crate::runbook::verified::within;
use crate::runbook::{Content, ContentFolder, checks, proposals, retired, yaml};

use super::desk;

/// What is wrong with the text of a proposal, and with its place.
pub fn argument(path: &str, bytes: &[u8]) -> Vec<Problem> {
    let proposal = match proposals::parse_proposal(path, bytes) {
        Ok(proposal) => proposal,
        Err(problem) => return vec![problem],
    };
    let folder = path.rsplit('/').nth(1);
    if folder.is_none_or(|folder| folder == proposal.id) || !path.contains("proposals/") {
        return Vec::new();
    }
    let text = String::from_utf8_lossy(bytes);
    let source = Source { file: path, text: &text };
    let at = yaml::outline(source).map(|outline| outline.positions.of("id")).unwrap_or_default();
    let message = format!("it calls itself `{}` and stands in another folder", proposal.id);
    vec![source.problem(at, "proposal", message).with_help("`id` is the name of its folder")]
}

/// Everything that content files of a folder do beyond their proposals, of those whose path is wanted.
pub fn hold(folder: &ContentFolder, wanted: impl Fn(&str, &Content) -> bool) -> Vec<Problem> {
    let mut found = Vec::new();
    for (path, bytes) in folder.content_files() {
        // What cannot be read is told by the checks of its text.
        if let Ok(content) = checks::read(path, bytes)
            && wanted(path, &content)
        {
            found.extend(hold_one(folder, path, bytes, &content));
        }
    }
    found
}

/// The same for one file, under the name that it is called by.
pub fn hold_one(folder: &ContentFolder, name: &str, bytes: &[u8], content: &Content) -> Vec<Problem> {
    let text = String::from_utf8_lossy(bytes);
    let source = Source { file: name, text: &text };
    let Ok(outline) = yaml::outline(source) else { return Vec::new() };
    let at = |path: &str| outline.positions.of(path);
    let (id, argued) = (content.proposal(), desk::path_of(content.proposal()));
    let Some(proposal) = folder.get(&argued) else {
        let missing =
            source.problem(at("proposal"), "proposal", format!("its proposal `{id}` does not exist"));
        return vec![missing.with_help(format!("remediator propose {name}"))];
    };
    // A proposal with problems bounds nothing that could be told; they are told with it.
    let Ok(proposal) = proposals::parse_proposal(&argued, proposal) else { return Vec::new() };
    let beyond = within(&proposal, content).into_iter();
    let help = format!("change the file, or propose more in {argued} and have it approved");
    beyond.map(|(path, problem)| source.problem(at(&path), "within", problem).with_help(&help)).collect()
}

/// What is wrong with the notes that retired runbooks have left, of the proposals that are wanted.
pub fn notes(folder: &ContentFolder, wanted: impl Fn(&str) -> bool) -> Vec<Problem> {
    let noted = folder.files.iter().filter(|(path, _)| is_note(path));
    let noted = noted.filter(|(path, _)| path.split('/').nth(1).is_some_and(&wanted));
    noted.filter_map(|(path, bytes)| retired::parse(path, bytes).err()).collect()
}

/// Whether a path is that of such a note.
pub fn is_note(path: &str) -> bool {
    let parts: Vec<&str> = path.rsplit('/').take(4).collect();
    matches!(parts[..], [name, "retired", _, "proposals"] if name.ends_with(".yaml"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARGUED: &str = "v: 1\nid: web\ntitle: x\nfailure_class: x\nmay: {steps: [service], targets: [web], \
                          blast_radius: process, limits: {attempts: 2, window: 1h}}\nrisks: [x]\nundo: x\n";
    const RUNBOOK: &str = "v: 1\nkind: runbook\nid: web-up\ntitle: x\nproposal: web\nmatcher: {subsystem: service, \
                           code: DEAD, target: web}\nblast_radius: machine\nlimits:\n  attempts: 3\n  window: 1h\nsteps:\n  \
                           - {id: up, service: {restart: other}, timeout: 5s, idempotent: true}\n  - {id: say, notify: \
                           {channel: log, message: x}, timeout: 5s}\nverification: {probe: {service: web}}\n";

    fn folder(files: &[(&str, &str)]) -> ContentFolder {
        let files = files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect();
        ContentFolder { files, ..ContentFolder::default() }
    }

    #[test]
    fn everything_beyond_the_proposal_is_found_at_its_place() {
        let all = folder(&[("proposals/web/proposal.yaml", ARGUED), ("runbooks/a.yaml", RUNBOOK)]);
        let found = hold(&all, |_, _| true);
        let places: Vec<(u64, u64)> = found.iter().map(|problem| (problem.line, problem.column)).collect();
        assert_eq!(places, [(7, 15), (13, 23), (12, 23), (9, 13)], "{found:?}");
        assert!(found.iter().all(|problem| problem.check == "within" && problem.help.is_some()));
        assert!(hold(&all, |path, _| path != "runbooks/a.yaml").is_empty());
    }

    #[test]
    fn a_proposal_that_is_not_there_is_found_where_it_is_named() {
        let found = hold(&folder(&[("runbooks/a.yaml", RUNBOOK)]), |_, _| true);
        assert_eq!((found.len(), found[0].line, found[0].check), (1, 5, "proposal"));
        assert_eq!(found[0].help.as_deref(), Some("remediator propose runbooks/a.yaml"));
    }

    #[test]
    fn a_proposal_in_the_folder_of_another_is_found() {
        assert!(argument("h/proposals/web/proposal.yaml", ARGUED.as_bytes()).is_empty());
        assert!(argument("draft/proposal.yaml", ARGUED.as_bytes()).is_empty());
        let found = argument("h/proposals/mail/proposal.yaml", ARGUED.as_bytes());
        assert_eq!((found.len(), found[0].line, found[0].check), (1, 2, "proposal"));
        assert_eq!(argument("proposals/web/proposal.yaml", b"v: 1\nidd: web\n")[0].line, 2);
    }

    #[test]
    fn notes_of_retired_runbooks_are_known_by_their_place_and_read() {
        assert!(is_note("proposals/web/retired/a.yaml") && is_note("/h/proposals/web/retired/a.yaml"));
        assert!(!is_note("proposals/web/proposal.yaml") && !is_note("runbooks/web/retired/a.yaml"));
        let noted = folder(&[("proposals/web/retired/a.yaml", "v: 1\nrunbook: a\n")]);
        assert_eq!((notes(&noted, |id| id == "web").len(), notes(&noted, |id| id != "web").len()), (1, 0));
    }
}
