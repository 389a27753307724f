// The list of incidents, newest first.

import { empty, how, make, row, short, when } from "./dom.js";
import { get } from "./net.js";

const STATES = ["open", "held", "remediating", "escalated", "watching", "frozen", "closed"];
const PAGE = 100;

export const incidentRow = (incident) => row(`#/incidents/${incident.id}`, { "data-id": incident.id },
  how(incident.closure ?? incident.state),
  make("strong", { class: "what-is" }, `${incident.subsystem}/${incident.code}`, make("span", { class: "faint" }, " on "), incident.target),
  make("span", { class: "why" }, incident.held ?? incident.summary),
  make("span", { class: "beside" }, incident.severity, incident.count > 1 ? ` · ${incident.count} reports` : "", incident.runbook ? ` · ${incident.runbook}` : ""),
  make("span", { class: "at" }, when(incident.opened_at), make("code", {}, short(incident.id))));

export const incidents = ({ query, again }) => {
  let [chosen, text, limit] = [query.get("state") ?? "", "", PAGE];
  const select = make("select", { "aria-label": "State" }, make("option", { value: "" }, "every state"), STATES.map((word) => make("option", { value: word, selected: word === chosen }, word)));
  select.addEventListener("change", () => { chosen = select.value; again(); });
  const filter = make("input", { type: "search", placeholder: "Filter  ( / )", "aria-label": "Filter" });
  filter.addEventListener("input", () => { text = filter.value.toLowerCase(); again(); });
  const fits = (incident) => [incident.subsystem, incident.code, incident.target, incident.summary, incident.runbook, incident.id].join(" ").toLowerCase().includes(text);
  return {
    head: make("div", { class: "head" }, make("h1", {}, "Incidents"), make("div", { class: "filters" }, select, filter)),
    async draw() {
      const list = await get(`v1/incidents?limit=${limit}${chosen ? `&state=${chosen}` : ""}`);
      const found = list.incidents.filter(fits);
      if (found.length === 0) return empty(text || chosen ? "No incident fits." : "No incident yet. A sentinel that sees something, or a report, opens one.");
      const more = make("button", { type: "button", class: "plain more", onclick: () => { limit = Math.min(limit + 200, 1000); again(); } }, "More");
      return [make("ul", { class: "list incidents" }, found.map(incidentRow)), list.next !== null && limit < 1000 ? more : null];
    },
  };
};
