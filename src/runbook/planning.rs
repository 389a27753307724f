//! From a runbook and a degradation to a plan: every placeholder filled, every service and look resolved, nothing
//! left to decide. What cannot be resolved does not run. Pure.
//! Not for whether it may run now (policy).

use std::collections::BTreeSet;

use crate::base::limits::{
    ARG_BYTES_MAX, GROUP_TARGETS_MAX, NAME_BYTES_MAX, PLAN_BYTES_MAX, SHOWN_BYTES_MAX,
};
use crate::base::text::shown;
use crate::base::time::Span;
use crate::event::content::Standing;
use crate::event::degradation::DegradationSeen;
use crate::event::plan::{
    ActionPlan, GroupPlan, LookPlan, Plan, PreconditionPlan, ProbePlan, ProcessLook, RetryPlan, RunPlan,
    RungPlan, SentinelPlan, ServiceLook, ServicePlan, ServiceVerb, StepPlan, VerificationPlan,
};

use super::catalog::{Catalog, Entry};
use super::model::{
    Action, Kind, Precondition, Probe, ProbeLook, ProcessProbe, Retry, Run, Runbook, Rung, Service, Step,
    Targets, Verification,
};
use super::placeholder::{Place, PlaceholderError, Values};
use super::probe::Resolve;

/// A runbook that cannot be resolved for this degradation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// A placeholder has no value, or one that does not fit.
    #[error("{}: {source}", place(what))]
    Placeholder {
        /// Where in the runbook.
        what: String,
        /// What is wrong.
        source: PlaceholderError,
    },
    /// It names a service that does not exist.
    #[error(
        "{}: there is no service `{}` (services are content files of the kind service)",
        place(what),
        place(service)
    )]
    NoService {
        /// Where in the runbook.
        what: String,
        /// Its id.
        service: String,
    },
    /// It names a service that may not be used.
    #[error("{}: the service `{}` is not live: {reason}", place(what), place(service))]
    ServiceNotLive {
        /// Where in the runbook.
        what: String,
        /// Its id.
        service: String,
        /// Why, with the mend.
        reason: String,
    },
    /// Its targets are none, too many, or not different ones.
    #[error("{}: {}; an empty list never means all", place(what), shown(problem, SHOWN_BYTES_MAX))]
    Targets {
        /// Where in the runbook.
        what: String,
        /// What is wrong.
        problem: String,
    },
    /// What comes out is too large for an entry.
    #[error("{}: {size} bytes, at most {max}", place(what))]
    TooLarge {
        /// What.
        what: String,
        /// Its size.
        size: usize,
        /// The bound.
        max: usize,
    },
    /// The entry is no runbook, or its text was refused.
    #[error("{} is not a runbook that can be planned: see `remediator runbook lint`", place(.0))]
    NotARunbook(String),
}

/// Where something is wrong may be named after what an event says.
fn place(text: &str) -> String {
    shown(text, NAME_BYTES_MAX)
}

/// What a plan is for: a service that is not live stops a live attempt, and is only noted in a dry run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlanFor {
    /// To be carried out.
    Live,
    /// To be shown.
    DryRun,
}

/// A plan and the content files that it rests on.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolved {
    /// What will be done.
    pub plan: Plan,
    /// `kind/id digest` of each other content file that went into it.
    pub relies_on: Vec<String>,
}

impl Catalog {
    /// Resolves a runbook for a degradation.
    pub fn plan(
        &self,
        entry: &Entry,
        seen: &DegradationSeen,
        plan_for: PlanFor,
    ) -> Result<Resolved, PlanError> {
        let runbook = entry.runbook().ok_or_else(|| PlanError::NotARunbook(entry.name()))?;
        let values = Values::of_event(&self.context.home, seen);
        Resolver { catalog: self, values, plan_for, relies_on: BTreeSet::new(), own: None }.plan(runbook)
    }

    /// What live sentinels look at, by id.
    pub fn sentinels(&self) -> Vec<SentinelPlan> {
        let live = self.entries().filter(|e| e.kind == Kind::Sentinel && e.standing == Standing::Live);
        live.filter_map(|entry| self.sentinel_plan(entry).ok()).collect()
    }

    /// What one sentinel looks at.
    pub fn sentinel_plan(&self, entry: &Entry) -> Result<SentinelPlan, PlanError> {
        self.sentinel_plan_for(entry, PlanFor::Live)
    }

    /// The same, also for a dry run: with services that nobody has approved yet.
    pub fn sentinel_plan_for(&self, entry: &Entry, plan_for: PlanFor) -> Result<SentinelPlan, PlanError> {
        let sentinel = entry.sentinel().ok_or_else(|| PlanError::NotARunbook(entry.name()))?;
        let probe = Resolver { plan_for, ..self.at_home() }.probe("probe", &sentinel.probe)?;
        let report = &sentinel.report;
        Ok(SentinelPlan {
            id: sentinel.id.clone(),
            digest: entry.digest,
            probe,
            every: sentinel.every,
            failures: sentinel.failures,
            successes: sentinel.successes,
            unknowns: sentinel.unknowns,
            subsystem: report.subsystem.clone(),
            code: report.code.clone(),
            target: report.target.clone(),
            severity: report.severity,
            summary: report.summary.clone(),
        })
    }

    /// How a live service is started, stopped or restarted.
    pub fn service_plan(&self, id: &str, verb: ServiceVerb) -> Result<ServicePlan, PlanError> {
        self.at_home().service("service", id, verb)
    }

    /// The look that a live service declares for itself.
    pub fn service_probe(&self, id: &str) -> Result<ProbePlan, PlanError> {
        let mut resolver = self.at_home();
        let (service, _) = resolver.service_entry("service", id)?;
        resolver.probe("probe", &service.probe)
    }

    fn at_home(&self) -> Resolver<'_> {
        let values = Values::of_home(&self.context.home);
        Resolver { catalog: self, values, plan_for: PlanFor::Live, relies_on: BTreeSet::new(), own: None }
    }
}

pub(super) struct Resolver<'a> {
    catalog: &'a Catalog,
    values: Values<'a>,
    plan_for: PlanFor,
    relies_on: BTreeSet<String>,
    /// The service whose own probe this is.
    own: Option<String>,
}

impl<'a> Resolver<'a> {
    fn plan(mut self, runbook: &Runbook) -> Result<Resolved, PlanError> {
        let verification = runbook.verification.as_ref();
        let verification =
            verification.ok_or_else(|| PlanError::NotARunbook(format!("runbook/{}", runbook.id)))?;
        let locks: Result<BTreeSet<_>, _> =
            runbook.locks.iter().map(|lock| self.fill("locks", lock, Place::Lock)).collect();
        let mut drawn = Drawn { locks: locks?, ..Drawn::default() };
        for step in &runbook.steps {
            self.draw(step, &mut drawn)?;
        }
        let plan = Plan {
            preconditions: runbook
                .preconditions
                .iter()
                .map(|p| self.precondition(p))
                .collect::<Result<_, _>>()?,
            locks: drawn.locks.into_iter().collect(),
            steps: drawn.steps,
            groups: drawn.groups,
            verification: self.verification(verification)?,
            escalation: self.escalation(runbook)?,
            runtime: runbook.limits().runtime,
        };
        let size = serde_json::to_string(&plan).map_or(usize::MAX, |text| text.len());
        if size > PLAN_BYTES_MAX {
            return Err(PlanError::TooLarge { what: "the plan".into(), size, max: PLAN_BYTES_MAX });
        }
        Ok(Resolved { plan, relies_on: self.relies_on.into_iter().collect() })
    }

    pub(super) fn fill(&self, what: &str, text: &str, place: Place) -> Result<String, PlanError> {
        let filled = self.values.fill(text, place);
        let filled = filled.map_err(|source| PlanError::Placeholder { what: what.to_owned(), source })?;
        if filled.len() > ARG_BYTES_MAX {
            let what = what.to_owned();
            return Err(PlanError::TooLarge { what, size: filled.len(), max: ARG_BYTES_MAX });
        }
        Ok(filled)
    }

    fn precondition(&mut self, condition: &Precondition) -> Result<PreconditionPlan, PlanError> {
        let what = format!("precondition {}", condition.id);
        let probe = self.probe(&what, &condition.probe)?;
        Ok(PreconditionPlan { id: condition.id.clone(), probe, expect: condition.expect.clone() })
    }

    /// A step, or one for each of its targets.
    fn draw(&mut self, step: &Step, drawn: &mut Drawn) -> Result<(), PlanError> {
        let Some(targets) = &step.targets else {
            drawn.push(self.step(step, step.id.clone())?);
            return Ok(());
        };
        let what = format!("targets of step {}", step.id);
        let mut names = Vec::new();
        for text in &targets.list {
            let name = self.fill(&what, text, Place::Name)?;
            if names.contains(&name) {
                return Err(PlanError::Targets { what, problem: format!("`{name}` stands there twice") });
            }
            names.push(name);
        }
        if names.is_empty() || names.len() > GROUP_TARGETS_MAX {
            let problem = format!("{} targets; 1 to {GROUP_TARGETS_MAX} are allowed", names.len());
            return Err(PlanError::Targets { what, problem });
        }
        let first = drawn.steps.len() as u32;
        let outer = self.values.clone();
        for name in &names {
            self.values = outer.for_each(name);
            let done = self.one_of(step, targets, name, drawn);
            self.values = outer.clone();
            done?;
        }
        drawn.groups.push(GroupPlan {
            id: step.id.clone(),
            first,
            per_target: 1 + u32::from(targets.check.is_some()),
            targets: names,
            canary: targets.canary,
            at_once: targets.at_once,
            stop_percent: targets.stop_percent,
        });
        Ok(())
    }

    fn one_of(
        &mut self,
        step: &Step,
        targets: &Targets,
        name: &str,
        drawn: &mut Drawn,
    ) -> Result<(), PlanError> {
        let id = format!("{}[{name}]", step.id);
        drawn.locks.insert(self.fill(&format!("lock of step {id}"), &targets.lock, Place::Lock)?);
        drawn.push(self.step(step, id.clone())?);
        let Some(check) = &targets.check else { return Ok(()) };
        let id = format!("{id}/check");
        let action = ActionPlan::Wait(check.resolve(self, &format!("step {id}"))?);
        let timeout =
            Span::from_ms(check.within.ms() + check.probe.timeout.unwrap_or(Probe::TIMEOUT).ms() + 1_000);
        drawn.steps.push(StepPlan {
            id,
            action,
            timeout,
            retries: 0,
            retry_delay: Span::default(),
            retry: None,
            idempotent: true,
            undo: None,
            undo_when_unknown: false,
            irreversible: None,
        });
        Ok(())
    }

    fn step(&mut self, step: &Step, id: String) -> Result<StepPlan, PlanError> {
        let what = format!("step {id}");
        let action = self.action(&what, step.action())?;
        let undo = match &step.undo {
            Some(undo) => Some(self.action(&format!("undo of {what}"), undo.action())?),
            None if step.irreversible.is_some() => None,
            None => action.natural_undo(),
        };
        Ok(StepPlan {
            id,
            timeout: step.timeout,
            retries: step.retry.as_ref().map_or(0, |retry| retry.times),
            retry_delay: step.retry.as_ref().map(|retry| retry.delay).unwrap_or_default(),
            retry: step.retry.as_ref().and_then(retry_plan),
            idempotent: step.idempotent || action.is_harmless(),
            action,
            undo,
            undo_when_unknown: step.undo_when_unknown,
            irreversible: step.irreversible.clone(),
        })
    }

    fn action(&mut self, what: &str, action: Option<Action<'_>>) -> Result<ActionPlan, PlanError> {
        match action {
            Some(action) => action.spelling().resolve(self, what),
            None => Err(PlanError::NotARunbook(what.to_owned())),
        }
    }

    pub(super) fn run(&self, what: &str, run: &Run) -> Result<RunPlan, PlanError> {
        let argv: Result<_, _> = run.argv.iter().map(|text| self.fill(what, text, Place::Argument)).collect();
        let env = run.env.iter();
        let env: Result<_, _> =
            env.map(|(name, text)| Ok((name.clone(), self.fill(what, text, Place::Environment)?))).collect();
        Ok(RunPlan {
            argv: argv?,
            env: env?,
            env_pass: run.env_pass.clone(),
            cwd: self.fill(what, &run.cwd, Place::Path)?,
            rlimits: run.rlimits.clone(),
            ok_exit: run.ok_exit.clone(),
        })
    }

    fn service_entry(&mut self, what: &str, id: &str) -> Result<(&'a Service, &'a Entry), PlanError> {
        let entry = self.catalog.get(Kind::Service, id);
        let Some((entry, service)) = entry.and_then(|entry| entry.service().map(|service| (entry, service)))
        else {
            return Err(PlanError::NoService { what: what.to_owned(), service: id.to_owned() });
        };
        if entry.standing != Standing::Live && self.plan_for == PlanFor::Live {
            let reason = entry.reason().unwrap_or_default();
            return Err(PlanError::ServiceNotLive { what: what.to_owned(), service: id.to_owned(), reason });
        }
        self.relies_on.insert(format!("{} {}", entry.name(), entry.digest));
        Ok((service, entry))
    }

    pub(super) fn service(
        &mut self,
        what: &str,
        id: &str,
        verb: ServiceVerb,
    ) -> Result<ServicePlan, PlanError> {
        let (service, entry) = self.service_entry(what, id)?;
        let run = Run {
            argv: service.argv.clone(),
            env: service.env.clone(),
            env_pass: service.env_pass.clone(),
            cwd: service.cwd.clone(),
            rlimits: service.rlimits.clone(),
            ok_exit: vec![0],
        };
        let start = self.catalog.at_home().run(&format!("service {id}"), &run)?;
        let (service_id, digest, stop_timeout) = (service.id.clone(), entry.digest, service.stop_timeout);
        Ok(ServicePlan { verb, service: service_id, digest, start, stop_timeout })
    }

    pub(super) fn probe(&mut self, what: &str, probe: &Probe) -> Result<ProbePlan, PlanError> {
        let look = probe.look().ok_or_else(|| PlanError::NotARunbook(what.to_owned()))?;
        if let ProbeLook::Service(text) = look {
            let id = self.fill(what, text, Place::Name)?;
            let (service, _) = self.service_entry(what, &id)?;
            // A service's texts are resolved without the degradation, and cannot name a service's probe again.
            let own = self.catalog.at_home().probe_of_service(&format!("probe of service {id}"), service)?;
            // The process counts as well: another one that answers at the service's address proves nothing.
            let look = LookPlan::Service(ServiceLook { service: id, of: Box::new(own.look) });
            return Ok(ProbePlan { look, timeout: probe.timeout.unwrap_or(own.timeout) });
        }
        let spelling = look.spelling().ok_or_else(|| PlanError::NotARunbook(what.to_owned()))?;
        let look = spelling.plan(&mut Resolving { resolver: self, what })?;
        Ok(ProbePlan { look, timeout: probe.timeout.unwrap_or(Probe::TIMEOUT) })
    }

    fn probe_of_service(&mut self, what: &str, service: &Service) -> Result<ProbePlan, PlanError> {
        self.own = Some(service.id.clone());
        match service.probe.look() {
            Some(ProbeLook::Service(_)) | None => Err(PlanError::NotARunbook(what.to_owned())),
            Some(_) => self.probe(what, &service.probe),
        }
    }

    pub(super) fn process(&mut self, what: &str, probe: &ProcessProbe) -> Result<ProcessLook, PlanError> {
        probe.resolved(&mut Resolving { resolver: self, what })
    }

    fn verification(&mut self, verification: &Verification) -> Result<VerificationPlan, PlanError> {
        Ok(VerificationPlan {
            probe: self.probe("verification", &verification.probe)?,
            settle: verification.settle,
            successes: verification.successes,
            every: verification.every,
            within: verification.within,
            watch: verification.watch,
            watch_every: verification.watch_every,
        })
    }

    /// Loud by default (RM-4): a runbook that names nobody tells the log at once.
    fn escalation(&self, runbook: &Runbook) -> Result<Vec<RungPlan>, PlanError> {
        let default = [Rung {
            after: crate::base::time::Span::from_ms(0),
            channel: "log".into(),
            message: format!(
                "${{subsystem}} ${{code}} on ${{target}}: runbook {} did not heal it",
                runbook.id
            ),
        }];
        let rungs = if runbook.escalation.is_empty() { &default[..] } else { &runbook.escalation };
        let rung = |rung: &Rung| {
            let message = self.fill("escalation", &rung.message, Place::Message)?;
            Ok(RungPlan { after: rung.after, channel: rung.channel.clone(), message })
        };
        rungs.iter().map(rung).collect()
    }
}

/// What the steps of a runbook come to.
#[derive(Default)]
struct Drawn {
    locks: BTreeSet<String>,
    steps: Vec<StepPlan>,
    groups: Vec<GroupPlan>,
}

impl Drawn {
    /// A step, and the locks of the services that it or its undo acts on.
    fn push(&mut self, step: StepPlan) {
        let actions = step.undo.iter().chain([&step.action]);
        self.locks.extend(actions.filter_map(ActionPlan::lock));
        self.steps.push(step);
    }
}

/// None where the pause stays what it is and every failure is tried again.
fn retry_plan(retry: &Retry) -> Option<RetryPlan> {
    let plain = retry.factor == 1 && retry.jitter_percent == 0 && retry.on.is_empty();
    (!plain).then(|| RetryPlan {
        factor: retry.factor,
        max_delay: retry.max_delay,
        jitter_percent: retry.jitter_percent,
        on: retry.on.clone(),
    })
}

/// What a probe's spelling is given to resolve itself with.
struct Resolving<'r, 'a> {
    resolver: &'r mut Resolver<'a>,
    what: &'r str,
}

impl Resolve for Resolving<'_, '_> {
    fn text(&self, text: &str, place: Place) -> Result<String, PlanError> {
        self.resolver.fill(self.what, text, place)
    }
    fn live_service(&mut self, text: &str) -> Result<String, PlanError> {
        let id = self.resolver.fill(self.what, text, Place::Name)?;
        // A service may name itself, whatever its own standing: that was asked before.
        if self.resolver.own.as_ref() != Some(&id) {
            self.resolver.service_entry(self.what, &id)?;
        }
        Ok(id)
    }
    fn program(&self, run: &Run) -> Result<RunPlan, PlanError> {
        self.resolver.run(self.what, run)
    }
    fn look(&mut self, probe: &Probe) -> Result<ProbePlan, PlanError> {
        self.resolver.probe(self.what, probe)
    }
}
