// The journal as it grows, each entry in a sentence, with what this page has checked of it; and one entry with the way
// back from it to where it came from.

import { clock, command, empty, fact, facts, make, part, row, short, state } from "./dom.js";
import { get, lines } from "./net.js";

const PAGE = 200;

export const entryRow = (entry) => row(`#/audit/${entry.seq}`, { "data-seq": entry.seq },
  make("span", { class: "seq" }, entry.seq), clock(entry.at), make("span", { class: "kind" }, entry.kind),
  make("span", { class: "why" }, entry.said));

// What was checked here, what was not, and what checks the rest.
const checked = (chain) => {
  if (chain.last === null) return [make("p", {}, state("waiting"), " No entry was received yet.")];
  const many = chain.last - chain.first + 1;
  const range = `entries ${chain.first} to ${chain.last}`;
  const wrong = chain.wrong.map(({ seq, what }) => make("li", {}, make("a", { href: `#/audit/${seq}` }, `entry ${seq}`), `: ${what}`));
  const signatures = chain.cannotSign
    ? make("p", { id: "signatures" }, state("unknown"), ` signatures are not checked here: ${chain.cannotSign}`)
    : make("p", { id: "signatures" }, state(wrong.length ? "failed" : "verified"), ` ${chain.signed} of ${many} signatures hold (Ed25519)`);
  return [
    make("p", { id: "linked", "data-linked": chain.linked, "data-last": chain.last, "data-wrong": chain.wrong.length, "data-signed": chain.signed },
      state(wrong.length ? "failed" : "verified"), ` ${range} as they came here: no seq is missing, ${chain.linked} of ${many - 1} name the hash of the entry before (BLAKE3)`),
    signatures,
    wrong.length ? make("ul", { class: "plain-list wrong" }, wrong) : null,
    make("p", { class: "faint" }, `Checked by this page in your browser. Not checked here: ${chain.first > 0 ? "older entries, " : ""}whether the key is the one that you expect, segments and blobs. The whole journal: `, command("remediator audit verify --full")),
  ];
};

// What is not there any more, and what brings it back.
const gone = (status) => status?.minimum > 0
  ? make("p", { class: "faint", id: "gone" }, `The journal begins with entry ${status.minimum}: what is older was pruned, and is in its archives. `,
    command("remediator journal restore --from-archive DIR"))
  : null;

export const audit = ({ query, known, again }) => {
  let [kind, text, last] = [query.get("kind") ?? "", "", PAGE];
  const incident = query.get("incident") ?? "";
  const kinds = make("input", { type: "text", placeholder: "kind, such as attempt.", value: kind, "aria-label": "Kind begins with", autocomplete: "off", spellcheck: "false" });
  const filter = make("input", { type: "search", placeholder: "Filter  ( / )", "aria-label": "Filter" });
  let entries = null;
  const anew = () => { entries = null; again(); };
  kinds.addEventListener("change", () => { kind = kinds.value.trim(); anew(); });
  filter.addEventListener("input", () => { text = filter.value.toLowerCase(); again(); });
  const wanted = () => `${kind ? `&kind=${encodeURIComponent(kind)}` : ""}${incident ? `&incident=${encodeURIComponent(incident)}` : ""}`;
  const box = make("div", { class: "checked", id: "checked" });
  const check = () => box.isConnected && box.replaceChildren(...checked(known.chain).filter(Boolean));
  known.chain.addEventListener("checked", () => requestAnimationFrame(check));
  return {
    head: make("div", {}, make("div", { class: "head" }, make("h1", {}, "Audit"), make("div", { class: "filters" }, kinds, filter)), box),
    async draw() {
      check();
      const before = entries ? Math.max(-1, ...entries.map((entry) => entry.seq)) : null;
      const news = await get(before === null ? `v1/entries?last=${last}&limit=1000${wanted()}` : `v1/entries?after=${before}&limit=1000${wanted()}`);
      const added = new Set(before === null ? [] : news.entries.map((entry) => entry.seq));
      entries = [...(entries ?? []), ...news.entries].slice(-1000);
      const shown = entries.filter((entry) => `${entry.seq} ${entry.kind} ${entry.said} ${entry.incident ?? ""}`.toLowerCase().includes(text)).reverse();
      if (shown.length === 0) return empty("No entry fits.");
      const rows = shown.map((entry) => {
        const made = entryRow(entry);
        if (added.has(entry.seq)) made.classList.add("fresh");
        return made;
      });
      const older = last < 1000 && entries.length >= last
        ? make("button", { type: "button", class: "plain more", onclick: () => { last = Math.min(last + PAGE, 1000); anew(); } }, "Older") : null;
      return [incident ? make("p", { class: "faint" }, "of incident ", make("a", { href: `#/incidents/${incident}` }, short(incident))) : null,
        make("ul", { class: "list entries", id: "entries" }, rows), older, gone(known.status)];
    },
  };
};

const link = ({ link: how, ...entry }) => row(`#/audit/${entry.seq}`, {}, make("span", { class: "seq" }, entry.seq), make("span", { class: "faint" }, how), make("span", { class: "kind" }, entry.kind), make("span", { class: "why" }, entry.said));

export const entry = ({ id }) => ({
  head: make("p", { class: "up" }, make("a", { href: "#/audit" }, "Audit")),
  async draw() {
    const path = encodeURIComponent(id);
    const [[line], why] = await Promise.all([lines(`v1/audit/${path}`), get(`v1/explain/${path}`)]);
    const stored = JSON.parse(line);
    const seq = stored.seq;
    return [
      make("h1", {}, `Entry ${seq} `, make("span", { class: "kind" }, stored.kind)),
      make("p", { class: "answer" }, stored.incident ? why.walk[0]?.said : why.answer),
      facts(fact("written", clock(new Date(stored.time / 1000).toISOString())),
        stored.incident ? fact("incident", make("a", { href: `#/incidents/${stored.incident}` }, short(stored.incident)), ` ${why.answer}`) : null,
        fact("beside it", seq > 0 ? [make("a", { href: `#/audit/${seq - 1}` }, `entry ${seq - 1}`), " "] : "", make("a", { href: `#/audit/${seq + 1}` }, `entry ${seq + 1}`))),
      part("The way back", make("ul", { class: "list walk" }, why.walk.map(link))),
      part("As it is stored", make("pre", { class: "output stored" }, JSON.stringify(stored, null, 2))),
      make("p", {}, command(`remediator audit show ${seq}`)),
    ];
  },
});
