// The frame: who is logged in, which view the address means, and what is drawn anew when an entry comes.

import { empty, make, state, tick } from "./dom.js";
import { get, live, post, version } from "./net.js";
import { Chain } from "./chain.js";
import { listen, showHelp } from "./keys.js";
import { showLogin } from "./login.js";
import { howMany } from "./needs.js";
import { home } from "./home.js";
import { incidents } from "./incidents.js";
import { incident } from "./incident.js";
import { audit, entry } from "./audit.js";
import { runbooks } from "./runbooks.js";
import { sentinels } from "./sentinels.js";
import { controls } from "./controls.js";

const views = [
  { path: "", title: "Now", key: "h", list: home },
  { path: "incidents", title: "Incidents", key: "i", list: incidents, one: incident },
  { path: "audit", title: "Audit", key: "a", list: audit, one: entry },
  { path: "runbooks", title: "Runbooks", key: "r", list: runbooks, one: runbooks },
  { path: "sentinels", title: "Sentinels", key: "s", list: sentinels },
  { path: "controls", title: "Controls", key: "c", list: controls },
];
// Entries that are at hand when the page is opened: they are checked, and more come as they are written.
const AT_HAND = 200;
// Entries come in bursts: one drawing for each.
const BURST_MS = 120;
// What no entry says (how long ago a sentinel looked, say) is asked for anew.
const POLL_MS = 15000;
// A daemon that is away or starting is asked again soon.
const AWAY_MS = 2000;
const HIDDEN_MS = 60000;

const main = document.getElementById("main");
const byId = (id) => document.getElementById(id);
// What all views share.
export const known = { status: null, chain: new Chain(), person: null, at: null };
let shown = null;
let timer = 0;
let fresh = [];

const route = () => {
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
  const [first, ...rest] = path.split("/").map((piece) => { try { return decodeURIComponent(piece); } catch { return piece; } });
  const view = views.find((known) => known.path === first) ?? views[0];
  const id = rest.join("/");
  return { view, id, make: id && view.one ? view.one : view.list, query: new URLSearchParams(query) };
};

// What a person has opened, chosen and scrolled to stays through a drawing.
const redraw = (body, drawn) => {
  const opened = new Set([...body.querySelectorAll("details[open][id]")].map((box) => box.id));
  const closed = new Set([...body.querySelectorAll("details:not([open])[id]")].map((box) => box.id));
  const chosen = document.activeElement?.closest?.("#main [data-row]")?.dataset.row;
  body.replaceChildren(...[drawn].flat().filter(Boolean));
  for (const box of body.querySelectorAll("details[id]")) {
    if (opened.has(box.id)) box.open = true;
    if (closed.has(box.id)) box.open = false;
  }
  if (chosen) [...body.querySelectorAll("[data-row]")].find((row) => row.dataset.row === chosen)?.focus({ preventScroll: true });
};

const marking = (body) => {
  const marked = getSelection();
  return !marked.isCollapsed && body.contains(marked.anchorNode);
};

const problemBox = (problem) => make("div", { class: "notice bad", role: "alert" },
  make("strong", {}, problem.title ?? "It cannot be shown"), " ", problem.message, problem.hint ? make("p", {}, problem.hint) : null);

// Draws the view that is shown; gives when to look again.
const draw = async () => {
  const drawing = shown;
  if (!drawing) return POLL_MS;
  const news = fresh;
  fresh = [];
  try {
    known.status = await get("v1/status");
    const held = known.status.incidents.held ? (await get("v1/incidents?state=held&limit=100")).incidents : [];
    frame(held);
    known.at = new Date();
    const drawn = await drawing.view.draw(news);
    if (shown !== drawing) return 0;
    // Somebody who marks words to copy them keeps them.
    if (marking(drawing.body)) return AWAY_MS;
    if (drawn) redraw(drawing.body, drawn);
    drawing.body.removeAttribute("aria-busy");
    drawing.body.dataset.view = drawing.key;
  } catch (problem) {
    if (shown !== drawing || problem.status === 401) return POLL_MS;
    if (problem.status === 0 || problem.status === 503) {
      fresh = [...news, ...fresh];
      sayAway(problem);
      if (!drawing.body.hasChildNodes()) redraw(drawing.body, empty("It is shown as soon as the daemon answers."));
      return AWAY_MS;
    }
    redraw(drawing.body, problemBox(problem));
  }
  return fresh.length > 0 ? BURST_MS : drawing.view.every ?? POLL_MS;
};

// One drawing at a time; whoever asks for one earlier than it is due gets it earlier.
let due = Infinity;
let busy = false;
let missed = false;
const later = (ms) => {
  due = Math.min(due, Date.now() + ms);
  clearTimeout(timer);
  timer = setTimeout(run, Math.max(0, due - Date.now()));
};
const run = async () => {
  due = Infinity;
  if (busy) { missed = true; return; }
  busy = true;
  const next = await draw();
  busy = false;
  later(missed ? 0 : next);
  missed = false;
};

const show = () => {
  if (!known.person) return;
  const { view, id, make: maker, query } = route();
  document.title = `${id ? `${id.slice(0, 24)} · ` : ""}${view.title} · remediator`;
  for (const link of byId("nav").children) {
    if (link.dataset.path === view.path) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const body = make("div", { id: "body", "aria-busy": "true" });
  const made = maker({ id, query, known, again: () => later(0) });
  shown = { view: made, body, key: location.hash };
  main.replaceChildren(...[made.head, body].filter(Boolean));
  window.scrollTo(0, 0);
  later(0);
};

// Above every view: whether anything needs a person, and whether what is shown is still true.
const frame = (held) => {
  const count = { "": howMany(known.status, held), incidents: Object.values(known.status.incidents).reduce((sum, n) => sum + n, 0) };
  for (const link of byId("nav").children) {
    const n = count[link.dataset.path];
    link.replaceChildren(link.dataset.title, ...(n ? [make("span", { class: "count" }, n)] : []));
  }
  const banners = [];
  const { paused, draining, observe_only: observe, journal } = known.status;
  if (journal.sealed) banners.push(make("p", { class: "notice bad" }, state("sealed"), " nothing is recorded and nothing is done: ", journal.sealed));
  if (draining) banners.push(make("p", { class: "notice busy" }, state("draining"), draining.drained !== null ? " nothing runs any more, " : ` ${draining.running} attempt(s) under way, `, `said ${draining.by}: ${draining.reason}`));
  else if (paused) banners.push(make("p", { class: "notice busy" }, state("paused"), ` no attempt starts, said ${paused.by}: ${paused.reason}`));
  if (observe) banners.push(make("p", { class: "notice busy" }, state("observe_only"), ` ${observe}`));
  byId("banner").replaceChildren(...banners);
};

// What is shown was true when it was drawn: gone with the next drawing.
const sayAway = (problem) => {
  const banner = byId("banner");
  if (banner.querySelector(".away")) return;
  banner.prepend(make("p", { class: "notice busy away" }, state("waiting"), ` ${problem.status ? problem.message : "the daemon does not answer"}. What is shown is as of ${known.at?.toLocaleTimeString() ?? "before"}; this page goes on by itself.`));
};

const sayLive = () => {
  const words = { live: "live", reconnecting: "reconnecting…", away: "not connected" };
  byId("live").replaceChildren(make("span", { class: `dot ${live.state}` }), words[live.state]);
  document.body.dataset.live = live.state;
};

let announced = 0;
const announce = (seq, kind) => {
  const now = Date.now();
  if (now - announced < 3000) return;
  announced = now;
  byId("said").textContent = `entry ${seq}: ${kind.replaceAll(/[._]/g, " ")}`;
};

const enter = async () => {
  const session = await get("v1/session");
  if (session.page !== version) { location.reload(); return; }
  known.person = session.person;
  byId("person").textContent = session.role === "lead" ? session.person : `${session.person} (${session.role})`;
  byId("top").hidden = false;
  known.status = await get("v1/status").catch(() => null);
  const head = known.status?.head?.seq ?? -1;
  known.chain = new Chain();
  live.start(Math.max(-1, head - AT_HAND));
  show();
};

const leave = (why) => {
  live.stop();
  clearTimeout(timer);
  due = Infinity;
  shown = null;
  known.person = null;
  byId("top").hidden = true;
  document.title = "Log in · remediator";
  showLogin(main, why, enter);
};

live.addEventListener("state", async () => {
  sayLive();
  if (live.state === "reconnecting") later(AWAY_MS);
  if (live.state !== "live" || !known.person) return;
  const session = await get("v1/session").catch(() => null);
  // Another version of the daemon has another page: this one may not understand it.
  if (session && session.page !== version && !document.querySelector("dialog[open]")) location.reload();
  later(0);
});
live.addEventListener("entry", ({ detail }) => {
  const seen = known.chain.take(detail.seq, detail.line);
  const burst = fresh.length > 0;
  fresh.push({ seq: detail.seq, kind: detail.kind, incident: seen.incident });
  if (detail.seq > (known.status?.head?.seq ?? -1)) announce(detail.seq, detail.kind);
  if (!burst) later(BURST_MS);
});
live.addEventListener("reset", () => location.reload());
document.addEventListener("logged-out", ({ detail }) => { if (known.person) leave(detail.code === "SESSION_ENDED" ? "The session is over." : ""); });
// A browser keeps six connections to one address: a page that nobody sees gives its stream back, and goes on where it was.
let hiding = 0;
document.addEventListener("visibilitychange", () => {
  clearTimeout(hiding);
  if (document.hidden) hiding = setTimeout(() => live.stop(), HIDDEN_MS);
  else if (known.person && !live.flows) live.start(live.last);
});
window.addEventListener("hashchange", show);
setInterval(() => tick(document), 1000);
byId("nav").append(...views.map((view) => make("a", { href: `#/${view.path}`, "data-path": view.path, "data-title": view.title, title: `g ${view.key}` }, view.title)));
byId("help-open").addEventListener("click", () => showHelp(views));
byId("logout").addEventListener("click", async () => { await post("logout", {}).catch(() => {}); leave(""); });
listen(views, () => {
  const { view, id } = route();
  location.hash = id ? `#/${view.path}` : "#/";
});
sayLive();
enter().catch((problem) => {
  if (problem.status === 401) leave("");
  else { leave(problem.message); }
});
