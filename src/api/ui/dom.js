// Elements and words. Text only ever becomes text: nothing here makes markup of it.

// Characters that move a cursor, show nothing or turn the direction of writing become U+FFFD, as in the terminal.
const HIDDEN = new RegExp("[\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f\\u200b-\\u200f\\u202a-\\u202e\\u2060-\\u206f\\ufeff]", "g");

export const clean = (text) => String(text).replace(HIDDEN, "\ufffd");

export const make = (tag, attributes, ...children) => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : clean(value));
  }
  for (const child of children.flat(9)) {
    if (child === null || child === undefined || child === false || child === "") continue;
    element.append(child instanceof Node ? child : clean(child));
  }
  return element;
};

const GOOD = ["healed", "healthy", "live", "done", "closed", "recovered_unaided", "approved", "good", "succeeded", "running_service", "verified"];
const BUSY = ["open", "remediating", "watching", "held", "running", "observe_only", "unknown", "signed", "draft", "warning", "paused", "inconclusive", "healed_outcome_unknown", "draining", "broken", "failed_before_mutation"];
const BAD = ["escalated", "frozen", "failed", "refused", "critical", "error", "degraded", "sealed", "tainted", "failed_partial", "interrupted", "aborted_deadline", "given_up"];

// A state: the word itself, and a colour that says the same.
export const state = (word) => {
  const tone = GOOD.includes(word) ? "good" : BUSY.includes(word) ? "busy" : BAD.includes(word) ? "bad" : "still";
  return make("span", { class: `state ${tone}` }, String(word).replace("running_service", "running").replaceAll("_", " "));
};

export const span = (ms) => {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 120000) return `${Math.floor(ms / 1000)} s`;
  if (ms < 7200000) return `${Math.floor(ms / 60000)} min`;
  if (ms < 172800000) return `${Math.floor(ms / 3600000)} h`;
  return `${Math.floor(ms / 86400000)} d`;
};

const relative = (at) => {
  const ms = Date.now() - Date.parse(at);
  return ms < -999 ? `in ${span(-ms)}` : `${span(Math.max(ms, 0))} ago`;
};

// A moment as how long ago; the moment itself on hovering.
export const when = (at) => (at ? make("time", { datetime: at, title: at }, relative(at)) : null);

// A moment as the clock said it, in UTC as everywhere else; the day in front where it is not today's.
export const clock = (at) => {
  const text = String(at).slice(0, 19);
  const today = new Date().toISOString().slice(0, 10);
  const shown = text.startsWith(today) ? text.slice(11) : text.slice(5).replace("T", " ");
  return make("time", { datetime: at, title: at, class: "clock" }, shown);
};

// Times that say how long ago grow older.
export const tick = (within) => {
  for (const time of within.querySelectorAll("time:not(.clock)")) time.textContent = relative(time.dateTime);
};

export const short = (id) => String(id).slice(0, 8);

// A word for a shell: as it is where that is safe, else in quotes that keep everything.
export const word = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${clean(text).replaceAll("'", "'\\''")}'`);

// A command to type, with a button that copies it.
export const command = (text) => {
  const button = make("button", { type: "button", class: "copy", "aria-label": `Copy: ${text}` }, "copy");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "copied";
    } catch {
      getSelection().selectAllChildren(code);
      button.textContent = "selected";
    }
    setTimeout(() => { button.textContent = "copy"; }, 1500);
  });
  const code = make("code", {}, text);
  return make("span", { class: "command" }, code, button);
};

export const empty = (...words) => make("p", { class: "empty" }, ...words);

export const fact = (name, ...value) => [make("dt", {}, name), make("dd", {}, ...value)];
export const facts = (...pairs) => make("dl", { class: "facts" }, ...pairs.filter(Boolean));

// The same as a column of a list.
export const how = (word) => make("span", { class: "how" }, state(word));

// A piece of a page with its heading.
export const part = (title, ...children) => make("section", { class: "part" }, make("h2", {}, title), ...children);

// A line that can be chosen with j and k and opened with Enter or a click.
export const row = (href, attributes, ...cells) =>
  make("li", { class: "row", ...attributes }, make("a", { href, class: "cells", "data-row": href }, ...cells));

// Asks for a reason; gives null when it was not meant.
export const ask = (title, what, verb) => new Promise((answer) => {
  const dialog = document.getElementById("ask");
  const input = make("input", { name: "reason", required: true, maxlength: 512, autocomplete: "off", id: "ask-reason" });
  const form = make("form", { method: "dialog" },
    make("h2", {}, title), make("p", {}, what),
    make("label", { for: "ask-reason" }, "Reason, for those who read it later"), input,
    make("div", { class: "buttons" },
      make("button", { type: "button", class: "plain", onclick: () => dialog.close() }, "Cancel"),
      make("button", { type: "submit" }, verb)));
  let reason = null;
  form.addEventListener("submit", () => { reason = input.value.trim() || null; });
  dialog.addEventListener("close", () => answer(reason), { once: true });
  dialog.replaceChildren(form);
  dialog.showModal();
  input.focus();
});
