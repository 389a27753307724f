// What this page checks itself of the entries that it receives: no seq is missing, `prev` is the hash of the entry
// before, the signature is the journal key's. As docs/journal-format.md says it; nothing here asks the daemon's opinion.
// Not checked: what came before the first entry received, and whether the key is the one that you expect.

import { lines } from "./net.js";

const IV = Uint32Array.of(0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19);
const ORDER = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8];
const [START, END, PARENT, ROOT, CONTEXT, MATERIAL] = [1, 2, 4, 8, 32, 64];
const CHUNK = 1024;
const BLOCK = 64;

const mix = (v, a, b, c, d, x, y) => {
  v[a] = v[a] + v[b] + x; v[d] ^= v[a]; v[d] = (v[d] >>> 16) | (v[d] << 16);
  v[c] = v[c] + v[d]; v[b] ^= v[c]; v[b] = (v[b] >>> 12) | (v[b] << 20);
  v[a] = v[a] + v[b] + y; v[d] ^= v[a]; v[d] = (v[d] >>> 8) | (v[d] << 24);
  v[c] = v[c] + v[d]; v[b] ^= v[c]; v[b] = (v[b] >>> 7) | (v[b] << 25);
};

const compress = (chaining, block, counter, length, flags) => {
  const v = Uint32Array.of(...chaining, ...IV.subarray(0, 4), counter, 0, length, flags);
  let m = block;
  for (let round = 0; round < 7; round += 1) {
    mix(v, 0, 4, 8, 12, m[0], m[1]); mix(v, 1, 5, 9, 13, m[2], m[3]);
    mix(v, 2, 6, 10, 14, m[4], m[5]); mix(v, 3, 7, 11, 15, m[6], m[7]);
    mix(v, 0, 5, 10, 15, m[8], m[9]); mix(v, 1, 6, 11, 12, m[10], m[11]);
    mix(v, 2, 7, 8, 13, m[12], m[13]); mix(v, 3, 4, 9, 14, m[14], m[15]);
    m = ORDER.map((at) => m[at]);
  }
  return v.subarray(0, 8).map((half, at) => half ^ v[at + 8]);
};

const chunk = (key, bytes, counter, flags, root) => {
  let chaining = key;
  const blocks = Math.max(1, Math.ceil(bytes.length / BLOCK));
  for (let n = 0; n < blocks; n += 1) {
    const piece = bytes.subarray(n * BLOCK, (n + 1) * BLOCK);
    const padded = new Uint8Array(BLOCK);
    padded.set(piece);
    const view = new DataView(padded.buffer);
    const words = Uint32Array.from({ length: 16 }, (_, at) => view.getUint32(at * 4, true));
    const ends = (n === 0 ? START : 0) | (n === blocks - 1 ? END | root : 0);
    chaining = compress(chaining, words, counter, piece.length, flags | ends);
  }
  return chaining;
};

const tree = (key, bytes, counter, flags, root) => {
  if (bytes.length <= CHUNK) return chunk(key, bytes, counter, flags, root);
  let left = CHUNK;
  while (left * 2 < bytes.length) left *= 2;
  const first = tree(key, bytes.subarray(0, left), counter, flags, 0);
  const second = tree(key, bytes.subarray(left), counter + left / CHUNK, flags, 0);
  return compress(key, Uint32Array.of(...first, ...second), 0, BLOCK, flags | PARENT | root);
};

const utf8 = new TextEncoder();
const contextKey = tree(IV, utf8.encode("remediator 2026 journal entry v1"), 0, CONTEXT, ROOT);

// The chain hash: BLAKE3 in key derivation mode, as hex.
export const chainHash = (bytes) => {
  const words = tree(contextKey, bytes, 0, MATERIAL, ROOT);
  const view = new DataView(new ArrayBuffer(32));
  words.forEach((half, at) => view.setUint32(at * 4, half, true));
  return hex(new Uint8Array(view.buffer));
};

const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
const bytesOf = (base64) => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));

// The bytes that are signed: those before the signature, and the end of the object.
const signedBytes = (line) => utf8.encode(`${line.slice(0, line.lastIndexOf(',"sig":"'))}}`);

const keyFrom = async (publicKey) => {
  const raw = bytesOf(publicKey);
  const id = hex(new Uint8Array(await crypto.subtle.digest("SHA-256", raw))).slice(0, 16);
  return [id, await crypto.subtle.importKey("raw", raw, { name: "Ed25519" }, false, ["verify"])];
};

// Every key that the journal has had, by id. Throws where the browser cannot do Ed25519.
const allKeys = async () => {
  const found = [...await lines("v1/audit?limit=1"), ...await lines("v1/audit?kind=journal.key_rotated&limit=1000")];
  return new Map(await Promise.all(found.map((line) => keyFrom(JSON.parse(line).data.public_key))));
};

// Checks entry after entry and remembers what came of it.
export class Chain extends EventTarget {
  first = null;
  last = null;
  checked = 0;
  linked = 0;
  signed = 0;
  unsigned = 0;
  wrong = [];
  cannotSign = null;
  #hash = null;
  #keys = null;
  #queue = Promise.resolve();

  take(seq, line) {
    const entry = JSON.parse(line);
    const bytes = signedBytes(line);
    const said = [];
    if (this.last !== null && seq !== this.last + 1) said.push(`seq ${this.last + 1} is missing`);
    if (entry.seq !== seq) said.push("its seq is not its place");
    if (this.#hash !== null && seq === this.last + 1) {
      if (entry.prev === this.#hash) this.linked += 1;
      else said.push("`prev` is not the hash of the entry before");
    }
    this.first ??= seq;
    this.last = seq;
    this.#hash = chainHash(bytes);
    this.#queue = this.#queue.then(() => this.#signature(entry, bytes, said));
    return entry;
  }

  async #signature(entry, bytes, said) {
    try {
      if (this.cannotSign === null) {
        if (!crypto.subtle) throw new Error("this browser checks signatures only at a loopback address or over HTTPS");
        if (!this.#keys?.has(entry.key)) this.#keys = await allKeys();
        const key = this.#keys.get(entry.key);
        const good = key && await crypto.subtle.verify({ name: "Ed25519" }, key, bytesOf(entry.sig), bytes);
        if (good) this.signed += 1;
        else said.push(key ? "its signature does not hold" : `its key ${entry.key} is not in the journal`);
      }
    } catch (error) {
      // A daemon that was away for a moment says nothing about signatures.
      if (error.status !== undefined) this.unsigned += 1;
      else this.cannotSign = error.name === "NotSupportedError" ? "this browser knows no Ed25519" : error.message;
    }
    if (said.length) this.wrong.push({ seq: entry.seq, what: said.join("; ") });
    this.checked += 1;
    this.dispatchEvent(new Event("checked"));
  }
}
