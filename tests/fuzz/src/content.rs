//! Target `content`: a file below `runbooks/` or a proposal, on the way that the loader takes. What lints clean is, once
//! signed and approved, live or says why; resolves or says why; and is judged the same from the catalog's manifest.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use remediator::base::digest::FileDigest;
use remediator::base::ids::{Fingerprint, Receipt};
use remediator::base::signers;
use remediator::base::sshsig::SshPrivateKey;
use remediator::event::content::{CatalogLoaded, Standing};
use remediator::event::degradation::{DegradationSeen, Severity, Source};
use remediator::event::plan::ServiceVerb;
use remediator::runbook::checks::{self, Rejected};
use remediator::runbook::model::V1;
use remediator::runbook::problem::Problem;
use remediator::runbook::proposals::{Approval, ApprovalAction, ProposalRef, parse_proposal};
use remediator::runbook::{
    Catalog, Content, ContentFolder, Kind, LoadContext, PlanFor, Platform, Role, Trust,
};

use super::said;

const PATH: &str = "runbooks/fuzz/file.yaml";
const SERVICE: &str = "v: 1\nkind: service\nid: web\ntitle: Web\nproposal: base-of-all\nargv: ['${home}/web']\n\
probe: {http: {url: 'http://127.0.0.1:8080/'}}\n";
const NOW_US: i64 = 1_780_272_000_000_000;

/// See the module.
pub fn check(bytes: &[u8]) {
    match parse_proposal("proposals/fuzz/proposal.yaml", bytes) {
        Ok(proposal) => said::is_line(&proposal.id),
        Err(problem) => sound(&problem, bytes),
    }
    match checks::read(PATH, bytes) {
        Ok(content) => clean(&content, bytes),
        Err(Rejected { problems, .. }) => {
            assert!(!problems.is_empty(), "refused without a problem");
            problems.iter().for_each(|problem| sound(problem, bytes));
        }
    }
}

fn sound(problem: &Problem, bytes: &[u8]) {
    said::is_fit(problem);
    said::is_fit(&problem.message);
    let lines = bytes.iter().filter(|b| **b == b'\n').count() as u64 + 1;
    assert!(problem.line <= lines + 1, "line {} of {lines}", problem.line);
}

/// A folder with one live service, and the people who sign and approve.
struct Bench {
    files: BTreeMap<String, Vec<u8>>,
    trust: Trust,
    context: LoadContext,
    author: SshPrivateKey,
    approver: SshPrivateKey,
}

static BENCH: LazyLock<Bench> = LazyLock::new(|| {
    let key = |text| SshPrivateKey::parse(text).expect("a sample key");
    let author = key(include_str!("../../keys/sample_author"));
    let approver = key(include_str!("../../keys/sample_approver"));
    let line = |name, roles: &[Role], key: &SshPrivateKey| {
        let roles: Vec<_> = roles.iter().map(|role| role.namespace()).collect();
        signers::line(name, &roles, &key.public().expect("its public half"))
    };
    let people = format!(
        "{}\n{}\n",
        line("ann", &[Role::Runbook, Role::Proposal], &author),
        line("bob", &[Role::Approval], &approver)
    );
    let trust = Trust::load(&BTreeMap::from([("allowed_signers".to_owned(), people.into_bytes())]));
    let trust = trust.expect("trust").allow_sample_keys();
    let context = LoadContext {
        now_us: NOW_US,
        adopted: BTreeMap::new(),
        first_live: BTreeMap::new(),
        home: "/srv/home".into(),
        platform: Platform::Linux,
        credentials: Default::default(),
    };
    let mut bench = Bench { files: BTreeMap::new(), trust, context, author, approver };
    let base = bench.approved("runbooks/web/service.yaml", SERVICE.as_bytes(), "base-of-all");
    bench.files = base;
    bench
});

impl Bench {
    /// The folder with one more file, signed and approved under its proposal.
    fn approved(&self, path: &str, bytes: &[u8], proposal: &str) -> BTreeMap<String, Vec<u8>> {
        let mut files = self.files.clone();
        let mut put = |path: &str, bytes: &[u8], key: &SshPrivateKey, role: Role| {
            let signature = key.sign(role.namespace(), bytes).expect("a signature");
            files.insert(path.to_owned(), bytes.to_vec());
            files.insert(format!("{path}.sig"), signature.into_bytes());
        };
        put(path, bytes, &self.author, Role::Runbook);
        let argument = format!(
            "v: 1\nid: {proposal}\ntitle: All\nfailure_class: any\nmay: {{steps: [run, service, http, signal, wait, file, \
             notify], targets: ['*'], blast_radius: fleet}}\nrisks: [none]\nundo: none\n"
        );
        put(
            &format!("proposals/{proposal}/proposal.yaml"),
            argument.as_bytes(),
            &self.author,
            Role::Proposal,
        );
        let approval = Approval {
            v: V1,
            action: ApprovalAction::Approve,
            proposal: ProposalRef { id: proposal.to_owned(), digest: FileDigest::of(argument.as_bytes()) },
            runbook: Some(FileDigest::of(bytes)),
            resolves: BTreeMap::new(),
            adopt_before: "2027-01-01T00:00:00Z".into(),
            nonce: format!("nonce-of-{proposal}-0123456789"),
            reason: "tried".into(),
        };
        let approval = serde_json::to_vec(&approval).expect("JSON");
        put(&format!("proposals/{proposal}/approvals/bob.json"), &approval, &self.approver, Role::Approval);
        files
    }
}

fn clean(content: &Content, bytes: &[u8]) {
    said::is_line(content.title());
    let bench = &*BENCH;
    let files = bench.approved(PATH, bytes, content.proposal());
    let folder = ContentFolder { files, unreadable: BTreeMap::new() };
    let catalog = Catalog::load(Arc::new(folder), &bench.trust, &bench.context);
    for problems in catalog.unreadable().values() {
        problems.iter().for_each(said::is_fit);
    }
    for entry in catalog.entries() {
        match entry.reason() {
            Some(reason) => said::is_fit(reason),
            None => assert_eq!(
                entry.standing,
                Standing::Live,
                "{} is not live and does not say why",
                entry.name()
            ),
        }
    }
    resolves(&catalog, content);
    recorded(&catalog);
}

fn resolves(catalog: &Catalog, content: &Content) {
    let Some(entry) = catalog.get(content.kind(), content.id()).filter(|entry| entry.path == PATH) else {
        return assert!(catalog.unreadable().contains_key(PATH), "it is nowhere");
    };
    match content.kind() {
        Kind::Runbook => {
            for (target, value) in [("web", "/var/lib/x"), ("${home}/../x", "-rf\u{202e}")] {
                match catalog.plan(entry, &seen(target, value), PlanFor::Live) {
                    Ok(resolved) => fits(&resolved.plan),
                    Err(why) => said::is_fit(why),
                }
            }
        }
        Kind::Sentinel => match catalog.sentinel_plan(entry) {
            Ok(plan) => fits(&plan.probe),
            Err(why) => said::is_fit(why),
        },
        Kind::Service => match catalog.service_plan(content.id(), ServiceVerb::Restart) {
            Ok(plan) => fits(&plan),
            Err(why) => said::is_fit(why),
        },
    }
}

fn fits(plan: &impl serde::Serialize) {
    let value = serde_json::to_value(plan).expect("a plan is JSON");
    said::is_strict(&value);
    assert!(
        value.to_string().len() <= remediator::base::limits::EVENT_BYTES_MAX - 4096,
        "too large for an entry"
    );
}

fn recorded(catalog: &Catalog) {
    let manifest = catalog.manifest_bytes().expect("a manifest");
    let again = Catalog::from_manifest(&manifest).expect("our own manifest");
    assert_eq!(again.live_digests(), catalog.live_digests(), "judged otherwise from its manifest");
    let blob = remediator::base::digest::Blake3::of(&manifest);
    let loaded = CatalogLoaded::new(blob, catalog.contents(), catalog.unreadable_contents());
    fits(&loaded);
}

fn seen(target: &str, value: &str) -> DegradationSeen {
    DegradationSeen {
        subject: None,
        receipt: Receipt(uuid::Uuid::nil()),
        subsystem: "service".into(),
        code: "PROCESS_DEAD".into(),
        target: target.into(),
        severity: Severity::Error,
        summary: "gone".into(),
        detail: None,
        attributes: ["good", "path", "mount", "unit"].map(|name| (name.to_owned(), value.to_owned())).into(),
        observed_at: None,
        source: Source::Sentinel("eye".into()),
        sender_id: None,
        fingerprint: Fingerprint::of("service", "PROCESS_DEAD", target),
        actionable: true,
    }
}
