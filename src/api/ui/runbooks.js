// Content files with what each may do and why, and the proposals behind them with who approved them.

import { command, empty, fact, facts, how, make, part, state } from "./dom.js";
import { get } from "./net.js";

const reason = ({ problem, mend }) => make("li", {}, problem, make("p", { class: "what" }, command(mend)));

const file = (one, wanted) => make("details", { class: "row file", id: `file-${one.name}`, open: wanted },
  make("summary", { class: "cells", "data-row": one.name }, how(one.standing), make("strong", {}, one.name),
    make("span", { class: "why" }, one.title), make("span", { class: "beside" }, one.approvers.length ? `approved by ${one.approvers.join(", ")}` : "not approved")),
  facts(
    fact("signed by", one.signer ?? "nobody"), fact("approved by", one.approvers.join(", ") || "nobody"),
    one.proposal ? fact("proposal", make("a", { href: `#/runbooks/proposal/${one.proposal}` }, one.proposal)) : null,
    fact("file", make("code", {}, one.path)), fact("digest", make("code", { class: "digest" }, one.digest))),
  one.reasons.length ? make("ul", { class: "plain-list" }, one.reasons.map(reason)) : null,
  make("p", { class: "what" }, command(`remediator runbook show ${one.name}`), " ", make("a", { href: `v1/runbooks/${one.name.split("/").map(encodeURIComponent).join("/")}` }, "as JSON")));

const proposal = (one, wanted) => make("details", { class: "row file", id: `file-proposal/${one.id}`, open: wanted },
  make("summary", { class: "cells", "data-row": `proposal/${one.id}` }, how(one.standing), make("strong", {}, one.id),
    make("span", { class: "why" }, one.title), make("span", { class: "beside" }, `${one.quorum.reached} of ${one.quorum.needed} approvals`)),
  facts(
    fact("signed by", one.signer ?? "nobody"), fact("approved by", one.approvers.join(", ") || "nobody"),
    fact("argues for", one.files.length ? one.files.map((path) => [make("code", {}, path), " "]) : "no file"),
    fact("file", make("code", {}, one.path))),
  one.problem ? make("ul", { class: "plain-list" }, reason(one)) : null,
  make("p", { class: "what" }, command(`remediator proposal show ${one.id}`)),
  one.quorum.reached < one.quorum.needed ? make("p", { class: "what" }, command(`remediator proposal approve ${one.id} --reason "…"`)) : null);

const HEADS = { runbook: "Runbooks", sentinel: "Sentinels", service: "Services" };

export const runbooks = ({ id, again }) => {
  let [text, first] = ["", true];
  const filter = make("input", { type: "search", placeholder: "Filter  ( / )", "aria-label": "Filter" });
  filter.addEventListener("input", () => { text = filter.value.toLowerCase(); again(); });
  return {
    head: make("div", { class: "head" }, make("h1", {}, "Runbooks"), make("div", { class: "filters" }, filter)),
    async draw() {
      const [content, argued] = await Promise.all([get("v1/runbooks"), get("v1/proposals")]);
      const fits = (...words) => words.join(" ").toLowerCase().includes(text);
      const files = content.files.filter((one) => fits(one.name, one.title, one.standing, one.path));
      const kinds = [...new Set(files.map((one) => one.name.split("/")[0]))].sort((a, b) => (b === "runbook") - (a === "runbook") || a.localeCompare(b));
      const proposals = argued.proposals.filter((one) => fits(one.id, one.title, one.standing));
      if (first && id) {
        first = false;
        setTimeout(() => {
          const chosen = document.getElementById(`file-${id}`);
          chosen?.scrollIntoView({ block: "center" });
          chosen?.querySelector("summary").focus({ preventScroll: true });
        }, 50);
      }
      return [
        content.unreadable.length ? part("Unreadable", make("ul", { class: "plain-list" }, content.unreadable.map((one) => make("li", {}, state("refused"), ` ${one.path}: ${one.problem}`)))) : null,
        kinds.map((kind) => part(HEADS[kind] ?? `${kind}s`, files.filter((one) => one.name.startsWith(`${kind}/`)).map((one) => file(one, one.name === id)))),
        files.length === 0 ? empty(text ? "No file fits." : "There is no content file yet: ", text ? "" : command("remediator runbook new NAME")) : null,
        part("Proposals", proposals.length ? proposals.map((one) => proposal(one, `proposal/${one.id}` === id)) : empty("No proposal fits.")),
      ].flat(9);
    },
  };
};
