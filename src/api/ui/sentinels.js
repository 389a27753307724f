// What every sentinel sees just now, and who else may report.

import { ask, command, empty, how, make, part, span, state } from "./dom.js";
import { get, post } from "./net.js";

// Looks are no entries: how long ago the last one was is asked for.
const LOOK_MS = 5000;

const sentinel = (one) => make("li", { class: "row" }, make("div", { class: "cells", "data-row": one.sentinel, tabindex: 0 },
  how(one.verdict ?? "waiting"), make("strong", {}, one.sentinel), one.degraded ? state("degraded") : null,
  make("span", { class: "why" }, one.evidence ?? "has not looked yet"),
  make("span", { class: "beside" }, `${one.subsystem}/${one.code} on ${one.target}`, one.free_text ? " · free text" : "",
    Object.entries(one.values).map(([name, value]) => ` · ${name} ${value}`)),
  make("span", { class: "at" }, one.looked_ms_ago === null ? "" : `looked ${span(one.looked_ms_ago)} ago, every ${span(one.every_ms)}`)));

const service = ([name, one]) => make("li", {}, state(one.pid === null ? "ended" : "running_service"), " ", make("strong", {}, name),
  make("span", { class: "faint" }, one.pid === null ? ` ${one.last_exit ?? "not started"}` : ` pid ${one.pid}`, `, ${one.starts} start(s) · `, make("a", { href: `#/audit/${one.seq}` }, `entry ${one.seq}`)));

export const sentinels = ({ known, again }) => {
  let text = "";
  const filter = make("input", { type: "search", placeholder: "Filter  ( / )", "aria-label": "Filter" });
  filter.addEventListener("input", () => { text = filter.value.toLowerCase(); again(); });
  const said = make("p", { class: "wrong", role: "alert" });
  const revoke = async (name) => {
    const reason = await ask(`Take the grant of ${name} back`, "From the answer on it can report nothing.", "Revoke");
    if (reason === null) return;
    await post(`v1/sentinels/${encodeURIComponent(name)}/revoke`, { reason }).then(() => again(), (problem) => { said.textContent = problem.message; });
  };
  const granted = (one) => make("li", {}, make("strong", {}, one.sentinel), ` may report ${one.subsystems.join(", ")}, granted by ${one.granted_by} `,
    make("button", { type: "button", class: "plain", onclick: () => revoke(one.sentinel) }, "Revoke…"));
  return {
    every: LOOK_MS,
    head: make("div", {}, make("div", { class: "head" }, make("h1", {}, "Sentinels"), make("div", { class: "filters" }, filter)), said),
    async draw() {
      const list = await get("v1/sentinels");
      const bad = (one) => (one.degraded || (one.verdict ?? "healthy") !== "healthy" ? 0 : 1);
      const found = list.sentinels.filter((one) => `${one.sentinel} ${one.subsystem} ${one.code} ${one.target} ${one.verdict} ${one.evidence}`.toLowerCase().includes(text));
      found.sort((a, b) => bad(a) - bad(b) || a.sentinel.localeCompare(b.sentinel));
      return [
        found.length ? make("ul", { class: "list sentinels" }, found.map(sentinel)) : empty(text ? "No sentinel fits." : "No sentinel watches: ", text ? "" : command("remediator sentinel new")),
        Object.keys(known.status.services).length ? part("Supervised services", make("ul", { class: "plain-list" }, Object.entries(known.status.services).map(service))) : null,
        list.granted.length ? part("May report from outside", make("ul", { class: "plain-list" }, list.granted.map(granted))) : null,
      ];
    },
  };
};
