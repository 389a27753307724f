//! Every form of report is what its readers expect, also with names and words that would like to be something else.

use std::fs;
use std::path::Path;
use std::process::Command;

use remediator::runbook::Role;
use serde_json::Value;

use super::repo::{RUNBOOK, RUNBOOK_TEXT, Repo, gate, isolate};

/// A change with findings of several kinds, one with words that want out of every form.
fn troubled() -> Repo {
    let repo = Repo::new();
    repo.edit(RUNBOOK, "attempts: 3", "attempts: 300");
    repo.edit(RUNBOOK, "title: Restart it", "title: \"<b>&]]> %0A::error::x | `y` [z](http://x)\"");
    repo.sign("ann", Role::Runbook, RUNBOOK);
    repo.write("runbooks/a,b:c %25<x>&\"'.yaml", RUNBOOK_TEXT.replace("id: fix", "id: fix\nstpes: []"));
    repo.git(&["add", "-A"]);
    repo
}

#[test]
fn for_people_with_place_difference_and_mend() {
    let text = troubled().print("human", &[]);
    assert!(
        text.contains(
            "runbooks/web/fix.yaml:5:11: the approval proposals/web/approvals/bob.json is of other bytes"
        ),
        "{text}"
    );
    assert!(text.contains("  changed: limits.attempts: 3 → 300\n"), "{text}");
    assert!(text.contains("  mend: remediator proposal approve web\n"), "{text}");
    assert!(text.ends_with("runbook-gate: blocked: 3 findings\n"), "{text}");
    assert_eq!(
        Repo::new().print("human", &[]),
        "runbook-gate: no runbook, proposal or trust file is touched\n"
    );
}

#[test]
fn json_has_a_version_and_says_whether_it_passes() {
    let report: Value = serde_json::from_str(&troubled().print("json", &[])).unwrap();
    assert_eq!((&report["v"], &report["passes"]), (&Value::from(1), &Value::from(false)));
    assert_eq!(report["findings"].as_array().unwrap().len(), 3, "{report:#}");
}

#[test]
fn sarif_fits_its_official_schema() {
    let text = troubled().print("sarif", &[]);
    let sarif: Value = serde_json::from_str(&text).unwrap();
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    assert_eq!(results.len(), 3, "{text}");
    let uri = &results[0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
    assert_eq!(uri, "runbooks/a%2Cb%3Ac%20%2525%3Cx%3E%26%22%27.yaml");
    assert!(results[1]["partialFingerprints"]["runbookGate/v1"].is_string());
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/sarif-schema-2.1.0.json");
    let Ok(schema) = fs::read_to_string(&schema) else {
        eprintln!("NOT TESTED: {} is missing (tools/fetch-sarif-schema fetches it)", schema.display());
        return;
    };
    let mut schema: Value = serde_json::from_str(&schema).unwrap();
    // Its one pattern that is no regular expression for stricter readers; we write no `language`.
    for place in ["run", "toolComponent"] {
        let language = &mut schema["definitions"][place]["properties"]["language"];
        language.as_object_mut().unwrap().remove("pattern");
    }
    let validator = jsonschema::validator_for(&schema).unwrap();
    for text in [text, Repo::new().print("sarif", &[])] {
        let sarif: Value = serde_json::from_str(&text).unwrap();
        let wrong: Vec<String> = validator.iter_errors(&sarif).map(|error| error.to_string()).collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
    let mut broken = serde_json::from_str::<Value>(&troubled().print("sarif", &[])).unwrap();
    broken["runs"][0]["results"][0]["level"] = "bad".into();
    assert!(!validator.is_valid(&broken), "the schema is one that says no");
}

#[test]
fn annotations_cannot_be_escaped_from() {
    let repo = troubled();
    let summary = tempfile::tempdir().unwrap();
    let place = summary.path().join("summary.md");
    fs::write(&place, "before\n").unwrap();
    let mut command = Command::new(gate());
    isolate(&mut command);
    command.current_dir(repo.root()).env("GITHUB_STEP_SUMMARY", &place).args(["--output", "github"]);
    let text = String::from_utf8(command.output().unwrap().stdout).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 4, "one line a finding, and the verdict: {text}");
    assert!(lines[1].starts_with("::error file=runbooks/a%2Cb%3Ac %2525<x>&\"'.yaml,line=4,col="), "{text}");
    assert!(lines[2].contains("%0Achanged: title: Restart it → <b>&]]> %250A::error::x"), "{text}");
    let summary = fs::read_to_string(&place).unwrap();
    assert!(summary.starts_with("before\n### runbook-gate: blocked: 3 findings\n"), "{summary}");
    assert!(!summary.contains("<b>") && !summary.contains("[z](http"), "{summary}");
    assert!(
        summary
            .lines()
            .filter(|line| line.starts_with("| "))
            .all(|line| line.matches(" | ").count() == 2 || line.contains("\\|")),
        "{summary}"
    );
}

#[test]
fn junit_is_xml_with_a_case_for_each_finding() {
    let text = troubled().print("junit", &[]);
    assert!(text.contains("tests=\"3\" failures=\"3\""), "{text}");
    for (text, cases) in [(text, 3), (Repo::new().print("junit", &[]), 1)] {
        let script = "import sys, xml.dom.minidom as m; print(len(m.parse(sys.stdin).getElementsByTagName('testcase')))";
        let place = tempfile::NamedTempFile::new().unwrap();
        fs::write(place.path(), text).unwrap();
        let out =
            Command::new("python3").args(["-c", script]).stdin(place.reopen().unwrap()).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&out.stdout).trim(), cases.to_string(), "{out:?}");
    }
}

#[test]
fn reports_go_into_files_besides() {
    let repo = troubled();
    let place = tempfile::tempdir().unwrap();
    let file = |name: &str| place.path().join(name).display().to_string();
    let (sarif, junit) = (format!("sarif={}", file("a.sarif")), format!("junit={}", file("a.xml")));
    let said = repo.judge(&["--report", &sarif, "--report", &junit]);
    assert_eq!(said.code, 1);
    assert!(fs::read_to_string(file("a.sarif")).unwrap().contains("\"2.1.0\""));
    assert!(fs::read_to_string(file("a.xml")).unwrap().starts_with("<?xml"));
    let said = repo.judge(&["--report", "sarif=/nonexistent/x"]);
    assert_eq!(said.code, 69);
    assert!(said.stderr.contains("/nonexistent/x"), "{}", said.stderr);
    for wrong in ["sarif", "word=x"] {
        assert_eq!(repo.judge(&["--report", wrong]).code, 2, "{wrong}");
    }
}
