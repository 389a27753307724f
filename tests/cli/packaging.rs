//! What is packaged: the unit is hardened and understood by systemd, sample rules and dashboard use names that exist.
//! Tools that are not installed are left out, and said so.

use std::path::{Path, PathBuf};
use std::process::Command;

fn packaging(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/packaging").join(name)
}

fn read(name: &str) -> String {
    std::fs::read_to_string(packaging(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// Runs a tool; none when it is not installed.
fn tool(program: &str, args: &[&str]) -> Option<(bool, String)> {
    let ran = Command::new(program).args(args).output();
    match ran {
        Ok(ran) => {
            let text = [ran.stdout, ran.stderr].concat();
            Some((ran.status.success(), String::from_utf8_lossy(&text).into_owned()))
        }
        Err(_) => {
            eprintln!("{program} is not installed: left out");
            None
        }
    }
}

#[test]
fn the_unit_notifies_reloads_and_is_hardened() {
    let unit = read("remediator.service");
    for line in [
        "Type=notify-reload",
        "WatchdogSec=60s",
        "StateDirectory=remediator",
        "KillMode=process",
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
        "CapabilityBoundingSet=",
    ] {
        assert!(unit.lines().any(|l| l == line), "{line}");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let copy = folder.path().join("remediator.service");
    std::fs::write(&copy, unit).expect("written");
    let copy = copy.display().to_string();
    if let Some((good, said)) =
        tool("systemd-analyze", &["security", "--offline=true", "--threshold=25", &copy])
    {
        // Older ones cannot look at a file.
        assert!(good || said.contains("unrecognized option"), "{said}");
    }
}

#[test]
fn sample_rules_and_dashboard_are_legal_and_name_figures_that_exist() {
    let (rules, dashboard) = (read("prometheus-rules.yaml"), read("grafana-dashboard.json"));
    let parsed: serde_json::Value = serde_json::from_str(&dashboard).expect("JSON");
    assert!(parsed["panels"].as_array().is_some_and(|panels| panels.len() > 10));
    let path = packaging("prometheus-rules.yaml").display().to_string();
    if let Some((good, said)) = tool("promtool", &["check", "rules", &path]) {
        assert!(good, "{said}");
    }
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/api/metrics.rs");
    let Ok(source) = std::fs::read_to_string(source) else { return };
    let name = regex::Regex::new(r"\bremediator_[a-z_]+").expect("a pattern");
    for found in name.find_iter(&rules).chain(name.find_iter(&dashboard)) {
        let figure = found.as_str().trim_end_matches("_bucket");
        assert!(source.contains(&format!("\"{figure}\"")), "there is no {figure}");
    }
}
