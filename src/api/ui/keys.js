// Everything can be done with the keyboard: j and k choose a line, Enter opens it, g and a letter goes to a view.

import { make } from "./dom.js";

const rows = () => [...document.querySelectorAll("#main [data-row]")].filter((row) => row.offsetParent !== null);

const move = (by) => {
  const all = rows();
  if (all.length === 0) return;
  const at = all.indexOf(document.activeElement?.closest?.("[data-row]"));
  const next = all[at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + by, 0), all.length - 1)];
  next.focus();
  next.scrollIntoView({ block: "nearest" });
};

export const showHelp = (views) => {
  const dialog = document.getElementById("help");
  const line = (keys, what) => make("tr", {}, make("td", {}, keys.map((key) => [make("kbd", {}, key), " "])), make("td", {}, what));
  dialog.replaceChildren(make("form", { method: "dialog" }, make("h2", {}, "Keys"),
    make("table", { class: "keys" }, make("tbody", {},
      line(["j", "k"], "next line, line before"), line(["Enter"], "open it"), line(["u"], "back to the list"),
      views.map((view) => line(["g", view.key], view.title)),
      line(["/"], "filter"), line(["Esc"], "leave the filter, close this"), line(["?"], "this help"))),
    make("p", { class: "faint" }, "For programs: ", make("a", { href: "docs" }, "the HTTP interface")),
    make("div", { class: "buttons" }, make("button", { type: "submit" }, "Close"))));
  dialog.showModal();
};

export const listen = (views, back) => {
  let going = false;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    const typing = event.target.closest?.("input, textarea, select");
    if (event.key === "Escape" && typing) { typing.blur(); return; }
    if (typing) return;
    const wanted = going ? views.find((view) => view.key === event.key) : null;
    going = false;
    if (wanted) { location.hash = `#/${wanted.path}`; event.preventDefault(); return; }
    if (event.key === "g") { going = true; setTimeout(() => { going = false; }, 1500); return; }
    if (event.key === "j") move(1);
    else if (event.key === "k") move(-1);
    else if (event.key === "u") back();
    else if (event.key === "?") showHelp(views);
    else if (event.key === "/") {
      const filter = document.querySelector("#main input[type=search]");
      if (!filter) return;
      filter.focus();
      event.preventDefault();
    }
  });
};
