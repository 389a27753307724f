//! Target `probe`: what a program of a `run` look prints. Whatever it is becomes one observation that fits an entry; only
//! exactly one object of the documented form says healthy or failed.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex};

use remediator::base::limits::{EVIDENCE_BYTES_MAX, LOOK_VALUES_MAX};
use remediator::base::time::Span;
use remediator::event::plan::{LookPlan, ProbePlan, RunPlan};
use remediator::event::verification::{Observation, Verdict, is_value_name};
use remediator::sentinel::{Eyes, ServiceSeen};
use tokio::runtime::{Builder, Runtime};

use super::said;

struct Bench {
    runtime: Runtime,
    eyes: Eyes,
    plan: ProbePlan,
    printed: Arc<Mutex<Vec<u8>>>,
}

static BENCH: LazyLock<Bench> = LazyLock::new(|| {
    // The error says that another target was first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let printed: Arc<Mutex<Vec<u8>>> = Arc::default();
    let says = Arc::clone(&printed);
    let redact = |text: &str| remediator::base::redact::redact(text).into_owned();
    let eyes = Eyes::new(Arc::new(|_: &str| ServiceSeen::Unknown), redact).expect("eyes");
    let eyes = eyes.with_programs(Arc::new(move |_, _| Ok(says.lock().expect("one at a time").clone())));
    let run = RunPlan {
        argv: vec!["/bin/look".into()],
        env: BTreeMap::new(),
        env_pass: Vec::new(),
        cwd: "/".into(),
        rlimits: Default::default(),
        ok_exit: vec![0],
    };
    let plan = ProbePlan { look: LookPlan::Run(Box::new(run)), timeout: Span::from_secs(5) };
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    Bench { runtime, eyes, plan, printed }
});

/// See the module.
pub fn check(bytes: &[u8]) {
    let bench = &*BENCH;
    bytes.clone_into(&mut bench.printed.lock().expect("one at a time"));
    let seen = bench.runtime.block_on(bench.eyes.look(&bench.plan));
    assert!(seen.evidence.len() <= EVIDENCE_BYTES_MAX && seen.values.len() <= LOOK_VALUES_MAX);
    said::is_fit(&seen.evidence);
    assert!(seen.values.keys().all(|name| is_value_name(name)));
    said::is_strict(&serde_json::to_value(&seen).expect("JSON"));
    if seen.verdict != Verdict::Unknown {
        is_what_was_printed(&seen, bytes);
    }
}

fn is_what_was_printed(seen: &Observation, bytes: &[u8]) {
    let printed: serde_json::Value = serde_json::from_slice(bytes).expect("a verdict comes of JSON only");
    assert_eq!(printed["v"], 1);
    assert_eq!(printed["verdict"], serde_json::to_value(seen.verdict).expect("a word"));
    let members = printed.as_object().expect("one object").keys();
    assert!(members.into_iter().all(|name| ["v", "verdict", "evidence", "values"].contains(&name.as_str())));
    let values = printed.get("values").cloned().unwrap_or_else(|| serde_json::json!({}));
    assert_eq!(values, serde_json::to_value(&seen.values).expect("JSON"));
}
