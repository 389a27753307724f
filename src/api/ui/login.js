// Asks for a person's token. It is sent once and kept nowhere: the browser then has a cookie that no script can read.

import { get, post } from "./net.js";
import { make } from "./dom.js";

const ELSEWHERE = "The browser did not keep the session: over plain HTTP it does so only at an address of this very machine. "
  + "Use HTTPS, or forward the port: ssh -L 8855:127.0.0.1:8855 MACHINE";

export const showLogin = (main, why, done) => {
  const token = make("input", { id: "token", name: "token", type: "password", required: true, autocomplete: "current-password", spellcheck: "false", "aria-describedby": "login-said" });
  const said = make("p", { id: "login-said", class: "wrong", role: "alert" }, why ?? "");
  const button = make("button", { type: "submit" }, "Log in");
  const form = make("form", { class: "login", action: "login", method: "post" },
    make("h1", {}, "remediator"),
    make("label", { for: "token" }, "Token"), token,
    make("p", { class: "faint" }, "Yours is in the home: ", make("code", {}, "cat \"$REMEDIATOR_HOME/state/token\"")),
    button, said);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    said.textContent = "";
    try {
      await post("login", { token: token.value.trim() });
      await get("v1/session").catch(() => { throw new Error(ELSEWHERE); });
      await done();
    } catch (problem) {
      // What is wrong with a token that is known is in the detail: whose it is, and its role.
      const what = problem.status === 403 ? problem.message : problem.title;
      said.textContent = problem.hint ? `${what}; ${problem.hint}` : problem.message;
      button.disabled = false;
      token.select();
    }
  });
  main.replaceChildren(form);
  token.focus();
};
