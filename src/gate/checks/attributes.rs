//! What is checked out is what was signed: `.gitattributes` gives no content file other bytes on the way to the disk.

use std::collections::BTreeMap;

use super::super::finding::Finding;
use super::super::judge::Case;
use crate::base::text::for_shell;

/// Attributes that leave the bytes as they are.
const PLAIN: &str = "-text -ident -filter !working-tree-encoding";

fn mend() -> String {
    let lines = ["runbooks", "proposals"].map(|top| format!("/{top}/** {PLAIN}\\n")).concat();
    format!("printf '{lines}' >> .gitattributes && git add .gitattributes")
}

/// See the module.
pub fn check(case: &Case<'_>, findings: &mut Vec<Finding>) {
    let mut converted: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (path, attributes) in &case.attributes {
        for said in conversions(attributes) {
            converted.entry(said).or_default().push(path.clone());
        }
    }
    for (said, paths) in converted {
        let others = match paths.len() - 1 {
            0 => String::new(),
            n => format!(" and {n} more"),
        };
        let message = format!(
            "git would give it other bytes at check-out (.gitattributes: {said}){others}: what is signed is what is staged"
        );
        let mend = match (case.change.attributes_within(&paths[0]), case.change.path("")) {
            // It has the last word on what lies beside and below it.
            (Some(within), _) => {
                let within = for_shell(within);
                format!("printf '* {PLAIN}\\n' >> {within} && git add {within}")
            }
            (None, top) if top.is_empty() => mend(),
            (None, root) => format!("cd {} && {}", for_shell(&root), mend()),
        };
        findings.push(Finding::of("attributes", paths[0].clone(), message, mend));
    }
}

/// The attributes that change bytes at check-out (gitattributes(5)). Line ends are converted only where `text` is not
/// taken away.
fn conversions(attributes: &BTreeMap<String, String>) -> Vec<String> {
    let of = |name: &str| attributes.get(name).map_or("unspecified", String::as_str);
    let is_set = |name: &str| !matches!(of(name), "unspecified" | "unset");
    let mut said = Vec::new();
    if of("eol") == "crlf" && of("text") != "unset" {
        said.push("eol=crlf".to_owned());
    }
    if is_set("ident") {
        said.push("ident".to_owned());
    }
    for name in ["filter", "working-tree-encoding"] {
        // That is how git holds text anyway.
        let as_held = name == "working-tree-encoding" && of(name).eq_ignore_ascii_case("utf-8");
        if is_set(name) && !as_held {
            said.push(format!("{name}={}", of(name)));
        }
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(attributes: &[(&str, &str)]) -> Vec<String> {
        let all = attributes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        conversions(&all.collect())
    }

    #[test]
    fn only_what_changes_bytes_at_check_out_is_told() {
        assert_eq!(said(&[("text", "auto"), ("eol", "lf"), ("ident", "unset")]), Vec::<String>::new());
        assert_eq!(said(&[("text", "unset"), ("eol", "crlf")]), Vec::<String>::new());
        assert_eq!(said(&[("eol", "crlf")]), ["eol=crlf"]);
        assert_eq!(said(&[("ident", "set"), ("filter", "lfs")]), ["ident", "filter=lfs"]);
        assert_eq!(said(&[("working-tree-encoding", "utf-8")]), Vec::<String>::new());
        assert_eq!(said(&[("working-tree-encoding", "UTF-16")]), ["working-tree-encoding=UTF-16"]);
    }
}
