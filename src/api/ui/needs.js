// What needs a person, from the status alone: each with the word for it, what it is, and what to do.

import { word } from "./dom.js";

// Whether an incident goes on only when somebody does something. One that is held until a moment goes on by itself then.
export const waits = (incident) => ["escalated", "frozen"].includes(incident.state)
  || (incident.state === "held" && incident.held_until_elapsed_ms === null);

// A reason that ends in what mends it, taken apart; only what is a command is one to copy.
const mended = (reason) => {
  const [, why, mend] = /^([^]*) \(mend: ([^]*)\)$/.exec(reason) ?? [null, reason, null];
  if (mend === null) return { why };
  return mend.startsWith("remediator ") ? { why, command: mend } : { why, what: `Mend: ${mend}` };
};

export const needs = (status) => {
  const found = [];
  const need = (state, title, detail, more) => found.push({ state, title, detail, ...more });
  if (status.journal.sealed) need("sealed", "The journal is sealed", status.journal.sealed, { what: "Look at the disk, then start the daemon again." });
  if (status.journal.space !== "ample") need("warning", "The disk is nearly full", "Only outcomes and controls are recorded; reports are refused.", { what: "Free space under the home's state folder." });
  for (const alarm of status.alarms) need("error", "An entry that should not be possible", alarm.what, { href: `#/audit/${alarm.seq}` });
  if (status.trust.refused) need("refused", "Trust files on disk are not in force", status.trust.refused);
  if (status.key?.refused) need("refused", "The journal's key was not changed", status.key.refused.reason, { href: `#/audit/${status.key.refused.seq}` });
  for (const frozen of status.frozen) {
    need("frozen", `${frozen.runbook} on ${frozen.target}`, frozen.reason, {
      href: frozen.incident ? `#/incidents/${frozen.incident}` : null,
      command: frozen.incident ? `remediator incident thaw ${frozen.incident} --reason "…"` : null,
    });
  }
  for (const [target, tainted] of Object.entries(status.tainted)) {
    need("tainted", target, tainted.reason, { href: `#/audit/${tainted.seq}`, command: `remediator target clear ${word(target)} --reason "…"` });
  }
  for (const [name, sentinel] of Object.entries(status.sentinels)) {
    if (sentinel.trouble) need("warning", `Sentinel ${name}`, sentinel.trouble, { href: "#/sentinels" });
  }
  for (const content of status.catalog.not_live) {
    const { why, ...mend } = mended(content.reason);
    need(content.standing, content.content, why, { href: `#/runbooks/${content.content}`, ...mend });
  }
  if (status.catalog.not_listed > 0) need("observe_only", `${status.catalog.not_listed} more content files`, "are not live", { href: "#/runbooks" });
  if (status.outbox_given_up > 0) need("given_up", `${status.outbox_given_up} notice(s) were given up`, "Whoever should have been told was not.", { href: "#/audit?kind=notice.failed" });
  return found;
};

// The same and the incidents, as a number.
export const howMany = (status, held) => needs(status).filter((need) => need.state !== "frozen").length
  + (status.incidents.escalated ?? 0) + (status.incidents.frozen ?? 0) + held.filter(waits).length;
