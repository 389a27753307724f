//! Which runbook is for a degradation and why not the others, and what it would do, with nothing left to decide.

use super::*;

#[test]
fn matching_says_why_and_why_not() {
    let mut folder = Folder::new();
    let variant = |id: &str, matcher: &str| {
        RUNBOOK
            .replace("id: fix", &format!("id: {id}\npriority: {}", id.len()))
            .replace("code: PROCESS_DEAD", matcher)
    };
    for (id, matcher) in [
        ("a-target", "code: PROCESS_DEAD, target: 'db-*'"),
        ("aa-severity", "code: PROCESS_DEAD, severity: [info]"),
        ("aaaa-when", "code: PROCESS_DEAD, when: 'count > 1'"),
        ("aaaaaaaaa-error", "code: PROCESS_DEAD, when: 'event.attributes.none == 1'"),
        ("other-code", "code: DISK_FULL"),
    ] {
        folder.write(&format!("runbooks/{id}.yaml"), &variant(id, matcher));
    }
    let catalog = folder.load();
    let matches = catalog.candidates(&seen("web", &[]), 1);
    let told: Vec<(&str, &str)> = matches
        .considered
        .iter()
        .map(|c| match &c.verdict {
            Verdict::Matched => (c.entry.id.as_str(), "matched"),
            Verdict::NotMatched { why, .. } => (c.entry.id.as_str(), *why),
        })
        .collect();
    assert_eq!(
        told,
        [
            ("aaaaaaaaa-error", "when"),
            ("aa-severity", "severity"),
            ("aaaa-when", "when"),
            ("a-target", "target"),
            ("fix", "matched")
        ]
    );
    assert_eq!(matches.not_candidates, 1);
    let again = catalog.candidates(&seen("web", &[]), 2);
    assert!(again.considered.iter().any(|c| c.entry.id == "aaaa-when" && c.verdict == Verdict::Matched));
    let mut free = seen("web", &[]);
    free.actionable = false;
    let none = catalog.candidates(&free, 9).considered;
    assert!(none.iter().all(|c| matches!(c.verdict, Verdict::NotMatched { why: "free_text", .. })));
}

#[test]
fn a_plan_has_nothing_left_to_decide() {
    let folder = Folder::new();
    let catalog = folder.load();
    let entry = catalog.get(Kind::Runbook, "fix").expect("there");
    let event = seen("web", &[("good", "/var/last good")]);
    let Resolved { plan, relies_on } = catalog.plan(entry, &event, PlanFor::Live).expect("plan");
    assert_eq!(relies_on, [format!("service/web {}", FileDigest::of(SERVICE.as_bytes()))]);
    assert_eq!(plan.locks, ["service/web"]);
    let ActionPlan::Run(run) = &plan.steps[0].action else { panic!("run") };
    assert_eq!(run.argv, ["/usr/bin/cp", "--", "/var/last good", "/srv/home/data"]);
    assert_eq!((run.env["WHAT"].as_str(), run.cwd.as_str()), ("web", "/srv/home"));
    let ActionPlan::Service(service) = &plan.steps[1].action else { panic!("service") };
    assert_eq!((service.verb, service.start.argv[0].as_str()), (ServiceVerb::Restart, "/srv/home/bin/web"));
    let LookPlan::Service(own) = &plan.verification.probe.look else { panic!("the service and its process") };
    let LookPlan::Http(http) = &*own.of else { panic!("the service's own probe") };
    assert_eq!(own.service, "web", "whoever else answers at its address does not count");
    assert_eq!((http.url.as_str(), plan.verification.probe.timeout.ms()), ("http://127.0.0.1:8080/", 3_000));
    assert_eq!(plan.escalation.len(), 1, "loud by default");
    assert!(!serde_json::to_string(&plan).expect("json").contains("${"));
    assert_eq!(catalog.sentinels().len(), 1);
    assert_eq!(catalog.service_plan("web", ServiceVerb::Start).map(|p| p.digest), Ok(service.digest));
    assert!(catalog.service_probe("web").is_ok());
}

#[test]
fn what_cannot_be_resolved_is_not_planned() {
    let mut folder = Folder::new();
    let plan = |folder: &Folder, target: &str, good: &str, plan_for: PlanFor| {
        let catalog = folder.load();
        let entry = catalog.get(Kind::Runbook, "fix").expect("there");
        catalog.plan(entry, &seen(target, &[("good", good)]), plan_for)
    };
    let missing = plan(&folder, "web", "", PlanFor::Live);
    assert!(matches!(missing, Err(PlanError::Placeholder { source: PlaceholderError::NoValue { .. }, .. })));
    let option = plan(&folder, "web", "--reference=/etc/shadow", PlanFor::Live);
    assert!(matches!(option, Err(PlanError::Placeholder { source: PlaceholderError::Unfit { .. }, .. })));
    assert!(matches!(plan(&folder, "db", "/x", PlanFor::Live), Err(PlanError::NoService { .. })));
    folder.edit(WEB, "8080", "8081");
    let drifted = plan(&folder, "web", "/x", PlanFor::Live);
    assert!(matches!(drifted, Err(PlanError::ServiceNotLive { .. })));
    assert!(plan(&folder, "web", "/x", PlanFor::DryRun).is_ok(), "a dry run shows what would be done");
    stands(&folder, "sentinel/eye", ObserveOnly, "the service `web` is not live");
    let catalog = folder.load();
    let eye = catalog.get(Kind::Sentinel, "eye").expect("there");
    assert!(catalog.sentinel_plan(eye).is_err());
    assert!(
        catalog.sentinel_plan_for(eye, PlanFor::DryRun).is_ok(),
        "it may be tried with the draft of the service"
    );
    assert!(folder.load().sentinels().is_empty());
}

#[test]
fn of_a_thousand_runbooks_for_one_code_each_is_considered() {
    let mut folder = Folder::new();
    for n in 0..1_000 {
        let text = RUNBOOK.replace("id: fix", &format!("id: fix-{n}\npriority: {n}")).replace(
            "PROCESS_DEAD}",
            &format!("PROCESS_DEAD, target: 'web*', when: 'event.attributes.n == \"{n}\"'}}"),
        );
        folder.write(&format!("runbooks/many/{n}.yaml"), &text);
    }
    let catalog = folder.load();
    let event = seen("web", &[("n", "500")]);
    let matches = catalog.candidates(&event, 1);
    let matched: Vec<&str> = matches
        .considered
        .iter()
        .filter(|c| c.verdict == Verdict::Matched)
        .map(|c| c.entry.id.as_str())
        .collect();
    assert_eq!((matches.considered.len(), matched), (1_001, vec!["fix-500", "fix"]));
}
