// Draws openapi.json and lets a person try a route. Text from the document only ever becomes text, never markup.

const make = (tag, attributes, ...children) => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) element.setAttribute(name, value);
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
};

const answer = await fetch("openapi.json");
const api = await answer.json();
const resolve = (schema) => {
  const name = schema?.$ref?.split("/").pop();
  return name ? { name, ...api.components.schemas[name] } : schema ?? {};
};

const typeOf = (schema) => {
  if (schema === true) return "anything";
  if (schema.$ref) return schema.$ref.split("/").pop();
  const types = [schema.type ?? []].flat().filter((type) => type !== "null");
  if (types[0] === "array") return `list of ${typeOf(schema.items ?? true)}`;
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  const choices = schema.anyOf ?? schema.oneOf ?? schema.allOf;
  if (choices && types.length === 0) return [...new Set(choices.map(typeOf))].join(" | ");
  return types.join(" | ") || "anything";
};

// Members are drawn when they are opened: types may contain themselves.
const shape = (label, schema, needed) => {
  const line = [make("code", {}, label), " ", make("span", { class: "faint" }, typeOf(schema) + (needed ? "" : ", optional"))];
  const whole = resolve(schema);
  if (whole.description) line.push(" ", whole.description.split("\n")[0]);
  const inner = (box) => {
    for (const [name, member] of Object.entries(whole.properties ?? {})) {
      box.append(shape(name, member, (whole.required ?? []).includes(name)));
    }
    for (const choice of whole.anyOf ?? whole.oneOf ?? whole.allOf ?? []) {
      if (choice.type !== "null") box.append(shape("·", choice, true));
    }
    if (whole.items) box.append(shape("each", whole.items, true));
    if (typeof whole.additionalProperties === "object") box.append(shape("by name", whole.additionalProperties, true));
  };
  const probe = make("div");
  const deep = whole.properties || whole.items || whole.anyOf || whole.oneOf || whole.allOf
    || typeof whole.additionalProperties === "object";
  if (!deep) return make("div", {}, ...line);
  const box = make("details", {}, make("summary", {}, ...line));
  box.addEventListener("toggle", () => { if (box.open && probe.childElementCount === 0) { inner(probe); box.append(probe); } }, { once: true });
  return box;
};

const tryOut = (method, path, operation) => {
  const inputs = new Map();
  const rows = (operation.parameters ?? []).map((parameter) => {
    const input = make("input", { "aria-label": parameter.name });
    inputs.set(parameter, input);
    const kind = `${parameter.in}, ${typeOf(parameter.schema)}`;
    return make("tr", {}, make("td", {}, make("code", {}, parameter.name)), make("td", {}, input),
      make("td", {}, parameter.description ?? "", " ", make("span", { class: "faint" }, kind)));
  });
  const body = operation.requestBody ? make("textarea", { "aria-label": "body", spellcheck: "false" }) : null;
  const shown = make("pre", { hidden: "" });
  const send = make("button", { type: "button" }, "Send");
  let stop = null;
  send.addEventListener("click", async () => {
    stop?.abort();
    stop = new AbortController();
    let url = path.slice(1);
    const query = new URLSearchParams();
    const headers = {};
    for (const [{ name, in: place }, { value }] of inputs) {
      if (value === "") continue;
      if (place === "path") url = url.replace(`{${name}}`, encodeURIComponent(value));
      if (place === "query") query.set(name, value);
      if (place === "header") headers[name] = value;
    }
    const token = document.getElementById("token").value.trim();
    if (token) headers.Authorization = `Bearer ${token}`;
    if (body) headers["Content-Type"] = "application/json";
    shown.hidden = false;
    shown.textContent = "…";
    try {
      const got = await fetch(query.size ? `${url}?${query}` : url,
        { method: method.toUpperCase(), headers, body: body?.value, signal: stop.signal });
      shown.textContent = `${got.status} ${got.headers.get("content-type") ?? ""}\n`;
      const reader = got.body.pipeThrough(new TextDecoderStream()).getReader();
      let text = "";
      for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
        text = (text + piece.value).slice(-200000);
        let pretty = text;
        try { pretty = JSON.stringify(JSON.parse(text), null, 2); } catch { /* a stream, or not whole yet */ }
        shown.textContent = `${got.status} ${got.headers.get("content-type") ?? ""}\n${pretty}`;
      }
    } catch (error) {
      shown.textContent += `\n${error}`;
    }
  });
  return [rows.length ? make("table", {}, ...rows) : null, body, send, shown];
};

const route = (method, path, operation) => {
  const roles = [...new Set(operation.security?.flatMap((one) => one.token ?? []))].join(" or ");
  const open = make("span", { class: "faint" }, roles ? ` ${roles}` : " no token");
  const box = make("details", { id: operation.operationId }, make("summary", {}, make("span", { class: "method" }, method),
    make("span", { class: "path" }, path), " ", operation.summary, open));
  box.addEventListener("toggle", () => {
    if (operation.description) box.append(make("p", {}, operation.description));
    for (const [media, { schema }] of Object.entries(operation.requestBody?.content ?? {})) box.append(shape(`body, ${media}`, schema, true));
    for (const [status, { description, content }] of Object.entries(operation.responses)) {
      box.append(make("p", {}, make("code", {}, status), " ", description));
      for (const [media, { schema }] of Object.entries(content ?? {})) box.append(shape(media, schema, true));
    }
    box.append(...tryOut(method, path, operation).filter(Boolean));
  }, { once: true });
  return box;
};

document.getElementById("version").textContent = api.info.version;
document.getElementById("about").textContent = api.info.description;
const families = new Map();
for (const [path, methods] of Object.entries(api.paths)) {
  for (const [method, operation] of Object.entries(methods)) {
    const family = operation.tags[0];
    if (!families.has(family)) families.set(family, []);
    families.get(family).push(route(method, path, operation));
  }
}
const main = document.getElementById("routes");
for (const [family, routes] of families) main.append(make("section", {}, make("h2", {}, family), ...routes));
