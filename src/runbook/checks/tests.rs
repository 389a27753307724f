//! Each check finds what it is for, at its place, and nothing in a good file.

use super::*;

const GOOD: &str = r#"# yaml-language-server: $schema=../../schemas/runbook.schema.json
v: 1
kind: runbook
id: restore-data
title: Put the last good copy back
proposal: restore-data
matcher: {subsystem: service, code: DATA_CORRUPT, target: "web-*", severity: [error], when: 'count >= 1'}
priority: 10
blast_radius: machine
limits: {attempts: 3, window: 24h, cooldown: 30s, runtime: 2m}
preconditions:
  - {id: bad, probe: {process: {service: "${target}"}}, expect: 'observed.verdict != "healthy"'}
steps:
  - id: copy
    run: {argv: ["/usr/bin/cp", "--", "${attributes.good}", "${home}/data.json"], env: {LANG: C}, env_pass: [PATH]}
    timeout: 20s
    undo: {run: {argv: ["/usr/bin/rm", "-f", "${home}/data.json"]}}
  - id: restart
    service: {restart: "${target}"}
    timeout: 10s
    retry: {times: 1}
    idempotent: true
verification: {probe: {service: "${target}"}, settle: 0s, successes: 2, within: 10s}
escalation: [{channel: log, message: "${target} stays broken"}]
"#;

fn problems(text: &str) -> Vec<Problem> {
    read("runbooks/x.yaml", text.as_bytes()).map(|_| Vec::new()).unwrap_or_else(|rejected| rejected.problems)
}

#[test]
fn a_good_runbook_passes_and_the_published_marker_is_read() {
    assert_eq!(problems(GOOD), []);
    let marker = GOOD.replace("\nproposal:", "\n__proposalDerivedFrom:");
    assert!(matches!(read("x", marker.as_bytes()), Ok(content) if content.proposal() == "restore-data"));
}

#[test]
fn each_check_finds_its_problem_on_its_line() {
    let cases: &[(&str, &str, &str, u64)] = &[
        ("id: restore-data", "id: Restore", "ids", 4),
        ("id: restart", "id: copy", "ids", 18),
        ("code: DATA_CORRUPT", "code: '*'", "matcher", 7),
        ("{subsystem: service, code: DATA_CORRUPT, target", "{target", "yaml", 7),
        ("subsystem: service", "subsystem: 'ser*'", "matcher", 7),
        ("severity: [error]", "severity: []", "matcher", 7),
        ("    service: {restart: \"${target}\"}\n", "", "steps", 18),
        ("    idempotent: true\n", "    irreversible: x\n", "steps", 21),
        ("/usr/bin/cp", "cp", "run", 15),
        ("/usr/bin/cp", "/usr/bin/${target}", "run", 15),
        ("LANG: C", "REMEDIATOR_X: C", "run", 15),
        ("    undo: {run: {argv: [\"/usr/bin/rm\", \"-f\", \"${home}/data.json\"]}}\n", "", "undo", 14),
        ("limits: {attempts: 3, window: 24h, cooldown: 30s, runtime: 2m}\n", "", "limits", 2),
        ("runtime: 2m", "runtime: 2s", "limits", 10),
        ("probe: {service: \"${target}\"}", "probe: {}", "probes", 23),
        ("successes: 2, within: 10s", "successes: 20, within: 10s", "verification", 23),
        ("blast_radius: machine", "blast_radius: process\nessential: true", "essential", 10),
        ("${attributes.good}", "${attributes.good", "placeholders", 15),
        ("${attributes.good}", "${source}", "placeholders", 15),
        ("count >= 1", "cuont >= 1", "expressions", 7),
        ("count >= 1", "count >= 1.5", "expressions", 7),
        ("priority: 10", "locks: [\"a b\"]", "locks", 8),
        ("channel: log", "channel: Pager", "escalation", 24),
        ("LANG: C", "DB_PASSWORD: hunter2", "secrets", 15),
        ("argv: [\"/usr/bin/cp\", \"--\"", "argv: [\"/usr/bin/cp | grep x\"", "run", 15),
        ("\"--\"", "\"|\"", "run", 15),
        ("\"--\"", "\"$target $(date)\"", "run", 15),
        ("\"--\"", "\"$target\"", "run", 15),
        ("count >= 1", "event.targt == \"x\"", "expressions", 7),
        ("!= \"healthy\"", "!= \"degraded\"", "expressions", 12),
        ("observed.verdict", "observed.verdikt", "expressions", 12),
        (
            "probe: {service: \"${target}\"}",
            "probe: {setpoint: {of: {disk: {path: /, min_free_bytes: 1}}, value: free_bites, low: 1}}",
            "probes",
            23,
        ),
        ("priority: 10", "credentials: [db]", "secrets", 8),
        ("kind: runbook", "kind: runbok", "yaml", 3),
        ("kind: runbook\n", "", "yaml", 1),
        ("v: 1", "v: 2", "yaml", 2),
        ("priority: 10", "prioritty: 10", "yaml", 8),
        ("title: Put", "title: x\ntitle: Put", "yaml", 6),
    ];
    for (from, to, check, line) in cases {
        assert!(GOOD.contains(from), "{from}");
        let found = problems(&GOOD.replacen(from, to, 1));
        let hit = found.iter().find(|p| p.check == *check);
        assert_eq!(hit.map(|p| p.line), Some(*line), "{from} -> {to}: {found:#?}");
        assert!(hit.is_some_and(|p| p.help.is_some() || p.check == "yaml"), "{hit:?}");
    }
    let cut = &GOOD[..GOOD.find("verification:").unwrap_or(0)];
    assert_eq!(problems(cut).iter().map(|p| p.check).collect::<Vec<_>>(), ["verification"]);
}

#[test]
fn what_names_no_target_needs_a_wider_blast_radius() {
    let step = |text: &str| {
        let steps =
            format!("steps:\n  - {{id: act, timeout: 5s, irreversible: it is done, {text}}}\nverification:");
        let (head, tail) = (&GOOD[..GOOD.find("steps:").unwrap_or(0)], GOOD.split("verification:").nth(1));
        format!("{head}{steps}{}", tail.unwrap_or_default())
    };
    let unnamed = [
        "run: {argv: [/bin/true]}",
        "http: {method: POST, url: 'http://127.0.0.1:1/'}",
        "signal: {send: TERM, to: {name: sshd}, at_most: 50}",
        "signal: {send: TERM, to: {pid_file: /run/sshd.pid}}",
        "file: {root: /var/lib/dpkg, prune: {in: ., name: '*', older_than: 1h}}",
    ];
    for text in unnamed {
        let wide = step(text);
        assert_eq!(problems(&wide), [], "{text}");
        let found = problems(&wide.replace("blast_radius: machine", "blast_radius: process"));
        assert_eq!(found.iter().map(|p| (p.check, p.line)).collect::<Vec<_>>(), [("reach", 14)], "{text}");
    }
    let named = [
        "run: {argv: [/bin/true, '${target}']}",
        "http: {method: POST, url: 'http://127.0.0.1:1/${target}'}",
        "signal: {send: TERM, to: {service: web}}",
        "signal: {send: TERM, to: {name: '${target}'}}",
        "file: {root: /var/lib/app, prune: {in: '${target}', name: '*.old', older_than: 1h}}",
        "service: {stop: web}",
        "wait: {for: 1s}",
        "notify: {channel: log, message: x}",
    ];
    for text in named {
        let narrow = step(text).replace("blast_radius: machine", "blast_radius: process");
        assert_eq!(problems(&narrow), [], "{text}");
    }
    // An undo reaches as far as a step does.
    let undo = "service: {stop: web}, undo: {run: {argv: [/bin/true]}}";
    let narrow = step(undo).replace("irreversible: it is done, ", "").replace("machine", "process");
    assert_eq!(problems(&narrow).iter().map(|p| p.check).collect::<Vec<_>>(), ["reach"]);
}

#[test]
fn a_secret_is_not_printed_again() {
    let found = problems(&GOOD.replace("LANG: C", "DB_PASSWORD: hunter2"));
    assert!(found.iter().all(|p| !p.to_string().contains("hunter2")), "{found:#?}");
}

#[test]
fn bytes_that_editors_hide_are_refused() {
    let cases: [(Vec<u8>, &str, u64); 8] = [
        (GOOD.replacen("/usr/bin/cp", "/usr/bin/\u{202E}pc", 1).into_bytes(), "turns or breaks", 15),
        (GOOD.replacen("yaml-language", "x\u{2028}steps: []", 1).into_bytes(), "turns or breaks", 1),
        (GOOD.replacen("Put", "P\u{FEFF}ut", 1).into_bytes(), "turns or breaks", 5),
        (GOOD.replace("\nkind", "\r\nkind").into_bytes(), "CRLF", 2),
        ([b"\xEF\xBB\xBF", GOOD.as_bytes()].concat(), "byte order mark", 0),
        (GOOD.replacen("Put", "P\0t", 1).into_bytes(), "NUL", 5),
        ([GOOD.as_bytes(), b"\xFF"].concat(), "UTF-8", 0),
        (vec![b'#'; 2 * 1024 * 1024], "at most", 0),
    ];
    for (bytes, part, line) in cases {
        let problem = read("f", &bytes).expect_err(part).problems.remove(0);
        assert!(problem.message.contains(part) && problem.line == line, "{problem}");
    }
}

#[test]
fn an_escape_brings_nothing_in_that_may_not_stand_there_itself() {
    for title in ["\\e[2J", "a\\rb", "a\\nb", "\\u202Etfel", "we\\u200Bb"] {
        let found = problems(&GOOD.replace("Put the last good copy back", &format!("\"{title}\"")));
        assert!(found.iter().any(|p| p.check == "ids" && p.line == 5), "{title}: {found:?}");
    }
    let found = problems(&GOOD.replace("priority: 10", "\"\\e]0;x\\a\": 10"));
    let said = found.first().expect("an unknown key").to_string();
    assert!(said.contains("unknown key") && !said.contains('\u{1b}') && !said.contains('\u{7}'), "{said:?}");
}

#[test]
fn what_is_wrong_a_thousand_times_is_told_a_hundred_times() {
    let wrong =
        "{id: Wrong, service: {restart: \"${target}\"}, timeout: 1s, idempotent: true},".repeat(1_500);
    let text = GOOD[..GOOD.find("steps:").expect("steps")].to_owned() + &format!("steps: [{wrong}]\n");
    let text =
        text + "verification: {probe: {service: \"${target}\"}, settle: 0s, successes: 2, within: 10s}\n";
    assert_eq!(problems(&text).len(), PROBLEMS_MAX);
}

#[test]
fn services_and_sentinels_are_checked_too() {
    let service = "v: 1\nkind: service\nid: web\ntitle: Web\nproposal: web\nargv: [\"${home}/bin/web\"]\nprobe: {http: {url: 'http://127.0.0.1:1/'}}\n";
    assert_eq!(problems(service), []);
    assert_eq!(problems(&service.replace("${home}", "${target}")).len(), 2);
    assert_eq!(problems(&service.replace("{http: {url: 'http://127.0.0.1:1/'}}", "{service: web}")).len(), 1);
    let sentinel = "v: 1\nkind: sentinel\nid: eye\ntitle: Eye\nproposal: web\nprobe: {service: web}\nreport: {subsystem: service, code: HTTP_WEDGED, target: web, summary: no answer}\n";
    assert_eq!(problems(sentinel), []);
    assert_eq!(problems(&sentinel.replace("HTTP_WEDGED", "wedged"))[0].check, "sentinel");
    assert_eq!(problems(&sentinel.replace("\nprobe", "\nfailures: 0\nprobe"))[0].check, "sentinel");
}

#[test]
fn channels_that_the_home_lacks_are_found_in_rungs_steps_and_undos() {
    let undo = r#"run: {argv: ["/usr/bin/rm", "-f", "${home}/data.json"]}"#;
    let tell = "  - {id: tell, timeout: 5s, notify: {channel: chat, message: x}}\nverification:";
    let text = GOOD.replace("channel: log", "channel: pager").replace("verification:", tell);
    let text = text.replace(undo, "notify: {channel: mail, message: y}");
    assert_eq!(problems(&text), []);
    let unknown = |known: &[&str]| {
        let known = known.iter().map(|name| (*name).to_owned()).collect();
        let found = unknown_channels("x.yaml", text.as_bytes(), &known);
        found.iter().map(|p| (p.line, p.message.clone())).collect::<Vec<_>>()
    };
    let lacks = |line, name| (line, format!("remediator.yaml has no channel `{name}`"));
    assert_eq!(unknown(&["log"]), [lacks(25, "pager"), lacks(17, "mail"), lacks(23, "chat")]);
    assert_eq!(unknown(&["log", "pager", "chat"]), [lacks(17, "mail")]);
    assert_eq!(unknown(&["chat", "mail", "pager"]), []);
}
