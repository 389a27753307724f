//! The post-mortem as one HTML file: it loads nothing, runs nothing, prints well, and shows whatever others wrote as text.

mod chart;
mod sections;
mod style;

use super::compare::Comparison;
use super::model::*;
use super::span::say;
use super::word;
use crate::context::IncidentState;

/// Text within HTML, also within an attribute.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // What turns the direction of writing could make a line say something else.
            c if crate::base::text::is_invisible(c) => out.push('\u{FFFD}'),
            c => out.push(c),
        }
    }
    out
}

/// A table cell.
enum Cell {
    /// Outside text.
    Text(String),
    /// A number, a time: not broken.
    Plain(String),
    /// A name or digest.
    Code(String),
    /// A word in the colour that says how it is.
    State(String),
    /// What a step does, with what goes with it.
    Action { what: String, beside: Vec<String> },
}

impl Cell {
    fn html(&self) -> String {
        match self {
            Self::Text(text) => format!("<td class=\"w\">{}</td>", escape(text)),
            Self::Plain(text) => format!("<td class=\"n\">{}</td>", escape(text)),
            Self::Code(text) => format!("<td class=\"c\"><code>{}</code></td>", escape(text)),
            Self::State(text) => format!("<td class=\"n\">{}</td>", state(text)),
            Self::Action { what, beside } => {
                let beside: String =
                    beside.iter().map(|b| format!("<br><small>{}</small>", escape(b))).collect();
                format!("<td class=\"w\"><code>{}</code>{beside}</td>", escape(what))
            }
        }
    }
}

/// A word in the colour that says how it is.
fn state(word: &str) -> String {
    let class = match word {
        "healed" | "healthy" | "live" | "succeeded" | "holds" | "delivered" | "recovered_unaided"
        | "chosen" | "good again" => "good",
        "escalated" | "frozen" | "failed" | "refused" | "does not hold" | "bad" | "damaged" | "missing"
        | "failed_partial" | "aborted_deadline" | "critical" | "error" => "bad",
        "open" | "held" | "remediating" | "watching" | "inconclusive" | "unknown" | "waiting" | "warning" => {
            "warn"
        }
        _ => "idle",
    };
    format!("<span class=\"{class}\">{}</span>", escape(&word.replace('_', " ")))
}

/// A table; one without rows is a sentence.
fn table(caption: &str, header: &[&str], rows: Vec<(&'static str, Vec<Cell>)>, none: &str) -> String {
    if rows.is_empty() {
        return format!("<p class=\"soft\">{}</p>\n", escape(none));
    }
    let head: String = header.iter().map(|name| format!("<th scope=\"col\">{name}</th>")).collect();
    let named = header.iter().any(|name| !name.is_empty());
    let head = if named { format!("<thead><tr>{head}</tr></thead>") } else { String::new() };
    let rows: String = rows
        .iter()
        .map(|(class, cells)| {
            let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
            format!("<tr{class}>{}</tr>\n", cells.iter().map(Cell::html).collect::<String>())
        })
        .collect();
    let name = escape(caption);
    format!(
        "<div class=\"scroll\" role=\"region\" aria-label=\"{name}\" tabindex=\"0\"><table>{head}\
         <tbody>{rows}</tbody></table></div>\n"
    )
}

const SECTIONS: &[(&str, &str)] = &[
    ("course", "Course"),
    ("seen", "What was seen"),
    ("decisions", "Decisions"),
    ("authority", "Authority"),
    ("attempts", "Attempts"),
    ("people", "People"),
    ("untried", "Not tried"),
    ("limits", "Limits"),
    ("similar", "Similar"),
    ("timeline", "Timeline"),
    ("proof", "Proof"),
    ("absent", "Absent"),
];

/// The page.
pub(super) fn page(it: &PostMortem) -> String {
    let s = &it.signal;
    let title = format!("{}/{} on {}", s.subsystem, s.code, s.target);
    let mut page = begin(&format!("Post-mortem: {title}"));
    page += &header(it, &title);
    for (id, name) in SECTIONS {
        page += &format!("<section id=\"{id}\" aria-labelledby=\"h-{id}\"><h2 id=\"h-{id}\">{name}</h2>\n");
        page += &section(it, id);
        page += "</section>\n";
    }
    page += &footer(it);
    page += "</main></body></html>\n";
    page
}

/// Two incidents beside each other.
pub(super) fn comparison(both: &Comparison) -> String {
    let mut page = begin(&format!("Two incidents: {}", both.title));
    page += &format!(
        "<header><p class=\"kind\">Two incidents of one trouble</p><h1>{}</h1>\
         <p>A is <code>{}</code>, B is <code>{}</code>.</p></header>\n",
        escape(&both.title),
        both.a,
        both.b
    );
    for (same, title, none) in [(false, "What differs", "Nothing."), (true, "What was the same", "Nothing.")]
    {
        let rows = both.rows.iter().filter(|row| row.same == same);
        let rows = rows.map(|row| {
            let mut cells = vec![Cell::Plain(row.what.clone()), Cell::Text(row.a.clone())];
            cells.extend((!same).then(|| Cell::Text(row.b.clone())));
            ("", cells)
        });
        let header: &[&str] = if same { &["", "in both"] } else { &["", "A", "B"] };
        page +=
            &format!("<section><h2>{title}</h2>\n{}</section>\n", table(title, header, rows.collect(), none));
    }
    page += "</main></body></html>\n";
    page
}

fn begin(title: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{}\">\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n<meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{}</title>\n<style>{}</style></head>\n<body><main>\n",
        style::policy(),
        escape(title),
        style::SHEET
    )
}

fn section(it: &PostMortem, id: &str) -> String {
    match id {
        "course" => chart::figures(it) + &sections::states(it),
        "seen" => sections::seen(it),
        "decisions" => sections::decisions(it),
        "authority" => sections::authority(it),
        "attempts" => sections::attempts(it),
        "people" => sections::people(it),
        "untried" => sections::untried(it),
        "limits" => sections::limits(it),
        "similar" => sections::similar(it),
        "timeline" => sections::timeline(it),
        "proof" => sections::proof(it),
        _ => sections::absent(it),
    }
}

fn header(it: &PostMortem, title: &str) -> String {
    let (how, class) = match (it.state, it.closed.is_some()) {
        (_, true) => ("closed", "good"),
        (IncidentState::Escalated | IncidentState::Frozen, _) => ("not over", "bad"),
        _ => ("not over", "warn"),
    };
    let mut out = format!(
        "<header><p class=\"kind\">Post-mortem</p><h1>{}</h1>\
         <p><span class=\"pill {class}\">{how}</span> <span class=\"pill idle\">{}</span> \
         <span class=\"soft\">incident <code>{}</code></span></p>\n<p class=\"lead\">{}</p>\n",
        escape(title),
        escape(&word(&it.signal.severity)),
        it.incident,
        escape(&it.verdict)
    );
    out += "<dl class=\"facts\">";
    for measure in it.measures.iter().filter(|m| m.ms.is_some() || m.name != "escalated") {
        let how_long = measure.ms.map_or_else(|| "–".to_owned(), say);
        out += &format!("<div><dt>until {}</dt><dd>{}</dd></div>", escape(&measure.what), escape(&how_long));
    }
    let (attempts, reports) = (it.attempts.len(), it.signal.count);
    out += &format!(
        "<div><dt>attempts</dt><dd>{attempts}</dd></div><div><dt>reports</dt><dd>{reports}</dd></div></dl>\n"
    );
    if let Some(damage) = &it.proof.damage {
        let damage = escape(damage);
        out += &format!(
            "<p class=\"note\"><strong>The journal is damaged:</strong> {damage}. What stands behind that is not told here.</p>\n"
        );
    }
    let links = SECTIONS.iter().map(|(id, name)| format!("<li><a href=\"#{id}\">{name}</a></li>"));
    out += &format!("<nav aria-label=\"Sections\"><ul>{}</ul></nav></header>\n", links.collect::<String>());
    out
}

fn footer(it: &PostMortem) -> String {
    let until = &it.until;
    format!(
        "<footer>Told from the journal of machine <code>{}</code> alone, up to entry {} of {}. The same entries give the \
         same page, byte for byte.</footer>\n",
        it.node,
        until.seq,
        escape(&until.at)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_is_text() {
        let said = escape("<script>alert(\"x\")</script>' onload=a \u{202E}&amp;");
        assert_eq!(said, "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;&#39; onload=a \u{FFFD}&amp;amp;");
        let cell = Cell::State("<b>".into()).html();
        assert!(!cell.contains("<b>"), "{cell}");
    }
}
