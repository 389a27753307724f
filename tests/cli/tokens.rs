//! Tokens with roles from the outside, and what a command prints beside what the route answers.

use std::time::Duration;

use crate::sandbox::{Sandbox, eventually};

/// What curl gets, with a token.
fn get(sandbox: &Sandbox, path: &str, token: &str) -> (u32, String) {
    let asked = format!(
        "curl -sS -w '\\n%{{http_code}}' -H 'Authorization: Bearer {token}' \"http://$REMEDIATOR_LISTEN{path}\""
    );
    let got = sandbox.shell(&asked);
    assert_eq!(got.code, Some(0), "{}", got.stderr);
    let (text, status) = got.stdout.rsplit_once('\n').expect("a status");
    (status.parse().expect("a number"), text.to_owned())
}

fn own(sandbox: &Sandbox) -> String {
    let text = std::fs::read_to_string(sandbox.home().join("state/token")).expect("a token");
    text.trim().to_owned()
}

#[test]
fn a_token_is_made_with_a_role_listed_and_revoked_while_the_daemon_runs() {
    let mut sandbox = Sandbox::with_home();
    let before = sandbox.run(&["token", "new", "--role", "audit", "--name", "early"]).ends(0);
    sandbox.serve();
    let early = before.stdout.trim().to_owned();
    assert!(before.stderr.contains("role audit") && early.starts_with("rmdp_"), "{}", before.stderr);
    let made =
        sandbox.run(&["token", "new", "--role", "read", "--name", "grafana", "--output", "json"]).ends(0);
    let made = made.json();
    let token = made["token"].as_str().expect("a token").to_owned();
    assert_eq!(get(&sandbox, "/v1/status", &token).0, 200, "at once, without a restart");
    assert_eq!(get(&sandbox, "/v1/audit?limit=1", &early).0, 200);
    let (status, text) = get(&sandbox, "/v1/status", &early);
    assert!(status == 403 && text.contains("remediator token new --role read"), "{text}");
    let list = sandbox.run(&["token", "list", "--output", "json"]).ends(0);
    assert!(!list.stdout.contains("rmdp_"), "{}", list.stdout);
    let of = |name: &str| {
        let list = list.json()["tokens"].as_array().expect("tokens").clone();
        list.into_iter().find(|t| t["name"] == name).unwrap_or_else(|| panic!("no {name}"))
    };
    assert_eq!((&of("ada")["role"], &of("ada")["own"]), (&"lead".into(), &true.into()));
    assert_eq!((&of("grafana")["role"], &of("grafana")["own"]), (&"read".into(), &false.into()));
    assert_eq!(of("grafana")["id"], made["id"]);
    assert!(sandbox.run(&["token", "list"]).ends(0).stdout.contains("state/token"));
    let id = |name: &str| of(name)["id"].as_str().expect("an id").to_owned();
    sandbox.run(&["token", "revoke", &id("ada")]).ends(4);
    sandbox.run(&["token", "revoke", "000000000000"]).ends(1);
    sandbox.run(&["token", "revoke", &id("grafana")]).ends(0);
    assert_eq!(get(&sandbox, "/v1/status", &token).0, 401, "it counts no more");
    assert_eq!(get(&sandbox, "/v1/status", &own(&sandbox)).0, 200);
    for bad in [["--role", "boss", "--name", "x"], ["--role", "read", "--name", "-x y"]] {
        sandbox.run(&[&["token", "new"][..], &bad].concat()).ends(2);
    }
}

#[test]
fn of_many_tokens_made_at_once_none_is_lost() {
    let sandbox = Sandbox::with_home();
    let all = "for n in 1 2 3 4 5 6 7 8; do remediator token new --role read --name many-$n >/dev/null 2>&1 & done; wait";
    assert_eq!(sandbox.shell(all).code, Some(0));
    let list = sandbox.run(&["token", "list"]).ends(0).stdout;
    assert_eq!(list.matches("many-").count(), 8, "{list}");
}

#[test]
fn a_route_and_its_command_give_the_same_bytes_with_and_without_a_daemon() {
    let mut sandbox = Sandbox::with_home();
    sandbox.serve();
    // Until nothing moves any more: what was found at the start is healed, over, and seen to be.
    let at_rest = || {
        let status = sandbox.run(&["status", "--output", "json"]).ends(0).json();
        let eyes = status["sentinels"].as_object().expect("sentinels").clone();
        let closed = sandbox.run(&["incidents", "--state", "closed"]).stdout.contains("demo-web");
        closed
            && status["incidents"].as_object().is_some_and(serde_json::Map::is_empty)
            && eyes.values().all(|eye| eye["degraded"].is_null())
    };
    assert!(eventually(Duration::from_secs(60), at_rest), "{}", sandbox.run(&["audit", "tail"]).stdout);
    let list = sandbox.run(&["incidents", "--output", "json"]).ends(0).json();
    let id = list["incidents"][0]["id"].as_str().expect("an id").to_owned();
    let (show, explain) = (format!("/v1/incidents/{id}"), format!("/v1/explain/{id}"));
    let twins: [(&str, &[&str]); 13] = [
        ("/v1/status", &["status"]),
        ("/v1/incidents", &["incidents"]),
        (
            "/v1/incidents?state=closed&target=demo-*",
            &["incidents", "--state", "closed", "--target", "demo-*"],
        ),
        (&show, &["incident", "show", &id]),
        (&explain, &["explain", &id]),
        ("/v1/audit/2", &["audit", "show", "2"]),
        ("/v1/audit?limit=7", &["audit", "query", "--limit", "7"]),
        (
            "/v1/audit?kind=attempt.&target=demo-web",
            &["audit", "query", "--kind", "attempt.", "--target", "demo-web"],
        ),
        ("/v1/locks", &["lock", "ls"]),
        ("/v1/runbooks", &["runbook", "list"]),
        ("/v1/runbooks/demo-web-dead", &["runbook", "show", "demo-web-dead"]),
        ("/v1/runbooks/service/demo-web", &["runbook", "show", "service/demo-web"]),
        ("/v1/proposals", &["proposal", "list"]),
    ];
    let token = own(&sandbox);
    let mut routes = Vec::new();
    for (path, command) in twins {
        let (status, text) = get(&sandbox, path, &token);
        assert_eq!(status, 200, "{path}: {text}");
        let printed = sandbox.run(&[command, &["--output", "json"]].concat()).stdout;
        assert_eq!(printed.trim_end(), text.trim_end(), "{path} and {command:?}");
        routes.push(text);
    }
    let (status, text) = get(&sandbox, "/v1/runbooks/demo-web-ded", &token);
    assert!(status == 404 && text.contains("did you mean `demo-web-dead`"), "{text}");
    // What the eyes see changes between two looks; which there are does not.
    let names = |text: &str| {
        let list: serde_json::Value = serde_json::from_str(text).expect("JSON");
        let all = list["sentinels"].as_array().expect("sentinels").clone();
        all.iter().map(|one| one["sentinel"].to_string()).collect::<Vec<_>>()
    };
    let (_, text) = get(&sandbox, "/v1/sentinels", &token);
    assert_eq!(names(&text), names(&sandbox.run(&["sentinel", "list", "--output", "json"]).stdout));
    sandbox.stop("-KILL");
    for ((path, command), online) in twins.iter().zip(&routes) {
        let printed = sandbox.run(&[command, &["--output", "json"][..]].concat()).stdout;
        assert_eq!(printed.trim_end(), online.trim_end(), "{path} and {command:?} without a daemon");
    }
}

#[test]
fn a_command_whose_token_is_wrong_says_where_it_took_it_from() {
    let mut sandbox = Sandbox::with_home();
    sandbox.serve();
    let file = sandbox.home().join("state/token");
    let said = |sandbox: &Sandbox| {
        let words = ["notify", "test", "log"];
        let said = sandbox.run(&words).ends(4).stderr;
        assert!(said.contains(&file.display().to_string()) && said.contains("REMEDIATOR_HOME"), "{said}");
        assert!(!said.contains("Authorization: Bearer"), "no header is the caller's to send: {said}");
        said
    };
    std::fs::write(&file, "rmdp_nobody").expect("written");
    assert!(said(&sandbox).contains("BAD_TOKEN"));
    std::fs::remove_file(&file).expect("it was there");
    assert!(said(&sandbox).contains("cannot be read"));
    // Less power needs no token that is known: it is left as a file, and no more is promised than that.
    let paused = sandbox.run(&["pause", "--reason", "x"]).ends(0);
    assert!(
        paused.stdout.contains("when it sees that file") && !paused.stdout.contains("no new attempt"),
        "{}",
        paused.stdout
    );
    let token = sandbox.run(&["token", "new", "--role", "read", "--name", "eye"]).ends(0).stdout;
    std::fs::write(&file, token).expect("written");
    assert!(said(&sandbox).contains("token new --role lead"));
}
