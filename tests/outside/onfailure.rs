//! The unit template for `OnFailure=`: systemd's own check of it, and what its command line does.

use std::path::Path;
use std::process::Command;

use crate::channels::{entries, home};
use crate::sandbox::PROGRAM;

const UNIT: &str = "remediator-onfailure@.service";

fn unit() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/packaging").join(UNIT);
    std::fs::read_to_string(path).expect("the unit")
}

#[test]
fn systemd_finds_nothing_wrong_with_the_template() {
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        eprintln!("\nNOT TESTED with systemd-analyze: it is not installed\n");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    // Neither the package nor its user is installed where tests run.
    let text = unit().replace("/usr/bin/remediator", PROGRAM).replace("User=remediator\n", "");
    std::fs::write(folder.path().join(UNIT), text).expect("written");
    let instance = folder.path().join("remediator-onfailure@nginx.service.service");
    let output = Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&instance).output();
    let output = output.expect("it starts");
    let said = String::from_utf8_lossy(&output.stderr);
    let ours: Vec<&str> = said.lines().filter(|line| line.contains("onfailure")).collect();
    assert!(ours.is_empty() && output.status.success(), "{said}");
}

/// As systemd splits a command line: blanks, double quotes.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), String::new(), false);
    for c in line.chars() {
        match c {
            '"' => quoted = !quoted,
            ' ' if !quoted => words.push(std::mem::take(&mut word)),
            c => word.push(c),
        }
    }
    words.push(word);
    words
}

#[test]
fn a_failed_unit_becomes_a_report_with_and_without_a_daemon() {
    let mut sandbox = home("");
    let text = unit();
    let line =
        text.lines().find_map(|line| line.strip_prefix("ExecStart=/usr/bin/remediator ")).expect("a command");
    let run = |unit: &str, result: &str| {
        let args: Vec<String> = words(line)
            .into_iter()
            .map(|word| {
                let word = word.replace("%i", unit).replace("${MONITOR_SERVICE_RESULT}", result);
                ["EXIT_CODE", "EXIT_STATUS", "INVOCATION_ID"]
                    .iter()
                    .fold(word, |word, name| word.replace(&format!("${{MONITOR_{name}}}"), ""))
            })
            .collect();
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        sandbox.run(&args).ends(0);
    };
    run("nginx.service", "exit-code");
    // Before systemd 251 nothing says how it failed.
    run("backup@daily.service", "");
    sandbox.serve();
    let seen = entries(&sandbox, "degradation.seen");
    let target =
        |name: &str| seen.iter().find(|e| e["data"]["target"] == name).expect("reported")["data"].clone();
    let nginx = target("nginx.service");
    assert_eq!((&nginx["subsystem"], &nginx["code"]), (&"systemd".into(), &"UNIT_FAILED".into()));
    assert_eq!(nginx["attributes"]["result"], "exit-code");
    assert_eq!(target("backup@daily.service")["attributes"]["result"], "");
}

#[test]
fn the_package_brings_the_template_to_where_systemd_looks() {
    let manifest = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"));
    let asset = format!("[\"tools/packaging/{UNIT}\", \"usr/lib/systemd/system/\", \"644\"]");
    assert!(manifest.expect("Cargo.toml").contains(&asset), "{asset}");
}
