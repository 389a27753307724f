// What can be done: less power from here, with a reason; more power with a signature, as a command to type.

import { ask, command, empty, make, part, state, when, word } from "./dom.js";
import { get, post } from "./net.js";

export const controls = ({ known, again }) => {
  const said = make("p", { id: "done", role: "status" });
  const tell = (text, wrong) => { said.textContent = text; said.className = wrong ? "wrong" : "right"; };
  const failed = (problem) => tell(problem.hint ? `${problem.message}: ${problem.hint}` : problem.message, true);
  const less = (name, title, what, verb) => make("button", { type: "button", id: name, onclick: async () => {
    const reason = await ask(title, what, verb);
    if (reason === null) return;
    await post(`v1/control/${name}`, { reason }).then(({ seq }) => tell(`Done: entry ${seq}.`), failed);
    again();
  } }, `${verb}…`);
  const test = async (name) => {
    tell(`Testing ${name}…`);
    await post(`v1/channels/${encodeURIComponent(name)}/test`, {}).then(({ result, said: words }) => tell(`${name}: ${result}, ${words}`, result !== "delivered"), failed);
  };
  const line = (text, title, ...more) => make("li", { class: "control" }, make("div", {}, make("strong", {}, title), make("p", { class: "faint" }, ...more)), command(text));
  const lock = (one) => make("li", { class: "control" },
    make("div", {}, state(one.state), " ", make("strong", {}, one.resource), one.token !== null ? ` token ${one.token}` : "",
      make("p", { class: "faint" }, one.runbook ? `${one.runbook} on ${one.target} ` : "", one.incident ? make("a", { href: `#/incidents/${one.incident}` }, "incident") : "", " since ", when(one.since), one.reason ? ` · ${one.reason}` : "")),
    one.state === "held" ? command(`remediator lock break ${word(one.resource)} --reason "…"`) : null);
  return {
    head: make("div", {}, make("h1", {}, "Controls"), said),
    async draw() {
      const { status } = known;
      const [channels, locks] = await Promise.all([get("v1/channels"), get("v1/locks")]);
      return [
        part("Less power", make("p", { class: "faint" }, "At once, with your name and a reason in the journal."),
          make("div", { class: "buttons left" },
            less("pause", "Pause", "From the answer on no new attempt starts. What is under way goes on.", "Pause"),
            less("drain", "Drain", "No new attempt starts, and the end of the last one is recorded.", "Drain"))),
        part("More power", make("p", { class: "faint" }, "Needs your signature: type it where your SSH key is."),
          make("ul", { class: "plain-list controls" },
            line("remediator resume --reason \"…\"", "Resume", status.paused || status.draining ? "Attempts may start again." : "Nothing is paused just now."),
            Object.keys(status.tainted).map((target) => line(`remediator target clear ${word(target)} --reason "…"`, `Clear ${target}`, status.tainted[target].reason)),
            status.frozen.filter((one) => one.incident).map((one) => line(`remediator incident thaw ${one.incident} --reason "…"`, `Thaw ${one.runbook} on ${one.target}`, one.reason)),
            line("remediator key rotate --reason \"…\"", "Another key", status.key ? ["The journal's key is ", make("code", {}, status.key.id), `, in force since entry ${status.key.since}.`] : ""),
            line("remediator sentinel grant NAME --subsystem SUBSYSTEM --reason \"…\"", "Grant", "Lets an external sentinel report."))),
        part("Locks", locks.locks.length ? make("ul", { class: "plain-list controls" }, locks.locks.map(lock)) : empty("No lock is held.")),
        part("Channels", make("ul", { class: "plain-list controls" }, channels.channels.map((one) => make("li", { class: "control" },
          make("div", {}, make("strong", {}, one.name), make("span", { class: "faint" }, ` ${one.kind}`)),
          make("button", { type: "button", class: "plain", onclick: () => test(one.name) }, "Test"))))),
      ];
    },
  };
};
