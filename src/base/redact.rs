//! Redaction (RM-47): what looks like a secret, an e-mail or a postal address is replaced before text from
//! outside becomes an entry or a blob. Hosts, targets and unit names stay. Linear in the length of the text,
//! and idempotent: redacting twice is redacting once.
//! Not for keeping known secrets: those are `base::secret::Secret` and never become text.

use std::borrow::Cow;
use std::sync::{LazyLock, OnceLock};

use regex::{Captures, Regex, RegexSet};

/// What stands where something was taken out.
pub const MARK: &str = "[redacted]";

/// Text with everything that looks like a secret or a personal address taken out.
pub fn redact(text: &str) -> Cow<'_, str> {
    let mut out = Cow::Borrowed(text);
    // Taking one thing out may join what stood around it into another: until nothing changes, which needs two
    // passes nearly always; the bound keeps the work linear whatever the text.
    for _ in 0..PASSES_MAX {
        match pass(&out) {
            Some(changed) => out = Cow::Owned(changed),
            None => break,
        }
    }
    out
}

const PASSES_MAX: usize = 16;

/// All rules once; none when nothing changes.
fn pass(text: &str) -> Option<String> {
    if nothing_fits(text) {
        return None;
    }
    let mut out = Cow::Borrowed(text);
    for rule in RULES.iter() {
        let replaced =
            rule.regex().map(|regex| regex.replace_all(&out, |found: &Captures| (rule.replace)(found)));
        if let Some(Cow::Owned(changed)) = replaced {
            out = Cow::Owned(changed);
        }
    }
    (out != text).then(|| out.into_owned())
}

/// Whether what stands under this name is a secret whatever it looks like: `db_password`, but not `TOKEN_FILE`.
pub fn is_secret_name(name: &str) -> bool {
    let taken_out = pass(&format!("{name}=x"));
    taken_out.is_some_and(|text| text == format!("{name}={MARK}"))
}

/// The names of the rules that find something, for people who wrote it into a file.
pub fn findings(text: &str) -> Vec<&'static str> {
    let mut names = Vec::new();
    if nothing_fits(text) {
        return names;
    }
    for rule in RULES.iter() {
        let changes = |found: Captures| (rule.replace)(&found) != found[0];
        if rule.regex().is_some_and(|regex| regex.captures_iter(text).any(changes)) {
            names.push(rule.name);
        }
    }
    names
}

struct Rule {
    name: &'static str,
    pattern: String,
    /// Compiled when something may fit: that takes longer than reading most texts.
    compiled: OnceLock<Option<Regex>>,
    replace: fn(&Captures) -> String,
}

impl Rule {
    fn regex(&self) -> Option<&Regex> {
        self.compiled.get_or_init(|| Regex::new(&self.pattern).ok()).as_ref()
    }
}

fn rule(name: &'static str, pattern: &str, replace: fn(&Captures) -> String) -> Rule {
    Rule { name, pattern: narrow(pattern), compiled: OnceLock::new(), replace }
}

/// What `\w` stands for within a class: letters of Latin scripts, also taken apart into letter and accent, and digits.
const WORD: &str = r"0-9A-Za-z_\u{C0}-\u{24F}\u{300}-\u{36F}\u{1E00}-\u{1EFF}";

/// The classes and boundaries of a pattern without all that Unicode calls a letter, a digit or a blank: with it they take
/// longer to compile than everything else that a short command does. `\w` and `\s` are written within classes only.
fn narrow(pattern: &str) -> String {
    let narrow = pattern.replace(r"\b", r"(?-u:\b)").replace(r"\d", "[0-9]");
    narrow.replace(r"\s", r" \t\r\n\x0b\x0c").replace(r"\w", WORD)
}

fn whole(_: &Captures) -> String {
    MARK.to_owned()
}

/// Keeps group 1 (what the value is called) and puts the mark in place of the rest.
fn keep_name(found: &Captures) -> String {
    format!("{}{MARK}", &found[1])
}

/// `bearer certificates` is prose: a token has a digit or is long.
fn bearer(found: &Captures) -> String {
    let token = found[2].len() >= 24 || found[2].bytes().any(|b| b.is_ascii_digit());
    if token { keep_name(found) } else { found[0].to_owned() }
}

/// `name=value`: keeps the name and the quotes; `TOKEN_FILE=/run/x` only says where a secret is.
fn assignment(found: &Captures) -> String {
    let name = found[1].trim_end_matches([' ', '\t', ':', '=', '"', '\'']).to_ascii_lowercase();
    if ["_file", "-file", "_path", "-path"].iter().any(|end| name.ends_with(end)) {
        return found[0].to_owned();
    }
    match found[2].chars().next() {
        Some(quote @ ('"' | '\'')) => format!("{}{quote}{MARK}{quote}", &found[1]),
        _ => format!("{}{MARK}", &found[1]),
    }
}

/// systemd instances (`getty@tty1.service`) and `git@host` look like e-mail addresses and name targets.
fn email(found: &Captures) -> String {
    const UNITS: [&str; 11] = [
        "service",
        "socket",
        "timer",
        "mount",
        "automount",
        "target",
        "slice",
        "scope",
        "path",
        "swap",
        "device",
    ];
    let address = &found[0];
    let last = address.rsplit('.').next().unwrap_or_default();
    if UNITS.contains(&last) || address.starts_with("git@") { address.to_owned() } else { MARK.to_owned() }
}

// Every pattern is a constant that a test compiles.
static RULES: LazyLock<Vec<Rule>> = LazyLock::new(all_rules);

/// All patterns at once: nearly every text is plain, and asking each rule would take twenty searches.
static ANY: LazyLock<Option<RegexSet>> =
    LazyLock::new(|| RegexSet::new(RULES.iter().map(|rule| &rule.pattern)).ok());

fn nothing_fits(text: &str) -> bool {
    ANY.as_ref().is_some_and(|any| !any.is_match(text))
}

fn all_rules() -> Vec<Rule> {
    let secret_name = r"(?:[a-z0-9_.-]*(?:passwords?|passwd|passphrase|pwd|secrets?|tokens?|api[_-]?keys?|access[_-]?keys?|private[_-]?keys?|credentials?)[a-z0-9_-]*)";
    vec![
        rule(
            "private key",
            r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----(?s:.*?)(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|\z)",
            whole,
        ),
        rule("authorization", r"(?i)(\b(?:proxy-)?authorization[\x22']?[ \t]*[:=][ \t]*)[^\r\n]*", keep_name),
        rule("cookie", r"(?i)(\b(?:set-)?cookie[ \t]*:[ \t]*)[^\r\n]*", keep_name),
        rule("bearer token", r"(?i)(\bbearer[ \t]+)([a-z0-9._~+/-]{8,}=*)", bearer),
        rule("URL password", r"(\b[A-Za-z][A-Za-z0-9+.-]*://)[^\s/?#@]+@", |f| format!("{}{MARK}@", &f[1])),
        rule("AWS key", r"\b(?:AKIA|ASIA|AGPA|AIDA|AROA|ANPA)[A-Z0-9]{16}\b", whole),
        rule("GitHub token", r"\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,})", whole),
        rule("GitLab token", r"\bglpat-[A-Za-z0-9_-]{16,}", whole),
        rule(
            "Slack token",
            r"\bxox[a-z]-[A-Za-z0-9-]{8,}|https://hooks\.slack\.com/services/[A-Za-z0-9/_-]+",
            whole,
        ),
        rule("API key", r"\b(?:sk|pk|rk)[-_][A-Za-z0-9_-]{16,}", whole),
        rule("Google key", r"\bAIza[A-Za-z0-9_-]{30,}", whole),
        rule("web token", r"\beyJ[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*)?", whole),
        rule("age key", r"\bAGE-SECRET-KEY-1[A-Z0-9]{20,}", whole),
        rule(
            "value of a secret name",
            &format!(r#"(?i)(\b{secret_name}["']?[ \t]*[:=][ \t]*)("[^"\r\n]*"|'[^'\r\n]*'|[^\s,;&"'}})]+)"#),
            assignment,
        ),
        rule("secret option", &format!(r#"(?i)(--?{secret_name}[ \t]+)([^\s\-"'][^\s"']*)"#), assignment),
        rule("e-mail address", r"\b[A-Za-z0-9._%+-]+@(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,24}\b", email),
        rule(
            "postal address",
            r"\b\d{1,5}[a-z]?,? (?:[A-Z][\w.'-]* ){1,4}(?:Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Square|Sq|Terrace|Highway|Hwy|Parkway|Pkwy|Way|Place|Pl)\b\.?(?:,? (?:Apt|Suite|Unit|#)\.? ?[\w]+)?(?:, [A-Z][\w .'-]{1,40})?(?:,? [A-Z]{2},? \d{5}(?:-\d{4})?)?",
            whole,
        ),
        rule(
            "postal address",
            r"(?:\b[A-Z]|[ÄÖÜ])[\wäöüß.-]*(?:straße|strasse|str\.|weg|platz|allee|gasse|ufer|damm|ring|laan|straat|plein) \d{1,4} ?[a-z]?\b(?:, (?:[A-Z]{1,2}-)?\d{4,5} [A-ZÄÖÜ][\wäöüß-]+)?",
            whole,
        ),
        rule(
            "postal address",
            r"\b\d{1,4}(?: ?(?:bis|ter))?,? (?:rue|avenue|boulevard|place|chemin|allée|impasse|quai|route) (?:de |du |des |d'|la |l'|le |les )*[A-ZÉÈÀ][\wéèàêçôî'-]+(?:, \d{5} [A-ZÉÈÀ][\wéèàêçôî-]+)?",
            whole,
        ),
        rule("postal address", r"(?i)\bp\.? ?o\.? box \d+\b", whole),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_rule_compiles() {
        assert!(all_rules().iter().all(|rule| rule.regex().is_some()) && ANY.is_some());
    }

    #[test]
    fn secrets_and_addresses_go() {
        let cases = [
            ("password=hunter2 host=db1", "password=[redacted] host=db1"),
            (r#"{"api_key": "abc def", "n": 1}"#, r#"{"api_key": "[redacted]", "n": 1}"#),
            ("DB_PASSWORD='x y' run", "DB_PASSWORD='[redacted]' run"),
            ("tool --password hunter2 -v", "tool --password [redacted] -v"),
            ("Authorization: Bearer abc.def-ghi\nHost: web1", "Authorization: [redacted]\nHost: web1"),
            ("sent bearer abcdefgh1234", "sent bearer [redacted]"),
            ("get https://me:pw@db1.example:5432/x", "get https://[redacted]@db1.example:5432/x"),
            ("key AKIAIOSFODNN7EXAMPLE!", "key [redacted]!"),
            ("ghp_0123456789abcdefghijABCDEFGHIJ012345", "[redacted]"),
            ("github_pat_11ABCDEFG0abcdefghijkl_mn", "[redacted]"),
            ("xoxb-1234567890-abcdef", "[redacted]"),
            ("sk-proj-abcdefghijklmnop1234", "[redacted]"),
            ("eyJhbGciOi.eyJzdWIiOi.SflKxwRJ", "[redacted]"),
            (
                "a -----BEGIN OPENSSH PRIVATE KEY-----\nAAA\n-----END OPENSSH PRIVATE KEY----- b",
                "a [redacted] b",
            ),
            ("-----BEGIN RSA PRIVATE KEY-----\ncut off", "[redacted]"),
            ("mail ann.lee+x@mail.example.org now", "mail [redacted] now"),
            ("lives at 123 Main Street, Springfield, IL 62704.", "lives at [redacted]."),
            ("Hauptstraße 12a, 10115 Berlin", "[redacted]"),
            ("12 Nguyễn Street", "[redacted]"),
            ("5 Mu\u{308}ller Street", "[redacted]"),
            ("in der Äußeren Ölmühlenstraße 5", "in der Äußeren [redacted]"),
            ("éghp_0123456789abcdefghijABCDEFGHIJ012345", "é[redacted]"),
            ("12 rue de Rivoli, 75001 Paris", "[redacted]"),
            ("P.O. Box 77", "[redacted]"),
        ];
        for (text, wanted) in cases {
            assert_eq!(redact(text), wanted);
            assert!(!findings(text).is_empty());
            assert!(findings(wanted).is_empty(), "{wanted}: {:?}", findings(wanted));
        }
    }

    #[test]
    fn hosts_targets_and_plain_words_stay() {
        for text in [
            "web-01.example.org:8080 answered 503",
            "http://127.0.0.1:8855/livez",
            "getty@tty1.service failed",
            "git@github.com:org/repo.git",
            "service/web on db1, exit 7, took 120 ms",
            "10.0.0.7 lost 3 of 5 packets; /var/lib/web/data.json is 12 bytes",
            "the fencing token is 7",
            "TOKEN_FILE=/run/credentials/x is missing; the bearer certificates differ",
            "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        ] {
            assert_eq!(redact(text), text);
            assert!(matches!(redact(text), Cow::Borrowed(_)));
        }
    }

    #[test]
    fn names_of_secrets_are_known_without_their_value() {
        for name in ["password", "db.password", "DB_PASSWORD", "api-key", "access_key_id", "client_secret"] {
            assert!(is_secret_name(name), "{name}");
        }
        for name in ["status", "latency_ms", "TOKEN_FILE", "key", "path", "", "x y", "a=b", "password=y z"] {
            assert!(!is_secret_name(name), "{name}");
        }
    }

    fn piece() -> impl Strategy<Value = String> {
        prop_oneof![
            "[ -~\n]{0,12}",
            Just("password=".to_owned()),
            Just("token: ".to_owned()),
            Just("\"".to_owned()),
            Just("'".to_owned()),
            Just("--secret ".to_owned()),
            Just("Authorization: ".to_owned()),
            Just("Bearer ".to_owned()),
            Just("https://".to_owned()),
            Just("@".to_owned()),
            Just("ann@example.org".to_owned()),
            Just("AKIAIOSFODNN7EXAMPLE".to_owned()),
            Just("sk-abcdefghijklmnop1234".to_owned()),
            Just("eyJhbGciOi.eyJzdWIiOi.SflKxwRJ".to_owned()),
            Just("12 Main Street, Town".to_owned()),
            Just("-----BEGIN PRIVATE KEY-----".to_owned()),
            Just("-----END PRIVATE KEY-----".to_owned()),
            Just(MARK.to_owned()),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn redacting_twice_is_redacting_once(pieces in prop::collection::vec(piece(), 0..10)) {
            let text = pieces.concat();
            let once = redact(&text).into_owned();
            prop_assert_eq!(redact(&once), once.as_str());
        }

        #[test]
        fn a_planted_secret_is_gone(before in "[a-z ]{0,20}", value in "[A-Za-z0-9]{12,30}", after in "[a-z ]{0,20}") {
            let text = format!("{before} token={value} {after}");
            let redacted = redact(&text);
            prop_assert!(!redacted.contains(&value), "{}", redacted);
        }
    }
}
