//! `allowed_signers` in the plain OpenSSH format (ssh-keygen(1), ALLOWED SIGNERS): who holds which role.
//! Stricter than OpenSSH where its readings could surprise: no patterns, no certificate authorities, no line
//! without namespaces, one key belongs to one principal. Not for checking signatures (`base::sshsig`).

use std::collections::BTreeMap;

use super::limits::SHOWN_BYTES_MAX;
use super::sshsig::SshPublicKey;
use super::text::shown;

/// One line: a principal's key with its roles and validity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The person.
    pub principal: String,
    /// Namespaces that this key may sign for.
    pub namespaces: Vec<String>,
    /// Not before, Unix µs.
    pub valid_after_us: Option<i64>,
    /// Not from here on, Unix µs.
    pub valid_before_us: Option<i64>,
    /// The key.
    pub key: SshPublicKey,
    /// Line in the file, from 1.
    pub line: usize,
}

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct SignersError {
    /// From 1.
    pub line: usize,
    /// What is wrong and what to write.
    pub problem: String,
}

impl SignersError {
    /// The problem may hold words of the file.
    fn new(line: usize, problem: &str) -> Self {
        Self { line, problem: shown(problem, SHOWN_BYTES_MAX) }
    }
}

/// The file, read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowedSigners {
    grants: Vec<Grant>,
}

/// Whether a key may sign for a namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder<'a> {
    /// It may, for this principal.
    Holds(&'a Grant),
    /// It would, but not at this time.
    OutsideValidity(&'a Grant),
    /// The key is known, without that role.
    OtherRoles(&'a Grant),
    /// Nobody's key.
    Unknown,
}

impl AllowedSigners {
    /// Reads the file; the first wrong line is the error.
    pub fn parse(text: &str) -> Result<Self, SignersError> {
        let mut grants: Vec<Grant> = Vec::new();
        let mut owners: BTreeMap<SshPublicKey, (String, usize)> = BTreeMap::new();
        for (index, raw) in text.lines().enumerate() {
            let line = index + 1;
            let content = raw.trim();
            if content.is_empty() || content.starts_with('#') {
                continue;
            }
            let grant = parse_line(content, line).map_err(|problem| SignersError::new(line, &problem))?;
            let (owner, first) =
                owners.entry(grant.key.clone()).or_insert_with(|| (grant.principal.clone(), line));
            if *owner != grant.principal {
                let problem = format!(
                    "the key of `{owner}` (line {first}) stands here under `{}` too; one key belongs to one principal",
                    grant.principal
                );
                return Err(SignersError::new(line, &problem));
            }
            grants.push(grant);
        }
        Ok(Self { grants })
    }

    /// Every line.
    pub fn grants(&self) -> &[Grant] {
        &self.grants
    }

    /// Whether `key` may sign for `namespace`; `at_us` none = validity is not asked.
    pub fn holder(&self, key: &SshPublicKey, namespace: &str, at_us: Option<i64>) -> Holder<'_> {
        let mut best = Holder::Unknown;
        for grant in self.grants.iter().filter(|g| g.key == *key) {
            if !grant.namespaces.iter().any(|n| n == namespace) {
                if best == Holder::Unknown {
                    best = Holder::OtherRoles(grant);
                }
                continue;
            }
            let early = at_us.zip(grant.valid_after_us).is_some_and(|(at, after)| at < after);
            let late = at_us.zip(grant.valid_before_us).is_some_and(|(at, before)| at >= before);
            if !early && !late {
                return Holder::Holds(grant);
            }
            best = Holder::OutsideValidity(grant);
        }
        best
    }
}

/// A line that gives `principal` these namespaces, as this parser and OpenSSH read it.
pub fn line(principal: &str, namespaces: &[&str], key: &SshPublicKey) -> String {
    format!("{principal} namespaces=\"{}\" {key}", namespaces.join(","))
}

/// Whether a name can be a principal: it is also a file name under `approvals/`.
pub fn is_principal(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= super::limits::NAME_BYTES_MAX
        && !name.starts_with(['.', '-'])
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"@._+-".contains(&b))
        && name != "shipped"
}

fn parse_line(content: &str, line: usize) -> Result<Grant, String> {
    let words = split_words(content)?;
    let key_at = words.iter().position(|w| is_key_type(w)).ok_or("has no key (ssh-ed25519 AAAA…)")?;
    let principal = match words.first() {
        Some(word) if key_at >= 1 => parse_principal(word)?,
        _ => return Err("has no principal before its key".into()),
    };
    if words[key_at] != "ssh-ed25519" {
        return Err(format!("has a key of type {}; only ssh-ed25519 is accepted", words[key_at]));
    }
    let encoded = words.get(key_at + 1).ok_or("has no key after `ssh-ed25519`")?;
    let key = SshPublicKey::parse(&format!("ssh-ed25519 {encoded}")).map_err(|e| e.to_string())?;
    let mut grant =
        Grant { principal, namespaces: Vec::new(), valid_after_us: None, valid_before_us: None, key, line };
    for word in &words[1..key_at] {
        for option in split_options(word) {
            apply_option(&mut grant, option)?;
        }
    }
    if grant.namespaces.is_empty() {
        return Err("lists no roles; write namespaces=\"runbook@remediator,…\" before the key".into());
    }
    Ok(grant)
}

fn is_key_type(word: &str) -> bool {
    ["ssh-", "ecdsa-", "sk-"].iter().any(|p| word.starts_with(p)) && !word.contains(['=', '"'])
}

fn parse_principal(word: &str) -> Result<String, String> {
    let mut names: Vec<&str> = dequoted(word).unwrap_or(word).split(',').collect();
    names.dedup();
    match names[..] {
        [name] if is_principal(name) => Ok(name.to_owned()),
        [name] => Err(format!(
            "`{name}` is not a principal: letters, digits and @ . _ + - (no patterns; `shipped` is taken)"
        )),
        _ => Err(format!("puts one key under several principals ({word}); one key belongs to one principal")),
    }
}

/// Splits at blanks outside double quotes.
fn split_words(text: &str) -> Result<Vec<&str>, String> {
    let (mut words, mut start, mut quoted) = (Vec::new(), None, false);
    for (at, c) in text.char_indices() {
        match c {
            '"' => {
                quoted = !quoted;
                start = start.or(Some(at));
            }
            ' ' | '\t' if !quoted => words.extend(start.take().map(|s| &text[s..at])),
            _ => start = start.or(Some(at)),
        }
    }
    if quoted {
        return Err("has an unclosed double quote".into());
    }
    words.extend(start.map(|s| &text[s..]));
    Ok(words)
}

/// Splits at commas outside double quotes.
fn split_options(word: &str) -> Vec<&str> {
    let mut quoted = false;
    word.split(|c| {
        quoted ^= c == '"';
        c == ',' && !quoted
    })
    .collect()
}

fn apply_option(grant: &mut Grant, option: &str) -> Result<(), String> {
    let (name, value) = option.split_once('=').unwrap_or((option, ""));
    let name = name.to_ascii_lowercase();
    let value = || {
        dequoted(value)
            .ok_or_else(|| format!("has {name}={value}: write its value between two double quotes"))
    };
    let twice = match name.as_str() {
        "namespaces" => !grant.namespaces.is_empty(),
        "valid-after" => grant.valid_after_us.is_some(),
        "valid-before" => grant.valid_before_us.is_some(),
        _ => false,
    };
    if twice {
        return Err(format!("says {name} twice"));
    }
    match name.as_str() {
        "namespaces" => grant.namespaces = parse_namespaces(value()?)?,
        "valid-after" => grant.valid_after_us = Some(parse_time(value()?)?),
        "valid-before" => grant.valid_before_us = Some(parse_time(value()?)?),
        "cert-authority" => return Err("cert-authority is not accepted; list each person's key".into()),
        other => {
            return Err(format!("has the unknown option `{other}` (namespaces, valid-after, valid-before)"));
        }
    }
    Ok(())
}

/// What stands between two double quotes, when nothing else is there.
fn dequoted(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('"')?.strip_suffix('"')?;
    (!inner.contains(['"', '\\'])).then_some(inner)
}

fn parse_namespaces(value: &str) -> Result<Vec<String>, String> {
    let plain =
        |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic() && !b"*?!".contains(&b));
    match value.split(',').all(plain) {
        true => Ok(value.split(',').map(str::to_owned).collect()),
        false => {
            Err(format!("namespaces=\"{value}\": list each role by its name, without patterns or blanks"))
        }
    }
}

/// `YYYYMMDDZ` or `YYYYMMDDHHMM[SS]Z`. Without Z OpenSSH reads local time, which is another one elsewhere.
fn parse_time(text: &str) -> Result<i64, String> {
    let wrong = || format!("`{text}` is not a time; write YYYYMMDDZ or YYYYMMDDHHMMSSZ (Z: in UTC)");
    let digits = text.strip_suffix('Z').ok_or_else(wrong)?;
    if ![8, 12, 14].contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(wrong());
    }
    let padded = format!("{digits:0<14}");
    let timestamp = jiff::civil::DateTime::strptime("%Y%m%d%H%M%S", &padded)
        .and_then(|at| jiff::tz::Offset::UTC.to_timestamp(at))
        .map_err(|_| wrong())?;
    Ok(timestamp.as_microsecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKy8+0B9HqlTKj6xZr8VZxuOlP0m0aeQ4MX/1c7PB2pa";

    fn key() -> SshPublicKey {
        SshPublicKey::parse(KEY).expect("key")
    }

    #[test]
    fn roles_and_validity_are_read() {
        let text = format!(
            "# people\n\nann@example.org namespaces=\"runbook@remediator,trust@remediator\",valid-after=\"20260101Z\" {KEY} a comment\n"
        );
        let signers = AllowedSigners::parse(&text).expect("signers");
        let at = |text: &str| Some(text.parse::<jiff::Timestamp>().expect("time").as_microsecond());
        assert!(
            matches!(signers.holder(&key(), "trust@remediator", at("2026-02-01T00:00:00Z")), Holder::Holds(g) if g.line == 3)
        );
        assert!(matches!(
            signers.holder(&key(), "trust@remediator", at("2025-02-01T00:00:00Z")),
            Holder::OutsideValidity(_)
        ));
        assert!(matches!(signers.holder(&key(), "trust@remediator", None), Holder::Holds(_)));
        assert!(matches!(signers.holder(&key(), "approval@remediator", None), Holder::OtherRoles(_)));
        assert_eq!(AllowedSigners::default().holder(&key(), "x", None), Holder::Unknown);
        let written = line("ann", &["a@b", "c@d"], &key());
        assert_eq!(AllowedSigners::parse(&written).expect("own line").grants()[0].namespaces, ["a@b", "c@d"]);
    }

    #[test]
    fn each_surprise_is_refused_with_its_line() {
        let cases = [
            (format!("ann namespaces=\"a\" {KEY}\nbob namespaces=\"a\" {KEY}"), 2, "one key belongs"),
            (format!("ann,bob namespaces=\"a\" {KEY}"), 1, "several principals"),
            (format!("* namespaces=\"a\" {KEY}"), 1, "not a principal"),
            (format!("../x namespaces=\"a\" {KEY}"), 1, "not a principal"),
            (format!("shipped namespaces=\"a\" {KEY}"), 1, "not a principal"),
            (format!("ann namespaces=\"*\" {KEY}"), 1, "without patterns"),
            (format!("ann {KEY}"), 1, "lists no roles"),
            (format!("ann cert-authority,namespaces=\"a\" {KEY}"), 1, "cert-authority"),
            (format!("ann verify-required {KEY}"), 1, "unknown option"),
            (format!("ann namespaces=\"a {KEY}"), 1, "unclosed"),
            (format!("ann namespaces=\"a\",valid-before=\"20260101\" {KEY}"), 1, "Z"),
            (format!("ann namespaces=\"a\"$,valid-after=\"20260101Z\" {KEY}"), 1, "two double quotes"),
            (format!("ann namespaces=\"a\"b\"c\" {KEY}"), 1, "two double quotes"),
            (format!("ann namespaces=a {KEY}"), 1, "two double quotes"),
            (format!("ann namespaces=\"a\\b\" {KEY}"), 1, "two double quotes"),
            (format!("ann namespaces=\"a,,b\" {KEY}"), 1, "list each role"),
            (format!("ann namespaces=\"a\",namespaces=\"b\" {KEY}"), 1, "twice"),
            (
                format!("ann namespaces=\"a\" valid-after=\"20260101Z\",valid-after=\"20270101Z\" {KEY}"),
                1,
                "twice",
            ),
            (format!("ann\" namespaces=\"a\" x\" {KEY}"), 1, "not a principal"),
            ("ann namespaces=\"a\" ssh-rsa AAAA".into(), 1, "only ssh-ed25519"),
            ("# x\nann".into(), 2, "no key"),
            (format!("{} namespaces=\"a\" {KEY}", "a,\u{1b}[2Jb".repeat(9_000)), 1, "several principals"),
            (KEY.into(), 1, "no principal"),
        ];
        for (text, line, part) in cases {
            let error = AllowedSigners::parse(&text).expect_err(&text);
            assert_eq!(error.line, line, "{text}");
            assert!(error.problem.contains(part), "{text}: {error}");
            assert!(
                error.problem.len() <= SHOWN_BYTES_MAX && !error.problem.contains(char::is_control),
                "{error:?}"
            );
        }
    }
}
