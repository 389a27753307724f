//! Trust levels as people meet them: a cautious policy asks first, a person lets or refuses, a program decides.

use std::time::Duration;

use serde_json::Value;

use crate::sandbox::{Sandbox, eventually};

const PATIENCE: Duration = Duration::from_secs(60);

/// A home whose policy gives less than its runbooks need, and its daemon.
fn cautious(further: &str) -> Sandbox {
    let mut sandbox = Sandbox::with_home();
    let path = sandbox.home().join("proposals/trust/policy.yaml");
    let policy = std::fs::read_to_string(&path).expect("a policy");
    std::fs::write(&path, format!("{policy}trust_level: cautious\n{further}")).expect("written");
    sandbox.run(&["runbook", "sign", "proposals/trust/policy.yaml"]).ends(0);
    sandbox.serve();
    sandbox
}

/// Kills the sample service as soon as it runs.
fn break_it(sandbox: &Sandbox) {
    let pid = || {
        let status = sandbox.run(&["status", "--output", "json"]).ends(0).json();
        status["services"]["demo-web"]["pid"].as_i64()
    };
    let killed = eventually(PATIENCE, || {
        pid().is_some_and(|pid| sandbox.shell(&format!("kill -KILL {pid}")).code == Some(0))
    });
    assert!(killed, "the service does not run");
}

/// The newest incident about the dead process, whole.
fn newest(sandbox: &Sandbox) -> Option<Value> {
    let list = sandbox.run(&["incidents", "--limit", "50", "--output", "json"]).ends(0).json();
    let dead = list["incidents"].as_array()?.iter().find(|incident| incident["code"] == "PROCESS_DEAD")?;
    let id = dead["id"].as_str()?.to_owned();
    Some(sandbox.run(&["incident", "show", &id, "--output", "json"]).ends(0).json())
}

/// Waits until the newest incident is as wanted.
fn until(sandbox: &Sandbox, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let mut last = None;
    let came = eventually(PATIENCE, || {
        last = newest(sandbox);
        last.as_ref().is_some_and(&wanted)
    });
    let last = last.unwrap_or_default();
    assert!(came, "{what}: {last:#}");
    last
}

fn elevation<'a>(incident: &'a Value, member: &str) -> &'a Value {
    &incident["intermediate_state"]["elevations"][0][member]
}

#[test]
fn a_cautious_policy_asks_a_person_lets_it_once_and_another_word_refuses() {
    // The service does not run yet, and starting it is a runbook's work.
    let sandbox = cautious("");
    let asks = until(&sandbox, "it asks", |i| elevation(i, "state") == "waiting");
    let id = asks["id"].as_str().expect("an id").to_owned();
    assert_eq!(
        (elevation(&asks, "needed"), elevation(&asks, "given")),
        (&"supervised".into(), &"cautious".into())
    );
    let status = sandbox.run(&["status"]).ends(0).stdout;
    assert!(status.contains("needs the trust level supervised"), "{status}");
    let explained = sandbox.run(&["explain", &id]).ends(0).stdout;
    assert!(explained.contains("the policy gives cautious"), "{explained}");

    // A key without the role lets nothing.
    sandbox.shell("ssh-keygen -q -t ed25519 -N '' -f stranger").ends(0);
    let stranger = ["incident", "elevate", &id, "--reason", "let it", "--key", "stranger"];
    let refused = sandbox.run(&stranger).ends(4).stderr;
    assert!(refused.contains("SIGNATURE_WRONG") || refused.contains("does not count"), "{refused}");

    let granted = sandbox.run(&["incident", "elevate", &id, "--reason", "we look on"]).ends(0).stdout;
    assert!(granted.contains("wants supervised on") && granted.contains("granted"), "{granted}");
    let healed = until(&sandbox, "it acts", |i| elevation(i, "state") == "used");
    assert!(elevation(&healed, "by").as_str().is_some_and(|by| by.starts_with("ada")), "{healed:#}");
    until(&sandbox, "it is healed", |i| i["closed"]["closure"] == "healed");
    let said = sandbox.run(&["incident", "show", &id]).ends(0).stdout;
    assert!(said.contains("elevation.granted") && said.contains("we look on"), "{said}");
    let again = sandbox.run(&["incident", "elevate", &id, "--reason", "more"]).ends(2).stderr;
    assert!(again.contains("does not ask for anything"), "{again}");

    break_it(&sandbox);
    let asks =
        until(&sandbox, "it asks anew", |i| i["id"] != id.as_str() && elevation(i, "state") == "waiting");
    assert_eq!(elevation(&asks, "record")["successes"], 1);
    let id = asks["id"].as_str().expect("an id").to_owned();
    sandbox.run(&["incident", "refuse", &id, "--reason", "by hand"]).ends(0);
    let told = until(&sandbox, "people have it", |i| i["state"] == "escalated");
    assert_eq!(
        (elevation(&told, "state"), elevation(&told, "by")),
        (&"refused".into(), &"person:ada".into())
    );
    assert_eq!(told["intermediate_state"]["attempts"], Value::Array(Vec::new()));
    // Decided anew with what people said, history comes out the same; and the post-mortem names them.
    let same = sandbox.run(&["whatif", "--at", "0", "--output", "json"]).ends(0).json();
    assert_eq!(same["first_divergence"], Value::Null, "{same}");
    let told = sandbox.run(&["postmortem", healed["id"].as_str().expect("an id")]).ends(0).stdout;
    assert!(told.contains("let it act once") && told.contains("we look on"), "{told}");
    let nothing = sandbox.run(&["incident", "refuse", &id, "--reason", "no"]).ends(1).stderr;
    assert!(nothing.contains("nothing of incident"), "{nothing}");
}

#[test]
fn a_program_that_the_policy_names_decides_within_its_bounds() {
    let sandbox = cautious(
        "elevation: {decider: {argv: [/bin/sh, /tmp/never-there], timeout: 5s, up_to: collaborative}}\n",
    );
    let policy = sandbox.home().join("proposals/trust/policy.yaml");
    // A program that is not there decides nothing: people are asked.
    let asks = until(&sandbox, "it asks", |i| {
        elevation(i, "state") == "waiting"
            && i["timeline"]
                .as_array()
                .is_some_and(|t| t.iter().any(|entry| entry["kind"] == "elevation.decider_abstained"))
    });
    let id = asks["id"].as_str().expect("an id").to_owned();
    sandbox.run(&["incident", "refuse", &id, "--reason", "by hand"]).ends(0);
    sandbox.run(&["incident", "close", &id, "--reason", "the decider is mended"]).ends(0);

    let decider = sandbox.path().join("may-it");
    let script = format!(
        "#!/bin/sh\ncat > {}/question.json\necho '{{\"decision\": \"grant\", \"reason\": \"working hours\"}}'\n",
        sandbox.path().display()
    );
    std::fs::write(&decider, script).expect("a program");
    sandbox.shell("chmod 755 may-it").ends(0);
    let changed = || {
        sandbox
            .run(&["audit", "tail", "--lines", "500"])
            .ends(0)
            .stdout
            .matches("trust files changed")
            .count()
    };
    // The start of the daemon recorded the first ones.
    let recorded = changed();
    let before = std::fs::read_to_string(&policy).expect("a policy");
    let argv = format!("argv: [{}]", decider.display());
    std::fs::write(&policy, before.replace("argv: [/bin/sh, /tmp/never-there]", &argv)).expect("written");
    sandbox.run(&["runbook", "sign", "proposals/trust/policy.yaml"]).ends(0);
    assert!(eventually(PATIENCE, || changed() > recorded), "the policy comes into force");
    sandbox
        .run(&[
            "emit",
            "--subsystem",
            "service",
            "--code",
            "PROCESS_DEAD",
            "--target",
            "demo-web",
            "--summary",
            "dead",
        ])
        .ends(0);
    let healed = until(&sandbox, "it decides", |i| elevation(i, "state") == "used");
    assert_eq!(elevation(&healed, "by"), "decider");
    let question = std::fs::read_to_string(sandbox.path().join("question.json")).expect("it was asked");
    let question: Value = serde_json::from_str(&question).expect("JSON");
    assert_eq!(
        (&question["needed"], &question["signal"]["subsystem"]),
        (&"supervised".into(), &"service".into())
    );
}
