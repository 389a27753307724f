//! Strict YAML: one document, no duplicate or unknown keys, no anchors, aliases, merges or tags, bounded, and
//! every error with its place. Anchors are refused because a reviewer must see in a line what it says.
//! Not for what the values mean: that is `checks`.

use std::collections::BTreeMap;

use serde::de::{DeserializeOwned, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Error, Spanned};

use crate::base::limits::CONTENT_BYTES_MAX;

use super::model::Action;
use super::problem::{Problem, Source, likely};

/// Line and column of every value, by its path (`steps[0].run.argv[1]`; the document is the empty path).
#[derive(Debug, Clone, Default)]
pub struct Positions(BTreeMap<String, (u64, u64)>);

impl Positions {
    /// Where the value at `path` stands; for one that is not written, its nearest parent.
    pub fn of(&self, path: &str) -> (u64, u64) {
        let mut path = path;
        loop {
            if let Some(at) = self.0.get(path) {
                return *at;
            }
            match path.rfind(['.', '[']) {
                Some(cut) => path = &path[..cut],
                None => return self.0.get("").copied().unwrap_or((1, 1)),
            }
        }
    }
}

/// Any YAML value with the place of everything in it.
#[derive(Debug)]
enum Node {
    Text(String),
    /// A value that is no text: as such it is nobody's `id` or `kind`.
    Other,
    List(Vec<Spanned<Node>>),
    Map(Vec<(String, Spanned<Node>)>),
}

impl<'de> serde::Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Node;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a YAML value")
            }
            fn visit_bool<E>(self, _: bool) -> Result<Node, E> {
                Ok(Node::Other)
            }
            fn visit_i64<E>(self, _: i64) -> Result<Node, E> {
                Ok(Node::Other)
            }
            fn visit_u64<E>(self, _: u64) -> Result<Node, E> {
                Ok(Node::Other)
            }
            fn visit_i128<E>(self, _: i128) -> Result<Node, E> {
                Ok(Node::Other)
            }
            fn visit_u128<E>(self, _: u128) -> Result<Node, E> {
                Ok(Node::Other)
            }
            fn visit_f64<E>(self, _: f64) -> Result<Node, E> {
                Ok(Node::Other)
            }
            fn visit_str<E>(self, value: &str) -> Result<Node, E> {
                Ok(Node::Text(value.to_owned()))
            }
            fn visit_unit<E>(self) -> Result<Node, E> {
                Ok(Node::Other)
            }
            fn visit_none<E>(self) -> Result<Node, E> {
                Ok(Node::Other)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element()? {
                    items.push(item);
                }
                Ok(Node::List(items))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Node::Map(entries))
            }
        }
        d.deserialize_any(Reader)
    }
}

/// A document before it has a type: its `kind`, if it says one, and where everything stands.
#[derive(Debug)]
pub struct Outline {
    /// The value of the key `kind` at the top.
    pub kind: Option<String>,
    /// The value of the key `id` at the top, for naming a file that is wrong further down.
    pub id: Option<String>,
    /// Where everything stands.
    pub positions: Positions,
}

/// Reads the shape of a document.
pub fn outline(source: Source<'_>) -> Result<Outline, Problem> {
    let root: Spanned<Node> = from_text(source)?;
    let scalar = |name: &str| match &root.value {
        Node::Map(entries) => entries.iter().find(|(key, _)| key == name).and_then(|(_, v)| match &v.value {
            Node::Text(text) => Some(text.clone()),
            _ => None,
        }),
        _ => None,
    };
    let (kind, id) = (scalar("kind"), scalar("id"));
    let mut positions = Positions::default();
    place(&root, String::new(), &mut positions);
    Ok(Outline { kind, id, positions })
}

/// What a document says of itself in its first keys.
#[derive(Debug, PartialEq, Eq)]
pub struct Head {
    /// The value of the key `kind` at the top.
    pub kind: String,
    /// The value of the key `id` at the top.
    pub id: String,
}

/// Reads a document only until it has said its `kind` and its `id`; none where it does not say both.
/// A document that has one is not for that sound further down.
pub fn head(text: &str) -> Option<Head> {
    use granit_parser::Event;
    let (mut depth, mut key, mut kind, mut id) = (0_usize, None, None, None);
    for event in granit_parser::Parser::new_from_str(text).map_while(Result::ok) {
        match event.0 {
            Event::MappingStart(..) | Event::SequenceStart(..) => {
                key = None;
                depth += 1;
            }
            Event::MappingEnd | Event::SequenceEnd => depth = depth.checked_sub(1)?,
            Event::Scalar(word, ..) if depth == 1 => match key.take() {
                None => key = Some(word),
                Some(name) if name == "kind" => kind = kind.or(Some(word)),
                Some(name) if name == "id" => id = id.or(Some(word)),
                Some(_) => {}
            },
            Event::Alias(_) => key = None,
            _ => {}
        }
        if let (Some(kind), Some(id)) = (&kind, &id) {
            return Some(Head { kind: kind.to_string(), id: id.to_string() });
        }
    }
    None
}

fn place(node: &Spanned<Node>, path: String, positions: &mut Positions) {
    match &node.value {
        Node::Text(_) | Node::Other => {}
        Node::List(items) => {
            for (index, item) in items.iter().enumerate() {
                place(item, format!("{path}[{index}]"), positions);
            }
        }
        Node::Map(entries) => {
            for (key, value) in entries {
                let below = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                place(value, below, positions);
            }
        }
    }
    positions.0.insert(path, (node.referenced.line(), node.referenced.column()));
}

/// Reads a document into its type.
pub fn typed<T: DeserializeOwned>(source: Source<'_>) -> Result<T, Problem> {
    from_text(source)
}

fn from_text<T: DeserializeOwned>(source: Source<'_>) -> Result<T, Problem> {
    let read = serde_saphyr::from_str_with_options(source.text, options());
    let read = read.map_err(|error| problem(source, &error))?;
    match otherwise_read(source.text) {
        Some((at, what, help)) => Err(source.problem(at, "yaml", what.into()).with_help(help)),
        None => Ok(read),
    }
}

const TAG: &str = "leave it out: a value is what it looks like, and quotes make it text";
const NUMBER: &str = "write plain decimal digits for a number, or quotes around text";

/// The first value that this reader takes and others may read differently: one with a tag, a number that only some know.
fn otherwise_read(text: &str) -> Option<((u64, u64), &'static str, &'static str)> {
    use granit_parser::{Event, ScalarStyle};
    let events = granit_parser::Parser::new_from_str(text).map_while(Result::ok);
    events
        .filter_map(|(event, span)| {
            let (what, help) = match event {
                Event::Scalar(.., Some(_))
                | Event::SequenceStart(.., Some(_))
                | Event::MappingStart(.., Some(_)) => ("a tag (`!name`) stands here", TAG),
                Event::Scalar(value, ScalarStyle::Plain, ..) if is_odd_number(&value) => {
                    ("readers of YAML do not agree what this is", NUMBER)
                }
                _ => return None,
            };
            Some(((span.start.line() as u64, span.start.col() as u64 + 1), what, help))
        })
        .next()
}

/// YAML 1.1 has `1_000`, `0x1f`, `0b1` and `12:30` (in sixties) as numbers, YAML 1.2 has `0o17`.
fn is_odd_number(plain: &str) -> bool {
    let digits = plain.trim_start_matches(['+', '-']);
    let all = |text: &str, also: &[char]| {
        text.starts_with(|c: char| c.is_ascii_digit())
            && text.chars().all(|c| c.is_ascii_digit() || also.contains(&c))
    };
    let based = |prefix: &str| {
        let rest = digits.strip_prefix(prefix).unwrap_or_default();
        !rest.is_empty() && rest.chars().all(|c| c.is_ascii_hexdigit() || c == '_')
    };
    let sixties = digits.split(':').skip(1).all(|part| part.len() <= 2 && part < "6");
    (digits.contains('_') && all(digits, &['_', '.']))
        || ["0x", "0o", "0b"].into_iter().any(based)
        || (digits.contains(':') && all(digits, &[':']) && sixties)
}

fn options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_reader_input_bytes: Some(CONTENT_BYTES_MAX),
            max_total_scalar_bytes: CONTENT_BYTES_MAX,
            max_nodes: 20_000,
            max_events: 60_000,
            max_depth: 32,
            max_documents: 1,
            max_aliases: 0,
            max_anchors: 0,
            max_merge_keys: 0,
        },
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        reject_unsupported_tags: true,
        reject_tagged_field_names: true,
        merge_keys: serde_saphyr::options::MergeKeyPolicy::Error,
        with_snippet: false,
    }
}

fn problem(source: Source<'_>, error: &Error) -> Problem {
    let error = error.without_snippet();
    let at = error.location().map_or((0, 0), |l| (l.line(), l.column()));
    let (message, help) = match error {
        Error::SerdeUnknownField { field, expected, .. } => {
            (format!("unknown key `{field}`"), one_of(field, expected))
        }
        Error::SerdeUnknownVariant { variant, expected, .. } => {
            (format!("unknown word `{variant}`"), one_of(variant, expected))
        }
        Error::SerdeMissingField { field, .. } => {
            let message = format!("the key `{field}` is missing");
            return source.problem(beginning(source.text, at), "yaml", message).with_help(BESIDE);
        }
        Error::DuplicateMappingKey { key: Some(key), .. } => {
            (format!("the key `{key}` stands here a second time"), Some("keep one of them".into()))
        }
        Error::Budget { .. } | Error::AliasError { .. } => (over_budget(&plain(error)), Some(PLAIN.into())),
        other => match plain(other) {
            text if text.contains("recursion limit") => ("nested too deeply".into(), Some(PLAIN.into())),
            text if text.contains("sequence start") => ("a list is expected here".into(), Some(LIST.into())),
            text => match tab_at(source.text, at.0) {
                Some(tab) => return source.problem(tab, "yaml", TAB.into()).with_help("indent with blanks"),
                None => (text, None),
            },
        },
    };
    let problem = source.problem(at, "yaml", message);
    Problem { help, ..problem }
}

const PLAIN: &str = "content files are plain: no anchors or aliases, at most 1 MiB, 20,000 nodes, 32 levels";

const LIST: &str = "write [a, b]; an `argv` such as [/usr/bin/systemctl, restart, web] has one element for each \
                    argument, and there is no shell";

const BESIDE: &str = "write it beside the keys that begin here";

/// Where the keys begin of which the reader names the last. Those in `{}` stay where they are.
fn beginning(text: &str, at: (u64, u64)) -> (u64, u64) {
    let column = usize::try_from(at.1.saturating_sub(1)).unwrap_or(0);
    let indent = |line: &str| line.len() - line.trim_start_matches(' ').len();
    let is_key =
        |line: &str| indent(line) == column && !line.trim().is_empty() && !line[column..].starts_with('#');
    // The first key of a list's element stands behind its dash.
    let is_first = |line: &str| line.get(..column).is_some_and(|before| before.trim() == "-");
    let mut found = at;
    let upwards: Vec<(u64, &str)> = (1..=at.0).zip(text.lines()).collect();
    for (number, line) in upwards.into_iter().rev() {
        if is_first(line) {
            return (number, at.1);
        }
        if is_key(line) {
            found.0 = number;
        } else if number == at.0 || indent(line) < column && !line.trim().is_empty() {
            break;
        }
    }
    found
}

const TAB: &str = "a tab stands in the indentation, where YAML allows only blanks";

/// A tab in the indentation of the line of an error or the one after it, which the reader has not told.
fn tab_at(text: &str, line: u64) -> Option<(u64, u64)> {
    let first = line.max(1);
    let skipped = usize::try_from(first - 1).ok()?;
    let lines = (first..).zip(text.lines().skip(skipped).take(2));
    let tab = |line: &str| {
        let indent = line.len() - line.trim_start_matches([' ', '\t']).len();
        line[..indent].find('\t')
    };
    lines.filter_map(|(number, line)| Some((number, tab(line)? as u64 + 1))).next()
}

/// The reader names the budget in its own words; people have typed an anchor.
fn over_budget(text: &str) -> String {
    let words = [
        ("Anchors", "an anchor (`&name`) stands here"),
        ("Alias", "an alias (`*name`) stands here"),
        ("Merge", "a merge (`<<`) stands here"),
        ("Depth", "nested too deeply"),
        ("Nodes", "too many values"),
        ("Events", "too many values"),
        ("Documents", "a second document begins here"),
    ];
    let known = words.iter().find(|(word, _)| text.contains(word));
    known.map_or_else(|| text.to_owned(), |(_, said)| (*said).to_owned())
}

fn one_of(word: &str, expected: &[&'static str]) -> Option<String> {
    if word == "timeout" && expected == Action::WORDS {
        return Some("leave it out: an undo has the time that its step has".to_owned());
    }
    if let Some(near) = likely(word, expected.iter().copied()) {
        return Some(format!("did you mean `{near}`?"));
    }
    (!expected.is_empty()).then(|| format!("known here: {}", expected.join(", ")))
}

/// The message without the place, which the problem shows itself.
fn plain(error: &Error) -> String {
    let options = serde_saphyr::render_options! { snippets: serde_saphyr::SnippetMode::Off };
    let text = error.render_with_options(options);
    let cut = text.rfind(" at line ").unwrap_or(text.len());
    text[..cut].lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only the errors are looked at")]
    struct Small {
        title: String,
        flag: Option<bool>,
        inner: Option<Box<Small>>,
        lists: Option<Vec<Vec<String>>>,
    }

    fn refuse(text: &str) -> Problem {
        let source = Source { file: "f.yaml", text };
        typed::<Small>(source).map(|_| ()).and_then(|()| outline(source).map(|_| ())).expect_err(text)
    }

    #[test]
    fn each_error_names_its_place_and_the_likely_word() {
        let wrong = refuse("title: x\ninner:\n  title: y\n  flga: true\n");
        assert_eq!((wrong.line, wrong.column, wrong.message.as_str()), (4, 3, "unknown key `flga`"));
        assert_eq!(wrong.help.as_deref(), Some("did you mean `flag`?"));
        let twice = refuse("title: x\ntitle: y\n");
        assert_eq!((twice.line, twice.message.contains("second time")), (2, true), "{twice}");
        let missing = refuse("flag: true\n");
        assert!(missing.message.contains("`title` is missing"), "{missing}");
        let place = |text: &str| (refuse(text).line, refuse(text).column);
        assert_eq!(place("# why\nflag: true\nlists:\n  - [a]\n# end\ninner: {title: x}\n"), (2, 1));
        assert_eq!(place("title: x\ninner:\n  flag: true\n\n  lists:\n    - [a]\n"), (3, 3));
        assert_eq!(place("title: x\ninner: {flag: true}\n").0, 2);
        assert!(refuse("title: x\nflag: yes\n").line == 2);
        let string = refuse("title: x\nlists: a b\n");
        assert!(string.to_string().contains("there is no shell"), "{string}");
        let tab = refuse("title: x\ninner:\n\ttitle: y\n");
        assert_eq!((tab.line, tab.column, tab.help.as_deref()), (3, 1, Some("indent with blanks")), "{tab}");
        assert!(refuse("title: [x\n").line >= 1);
        assert!(refuse("title: x\n---\ntitle: y\n").to_string().contains("document"));
    }

    #[test]
    fn anchors_aliases_merges_tags_and_bombs_are_refused() {
        for text in [
            "title: &a x\n",
            "title: &a x\ninner: {title: *a}\n",
            "title: x\ninner: {<<: {title: y}}\n",
            "title: !secret x\n",
            "title: !!str x\n",
            "title: x\nlists: !!seq [[a]]\n",
            "title: x\ninner: !!map {title: y}\n",
            "!x title: x\n",
        ] {
            let problem = refuse(text);
            assert!(problem.line >= 1, "{problem}");
            assert!(!problem.message.contains('{'), "{problem}");
        }
        let mut bomb = String::from("title: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
        for n in 1..12 {
            bomb.push_str(&format!("k{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 10].join(",")));
        }
        refuse(&bomb);
        refuse(&format!("title: x\nlists: {}{}\n", "[".repeat(5_000), "]".repeat(5_000)));
        refuse(&format!("title: x\nlists: [{}]\n", "[],".repeat(30_000)));
    }

    #[test]
    fn numbers_that_readers_read_differently_are_refused() {
        for odd in ["3_0", "0x1f", "0o17", "0b1", "12:30", "-1_000", "1:2:3"] {
            let problem = refuse(&format!("title: {odd}\n"));
            assert_eq!((problem.line, problem.column), (1, 8), "{odd}: {problem}");
            assert!(
                typed::<Small>(Source { file: "f", text: &format!("title: '{odd}'\n") }).is_ok(),
                "{odd}"
            );
        }
        for plain in
            ["30", "a_1", "8080:8080", "1.5", "2026-11-27", "12:90", "0xyz", "10s", "v1_0", "127.0.0.1:80"]
        {
            assert!(!is_odd_number(plain), "{plain}");
        }
    }

    #[test]
    fn positions_are_found_by_path() {
        let text = "title: x\nlists:\n  - [a, b]\n  - [c]\n";
        let outline = outline(Source { file: "f", text }).expect("outline");
        assert_eq!(outline.positions.of("lists[1][0]"), (4, 6));
        assert_eq!(outline.positions.of("lists[0][1].none"), (3, 9));
        assert_eq!(outline.positions.of("absent"), (1, 1));
        assert_eq!(outline.kind, None);
    }

    #[test]
    fn the_head_is_what_the_outline_says() {
        let both = |kind: &str, id: &str| Some(Head { kind: kind.into(), id: id.into() });
        for (text, said) in [
            ("v: 1\nkind: runbook\nid: fix\nrest: [", both("runbook", "fix")),
            (
                "match: {id: a, kind: b}\nlist: [id, x]\nkind: 'service'\nid: \"w\\x65b\"\n",
                both("service", "web"),
            ),
            ("{id: web, kind: sentinel}", both("sentinel", "web")),
            ("? [kind, x]\n: y\nid: web\n", None),
            ("kind: runbook\n", None),
            ("- kind: runbook\n  id: web\n", None),
            ("kind: [id]\nid: x\n", None),
            ("", None),
        ] {
            assert_eq!(head(text), said, "{text}");
            if let Ok(outline) = outline(Source { file: "f", text }) {
                assert_eq!(outline.kind.zip(outline.id).map(|(kind, id)| Head { kind, id }), said, "{text}");
            }
        }
    }
}
