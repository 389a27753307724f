//! What holds whatever the bytes are: one file per fuzz target, each with one `check` that panics when it does not.
//! Not for finding bytes: the binaries in `targets/` do that, and tests/api goes through the corpora with the same.

pub mod approvals;
pub mod config;
pub mod content;
pub mod expressions;
pub mod http;
pub mod ingest;
pub mod line;
pub mod log;
pub mod placeholders;
pub mod probe;
mod said;
pub mod segments;
pub mod trust;

/// A target's check.
pub type Check = fn(&[u8]);

/// The registry: the name of each target and of its corpus, and its check.
pub const TARGETS: &[(&str, Check)] = &[
    ("approvals", approvals::check),
    ("config", config::check),
    ("content", content::check),
    ("expressions", expressions::check),
    ("http", http::check),
    ("ingest", ingest::check),
    ("line", line::check),
    ("log", log::check),
    ("placeholders", placeholders::check),
    ("probe", probe::check),
    ("segments", segments::check),
    ("trust", trust::check),
];
