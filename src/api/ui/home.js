// What needs me now, what is under way, what happened last.

import { command, empty, how, make, part, state, when } from "./dom.js";
import { get } from "./net.js";
import { needs, waits } from "./needs.js";
import { incidentRow } from "./incidents.js";
import { entryRow } from "./audit.js";

const LAST_ENTRIES = 12;
const LAST_CLOSED = 5;

const need = ({ state: word, title, detail, what, href, at, command: text }) => make("li", { class: "need" },
  make("a", { href: href ?? "#/controls", class: "cells", "data-row": title }, how(word), make("strong", {}, title), make("span", { class: "why" }, detail), at ? make("span", { class: "at" }, when(at)) : null),
  what ? make("p", { class: "what" }, what) : null,
  text ? make("p", { class: "what" }, command(text)) : null);

const waiting = (incident) => need({
  state: incident.state,
  title: `${incident.subsystem}/${incident.code} on ${incident.target}`,
  detail: incident.held ?? incident.summary,
  href: `#/incidents/${incident.id}`,
  at: incident.opened_at,
  command: incident.state === "frozen" ? `remediator incident thaw ${incident.id} --reason "…"` : null,
});

const calm = (status) => {
  const watching = Object.keys(status.sentinels).length;
  return make("p", { class: "calm", id: "calm" }, state("good"), " Nothing needs you. ",
    make("span", { class: "faint" }, `${watching} sentinel${watching === 1 ? "" : "s"} watch, ${status.catalog.live} content files are live`,
      status.head ? [", last entry ", status.head.seq, ", ", when(status.head.at)] : null, "."));
};

export const home = ({ known }) => ({
  head: make("h1", {}, "Now"),
  async draw() {
    const [list, last] = await Promise.all([get("v1/incidents?limit=200"), get(`v1/entries?last=${LAST_ENTRIES}`)]);
    const { status } = known;
    const stuck = list.incidents.filter(waits);
    const open = list.incidents.filter((incident) => incident.state !== "closed" && !waits(incident));
    const closed = list.incidents.filter((incident) => incident.state === "closed").slice(0, LAST_CLOSED);
    const others = needs(status).filter((other) => other.state !== "frozen" || !stuck.some((incident) => other.href?.endsWith(incident.id)));
    const order = (incident) => ["escalated", "frozen", "held"].indexOf(incident.state);
    stuck.sort((a, b) => order(a) - order(b));
    const rows = [...stuck.map(waiting), ...others.map(need)];
    return [
      rows.length ? part(`Needs you`, make("ul", { class: "list needs", id: "needs" }, rows)) : calm(status),
      open.length ? part("Under way", make("ul", { class: "list incidents" }, open.map(incidentRow))) : null,
      part("Last closed", closed.length ? make("ul", { class: "list incidents" }, closed.map(incidentRow)) : empty("No incident was closed yet.")),
      part("Last entries", make("ul", { class: "list entries" }, last.entries.reverse().map((entry) => entryRow(entry)))),
    ];
  },
});
