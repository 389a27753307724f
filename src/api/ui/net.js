// What the daemon says: questions, and the stream of entries that goes on where it stopped.

const meta = (name) => document.querySelector(`meta[name="${name}"]`).content;
export const version = meta("page-version");
const kinds = meta("page-kinds").split(" ");

export class Problem extends Error {
  constructor(status, body) {
    super(body.detail ?? body.title ?? "the daemon does not answer");
    Object.assign(this, { status, code: body.code ?? "AWAY", title: body.title ?? "No answer", hint: body.hint });
  }
}

const answered = async (path, options) => {
  let response;
  try {
    response = await fetch(path, { cache: "no-store", credentials: "same-origin", ...options });
  } catch {
    throw new Problem(0, { detail: "the daemon does not answer" });
  }
  if (response.ok) return response;
  const body = await response.json().catch(() => ({}));
  const problem = new Problem(response.status, body);
  if (response.status === 401 && path !== "login") document.dispatchEvent(new CustomEvent("logged-out", { detail: problem }));
  throw problem;
};

export const get = async (path) => (await answered(path)).json();
export const lines = async (path) => {
  const text = await (await answered(path, { headers: { Accept: "application/x-ndjson" } })).text();
  return text.split("\n").filter(Boolean);
};
export const post = async (path, body) => (await answered(path, {
  method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
})).json();

// How long until a stream that the browser gave up is begun again.
const AGAIN_MS = 2000;

// The stream of entries. `entry` events have the stored line; `state` says whether it flows; `reset` that what is known
// belongs to another journal.
class Live extends EventTarget {
  state = "away";
  last = -1;
  #source = null;
  #timer = 0;

  start(after) {
    this.stop();
    this.last = after;
    this.#open();
  }

  stop() {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = null;
    this.#is("away");
  }

  get flows() {
    return this.#source !== null;
  }

  #open() {
    const source = new EventSource(`v1/audit/stream?after=${this.last}`);
    this.#source = source;
    source.addEventListener("open", () => this.#is("live"));
    source.addEventListener("error", () => {
      if (this.#source !== source) return;
      this.#is("reconnecting");
      // The browser comes again by itself after a broken connection, and gives up after an answer that is no stream.
      if (source.readyState === EventSource.CLOSED) this.#timer = setTimeout(() => this.#again(), AGAIN_MS);
    });
    source.addEventListener("reset", () => this.dispatchEvent(new Event("reset")));
    const seen = (event) => {
      const seq = Number(event.lastEventId);
      if (seq <= this.last) return;
      const gap = seq !== this.last + 1;
      this.last = seq;
      this.dispatchEvent(new CustomEvent("entry", { detail: { seq, kind: event.type, line: event.data, gap } }));
    };
    for (const kind of kinds) source.addEventListener(kind, seen);
  }

  async #again() {
    try {
      await get("v1/session");
      if (this.last >= 0) await get(`v1/audit?after=${this.last}&limit=1`);
    } catch (problem) {
      if (problem.status === 401) return;
      // What would follow was pruned meanwhile: everything is asked for anew.
      if (problem.status === 410) return this.dispatchEvent(new Event("reset"));
      this.#timer = setTimeout(() => this.#again(), AGAIN_MS);
      return;
    }
    this.#source?.close();
    this.#open();
  }

  #is(state) {
    if (this.state === state) return;
    this.state = state;
    this.dispatchEvent(new Event("state"));
  }
}

export const live = new Live();
