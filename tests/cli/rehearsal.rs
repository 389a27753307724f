//! `runbook test --rehearse`: a real service, really broken and healed in a copy; what comes of it lets a runbook go live,
//! and what does not heal, was not broken or is of other bytes does not.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use crate::sandbox::{Sandbox, eventually};

const PROPOSAL: &str = "v: 1\nid: site\ntitle: Keep the site answering\nfailure_class: The site no longer answers\n\
    may: {steps: [run, service], targets: [site], blast_radius: process}\nrisks: [none]\nundo: Stop it.\n";

/// The real one would listen on a port that the copy must not touch.
const SERVICE: &str = "v: 1\nkind: service\nid: site\ntitle: The site\nproposal: site\n\
    argv: [PYTHON, -m, http.server, '1', --bind, 127.0.0.1, --directory, '${home}/www']\n\
    probe: {http: {url: 'http://127.0.0.1:1/'}, timeout: 2s}\n";

const RUNBOOK: &str = r#"v: 1
kind: runbook
id: site-restart
title: Restart the site
proposal: site
matcher: {subsystem: service, code: HTTP_WEDGED, target: site}
blast_radius: process
limits: {attempts: 3, window: 1h, cooldown: 1s, runtime: 1m}
steps:
  - id: restart
    service: {restart: site}
    timeout: 20s
    idempotent: true
verification: {probe: {service: site}, settle: 100ms, successes: 1, every: 200ms, within: 20s, watch: 0s}
rehearsal:
  stand_ins:
    "'1'": "'${port}'"
    "127.0.0.1:1/": "127.0.0.1:${port}/"
  setup:
    - argv: [/usr/bin/mkdir, -p, "${home}/www"]
  break:
    - argv: [/usr/bin/kill, -STOP, "${pid.site}"]
  within: 20s
"#;

struct Site {
    sandbox: Sandbox,
    file: PathBuf,
}

impl Site {
    fn new() -> Self {
        let sandbox = Sandbox::with_home();
        let python =
            sandbox.shell("python3 -c 'import os, sys; print(os.path.realpath(sys.executable))'").stdout;
        let home = sandbox.home();
        for folder in ["proposals/site", "runbooks/site"] {
            fs::create_dir_all(home.join(folder)).expect("a folder");
        }
        fs::write(home.join("proposals/site/proposal.yaml"), PROPOSAL).expect("written");
        fs::write(home.join("runbooks/site/service.yaml"), SERVICE.replace("PYTHON", python.trim()))
            .expect("written");
        let file = home.join("runbooks/site/restart.yaml");
        fs::write(&file, RUNBOOK).expect("written");
        Self { sandbox, file }
    }
    fn file(&self) -> &str {
        self.file.to_str().expect("UTF-8")
    }
    fn edit(&self, from: &str, to: &str) {
        let text = fs::read_to_string(&self.file).expect("there");
        assert!(text.contains(from), "{from}");
        fs::write(&self.file, text.replacen(from, to, 1)).expect("written");
    }
    fn rehearse(&self, more: &[&str]) -> crate::sandbox::Ran {
        self.sandbox.run(&[&["runbook", "test", self.file(), "--rehearse"], more].concat())
    }
    fn approve(&self) -> crate::sandbox::Ran {
        for path in [self.file(), "home/runbooks/site/service.yaml", "home/proposals/site/proposal.yaml"] {
            self.sandbox.run(&["runbook", "sign", path]).ends(0);
        }
        self.sandbox.run(&["runbook", "approve", "site", "--reason", "read", "--yes"])
    }
    fn standing(&self) -> (String, String) {
        let list = self.sandbox.run(&["runbook", "list", "--output", "json"]).json();
        let line = list["files"]
            .as_array()
            .expect("files")
            .iter()
            .find(|line| line["name"] == "runbook/site-restart")
            .expect("it is listed")
            .clone();
        (line["standing"].as_str().expect("a word").to_owned(), line["reasons"].to_string())
    }
}

#[test]
fn a_rehearsal_of_these_bytes_lets_one_person_take_it_live() {
    let site = Site::new();
    let policy = site.sandbox.home().join("proposals/trust/policy.yaml");
    let text = fs::read_to_string(&policy)
        .expect("there")
        .replace("live_evidence: none", "live_evidence: rehearsal");
    fs::write(&policy, text).expect("written");
    let said = site.sandbox.run(&["runbook", "sign", policy.to_str().expect("UTF-8")]).ends(0);
    assert!(said.stderr.contains("policy:     live_evidence: none → rehearsal"), "{}", said.stderr);
    site.approve();
    let (standing, reasons) = site.standing();
    assert_eq!(standing, "observe_only", "{reasons}");
    assert!(reasons.contains("nothing shows that it works") && reasons.contains("--rehearse"), "{reasons}");
    let said = site.rehearse(&[]).ends(0);
    assert!(said.stdout.contains("site-restart healed the copy in"), "{}", said.stdout);
    assert!(said.stderr.contains("break: /usr/bin/kill -STOP"), "{}", said.stderr);
    let evidence = site.sandbox.home().join("proposals/site/evidence/site-restart.json");
    let text = fs::read_to_string(&evidence).expect("evidence");
    assert!(text.contains("\"rehearsal\"") && text.contains("service/site"), "{text}");
    assert!(!text.contains("\"head\": \"\""), "{text}");
    assert_eq!(site.standing().0, "live", "{}", site.standing().1);
    // Nothing of the copy is left, and nothing real was touched.
    assert_eq!(site.sandbox.shell("ls -d $TMPDIR/remediator-rehearsal-* /tmp/remediator-rehearsal-* 2>/dev/null | grep -c home || true").stdout.trim(), "0");
    assert!(!site.sandbox.home().join("www").exists());
    // Of other bytes it says nothing.
    site.edit("timeout: 20s", "timeout: 21s");
    site.approve();
    let (standing, reasons) = site.standing();
    assert_eq!(standing, "observe_only", "{reasons}");
    assert!(reasons.contains("of other bytes"), "{reasons}");
    site.edit("timeout: 21s", "timeout: 20s");
    site.approve();
    assert_eq!(site.standing().0, "live");
    // Nor when somebody changes it.
    fs::write(&evidence, text.replace("healed_ms\": ", "healed_ms\": 1")).expect("written");
    let (standing, reasons) = site.standing();
    assert_eq!(standing, "observe_only", "{reasons}");
    assert!(reasons.contains("signature of"), "{reasons}");
}

#[test]
fn an_unsigned_draft_that_does_not_heal_or_was_not_broken_fails_and_leaves_no_evidence() {
    let site = Site::new();
    let evidence = site.sandbox.home().join("proposals/site/evidence");
    // It is not broken by this.
    site.edit("[/usr/bin/kill, -STOP, \"${pid.site}\"]", "[/usr/bin/true]");
    site.edit("  within: 20s\n", "  within: 3s\n");
    let said = site.rehearse(&["--no-evidence"]).ends(1);
    assert!(said.stderr.contains("it was not broken"), "{}", said.stderr);
    // It is broken and this does not heal it.
    site.edit("[/usr/bin/true]", "[/usr/bin/kill, -STOP, \"${pid.site}\"]");
    site.edit("service: {restart: site}", "run: {argv: [/usr/bin/true], env: {WHAT: '${target}'}}");
    site.edit("within: 20s, watch", "within: 2s, watch");
    site.edit("  within: 3s\n", "  within: 20s\n");
    let said = site.rehearse(&[]).ends(1);
    assert!(
        said.stderr.contains("could not heal") && said.stderr.contains("site-restart"),
        "{}",
        said.stderr
    );
    assert!(!evidence.exists());
    // A program that fails, a service that is not there, no rehearsal at all.
    site.edit("[/usr/bin/mkdir, -p, \"${home}/www\"]", "[/usr/bin/false]");
    let said = site.rehearse(&[]).ends(1);
    assert!(said.stderr.contains("setup: /usr/bin/false"), "{}", said.stderr);
    site.edit("${pid.site}", "${pid.other}");
    site.edit("[/usr/bin/false]", "[/usr/bin/mkdir, -p, \"${home}/www\"]");
    let said = site.rehearse(&[]).ends(1);
    assert!(said.stderr.contains("does not run in the copy"), "{}", said.stderr);
    let text = fs::read_to_string(&site.file).expect("there");
    fs::write(&site.file, &text[..text.find("rehearsal:").expect("there")]).expect("written");
    let said = site.rehearse(&[]).ends(2);
    assert!(said.stderr.contains("docs/rehearsal.md"), "{}", said.stderr);
}

#[test]
fn a_copy_may_bring_its_own_service_and_look() {
    let site = Site::new();
    let python =
        site.sandbox.shell("python3 -c 'import os, sys; print(os.path.realpath(sys.executable))'").stdout;
    let text = fs::read_to_string(&site.file).expect("there");
    let text = &text[..text.find("rehearsal:").expect("there")];
    let rehearsal = format!(
        "rehearsal:\n  services:\n    site:\n      argv: [{}, -m, http.server, '${{port}}', --bind, 127.0.0.1]\n      \
         probe: {{http: {{url: 'http://127.0.0.1:${{port}}/'}}, timeout: 2s}}\n  break:\n    - argv: [/usr/bin/kill, -KILL, \
         '${{pid.site}}']\n  healed: {{tcp: {{host: 127.0.0.1, port: 1}}}}\n  within: 20s\n",
        python.trim()
    );
    fs::write(&site.file, format!("{text}{rehearsal}")).expect("written");
    // The look of its own is asked, and it says no.
    site.edit("  within: 20s\n", "  within: 3s\n");
    let said = site.rehearse(&[]).ends(1);
    assert!(said.stderr.contains("before anything is broken the copy should be healthy"), "{}", said.stderr);
    site.edit("  healed: {tcp: {host: 127.0.0.1, port: 1}}\n", "");
    site.edit("  within: 3s\n", "  within: 20s\n");
    let said = site.rehearse(&["--output", "json"]).ends(0).json();
    assert_eq!((&said["healed"], &said["runbook"]), (&true.into(), &"site-restart".into()), "{said}");
}

#[test]
fn dry_runs_that_the_journal_recorded_are_counted_and_signed() {
    let mut site = Site::new();
    for path in [site.file(), "home/runbooks/site/service.yaml", "home/proposals/site/proposal.yaml"] {
        site.sandbox.run(&["runbook", "sign", path]).ends(0);
    }
    let said = site.sandbox.run(&["runbook", "evidence", "site-restart"]).ends(1);
    assert!(
        said.stderr.contains("holds no dry run") && said.stderr.contains("--rehearse"),
        "{}",
        said.stderr
    );
    site.sandbox.serve();
    let report = [
        "emit",
        "--subsystem",
        "service",
        "--code",
        "HTTP_WEDGED",
        "--target",
        "site",
        "--summary",
        "silent",
    ];
    site.sandbox.run(&report).ends(0);
    let counted = || {
        let said = site.sandbox.run(&["runbook", "evidence", "site-restart", "--output", "json"]);
        !said.stdout.is_empty() && said.json()["dry_runs"] == 1
    };
    assert!(eventually(Duration::from_secs(30), counted));
    let said = site.sandbox.run(&["runbook", "evidence", "site-restart"]).ends(1);
    assert!(
        said.stdout.contains("1 dry runs of runbook/site-restart") && said.stdout.contains("5 are needed"),
        "{}",
        said.stdout
    );
    let evidence = site.sandbox.home().join("proposals/site/evidence/site-restart.json");
    let text = fs::read_to_string(&evidence).expect("evidence");
    assert!(text.contains("dry_runs") && text.contains("\"count\": 1"), "{text}");
    assert!(evidence.with_extension("json.sig").exists());
}

#[test]
fn stand_ins_reach_the_default_look_files_are_there_and_a_bad_service_is_told() {
    let site = Site::new();
    // No such program in the real home; in the copy it is a file of the rehearsal, which a service and the look run.
    site.edit("probe: {service: site}, settle", "probe: {run: {argv: [/opt/look, seen]}}, settle");
    let text = fs::read_to_string(&site.file).expect("there");
    let text = &text[..text.find("rehearsal:").expect("there")];
    let rehearsal = r#"rehearsal:
  stand_ins:
    "{argv: [/opt/look, seen]}": "{argv: [/bin/sh, '${home}/bin/look', '${target}']}"
  files:
    bin/look: |
      if [ -e "broken" ]; then verdict=failed; else verdict=healthy; fi
      printf '{"v":1,"verdict":"%s","evidence":"%s of ${target}"}\n' "$verdict" "$verdict"
    bin/site: |
      rm -f broken
      trap '' TERM
      while true; do sleep 0.1; done
  services:
    site:
      argv: [/bin/sh, "${home}/bin/site"]
      stop_timeout: 200ms
      probe: {process: {service: site}}
  break:
    - argv: [/usr/bin/touch, "${home}/broken"]
  within: 8s
"#;
    fs::write(&site.file, format!("{text}{rehearsal}")).expect("written");
    let said = site.rehearse(&["--no-evidence"]).ends(0);
    assert!(said.stderr.contains("after it was broken: failed of site"), "{}", said.stderr);
    assert!(said.stderr.contains("after it was healed: healthy of site"), "{}", said.stderr);
    site.edit("bin/look: |", "../look: |");
    let lint = site.sandbox.run(&["runbook", "lint", site.file()]).ends(1);
    assert!(format!("{}{}", lint.stdout, lint.stderr).contains("`../look` is no path within the copy"));
    site.edit("../look: |", "bin/look: |");
    site.edit("argv: [/bin/sh, \"${home}/bin/site\"]", "argv: [/bin/sh, \"${homes}/bin/site\"]");
    let said = site.rehearse(&["--no-evidence"]).ends(1);
    assert!(said.stderr.contains("a file of the copy is not right"), "{}", said.stderr);
    assert!(said.stderr.contains("site.service.yaml"), "{}", said.stderr);
}

#[test]
fn the_example_of_a_new_runbook_lints_and_heals() {
    let sandbox = Sandbox::with_home();
    sandbox.run(&["runbook", "new", "web-up", "--code", "WEB_DOWN"]).ends(0);
    let file = sandbox.home().join("runbooks/web-up/runbook.yaml");
    let path = file.to_str().expect("UTF-8");
    let text = fs::read_to_string(&file).expect("there");
    let (before, example) = text.split_once("# rehearsal:\n").expect("an example");
    let example: Vec<&str> =
        example.lines().map(|line| line.strip_prefix("# ").expect("a comment")).collect();
    let text = format!("{before}rehearsal:\n{}\n", example.join("\n"));
    fs::write(&file, &text).expect("written");
    sandbox.run(&["runbook", "lint", path]).ends(0);
    // With the step that its comment names; the template's own does nothing.
    let step = "run: {argv: [\"/bin/true\"]}";
    assert!(text.contains(step));
    fs::write(&file, text.replace(step, "service: {restart: \"${target}\"}")).expect("written");
    let said = sandbox.run(&["runbook", "test", path, "--rehearse", "--no-evidence"]).ends(0);
    assert!(said.stdout.contains("web-up healed the copy in"), "{}", said.stdout);
}

#[test]
fn ended_from_outside_nothing_of_the_copy_stays_behind() {
    let site = Site::new();
    // It waits for a break that does not come.
    site.edit("[/usr/bin/kill, -STOP, \"${pid.site}\"]", "[/usr/bin/true]");
    site.edit("  within: 20s\n", "  within: 10m\n");
    for (signal, code) in [("-TERM", 143), ("-INT", 130)] {
        let place = site.sandbox.path().join(format!("tmp{code}"));
        fs::create_dir(&place).expect("a folder");
        let (said, errors) =
            (place.with_extension("said"), || fs::read_to_string(place.with_extension("said")));
        let mut command = site.sandbox.command(crate::sandbox::PROGRAM);
        command.args(["runbook", "test", site.file(), "--rehearse"]).env("TMPDIR", &place);
        let mut child = command.stderr(fs::File::create(&said).expect("a log")).spawn().expect("it starts");
        let broken = || errors().unwrap_or_default().contains("break: /usr/bin/true");
        assert!(eventually(Duration::from_secs(60), broken), "{:?}", errors());
        let marked = || {
            let all = fs::read_dir("/proc").expect("processes").flatten();
            all.filter(|entry| {
                let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
                String::from_utf8_lossy(&line).contains(&format!("{}/", place.display()))
            })
            .count()
        };
        assert!(marked() >= 2, "its daemon and the site run");
        site.sandbox.shell(&format!("kill {signal} {}", child.id())).ends(0);
        let status = child.wait().expect("it was a child");
        assert_eq!(status.code(), Some(code), "{:?}", errors());
        assert!(errors().unwrap_or_default().contains("ended from outside"), "{:?}", errors());
        assert_eq!(marked(), 0, "something still runs");
        assert_eq!(fs::read_dir(&place).expect("the folder").count(), 0, "the copy is still there");
    }
}
