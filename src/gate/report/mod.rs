//! A judgement for its readers, one file per form and one line in the registry. Pure: text in, text out.

mod github;
mod human;
mod json;
mod junit;
mod sarif;

pub use github::summary;

use super::finding::{Finding, Level};

/// What is reported.
#[derive(Debug, Default)]
pub struct Report {
    /// What it was judged from: a commit, or nothing before the first one.
    pub base: Option<String>,
    /// What was judged, for people: `what is staged`, a commit.
    pub judged: String,
    /// Everything that was found.
    pub findings: Vec<Finding>,
    /// It introduces the trust that everything later is judged by.
    pub bootstrap: bool,
    /// Content folders with a change in them.
    pub folders: usize,
    /// Content files that were looked at.
    pub files: usize,
}

impl Report {
    /// How many findings block.
    pub fn errors(&self) -> usize {
        self.findings.iter().filter(|finding| finding.level == Level::Error).count()
    }
    /// Whether it may land.
    pub fn passes(&self) -> bool {
        self.errors() == 0
    }
    /// In one line.
    pub fn verdict(&self) -> String {
        let errors = self.errors();
        match (self.folders, errors) {
            _ if self.bootstrap && errors == 0 => {
                "bootstrap: this introduces the trust that everything later is judged by".to_owned()
            }
            (0, _) => "no runbook, proposal or trust file is touched".to_owned(),
            (_, 0) => format!("{} content file{} looked at, nothing blocks", self.files, plural(self.files)),
            _ => format!("blocked: {errors} finding{}", plural(errors)),
        }
    }
}

fn plural(n: usize) -> &'static str {
    if n == 1 { "" } else { "s" }
}

/// The registry of forms: the word for `--output` and what writes it.
macro_rules! forms {
    ($($(#[$doc:meta])+ $name:ident => $module:ident),+ $(,)?) => {
        /// How to report.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
        pub enum Form {
            $($(#[$doc])+ $name),+
        }
        impl Form {
            /// The report in this form.
            pub fn write(self, report: &Report) -> String {
                match self { $(Self::$name => $module::write(report)),+ }
            }
        }
    };
}

forms! {
    /// For people.
    Human => human,
    /// For programs.
    Json => json,
    /// SARIF 2.1.0, for code scanning.
    Sarif => sarif,
    /// Annotations of GitHub Actions; its job summary is written besides.
    Github => github,
    /// JUnit XML, for build servers.
    Junit => junit,
}
