//! Hindsight with the real binary: post-mortem, backtest, what-if, replay and the independent check, of what a real
//! daemon did to a real service.

use std::time::Duration;

use serde_json::Value;

use crate::sandbox::{Sandbox, eventually};

/// A home whose sample service was damaged and healed `times` times; the daemon is stopped.
fn healed(times: usize) -> Sandbox {
    let mut sandbox = Sandbox::with_home();
    sandbox.serve();
    // The sample is not there at first, which is one or two incidents.
    let quiet = |sandbox: &Sandbox| {
        let all = sandbox.run(&["incidents", "--output", "json"]).json();
        let all = all["incidents"].as_array().cloned().unwrap_or_default();
        !all.is_empty() && all.iter().all(|incident| incident["state"] == "closed")
    };
    for n in 1..=times {
        let started = eventually(Duration::from_secs(60), || quiet(&sandbox));
        assert!(started, "{}", sandbox.run(&["audit", "tail"]).stdout);
        std::fs::write(sandbox.home().join("sample/data.txt"), "damaged").expect("written");
        let done = eventually(Duration::from_secs(60), || corrupted(&sandbox).len() == n);
        assert!(done, "{}", sandbox.run(&["audit", "tail"]).stdout);
    }
    sandbox.stop("-TERM");
    sandbox
}

/// Closed incidents of a target, newest first.
fn closed(sandbox: &Sandbox, target: &str) -> Vec<Value> {
    let list = sandbox.run(&["incidents", "--state", "closed", "--output", "json"]).json();
    let all = list["incidents"].as_array().cloned().unwrap_or_default();
    all.into_iter().filter(|incident| incident["target"] == target).collect()
}

/// Closed incidents about damaged data, newest first.
fn corrupted(sandbox: &Sandbox) -> Vec<String> {
    let all = closed(sandbox, "demo-web").into_iter().filter(|i| i["code"] == "DATA_CORRUPTED");
    all.map(|i| i["id"].as_str().expect("an id").to_owned()).collect()
}

#[test]
fn a_post_mortem_is_the_same_bytes_again_and_from_an_export_elsewhere() {
    let sandbox = healed(2);
    let ids = corrupted(&sandbox);
    let id = &ids[0];
    sandbox.run(&["audit", "export", "evidence"]).ends(0);
    sandbox.run(&["audit", "import", "evidence", "--home", "elsewhere"]).ends(0);
    for format in ["md", "html", "json"] {
        let tell = |more: &[&str]| {
            sandbox.run(&[&["postmortem", &id[..9], "--format", format], more].concat()).ends(0).stdout
        };
        let here = tell(&[]);
        assert!(here.len() > 2_000, "{format}: {here}");
        assert_eq!(here, tell(&[]), "{format}: again");
        assert_eq!(here, tell(&["--from", "evidence"]), "{format}: from the export");
        assert_eq!(here, tell(&["--home", "elsewhere"]), "{format}: from an imported home");
    }
    let told = sandbox.run(&["postmortem", id, "--output", "json"]).ends(0).json();
    assert_eq!((&told["v"], &told["incident"]), (&1.into(), &id.as_str().into()));
    assert_eq!(told["decisions"][0]["chosen"], "demo-data-corrupted");
    let steps = told["attempts"][0]["steps"].as_array().expect("steps");
    assert!(steps.iter().all(|step| step["tries"][0]["succeeded"] == true), "{told}");
    assert_eq!(told["attempts"][0]["verdict"], "healthy");
    assert_eq!(told["authority"][0]["judged_again"], "live");
    assert_eq!(told["authority"][0]["approvals"][0]["by"], "ada");
    assert_eq!(
        (&told["absent"], &told["proof"]["bad_signatures"]),
        (&serde_json::json!([]), &serde_json::json!([]))
    );
    assert_eq!(told["similar"]["same_fingerprint"], 1);
    assert_eq!(told["similar"]["newest"][0]["incident"], ids[1].as_str());
    let candidates = told["decisions"][0]["candidates"].as_array().expect("candidates").len();
    assert!(candidates == 1 || !told["untried"].as_array().expect("a list").is_empty(), "{told}");
    // Two of one fingerprint beside each other.
    let both = sandbox.run(&["postmortem", "--diff", &ids[1], id, "--output", "json"]).ends(0).json();
    assert!(both["rows"].as_array().is_some_and(|rows| rows.len() > 10), "{both}");
    for (format, says) in [("md", "## What differs"), ("html", "<h2>What differs</h2>")] {
        let page = sandbox.run(&["postmortem", "--diff", &ids[1], id, "--format", format]).ends(0).stdout;
        assert!(page.contains(says) && page.contains("What was the same"), "{page}");
    }
    let other = closed(&sandbox, "demo-web").into_iter().find(|i| i["code"] != "DATA_CORRUPTED");
    let other = other.expect("the first start")["id"].as_str().expect("an id").to_owned();
    let refused = sandbox.run(&["postmortem", "--diff", id, &other]).ends(2);
    assert!(refused.stderr.contains("different trouble"), "{}", refused.stderr);
}

#[test]
fn a_closed_incident_is_told_the_same_whatever_happens_afterwards_and_an_open_one_up_to_the_last_entry() {
    let mut sandbox = healed(1);
    let id = corrupted(&sandbox).remove(0);
    let before = sandbox.run(&["postmortem", &id, "--format", "html"]).ends(0).stdout;
    sandbox.serve();
    let hostile =
        "<script>alert(1)</script> [x](http://evil) \"><img src=x onerror=alert(2)> password=hunter2";
    let report =
        ["emit", "--subsystem", "example", "--code", "DISK_SLOW", "--target", "a<b>", "--summary", hostile];
    let receipt = sandbox.run(&[&report[..], &["--output", "json"]].concat()).ends(0).json();
    let receipt = receipt["receipt"].as_str().expect("a receipt").to_owned();
    let open = sandbox.run(&["explain", &receipt, "--output", "json"]).ends(0).json();
    let open = open["incident"].as_str().expect("an incident").to_owned();
    sandbox.stop("-TERM");
    assert_eq!(sandbox.run(&["postmortem", &id, "--format", "html"]).ends(0).stdout, before);
    let told = sandbox.run(&["postmortem", &open, "--output", "json"]).ends(0).json();
    assert_eq!((&told["state"], &told["closed"]), (&"escalated".into(), &Value::Null));
    let head = sandbox.run(&["audit", "verify", "--output", "json"]).ends(0).json()["head"]["seq"].clone();
    assert_eq!(told["until"]["seq"], head);
    let html = sandbox.run(&["postmortem", &open, "--format", "html"]).ends(0).stdout;
    let again = sandbox.run(&["postmortem", &open, "--format", "html"]).ends(0).stdout;
    assert_eq!(html, again);
    for bad in ["<script", "<img", "hunter2", " style=", "javascript:", " onerror=alert(2)>", "<b>"] {
        assert!(!html.contains(bad), "{bad} in {html}");
    }
    assert!(html.contains("&lt;script&gt;alert(1)") && html.contains("a&lt;b&gt;"), "it is shown as text");
    assert!(
        html.contains("Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-"),
        "{html}"
    );
    let md = sandbox.run(&["postmortem", &open]).ends(0).stdout;
    for bad in ["<script", "<img", "hunter2", "[x](http", "http://evil"] {
        assert!(!md.contains(bad), "{bad} in {md}");
    }
}

#[test]
fn what_is_absent_damaged_or_too_new_is_said_and_the_rest_is_told() {
    let sandbox = healed(1);
    let id = corrupted(&sandbox).remove(0);
    let nothing = "0190a5a0-0000-8000-8000-000000000000";
    let unknown = sandbox.run(&["postmortem", nothing]).ends(1);
    assert!(
        unknown.stderr.contains("nearest are") && unknown.stderr.contains("remediator incidents"),
        "{}",
        unknown.stderr
    );
    sandbox.run(&["postmortem", "xyz"]).ends(2);
    sandbox.run(&["postmortem", "ffffffff-0"]).ends(1);
    sandbox.run(&["postmortem", &id, "--from", "nowhere"]).ends(2);
    sandbox.run(&["audit", "export", "evidence"]).ends(0);
    // The catalog's blob is lost: whose authority it was is still in the entries.
    sandbox.shell("cp -r evidence lossy; rm -r lossy/blobs/*").ends(0);
    let lossy = sandbox.run(&["postmortem", &id, "--from", "lossy", "--output", "json"]).ends(0);
    let told = lossy.json();
    assert_eq!(told["absent"][0]["state"], "missing");
    assert_eq!(
        (&told["authority"][0]["judged_again"], &told["authority"][0]["signer"]),
        (&Value::Null, &"ada".into())
    );
    assert!(lossy.stderr.contains("is missing"), "{}", lossy.stderr);
    // Damage behind it: told, with where the journal ends. Damage before it: unknown, for that reason.
    let segment = format!("{:020}.ndjson", 0);
    let text = std::fs::read_to_string(sandbox.path().join("evidence").join(&segment)).expect("lines");
    let lines: Vec<&str> = text.lines().collect();
    let last = lines.iter().rposition(|line| line.contains(&id)).expect("its last entry");
    let damaged = |at: usize| {
        let mut lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        lines[at] = lines[at].replacen("\"seq\":", "\"seq\": ", 1);
        sandbox.shell("rm -rf broken; cp -r evidence broken").ends(0);
        std::fs::write(sandbox.path().join("broken").join(&segment), lines.join("\n") + "\n")
            .expect("written");
        sandbox.run(&["postmortem", &id, "--from", "broken", "--output", "json"]).ends(5)
    };
    assert!(last + 1 < lines.len(), "the daemon's stop stands behind it");
    let behind = damaged(last + 1);
    assert!(behind.stderr.contains("damaged at entry"), "{}", behind.stderr);
    assert_eq!(behind.json()["attempts"], told["attempts"]);
    let before = damaged(1);
    assert!(before.stderr.contains("as far as it can be read"), "{}", before.stderr);
    // An entry of a newer version: nobody can say what it changed.
    let mut newer: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
    let end = newer.len() - 1;
    newer[end] = newer[end].replacen("\"kv\":1", "\"kv\":9", 1);
    sandbox.shell("cp -r evidence newer").ends(0);
    std::fs::write(sandbox.path().join("newer").join(&segment), newer.join("\n") + "\n").expect("written");
    let refused = sandbox.run(&["replay", "--from", "newer", "--at", &end.to_string()]).ends(69);
    assert!(
        refused.stderr.contains("newer") && refused.stderr.contains("audit export"),
        "{}",
        refused.stderr
    );
    sandbox.run(&["postmortem", &id, "--from", "newer"]).ends(0);
}

#[test]
fn decided_anew_history_is_the_same_and_with_other_content_it_says_where_it_parts() {
    let sandbox = healed(2);
    let whatif =
        |args: &[&str]| sandbox.run(&[&["whatif", "--output", "json"], args].concat()).ends(0).json();
    let total = Value::from(closed(&sandbox, "demo-web").len());
    let same = whatif(&["--at", "0"]);
    assert_eq!(same["first_divergence"], Value::Null, "{same}");
    assert_eq!((&same["summary"]["incidents"], &same["summary"]["same"]), (&total, &total), "{same}");
    // Nothing in the catalog: nothing could be chosen.
    sandbox
        .shell("mkdir -p bare/runbooks bare/proposals && cp -r home/proposals/trust bare/proposals/")
        .ends(0);
    let bare = whatif(&["--at", "0", "--catalog", "bare"]);
    assert_eq!(bare["summary"]["no_longer_acted"], total, "{bare}");
    assert!(bare["first_divergence"]["recorded"].as_str().is_some_and(|r| r.contains("is chosen")), "{bare}");
    assert_eq!(bare["first_divergence"]["simulated"], "no runbook is chosen", "{bare}");
    // From the middle on only what came later parts.
    let ids = corrupted(&sandbox);
    let told = sandbox.run(&["postmortem", &ids[0], "--output", "json"]).ends(0).json();
    let begin = told["opened"]["seq"].as_u64().expect("a seq");
    let late = whatif(&["--at", &(begin - 1).to_string(), "--catalog", "bare"]);
    assert_eq!(late["summary"]["different"], 1, "{late}");
    assert_eq!(late["first_divergence"]["incident"], ids[0].as_str());
    for at in [begin, begin + 4, begin + 9, begin + 14] {
        let forked = whatif(&["--at", &at.to_string()]);
        assert_eq!(forked["first_divergence"], Value::Null, "{at}: {forked}");
    }
    sandbox.run(&["whatif", "--at", "99999"]).ends(1);
}

#[test]
fn a_crash_in_the_middle_of_an_attempt_is_decided_anew_the_same() {
    let mut sandbox = Sandbox::with_home();
    sandbox.serve();
    assert!(eventually(Duration::from_secs(60), || !closed(&sandbox, "demo-web").is_empty()));
    std::fs::write(sandbox.home().join("sample/data.txt"), "damaged").expect("written");
    // The third step takes two seconds.
    let runs = || {
        let tail = sandbox.run(&["audit", "tail", "-n", "1", "--output", "json"]).stdout;
        tail.contains("step.started") && tail.contains("\"step\":2")
    };
    assert!(eventually(Duration::from_secs(60), runs), "{}", sandbox.run(&["audit", "tail"]).stdout);
    sandbox.stop("-KILL");
    sandbox.serve();
    assert!(eventually(Duration::from_secs(60), || !corrupted(&sandbox).is_empty()));
    sandbox.stop("-TERM");
    let same = sandbox.run(&["whatif", "--at", "0", "--output", "json"]).ends(0).json();
    assert_eq!(
        (&same["first_divergence"], &same["summary"]["different"]),
        (&Value::Null, &0.into()),
        "{same}"
    );
    let id = corrupted(&sandbox).remove(0);
    let told = sandbox.run(&["postmortem", &id]).ends(0).stdout;
    assert!(told.contains("(around) `process.started`") && told.contains("idempotent"), "{told}");
    sandbox.run(&["journal", "fsck"]).ends(0);
}

#[test]
fn a_backtest_counts_what_a_runbook_would_have_done_and_what_would_have_kept_it_back() {
    let sandbox = healed(2);
    let text =
        std::fs::read_to_string(sandbox.home().join("runbooks/demo-web/corrupted.yaml")).expect("text");
    let text = text.replace("id: demo-data-corrupted", "id: rival");
    let priority = |n: u32| {
        let lines = text.lines().map(|line| match line.starts_with("priority:") {
            true => format!("priority: {n}"),
            false => line.to_owned(),
        });
        lines.collect::<Vec<_>>().join("\n") + "\n"
    };
    std::fs::write(sandbox.path().join("strong.yaml"), priority(2_000)).expect("written");
    std::fs::write(sandbox.path().join("weak.yaml"), priority(1)).expect("written");
    std::fs::write(sandbox.path().join("tight.yaml"), "limits: {fingerprint_attempts: 1}\n")
        .expect("written");
    let backtest =
        |args: &[&str]| sandbox.run(&[&["backtest", "--output", "json"], args].concat()).ends(0).json();
    let strong = backtest(&["--runbook", "strong.yaml"]);
    let counted = &strong["candidate"];
    assert_eq!((&counted["fired"], &counted["incidents"]), (&2.into(), &2.into()), "{strong}");
    assert_eq!(counted["targets_at_once"], 1);
    let ids: Vec<String> = corrupted(&sandbox).into_iter().rev().collect();
    assert_eq!(counted["on"], serde_json::json!(ids), "{strong}");
    assert_eq!(counted["outcomes"]["healthy"], 2, "the same actions were recorded: {strong}");
    assert_eq!(counted["conflicts"]["demo-data-corrupted"]["wins"], 2, "{strong}");
    assert!(counted["first"].as_str() < counted["last"].as_str());
    // The very runbook that was in force, where it lies: nothing is different.
    let own = backtest(&["--runbook", "home/runbooks/demo-web/corrupted.yaml"]);
    assert_eq!((&own["candidate"]["fired"], &own["summary"]["different"]), (&2.into(), &0.into()), "{own}");
    let weak = backtest(&["--runbook", "weak.yaml"]);
    assert_eq!(
        (&weak["candidate"]["fired"], &weak["summary"]["different"]),
        (&0.into(), &0.into()),
        "{weak}"
    );
    assert_eq!(weak["candidate"]["conflicts"]["demo-data-corrupted"]["loses"], 2, "{weak}");
    let tight = backtest(&["--runbook", "strong.yaml", "--policy", "tight.yaml"]);
    assert_eq!(tight["candidate"]["fired"], 1, "{tight}");
    assert!(tight["candidate"]["blocked"]["fingerprint_attempts"].as_u64() >= Some(1), "{tight}");
    // A trust policy in its place: what the policy in force gives changes nothing, a stricter one asks people first, who
    // were never asked.
    let in_force = "home/proposals/trust/policy.yaml";
    let same = backtest(&["--policy", in_force]);
    assert_eq!(same["summary"]["different"], 0, "{same}");
    let text = std::fs::read_to_string(sandbox.path().join(in_force)).expect("a policy");
    std::fs::write(sandbox.path().join("cautious.yaml"), format!("{text}trust_level: cautious\n"))
        .expect("written");
    let cautious = backtest(&["--policy", "cautious.yaml"]);
    assert_eq!(cautious["summary"]["no_longer_acted"], cautious["summary"]["incidents"], "{cautious}");
    let cautious = backtest(&["--runbook", "strong.yaml", "--policy", "cautious.yaml"]);
    assert_eq!(cautious["candidate"]["fired"], 0, "{cautious}");
    let forked =
        sandbox.run(&["whatif", "--at", "0", "--policy", "cautious.yaml", "--output", "json"]).ends(0).json();
    assert_eq!(forked["first_divergence"]["simulated"], "no runbook is chosen", "{forked}");
    std::fs::write(sandbox.path().join("odd.yaml"), "v: 1\ntrust_level: brave\n").expect("written");
    let odd = sandbox.run(&["backtest", "--policy", "odd.yaml"]).ends(2);
    assert!(odd.stderr.contains("odd.yaml:2") && odd.stderr.contains("cautious"), "{}", odd.stderr);
    // Other actions: what they would have done nobody knows.
    let other = priority(2_000).replace("/bin/cp", "/usr/bin/cp");
    std::fs::write(sandbox.path().join("other.yaml"), other).expect("written");
    let other = backtest(&["--runbook", "other.yaml"]);
    assert_eq!(other["candidate"]["fired"], 2, "{other}");
    let ended = |word: &str| other["candidate"]["outcomes"][word].as_u64().unwrap_or(0);
    // The journal may end before the last verification would have.
    assert!(ended("unknown") >= 1 && ended("unknown") + ended("under_way") == 2, "{other}");
    assert_eq!(other["candidate"]["outcomes"]["healthy"], Value::Null, "{other}");
    let none = backtest(&["--runbook", "strong.yaml", "--since", "2099-01-01T00:00:00Z"]);
    assert_eq!(none["candidate"]["fired"], 0);
    let human = sandbox.run(&["backtest", "--runbook", "strong.yaml"]).ends(0).stdout;
    assert!(human.contains("would have acted") && human.contains("stays unknown"), "{human}");
    sandbox.run(&["backtest", "--runbook", "nowhere.yaml"]).ends(2);
    std::fs::write(sandbox.path().join("bad.yaml"), "kind: runbook\n").expect("written");
    let bad = sandbox.run(&["backtest", "--runbook", "bad.yaml"]).ends(2);
    assert!(bad.stderr.contains("runbook lint"), "{}", bad.stderr);
}

#[test]
fn a_kept_backtest_stands_with_the_proposal_and_a_change_of_a_byte_takes_it_away() {
    let sandbox = healed(1);
    let file = "home/runbooks/demo-web/corrupted.yaml";
    sandbox.run(&["backtest", "--runbook", file, "--keep"]).ends(0);
    let show = || sandbox.run(&["proposal", "show", "demo-web", "--output", "json"]).ends(0).json();
    let kept = |shown: &Value| {
        let all = shown["contents"].as_array().expect("files").clone();
        all.into_iter().find(|c| c["path"] == "runbooks/demo-web/corrupted.yaml").expect("there")["backtest"]
            .clone()
    };
    let before = kept(&show());
    assert_eq!((&before["signed_by"], &before["problem"]), (&"ada".into(), &Value::Null), "{before}");
    assert!(
        before["line"].as_str().is_some_and(|line| line.contains("would have acted 1 times on 1 incidents")),
        "{before}"
    );
    sandbox.shell(&format!("echo '# a remark' >> {file}")).ends(0);
    let after = kept(&show());
    assert!(after["problem"].as_str().is_some_and(|why| why.contains("other bytes")), "{after}");
}

#[test]
fn a_replay_goes_forward_back_and_to_an_incident_and_shows_the_world_around_each_entry() {
    let sandbox = healed(1);
    let id = corrupted(&sandbox).remove(0);
    let one = sandbox.run(&["replay", "--incident", &id[..9], "--output", "json"]).ends(0).json();
    assert_eq!(
        (&one["entry"]["kind"], &one["entry"]["incident"]),
        (&"degradation.seen".into(), &id.as_str().into())
    );
    let seq = one["entry"]["seq"].as_u64().expect("a seq");
    let opened = sandbox.run(&["replay", "--at", &(seq + 1).to_string(), "--output", "json"]).ends(0).json();
    assert_eq!(
        (&opened["world"][0]["open_incidents"], &opened["world"][1]["open_incidents"]),
        (&0.into(), &1.into()),
        "{opened}"
    );
    let lines =
        sandbox.run(&["replay", "--incident", &id, "--count", "200", "--output", "json"]).ends(0).stdout;
    let steps: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let asked = |step: &Value, word: &str| step["effects"].to_string().contains(word);
    assert!(
        steps.iter().any(|s| s["entry"]["kind"] == "step.intended" && asked(s, "run the step")),
        "{lines}"
    );
    assert!(steps.iter().all(|s| s["illegal"].is_null()), "{lines}");
    // By hand, through a pipe: forward, back, to a seq, to the incident, to the end.
    let words =
        format!("printf '\\n\\nb\\n{seq}\\ni {}\\n$\\nnonsense\\nq\\n' | remediator replay", &id[..9]);
    let walked = sandbox.shell(&words).ends(0).stdout;
    let heads: Vec<u64> = walked
        .lines()
        .filter_map(|line| line.strip_prefix("Entry ")?.split(' ').next()?.parse().ok())
        .collect();
    let head = *heads.last().expect("the last entry");
    assert_eq!(heads, [0, 1, 2, 1, seq, seq, head], "{walked}");
    assert!(walked.contains("Enter, b, a number"), "{walked}");
    let beyond = sandbox.run(&["replay", "--at", "99999"]).ends(1);
    assert!(beyond.stderr.contains("its last entry is"), "{}", beyond.stderr);
}

#[test]
fn the_independent_check_agrees_with_a_good_journal_and_finds_what_is_wrong_with_a_bad_one() {
    let mut sandbox = healed(1);
    let fsck = |args: &[&str], code: i32| {
        let report =
            sandbox.run(&[&["journal", "fsck", "--output", "json"], args].concat()).ends(code).json();
        let checks = report["checks"].as_array().expect("checks").clone();
        move |name: &str| checks.iter().find(|check| check["name"] == name).expect("a check").clone()
    };
    let good = fsck(&[], 0);
    for name in ["chain", "signatures", "segments", "end", "blobs", "sled", "tree", "legality", "derived"] {
        let check = good(name);
        assert_eq!((&check["wrong"], check["looked"].as_u64() > Some(0)), (&0.into(), true), "{check}");
    }
    // One flipped byte in a tile, or in the signed head: named by its path, and nothing else is wrong.
    let state = sandbox.home().join("state/tlog");
    for (file, at, path) in [("level-0", 5 * 32 + 7, "tile/0/000.p/"), ("checkpoint", 100, "checkpoint: ")] {
        let whole = std::fs::read(state.join(file)).expect("a part of the tree");
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        std::fs::write(state.join(file), bytes).expect("written");
        let bad = fsck(&[], 5);
        assert!(bad("tree")["wrong"].as_u64() > Some(0) && bad("chain")["wrong"] == 0, "{}", bad("tree"));
        let what = bad("tree")["problems"][0]["what"].as_str().expect("what").to_owned();
        assert!(what.starts_with(path), "{what}");
        std::fs::write(state.join(file), whole).expect("put back");
    }
    sandbox.run(&["audit", "export", "evidence"]).ends(0);
    assert_eq!(fsck(&["--folder", "evidence"], 0)("tree")["looked"], 1, "an export has the signed head");
    let segment = format!("{:020}.ndjson", 0);
    let path = sandbox.path().join("evidence").join(&segment);
    let text = std::fs::read_to_string(&path).expect("lines");
    // A byte of content: the next entry no longer follows. A byte of a signature: only that one.
    let planned = text.find("attempt.planned").expect("an attempt");
    let content = text[planned..].replacen("demo", "dem0", 1);
    std::fs::write(&path, format!("{}{content}", &text[..planned])).expect("written");
    let bad = fsck(&["--folder", "evidence"], 5);
    assert!(bad("chain")["wrong"].as_u64() > Some(0) || bad("end")["wrong"].as_u64() > Some(0));
    let sig = text.find("\"sig\":\"").expect("a signature") + 7;
    let flipped = if text.as_bytes()[sig] == b'A' { "B" } else { "A" };
    std::fs::write(&path, format!("{}{flipped}{}", &text[..sig], &text[sig + 1..])).expect("written");
    let bad = fsck(&["--folder", "evidence"], 5);
    assert_eq!(bad("signatures")["problems"][0]["seq"], 0);
    std::fs::write(&path, &text).expect("written");
    sandbox.shell("find evidence/blobs -type f | head -1 | xargs rm").ends(0);
    assert_eq!(fsck(&["--folder", "evidence"], 5)("blobs")["wrong"], 1);
    // Cut off at its end: the manifest says how far it reached.
    let cut = text.trim_end().rfind('\n').expect("many lines") + 1;
    std::fs::write(&path, &text[..cut]).expect("written");
    assert_eq!(fsck(&["--folder", "evidence"], 5)("end")["wrong"], 1);
    sandbox.serve();
    let running = sandbox.run(&["journal", "fsck"]).ends(0).stdout;
    assert!(running.contains("a daemon has it open"), "{running}");
}

#[test]
fn the_daemon_tells_a_post_mortem_byte_for_byte_as_the_command_does() {
    let mut sandbox = healed(1);
    let id = corrupted(&sandbox)[0].clone();
    sandbox.serve();
    let ask = |rest: &str| {
        let url = format!("http://{}/v1/incidents/{rest}", sandbox.address());
        let curl = format!("curl -sS -D head -H \"Authorization: Bearer $(cat home/state/token)\" '{url}'");
        let body = sandbox.shell(&curl).ends(0).stdout;
        (std::fs::read_to_string(sandbox.path().join("head")).expect("headers").to_lowercase(), body)
    };
    for (format, media) in [("md", "text/markdown"), ("html", "text/html"), ("json", "application/json")] {
        let (head, body) = ask(&format!("{id}/postmortem?format={format}"));
        assert!(head.contains(&format!("content-type: {media}")), "{head}");
        assert!(head.contains("content-security-policy: default-src 'none'"), "{head}");
        assert_eq!(body, sandbox.run(&["postmortem", &id, "--format", format]).ends(0).stdout, "{format}");
    }
    assert_eq!(ask(&format!("{id}/postmortem")).1, sandbox.run(&["postmortem", &id]).ends(0).stdout);
    let (head, body) = ask("6f1c0e8a-0000-8000-8000-000000000000/postmortem");
    assert!(head.contains(" 404 ") && body.contains("NOT_FOUND"), "{head}{body}");
}
