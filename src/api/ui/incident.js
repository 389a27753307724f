// One incident from the degradation to its end: match and why, preconditions, steps with output, verification.

import { ask, command, fact, facts, make, part, span, state, when } from "./dom.js";
import { get, lines, post } from "./net.js";
import { entryRow } from "./audit.js";

// Decisions and attempts that are shown in full.
const COURSE_MAX = 12;

const stage = (name, tone, title, ...children) => make("li", { class: `stage ${tone}`, "data-stage": name },
  make("div", { class: "stage-head" }, make("h3", {}, title)), make("div", { class: "stage-body" }, children));

const outside = (text) => (!text ? null : text.text !== undefined ? text.text : `in blob ${text.blob}`);

const degradation = (signal, opened) => stage("degradation", "done", "Degradation",
  make("p", { class: "summary" }, signal.summary),
  outside(signal.detail) ? make("pre", { class: "output" }, outside(signal.detail)) : null,
  facts(
    fact("reported by", signal.source, signal.actionable ? "" : " (free text: never acted upon)"),
    fact("when", when(opened), signal.observed_at ? [" · the sender saw it ", when(signal.observed_at)] : ""),
    fact("reports", signal.count, signal.count > 1 ? [", last entry ", make("a", { href: `#/audit/${signal.last_seq}` }, signal.last_seq)] : ""),
    ...Object.entries(signal.attributes).map(([name, value]) => fact(name, value)),
    fact("entry", make("a", { href: `#/audit/${signal.seq}` }, signal.seq), " · receipt ", make("code", {}, signal.receipt))));

const candidate = (one) => make("li", {}, make("span", { class: one.eligible ? "mark good" : "mark" }, one.eligible ? "+" : "–"),
  make("a", { href: `#/runbooks/runbook/${one.runbook}` }, one.runbook), make("span", { class: "faint" }, ` priority ${one.priority}`), `: ${one.why.replaceAll("_", " ")}, ${one.detail}`);

// A decision about a runbook: which one and why, or why none.
const match = (choice) => stage("match", choice.chosen ? "done" : "bad", "Match",
    make("p", {}, choice.chosen
      ? ["Runbook ", make("a", { href: `#/runbooks/runbook/${choice.chosen}` }, make("strong", {}, choice.chosen)), " was chosen ", when(choice.at)]
      : [make("strong", {}, "No runbook was chosen "), when(choice.at)]),
    make("ul", { class: "candidates" }, choice.candidates.map(candidate),
      choice.more ? make("li", {}, `and ${choice.more} more`) : null),
    choice.not_candidates ? make("p", { class: "faint" }, `${choice.not_candidates} other runbook(s) name another subsystem or code`) : null,
    make("p", { class: "faint" }, "entry ", make("a", { href: `#/audit/${choice.seq}` }, choice.seq)));

const preconditions = (attempt) => {
  const checked = attempt.preconditions;
  if (!checked) return null;
  const each = checked.results.map((result) => make("li", {},
    state(result.holds === null ? "unknown" : result.holds ? "good" : "failed"), ` ${result.id}: `, result.error ?? result.observation.evidence));
  return stage("preconditions", checked.hold ? "done" : "bad", "Preconditions",
    checked.results.length ? make("ul", { class: "plain-list" }, each) : make("p", { class: "faint" }, "It has none."),
    Object.entries(attempt.lock).map(([resource, token]) => make("p", { class: "faint" }, `holds lock ${resource} with token ${token}`)));
};

const how = (outcome) => {
  if (!outcome || outcome === "succeeded") return null;
  if (typeof outcome === "string") return outcome.replaceAll("_", " ");
  const [[name, value]] = Object.entries(outcome);
  return `${name.replaceAll("_", " ")}: ${typeof value === "object" ? value.why ?? JSON.stringify(value) : value}`;
};

const step = (attempt, one, index, outputs) => {
  const own = outputs.filter((finished) => finished.attempt === attempt.attempt && finished.step === index);
  const printed = own.map((finished, n) => {
    const last = n === own.length - 1;
    const whole = outside(finished.output);
    // What is long stands in a blob; of a step that failed its end is at hand.
    const end = last && finished.output.blob && one.last_lines?.length ? `…\n${one.last_lines.join("\n")}` : null;
    if (!whole) return null;
    const title = own.length > 1 ? `output of try ${n + 1}` : "output";
    return make("details", { id: `output-${finished.intent}`, open: last && (one.state === "failed" || whole.length < 400) },
      make("summary", {}, title, finished.output_dropped ? ` (${finished.output_dropped} bytes were not kept)` : "", end ? `, its end (whole ${whole})` : ""), make("pre", { class: "output" }, end ?? whole));
  });
  return make("li", { class: "step" },
    make("div", {}, state(one.state), " ", make("strong", {}, one.id), make("span", { class: "faint" },
      one.took_ms !== null ? ` in ${span(one.took_ms)}` : "", one.tries > 1 ? `, ${one.tries} tries` : "",
      one.seq !== null ? [" · entry ", make("a", { href: `#/audit/${one.seq}` }, one.seq)] : "")),
    make("code", { class: "does" }, one.action),
    how(one.outcome) ? make("p", { class: "wrong" }, how(one.outcome)) : null,
    printed);
};

const TONES = { done: "done", taken_back: "done", skipped: "done", running: "now", failed: "bad", unknown: "bad" };

const steps = (attempt, outputs) => {
  const tones = attempt.steps.map((one) => TONES[one.state] ?? "still");
  const tone = ["bad", "now", "still"].find((word) => tones.includes(word)) ?? "done";
  return stage("steps", attempt.dry_run ? "still" : tone, attempt.dry_run ? "Steps (dry run: planned, never run)" : "Steps",
    make("ol", { class: "steps" }, attempt.steps.map((one, index) => step(attempt, one, index, outputs))),
    attempt.undo ? make("p", {}, "Taken back ", state(attempt.undo.outcome), `: ${attempt.undo.reason}`) : null);
};

const verification = (result) => {
  if (!result) return null;
  const tone = result.verdict === null ? "now" : result.verdict === "healthy" ? "done" : "bad";
  return stage("verification", tone, "Verification",
    make("p", {}, result.verdict === null ? state("running") : state(result.verdict), ` ${result.consecutive} of ${result.needed} good in a row, ${result.looks} look(s)`),
    result.last ? make("p", {}, result.last.evidence) : null);
};

const attempts = (incident, authority, outputs) => incident.intermediate_state.attempts.map((attempt, n, all) => {
  const own = authority.find((one) => one.attempt === attempt.attempt);
  const result = incident.verification_results.find((one) => one.attempt === attempt.attempt);
  const ended = attempt.outcome ?? attempt.state;
  return { seq: attempt.planned_seq, stages: [
    stage("attempt", "begin", `Attempt ${all.length > 1 ? `${n + 1} of ${all.length}` : ""}`,
      make("p", {}, make("a", { href: `#/runbooks/runbook/${attempt.runbook}` }, attempt.runbook), ` on ${attempt.target} `, state(ended),
        attempt.resumed ? ` taken up again ${attempt.resumed} time(s) after a restart` : ""),
      own ? make("p", { class: "faint" }, `signed by ${own.signer}, proposal `, make("a", { href: `#/runbooks/proposal/${own.proposal}` }, own.proposal), `, approved by ${own.approvers.join(", ") || "nobody"}`) : null,
      attempt.reason ? make("p", {}, attempt.reason) : null),
    preconditions(attempt), steps(attempt, outputs), verification(result),
  ] };
});

// Decisions and attempts as they came, the newest of many.
const course = (incident, why, outputs) => {
  const all = [...why.decisions.map((one) => ({ seq: one.seq, stages: match(one) })), ...attempts(incident, why.authority, outputs)];
  all.sort((a, b) => a.seq - b.seq);
  const left = all.slice(-COURSE_MAX);
  return [
    all.length === 0 ? stage("match", "still", "Match", make("p", { class: "faint" }, "No runbook was looked for yet.")) : null,
    all.length > left.length ? stage("more", "still", `${all.length - left.length} earlier decisions and attempts`, make("p", { class: "faint" }, "stand among the entries below")) : null,
    left.map((one) => one.stages),
  ];
};

const ending = (incident) => {
  const { held } = incident.intermediate_state;
  return [
    held ? stage("held", "bad", "Held", make("p", {}, state("held"), ` ${held.reason.replaceAll("_", " ")}: ${held.detail}`)) : null,
    incident.escalation.rung !== null ? stage("escalation", "bad", "Escalation",
      make("p", {}, `rung ${incident.escalation.rung + 1} of ${incident.escalation.rungs}: ${incident.escalation.reason}`)) : null,
    incident.state === "watching" ? stage("watch", "now", "Watch", make("p", {}, "Verified. A relapse during the watch reopens it.")) : null,
    incident.closed ? stage("closed", "done", "Closed", make("p", {}, state(incident.closed.closure), " ", incident.closed.evidence)) : null,
  ];
};

const doable = (incident, again, say) => {
  const can = [];
  if (["open", "held", "escalated"].includes(incident.state)) {
    can.push(make("button", { type: "button", id: "close", onclick: async () => {
      const reason = await ask("Close this incident", "You say that it is over. The same trouble reported again opens another one.", "Close it");
      if (reason === null) return;
      await post(`v1/incidents/${incident.id}/close`, { reason }).then(() => again(), say);
    } }, "Close…"));
  }
  if (incident.state === "frozen") can.push(command(`remediator incident thaw ${incident.id} --reason "…"`));
  if (incident.intermediate_state.attempts.length && ["held", "escalated"].includes(incident.state)) can.push(command(`remediator incident rerun ${incident.id} --reason "…"`));
  return can.length === 0 ? null : make("div", { class: "doable" }, can);
};

export const incident = ({ id, again }) => {
  const said = make("p", { class: "wrong", role: "alert" });
  const say = (problem) => { said.textContent = problem.hint ? `${problem.message}: ${problem.hint}` : problem.message; };
  return {
    head: make("div", {}, make("p", { class: "up" }, make("a", { href: "#/incidents" }, "Incidents"))),
    async draw() {
      const path = encodeURIComponent(id);
      const [view, why, finished] = await Promise.all([get(`v1/incidents/${path}`), get(`v1/explain/${path}`),
        lines(`v1/audit?incident=${path}&kind=step.finished&last=200`)]);
      const signal = view.originating_signal;
      const outputs = finished.map((line) => JSON.parse(line).data);
      return [
        make("h1", { class: "incident" }, `${signal.subsystem}/${signal.code}`, make("span", { class: "faint" }, " on "), signal.target),
        make("p", { class: "under" }, state(view.closed?.closure ?? view.state), " ", state(signal.severity), " opened ", when(view.opened_at), " · last entry ", when(view.last_at), " · ", make("code", {}, view.id)),
        view.alarm ? make("p", { class: "notice bad" }, view.alarm) : null,
        make("p", { class: "answer", id: "answer" }, why.answer),
        doable(view, again, say), said,
        make("ol", { class: "stages", id: "stages" }, degradation(signal, view.opened_at), course(view, why, outputs), ending(view)),
        part("Entries", make("ul", { class: "list entries", id: "timeline" }, view.timeline.map((entry) => entryRow(entry)))),
      ];
    },
  };
};
