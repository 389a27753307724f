//! The text of a proposal, made from a content file: what the file does becomes what is argued for, and every word that
//! only a person knows has a comment that asks for it. Not for writing it anywhere (`propose`, `proposal new`).

use std::collections::BTreeSet;

use crate::cli::exit::{Exit, Failure};
use crate::cli::out;
use crate::runbook::model::{Action, BlastRadius, Limits, ModelTier, Step, StepKind};
use crate::runbook::{Content, Runbook, proposals, verified};

/// What a proposal is made of.
pub struct Draft<'a> {
    /// Its id.
    pub id: &'a str,
    /// Its title.
    pub title: &'a str,
    /// The content file that it argues for, and where that lies.
    pub of: (&'a str, &'a Content),
    /// Lines of evidence.
    pub evidence: &'a [String],
}

/// What a file does, in the words of `may`.
struct Facts {
    failure_class: String,
    steps: BTreeSet<StepKind>,
    targets: Vec<String>,
    blast_radius: BlastRadius,
    credentials: Vec<String>,
    model_tier: ModelTier,
    limits: Option<Limits>,
    risks: Vec<String>,
    undo: String,
}

impl Draft<'_> {
    /// The file. It was read back: it lints, and what it is made from stays within it.
    pub fn text(&self) -> Result<String, Failure> {
        let (file, content) = self.of;
        let mut facts = facts(content);
        let text = self.written(&facts);
        if self.holds(&text)? {
            return Ok(text);
        }
        // What only an event will say is among any targets.
        facts.targets = vec!["*".to_owned()];
        let text = self.written(&facts);
        if self.holds(&text)? {
            return Ok(text);
        }
        let what = format!("no proposal can be made from {file}: what it does cannot be told from its text");
        Err(Failure::new(Exit::Findings, what).hint("write one by hand: remediator proposal new"))
    }

    fn holds(&self, text: &str) -> Result<bool, Failure> {
        let path = super::desk::path_of(self.id);
        let proposal = proposals::parse_proposal(&path, text.as_bytes()).map_err(|problem| {
            Failure::new(Exit::Usage, format!("no proposal can be called that: {problem}"))
        })?;
        Ok(verified::within(&proposal, self.of.1).is_empty())
    }

    fn written(&self, facts: &Facts) -> String {
        let steps: Vec<String> = facts.steps.iter().map(out::word).collect();
        let limits = match &facts.limits {
            Some(limits) => format!("  limits: {}\n", say_limits(limits)),
            None => {
                let default = say_limits(&Limits::default());
                format!(
                    "  # The file names no limits; to hold it to the default ones:\n  # limits: {default}\n"
                )
            }
        };
        format!(
            "{HEAD}# Made from {file}. What it does stands in `may`; the words are yours to make better.\nv: 1\nid: {id}\n\
             title: {title}\n# Which kind of failure it is about.\nfailure_class: {class}\n{evidence}\
             # What its files may do at most. One that does more is not live, however it was signed.\nmay:\n  steps: \
             [{steps}]\n  targets: {targets}\n  blast_radius: {radius}\n  credentials: {credentials}\n  model_tier: \
             {tier}\n{limits}# What can go wrong when it acts. Say what that would mean here.\nrisks:\n{risks}# How a \
             person takes it back.\nundo: {undo}\n",
            file = out::line(self.of.0),
            id = self.id,
            title = quoted(self.title),
            class = quoted(&facts.failure_class),
            evidence = evidence(self.evidence),
            steps = steps.join(", "),
            targets = list(&facts.targets),
            radius = out::word(&facts.blast_radius),
            credentials = list(&facts.credentials),
            tier = out::word(&facts.model_tier),
            risks = items(&facts.risks),
            undo = quoted(&facts.undo),
        )
    }
}

/// First lines of a proposal.
pub const HEAD: &str = "# yaml-language-server: $schema=../../schemas/proposal.schema.json\n";

/// A JSON string is a YAML string, whatever stands in it. What would break the line for some readers is not kept.
pub fn quoted(text: &str) -> String {
    let line = out::line(text).replace(['\u{2028}', '\u{2029}'], "\u{FFFD}");
    serde_json::to_string(&line).unwrap_or_default()
}

fn list(texts: &[String]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
    format!("[{}]", texts.join(", "))
}

fn items(texts: &[String]) -> String {
    texts.iter().map(|text| format!("  - {}\n", quoted(text))).collect()
}

/// The key `evidence` with its comment.
pub fn evidence(lines: &[String]) -> String {
    match lines.is_empty() {
        true => "# What shows that it happens: incidents (id, entry, fingerprint), measurements, what was done by hand and\n\
                 # how often. The journal of this home knows none yet.\nevidence: []\n"
            .to_owned(),
        false => format!("# What shows that it happens. These are the newest in the journal.\nevidence:\n{}", items(lines)),
    }
}

fn say_limits(limits: &Limits) -> String {
    let Limits { attempts, window, cooldown, runtime } = limits;
    format!("{{attempts: {attempts}, window: {window}, cooldown: {cooldown}, runtime: {runtime}}}")
}

fn facts(content: &Content) -> Facts {
    let (failure_class, target, does, undo) = match content {
        Content::Runbook(runbook) => return of_runbook(runbook),
        Content::Service(service) => (
            format!("The service {} is not there or does not answer", service.id),
            service.id.clone(),
            "The program runs with the rights of remediator.",
            format!("Stop the service {} and delete its file.", service.id),
        ),
        Content::Sentinel(sentinel) => (
            format!("{} is not noticed", sentinel.report.code),
            sentinel.report.target.clone(),
            "It looks, and changes nothing.",
            format!("Delete the sentinel {}.", sentinel.id),
        ),
    };
    Facts {
        failure_class,
        steps: BTreeSet::new(),
        targets: vec![target],
        blast_radius: BlastRadius::Process,
        credentials: Vec::new(),
        model_tier: ModelTier::default(),
        limits: None,
        risks: vec![does.to_owned()],
        undo,
    }
}

fn of_runbook(runbook: &Runbook) -> Facts {
    let matcher = &runbook.matcher;
    let on = matcher.target.as_deref().filter(|target| *target != "*");
    let on = on.map(|target| format!(" on {target}")).unwrap_or_default();
    Facts {
        failure_class: format!("{} reports {}{on}", matcher.subsystem, matcher.code),
        steps: actions(runbook).map(|action| action.kind()).collect(),
        targets: targets(runbook),
        blast_radius: runbook.blast_radius,
        credentials: runbook.credentials.clone(),
        model_tier: runbook.model_tier,
        limits: runbook.limits.clone(),
        risks: risks(runbook),
        undo: undo(runbook),
    }
}

fn actions(runbook: &Runbook) -> impl Iterator<Item = Action<'_>> {
    runbook.steps.iter().flat_map(|step| {
        let undo = step.undo.as_ref().and_then(|undo| undo.action());
        step.action().into_iter().chain(undo)
    })
}

/// Every target that is named: the matcher's, those of steps, the services that steps act on. What only the event says
/// is the matcher's, or any.
fn targets(runbook: &Runbook) -> Vec<String> {
    let matched = runbook.matcher.target.as_deref().unwrap_or("*");
    let listed = runbook.steps.iter().filter_map(|step| step.targets.as_ref()).flat_map(|t| &t.list);
    let services = actions(runbook).filter_map(|action| match action {
        Action::Service(step) => Some(step.parts().1),
        Action::Signal(step) => step.service(),
        _ => None,
    });
    let named = std::iter::once(matched).chain(listed.map(String::as_str)).chain(services);
    let mut found: Vec<String> = Vec::new();
    for name in named {
        let target = match name {
            "${target}" | "${each}" => matched,
            name if name.contains("${") => "*",
            name => name,
        };
        if !found.iter().any(|known| known == target) {
            found.push(target.to_owned());
        }
    }
    // Any target is every other one as well.
    if found.iter().any(|target| target == "*") { vec!["*".to_owned()] } else { found }
}

fn says(step: &Step) -> String {
    let does = step.action().map(|action| action.say()).unwrap_or_default();
    format!("`{}` ({does})", step.id)
}

/// What cannot be taken back, and what is not the same when it is done twice.
fn risks(runbook: &Runbook) -> Vec<String> {
    let mut risks = Vec::new();
    for step in &runbook.steps {
        if let Some(why) = &step.irreversible {
            risks.push(format!("{} cannot be taken back: {why}", says(step)));
        } else if !step.may_repeat() {
            risks.push(format!("{} done twice is not the same as done once", says(step)));
        }
    }
    if risks.is_empty() {
        risks.push("Every step may be repeated; it may hide what is really broken".to_owned());
    }
    risks
}

/// Longest text that `undo` may have.
const UNDO_CHARS_MAX: usize = 2048;

fn undo(runbook: &Runbook) -> String {
    let undone = runbook.steps.iter().rev().filter_map(|step| {
        let undo = step.undo.as_ref()?.action()?;
        Some(format!("{} is taken back by {}", says(step), undo.say()))
    });
    let mut said: Vec<String> = undone.collect();
    if said.is_empty() {
        said.push(match runbook.is_reversible() {
            true => "Nothing has to be taken back".to_owned(),
            false => "By hand: no step says how it is taken back".to_owned(),
        });
    }
    out::cut(&format!("{}. `remediator pause` stops it.", said.join("; ")), UNDO_CHARS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runbook::checks;

    const RUNBOOK: &str = "v: 1\nkind: runbook\nid: mend\ntitle: 'Put \"it\" back'\nproposal: web\nmatcher: {subsystem: \
                           app, code: NOT_THERE, target: 'web-*'}\nblast_radius: machine\nmodel_tier: tier2\nlimits: \
                           {attempts: 2, window: 1h, cooldown: 1s, runtime: 90s}\nsteps:\n  - {id: stop, service: {stop: \
                           db}, timeout: 5s, undo: {service: {start: db}}}\n  - {id: each, targets: {list: [a, b]}, run: \
                           {argv: [/bin/x, '${each}']}, timeout: 5s, idempotent: true}\n  - {id: gone, run: {argv: \
                           [/bin/y]}, timeout: 5s, irreversible: it is deleted}\nverification: {probe: {process: {name: \
                           x}}}\n";

    fn proposed(text: &str, evidence: &[String]) -> (String, crate::runbook::model::Proposal) {
        let content = checks::read("runbooks/mend.yaml", text.as_bytes()).expect("it lints");
        let draft =
            Draft { id: "web", title: content.title(), of: ("runbooks/mend.yaml", &content), evidence };
        let text = draft.text().expect("a proposal");
        let read =
            proposals::parse_proposal("proposals/web/proposal.yaml", text.as_bytes()).expect("it lints");
        assert!(verified::within(&read, &content).is_empty(), "{text}");
        (text, read)
    }

    #[test]
    fn what_a_runbook_does_becomes_what_is_argued_for() {
        let (_, read) = proposed(RUNBOOK, &["incident 1: on \"a\\b\u{2028}\u{202E}#".to_owned()]);
        assert_eq!(read.title, "Put \"it\" back");
        assert_eq!(read.failure_class, "app reports NOT_THERE on web-*");
        assert_eq!(read.may.steps, [StepKind::Run, StepKind::Service]);
        assert_eq!(read.may.targets, ["web-*", "a", "b", "db"]);
        assert_eq!((read.may.blast_radius, read.may.model_tier), (BlastRadius::Machine, ModelTier::Tier2));
        assert_eq!(read.may.limits.map(|limits| (limits.attempts, limits.runtime.ms())), Some((2, 90_000)));
        assert_eq!(read.evidence, ["incident 1: on \"a\\b\u{FFFD}\u{FFFD}#"]);
        assert_eq!(read.risks.len(), 2, "{:?}", read.risks);
        assert!(read.risks[0].contains("`stop`") && read.risks[1].contains("it is deleted"));
        assert!(read.undo.contains("`stop`") && read.undo.contains("start db"), "{}", read.undo);
    }

    #[test]
    fn what_only_an_event_will_say_may_be_anything() {
        let any = RUNBOOK.replace("stop: db", "stop: '${attributes.db}'");
        assert_eq!(proposed(&any, &[]).1.may.targets, ["*"]);
        let plain = RUNBOOK
            .replace("limits:", "# limits:")
            .replace("irreversible: it is deleted", "idempotent: true")
            .replace("undo: {service: {start: db}}", "idempotent: true");
        let (text, read) = proposed(&plain, &[]);
        assert!(read.may.limits.is_none() && text.contains("# limits: {attempts: 3, window: 1d"), "{text}");
        assert!(
            read.evidence.is_empty() && text.contains("The journal of this home knows none yet"),
            "{text}"
        );
    }
}
