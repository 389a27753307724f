#!/usr/bin/env python3
"""Verifies a journal folder (state/journal) or an export, written from docs/journal-format.md alone.
Usage: verify_journal.py FOLDER. Prints OK, or the first bad seq and byte. Exit status 0, or 5 when damaged.
Needs the PyPI packages `blake3` and `cryptography` (Python's library has neither BLAKE3 nor Ed25519)."""
import base64, hashlib, json, pathlib, re, sys
try:
    from blake3 import blake3
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
except ImportError as e:
    sys.exit(f"{e}\n{__doc__}\nGet them: python3 -m venv venv && venv/bin/pip install blake3 cryptography")

def need(holds, what):
    if not holds: raise ValueError(what)
    return holds

def signed_by(public, signature, message):
    Ed25519PublicKey.from_public_bytes(base64.b64decode(public)).verify(base64.b64decode(signature), message)

def rotated(key, key_id, node, data):
    statement = f"remediator key rotation v1\n{node}\n{data['public_key']}".encode()
    need(data["retires"] == key_id(key), "it retires another key")
    signed_by(data["public_key"], data["possession"], statement)
    return data["public_key"]

def verify(folder):
    seq, prev, node, key = 0, "0" * 64, None, None
    run, first, length = blake3(), 0, 0
    integer = lambda text: int(need(len(text) < 18 and abs(int(text)) < 2**53 and text, "integer too large"))
    key_id = lambda public: hashlib.sha256(base64.b64decode(public)).hexdigest()[:16]
    name, byte = "base", 0
    minimum, base = 0, None
    try:
        if (folder / "base").exists():  # older entries were pruned: keys and the hash to go on from are kept there
            base = json.loads((folder / "base").read_bytes())
            for line in map(str.encode, base["lines"]):
                entry = json.loads(line, parse_int=integer, parse_float=integer, parse_constant=integer)
                data, kind, node = entry["data"], entry["kind"], node or entry["node"]
                if key is None: key = need(kind == "journal.genesis" and data["node"] == node and data["public_key"], "no genesis")
                need(entry["node"] == node and entry["seq"] < base["minimum"], "not a line from below the minimum")
                signed_by(key, entry["sig"], line[: line.rindex(b',"sig":"')] + b"}")
                if kind == "journal.key_rotated": key = rotated(key, key_id, node, data)
            minimum = seq = first = base["minimum"]
            prev, name = base["hash"], ""
        for file in sorted(p for p in folder.iterdir() if re.fullmatch(r"\d{20}\.ndjson", p.name)):
            if int(file.name[:20]) < minimum: continue
            name, byte, lines = file.name, 0, re.sub(rb"\n+\Z", b"\n", file.read_bytes()).split(b"\n")
            need(int(name[:20]) == seq, "a segment is missing")
            for line in lines[:-1]:
                entry = json.loads(line, parse_int=integer, parse_float=integer, parse_constant=integer)
                strict = json.dumps(entry, ensure_ascii=False, separators=(",", ":")).encode()
                need(strict == line and len(line) <= 65535, "not the strict form")
                need(" ".join(entry) == "v seq time mono boot node kind kv incident cause data synced prev key sig"
                     and (entry["v"], entry["seq"]) == (1, seq), "not the entry that stands here")
                data, kind, node = entry["data"], entry["kind"], node or entry["node"]
                need(entry["prev"] == prev and entry["node"] == node, "it does not follow from the entry before")
                need(all(n is None or isinstance(n, dict) or n < seq for n in (entry["synced"], entry["cause"])), "too late")
                need((kind == "journal.genesis") == (seq == 0) and (byte or kind in ("journal.genesis", "journal.segment_opened")),
                     "not what a journal or segment begins with")
                if seq == 0: key = need(data["format"] == 1 and data["node"] == node and data["public_key"], "another format")
                signed = line[: line.rindex(b',"sig":"')] + b"}"
                need(entry["key"] == key_id(key) and len(entry["sig"]) == 88, "it is not signed with the key in force")
                signed_by(key, entry["sig"], signed)
                if kind == "journal.segment_opened":
                    said = [data["previous_" + part] for part in ("first", "last", "bytes", "blake3")]
                    need(said[1] == seq - 1 and (said == [first, seq - 1, length, run.hexdigest()] or 0 < seq == minimum),
                         "the run before was changed")
                    run, first, length = blake3(), seq, 0
                if kind == "journal.key_rotated": key = rotated(key, key_id, node, data)
                if base and base["entry"] == seq:
                    kept = blake3("".join(line + "\n" for line in base["lines"]).encode()).hexdigest()
                    need(kind == "journal.pruned" and data["kept"] == kept
                         and all(data[name] == base[name] for name in ("minimum", "hash", "state", "fold_version")), "the base is another")
                    base = None
                prev = blake3(signed, derive_key_context="remediator 2026 journal entry v1").hexdigest()
                run.update(line + b"\n")
                seq, byte, length = seq + 1, byte + len(line) + 1, length + len(line) + 1
            need(lines[-1] == b"", "the last line does not end")
        need(base is None, "no entry says that the journal was pruned to here")
        notes = [json.loads((folder / n).read_bytes()) for n in ("MANIFEST.json", "head") if (folder / n).exists()]
        need(seq > minimum and all(seq > note.get("head", note)["seq"] for note in notes), "entries are missing at the end")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, InvalidSignature) as e:
        return f"BAD seq {seq} at byte {byte} of {name}: {str(e) or 'its signature does not hold'}"
    return f"OK {seq} entries, head {prev}" + (f", from {minimum} on" if minimum else "")

if __name__ == "__main__":
    if len(sys.argv) != 2 or not pathlib.Path(sys.argv[1]).is_dir(): sys.exit(__doc__)
    print(result := verify(pathlib.Path(sys.argv[1])))
    sys.exit(0 if result.startswith("OK") else 5)
