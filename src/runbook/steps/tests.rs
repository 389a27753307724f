//! Each step kind as an author writes it: what it resolves to, and what is wrong with it.

use super::super::catalog::Catalog;
use super::super::checks;
use super::super::model::Kind;
use super::super::planning::{PlanError, PlanFor};
use super::super::testing::{Folder, PROPOSAL, RUNBOOK, seen};
use crate::base::time::Span;
use crate::event::plan::{ActionPlan, FileWork, HttpMethod, LookPlan, StepPlan, WaitPlan};

/// The runbook of these tests with other steps, which need not name a target.
fn runbook(steps: &str) -> String {
    let (head, tail) = (RUNBOOK.find("steps:").unwrap(), RUNBOOK.find("verification:").unwrap());
    let head = RUNBOOK[..head].replace("blast_radius: process", "blast_radius: machine");
    format!("{head}steps:\n{steps}{}", &RUNBOOK[tail..])
}

fn catalog(steps: &str) -> Catalog {
    let mut folder = Folder::new();
    let may = "run, service, http, signal, wait, file, notify";
    folder.write("proposals/web/proposal.yaml", &PROPOSAL.replace("run, service", may));
    folder.write("runbooks/web/fix.yaml", &runbook(steps));
    folder.write("proposals/trust/policy.yaml", "v: 1\napprovals: {irreversible: 1}\nlive_evidence: none\n");
    folder.sign("ann", crate::runbook::Role::Proposal, "proposals/web/proposal.yaml");
    folder.sign_all();
    folder.approve("bob", "web", "2026-07-01T00:00:00Z");
    folder.load()
}

fn plan(steps: &str, attributes: &[(&str, &str)]) -> Result<Vec<StepPlan>, PlanError> {
    let catalog = catalog(steps);
    let entry = catalog.get(Kind::Runbook, "fix").expect("there");
    assert_eq!(
        entry.standing,
        crate::event::content::Standing::Live,
        "{:?} {:?}",
        entry.reason(),
        entry.reasons
    );
    catalog.plan(entry, &seen("web", attributes), PlanFor::Live).map(|resolved| resolved.plan.steps)
}

fn one(step: &str) -> StepPlan {
    plan(&format!("  - {{id: it, timeout: 30s, {step}}}\n"), &[]).expect("a plan").remove(0)
}

/// Problems of a step, each with the check that found it.
fn problems(step: &str) -> Vec<String> {
    let text = runbook(&format!("  - {{id: it, timeout: 30s, {step}}}\n"));
    let rejected = checks::read("runbooks/x.yaml", text.as_bytes());
    rejected
        .map(|_| Vec::new())
        .unwrap_or_else(|r| r.problems.iter().map(|p| format!("{} {p}", p.check)).collect())
}

#[test]
fn values_of_an_event_stay_inside_the_json_string_they_are_put_into() {
    let step = r#"  - id: it
    timeout: 30s
    http:
      method: POST
      url: "http://127.0.0.1:1/restart/${target}"
      headers: {X-Who: "${attributes.who}"}
      body: {json: {who: "by ${attributes.who}", n: 3, all: ["${target}"]}}
    irreversible: it cannot be asked back
"#;
    let steps = plan(step, &[("who", r#"a", "admin": true, "b": ""#)]).expect("a plan");
    let ActionPlan::Http(http) = &steps[0].action else { panic!("http") };
    assert_eq!((http.method, http.url.as_str()), (HttpMethod::Post, "http://127.0.0.1:1/restart/web"));
    let body: serde_json::Value = serde_json::from_str(http.body.as_deref().unwrap()).unwrap();
    let who = r#"by a", "admin": true, "b": ""#;
    assert_eq!(body, serde_json::json!({"who": who, "n": 3, "all": ["web"]}));
    assert_eq!(http.headers["content-type"], "application/json");
    let split = plan(step, &[("who", "a\r\nx-evil: 1")]);
    assert!(matches!(split, Err(PlanError::Placeholder { .. })), "{split:?}");
}

#[test]
fn what_an_http_step_must_not_say_is_found() {
    let good = "http: {method: POST, url: 'http://127.0.0.1:1/'}, idempotent: true";
    assert_eq!(problems(good), [""; 0]);
    let with = |more: &str| problems(&good.replace("1/'", &format!("1/', {more}")));
    for (found, words) in [
        (problems(&good.replace("http://", "file://")), "not a URL"),
        (problems(&good.replace("127", "user:x@127")), "not a URL"),
        (with("headers: {Authorization: x}"), "carries a secret"),
        (with("headers: {Host: x}"), "set by the client"),
        (with("headers: {'a b': x}"), "name of a header"),
        (with("expect_status: []"), "no status"),
        (with("max_body: 99999999"), "more than"),
        (with("redirects: 9"), "redirects"),
        (with("body: {json: {a: 1.5}}"), "float"),
        (with("body: {text: '${target}'}"), "no placeholder may stand here"),
        (problems(&good.replace("POST", "GET").replace("1/'", "1/', body: {text: x}")), "has no body"),
        (problems("http: {method: POST, url: 'http://127.0.0.1:1/'}"), "nothing says how it is taken back"),
    ] {
        assert!(found.iter().any(|p| p.contains(words)), "{words}: {found:?}");
    }
}

#[test]
fn signals_and_waits_are_resolved_and_checked() {
    let signal = one("signal: {send: HUP, to: {service: '${target}'}}, idempotent: true");
    assert_eq!(signal.action.say(), "send HUP to service web");
    let wait = one("wait: {until: {probe: {service: '${target}'}, within: 20s}}");
    assert!(wait.idempotent && wait.undo.is_none(), "it changes nothing");
    let ActionPlan::Wait(WaitPlan::Until { probe, within, .. }) = &wait.action else { panic!("wait") };
    assert!(matches!(&probe.look, LookPlan::Service(own) if own.service == "web"), "the service's own look");
    assert_eq!(*within, Span::from_secs(20));
    for (step, words) in [
        ("signal: {send: HUP, to: {name: ''}}, idempotent: true", "is empty"),
        ("signal: {send: HUP, to: {pid_file: run/pid}}, idempotent: true", "absolute path"),
        ("signal: {send: HUP, to: {name: x}, at_most: 0}, idempotent: true", "1 to 64"),
        ("signal: {send: SEGV, to: {name: x}}, idempotent: true", "unknown word"),
        ("signal: {send: HUP, to: {name: x}}", "nothing says how it is taken back"),
        ("wait: {for: 30s}", "has only"),
        ("wait: {for: 0s}", "nothing is waited for"),
        ("wait: {until: {probe: {}, within: 5s}}", "exactly one thing"),
        ("wait: {until: {probe: {service: '${nope}'}, within: 5s}}", "no placeholder"),
        ("wait: {until: {probe: {service: web}, within: 5s, every: 0s}}", "no pause"),
        ("notify: {channel: Pager, message: x}", "cannot be a channel's name"),
        ("wait: {until: {probe: {log: {path: /x, contains: y}}, within: 5s}}", "free text"),
        ("wait: {until: {probe: {run: {argv: [look]}}, within: 5s}}", "an absolute path"),
        ("wait: {until: {probe: {run: {argv: [/x], env: {A: '${nope}'}}}, within: 5s}}", "no placeholder"),
        ("wait: {until: {probe: {tcp: {host: '${each}', port: 1}}, within: 5s}}", "only a step with"),
        ("notify: {channel: log, message: ''}", "empty"),
        ("notify: {channel: log, message: x}, wait: {for: 1s}", "exactly one thing"),
    ] {
        let found = problems(step);
        assert!(found.iter().any(|p| p.contains(words)), "{step}: {found:?}");
    }
}

#[test]
fn file_steps_stay_below_their_root_and_know_their_opposite() {
    let file = |what: &str| format!("file: {{root: '${{home}}/data', {what}}}");
    let step = one(&file("restore: {from: good.db, to: app.db}"));
    let ActionPlan::File(work) = &step.action else { panic!("file") };
    assert_eq!((work.root.as_str(), work.max_bytes, work.max_files), ("/srv/home/data", 1 << 30, 100));
    let Some(ActionPlan::File(undo)) = &step.undo else { panic!("its opposite is known") };
    assert_eq!(undo.work, FileWork::PutBack { to: "app.db".into() });
    let irreversible = one(&(file("move: {from: a, to: b}") + ", irreversible: nobody wants it back"));
    assert_eq!(irreversible.undo, None);
    for (step, words) in [
        (file("copy: {from: ../x, to: b}"), "not a path below the root"),
        (file("copy: {from: /x, to: b}"), "not a path below the root"),
        (file("copy: {from: a, to: b}, truncate: {path: a}"), "exactly one thing"),
        (file("prune: {name: '*'}") + ", idempotent: true", "nothing says which files"),
        (file("prune: {name: 'a/*', keep_bytes: 1}") + ", irreversible: x", "not a pattern"),
        (file("truncate: {path: a}"), "nothing says how it is taken back"),
        (file("truncate: {path: a}, max_files: 0"), "files"),
        ("file: {root: /, truncate: {path: a}}, idempotent: true".to_owned(), "not a folder"),
        ("file: {root: 'srv', truncate: {path: a}}, idempotent: true".to_owned(), "not a folder"),
        ("file: {root: '/srv/${target}', truncate: {path: a}}, idempotent: true".to_owned(), "only ${home}"),
    ] {
        let found = problems(&step);
        assert!(found.iter().any(|p| p.contains(words)), "{step}: {found:?}");
    }
    let sly = plan(
        "  - {id: it, timeout: 9s, file: {root: /srv/app, copy: {from: '${attributes.f}', to: b}}, irreversible: x}\n",
        &[("f", "a/b")],
    );
    assert!(matches!(sly, Err(PlanError::Placeholder { .. })), "{sly:?}");
}

#[test]
fn retries_say_which_failures_and_how_pauses_grow() {
    let good = "wait: {for: 1s}, retry: {times: 3, delay: 2s, factor: 2, max_delay: 5s, jitter_percent: 20, on: [http_5xx, exit]}";
    let step = one(good);
    let retry = step.retry.expect("typed");
    assert_eq!((step.retries, retry.factor, retry.on.len()), (3, 2, 2));
    assert_eq!(one("wait: {for: 1s}, retry: {times: 3}").retry, None);
    for (from, to, words) in [
        ("factor: 2", "factor: 0", "from 1 to 10"),
        ("times: 3", "times: 11", "from 1 to 10"),
        ("percent: 20", "percent: 101", "more than all"),
        ("max_delay: 5s", "max_delay: 2h", "longer than an hour"),
        ("max_delay: 5s", "max_delay: 1s", "longer than the longest"),
        ("exit", "cancelled", "never tried again"),
        ("exit", "sometimes", "unknown word"),
        ("wait: {for: 1s}", "run: {argv: [/bin/true]}, irreversible: x", "idempotent step may be retried"),
    ] {
        let found = problems(&good.replace(from, to));
        assert!(found.iter().any(|p| p.contains(words)), "{to}: {found:?}");
    }
}

const EACH: &str = r#"  - id: all
    targets:
      list: [web-1, "${target}", web-3]
      canary: 1
      at_once: 2
      stop_percent: 30
      check: {probe: {process: {name: "${each}"}}, within: 5s}
    run: {argv: [/bin/echo, "${each}"]}
    timeout: 5s
    idempotent: true
  - {id: after, wait: {for: 1s}, timeout: 5s}
"#;

#[test]
fn a_step_for_several_targets_becomes_one_for_each_with_a_lock_and_a_look_of_its_own() {
    let catalog = catalog(EACH);
    let entry = catalog.get(Kind::Runbook, "fix").expect("there");
    let plan = catalog.plan(entry, &seen("web", &[]), PlanFor::Live).expect("a plan").plan;
    let ids: Vec<&str> = plan.steps.iter().map(|step| step.id.as_str()).collect();
    let each =
        ["all[web-1]", "all[web-1]/check", "all[web]", "all[web]/check", "all[web-3]", "all[web-3]/check"];
    assert_eq!(ids, [&each[..], &["after"]].concat());
    assert_eq!(plan.locks, ["service/web", "service/web-1", "service/web-3"]);
    assert_eq!(plan.steps[4].action.say(), "run /bin/echo web-3");
    let group = &plan.groups[0];
    assert_eq!((group.first, group.per_target, group.end(), group.target_of(3)), (0, 2, 6, Some("web")));
    assert_eq!(plan.group_of(6), None);
    let twice = catalog.plan(entry, &seen("web-3", &[]), PlanFor::Live);
    assert!(matches!(twice, Err(PlanError::Targets { .. })), "{twice:?}");
}

#[test]
fn any_look_may_check_each_target_and_names_it() {
    let own = "{setpoint: {of: {run: {argv: [/bin/look, \"${each}\"]}}, value: queue, high: 3}}";
    let steps = plan(&EACH.replacen("{process: {name: \"${each}\"}}", own, 1), &[]).expect("a plan");
    let ActionPlan::Wait(WaitPlan::Until { probe, .. }) = &steps[5].action else { panic!("a look") };
    let LookPlan::Setpoint(setpoint) = &probe.look else { panic!("a set-point") };
    let LookPlan::Run(run) = &*setpoint.of else { panic!("a program") };
    assert_eq!(run.argv, ["/bin/look", "web-3"]);
    let log = EACH.replacen("{process: {name: \"${each}\"}}", "{log: {path: /x, contains: y}}", 1);
    let found = checks::read("runbooks/x.yaml", runbook(&log).as_bytes()).err().map(|r| r.problems);
    assert!(found.unwrap_or_default().iter().any(|p| p.to_string().contains("free text")));
}

#[test]
fn an_empty_list_of_targets_is_refused_and_each_stands_only_where_there_are_several() {
    let text = |from: &str, to: &str| runbook(&EACH.replacen(from, to, 1));
    for (from, to, words) in [
        ("[web-1, \"${target}\", web-3]", "[]", "never means all"),
        ("web-3]", "web-1]", "there twice"),
        ("canary: 1", "lock: service/all", "no locks of their own"),
        ("canary: 1", "canary: 4", "canaries of 3"),
        ("at_once: 2", "at_once: 0", "at once"),
        ("stop_percent: 30", "stop_percent: 100", "ever stop"),
        ("within: 5s", "within: 0s", "nothing is waited for"),
        ("wait: {for: 1s}", "run: {argv: [/bin/echo, \"${each}\"]}, idempotent: true", "only a step with"),
        ("web-3]", "\"${each}\"]", "only a step with"),
    ] {
        let text = text(from, to);
        let found =
            checks::read("runbooks/x.yaml", text.as_bytes()).err().map(|r| r.problems).unwrap_or_default();
        assert!(found.iter().any(|p| p.to_string().contains(words)), "{to}: {found:#?}");
    }
}

#[test]
fn who_acts_on_a_service_holds_its_lock_whatever_the_runbook_declares() {
    let locks = |steps: &str| {
        let catalog = catalog(steps);
        let entry = catalog.get(Kind::Runbook, "fix").expect("there");
        let shown = entry.runbook().expect("a runbook").all_locks();
        let plan = catalog.plan(entry, &seen("web", &[]), PlanFor::DryRun).expect("a plan").plan;
        (plan.locks, shown)
    };
    for step in [
        "service: {restart: web}, idempotent: true",
        "signal: {send: HUP, to: {service: web}}, idempotent: true",
        "wait: {for: 1s}, undo: {service: {start: web}}",
    ] {
        let (held, shown) = locks(&format!("  - {{id: it, timeout: 9s, {step}}}\nlocks: [volume/x]\n"));
        assert_eq!(held, ["service/web", "volume/x"], "{step}");
        assert_eq!(shown, ["volume/x", "service/web"], "{step}");
        let (held, _) = locks(&format!("  - {{id: it, timeout: 9s, {step}}}\n"));
        assert_eq!(held, ["service/web"], "not twice: {step}");
    }
    let own = "  - {id: it, timeout: 9s, service: {restart: \"${target}\"}, idempotent: true}\n";
    assert_eq!(locks(own).1, ["service/${target}"], "not twice");
}
