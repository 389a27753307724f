//! `remediator schema [NAME]`: JSON Schemas of everything that people and programs exchange with it, generated from the
//! types that read it. `schemas/` keeps them; `REMEDIATOR_BLESS=1 cargo test --lib schema` writes them anew.

use super::exit::Failure;
use super::{Exit, Global, Outcome, Output, out};
use crate::api;
use crate::event::Entry;
use crate::event::degradation::DegradationReport;
use crate::notify::Notice;
use crate::remediator::config::ConfigFile;
use crate::runbook::schema::{self, Dialect, text_of};

/// The OpenAPI document, which is no single schema.
const OPENAPI: &str = "openapi";

/// Print a JSON Schema, or the names of all of them.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  remediator schema\n  remediator schema runbook > runbook.schema.json\n  remediator schema entry --dialect 2020-12\n  remediator schema openapi"
)]
pub struct Args {
    /// Which; none = list the names.
    name: Option<String>,
    /// Draft-07 is what editors read.
    #[arg(long, value_enum, default_value = "draft-07")]
    dialect: Spoken,
}

/// The dialect as it is written on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Spoken {
    #[value(name = "draft-07")]
    Draft07,
    #[value(name = "2020-12")]
    Draft2020,
}

#[derive(serde::Serialize)]
struct Names {
    v: u32,
    schemas: Vec<&'static str>,
}

/// Name and text of every schema.
pub fn all(dialect: Dialect) -> Vec<(&'static str, String)> {
    let mut all = schema::all(dialect);
    all.push(("config", text_of::<ConfigFile>(dialect)));
    all.push(("degradation", text_of::<DegradationReport>(dialect)));
    all.push(("entry", text_of::<Entry>(dialect)));
    all.push(("notice", text_of::<Notice<'_>>(dialect)));
    all.sort_unstable_by_key(|(name, _)| *name);
    all
}

/// File name of a schema.
pub fn file_name(name: &str) -> String {
    format!("{name}.schema.json")
}

/// Prints.
pub fn run(args: Args, global: &Global) -> Outcome {
    let dialect = match args.dialect {
        Spoken::Draft07 => Dialect::Draft07,
        Spoken::Draft2020 => Dialect::Draft2020,
    };
    let all = all(dialect);
    let names: Vec<&'static str> = all.iter().map(|(name, _)| *name).chain([OPENAPI]).collect();
    let Some(name) = args.name else {
        match global.output {
            Output::Json => out::json_of(&Names { v: 1, schemas: names })?,
            Output::Human => names.iter().try_for_each(out::say)?,
        }
        return Ok(Exit::Ok);
    };
    if name == OPENAPI {
        out::json(api::document().trim_end())?;
        return Ok(Exit::Ok);
    }
    match all.into_iter().find(|(known, _)| *known == name) {
        Some((_, text)) => out::json(text.trim_end())?,
        None => {
            let what = format!("there is no schema `{}`", out::line(&name));
            return Err(Failure::new(Exit::Usage, what).hint(format!("there are: {}", names.join(", "))));
        }
    }
    Ok(Exit::Ok)
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use serde_json::{Value, json};

    use super::*;

    fn root() -> &'static Path {
        Path::new(env!("CARGO_MANIFEST_DIR"))
    }

    fn folders() -> [(PathBuf, Dialect); 2] {
        let draft07 = root().join("schemas");
        [(draft07.join("2020-12"), Dialect::Draft2020), (draft07, Dialect::Draft07)]
    }

    fn schema_of(name: &str, dialect: Dialect) -> Value {
        let all = all(dialect);
        let text = &all.iter().find(|(known, _)| *known == name).expect("known").1;
        serde_json::from_str(text).expect("JSON")
    }

    #[test]
    fn the_files_in_schemas_are_the_generated_ones() {
        for (folder, dialect) in folders() {
            for (name, wanted) in all(dialect) {
                let path = folder.join(file_name(name));
                if std::env::var_os("REMEDIATOR_BLESS").is_some() {
                    std::fs::create_dir_all(&folder).expect("folder");
                    std::fs::write(&path, &wanted).expect("write");
                }
                let got = std::fs::read_to_string(&path).unwrap_or_default();
                let same = got == wanted;
                assert!(same, "{} is old: REMEDIATOR_BLESS=1 cargo test --lib schema", path.display());
            }
        }
    }

    #[test]
    fn every_line_of_the_golden_journal_fits_and_a_changed_one_does_not() {
        let mut lines = Vec::new();
        for file in
            std::fs::read_dir(root().join("tests/data/journal-v1/journal")).expect("segments").flatten()
        {
            if file.path().extension().is_some_and(|e| e == "ndjson") {
                let text = std::fs::read_to_string(file.path()).expect("text");
                let filled = text.lines().filter(|line| !line.is_empty());
                lines.extend(filled.map(|line| serde_json::from_str::<Value>(line).expect("JSON")));
            }
        }
        assert!(lines.len() > 10, "{}", lines.len());
        for (_, dialect) in folders() {
            let schema = schema_of("entry", dialect);
            let validator = jsonschema::validator_for(&schema).expect("a schema");
            for line in &lines {
                if let Err(error) = validator.validate(line) {
                    panic!("{dialect:?}: {error} in {line}");
                }
            }
            let mut line = lines[1].clone();
            line["data"]["surprise"] = json!(1);
            assert!(!validator.is_valid(&line), "{dialect:?}: a member that no version has");
            line = lines[1].clone();
            line["kind"] = json!("journal.forgotten");
            assert!(!validator.is_valid(&line), "{dialect:?}: a kind that there is not");
        }
    }

    #[test]
    fn a_report_and_a_configuration_fit_and_misspelt_ones_do_not() {
        for (_, dialect) in folders() {
            let report = schema_of("degradation", dialect);
            let mut said = json!({"subsystem": "service", "code": "PROCESS_DEAD", "target": "web",
                                  "severity": "error", "summary": "gone"});
            assert!(jsonschema::is_valid(&report, &said));
            for (member, wrong) in [
                ("subsystem", json!(" service")),
                ("target", json!("")),
                ("target", json!("a\u{202e}b")),
                ("code", json!("dead")),
                ("summary", json!(" ")),
                ("attributes", json!({"": "x"})),
            ] {
                let mut report_of = said.clone();
                report_of[member] = wrong.clone();
                assert!(!jsonschema::is_valid(&report, &report_of), "{dialect:?}: {member} {wrong}");
                let read: DegradationReport = serde_json::from_value(report_of).expect("of that shape");
                assert_eq!(
                    read.check().err().map(|e| e.field),
                    Some(member),
                    "the schema says what the check says"
                );
            }
            said["sevrity"] = json!("error");
            assert!(!jsonschema::is_valid(&report, &said));
            let config = schema_of("config", dialect);
            assert!(jsonschema::is_valid(&config, &json!({"v": 1, "limits": {"lock_timeout": "30s"}})));
            assert!(!jsonschema::is_valid(&config, &json!({"v": 1, "limits": {"lock_timeout": 30}})));
        }
    }
}
