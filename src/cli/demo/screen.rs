//! What the demo shows while it runs: a spinner per round on a terminal, plain lines otherwise. All of it goes to
//! standard error; only the report goes to standard output.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use owo_colors::OwoColorize as _;

/// The running display.
pub struct Screen {
    bar: Option<ProgressBar>,
    quiet: bool,
    began: Instant,
}

impl Screen {
    /// A display that suits standard error; silent when the report is JSON and nobody watches.
    pub fn new(json: bool) -> Self {
        let terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
        let bar = terminal.then(|| {
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner:.cyan} {msg}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(90));
            bar
        });
        Self { bar, quiet: json && !terminal, began: Instant::now() }
    }

    /// A new part of the demo.
    pub fn chapter(&mut self, title: &str) {
        self.began = Instant::now();
        self.line(&format!("\n{}", title.bold()));
    }

    /// What is waited for now.
    pub fn waiting(&self, what: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(what.to_owned());
        }
    }

    /// Something that happened, `ms` after the breakage.
    pub fn phase(&self, ms: Option<i64>, what: &str) {
        let when = ms.map_or_else(|| " ".repeat(9), |ms| format!("{:>7} ms", ms.max(0)));
        self.line(&format!("  {} {what}", when.dimmed()));
    }

    /// A good end.
    pub fn good(&self, what: &str) {
        self.line(&format!("  {} {what}", "ok".green().bold()));
    }

    /// A bad end.
    pub fn bad(&self, what: &str) {
        self.line(&format!("  {} {what}", "NOT OK".red().bold()));
    }

    fn line(&self, text: &str) {
        if self.quiet {
            return;
        }
        let printed = || {
            let mut out = anstream::stderr();
            // Nobody is left to tell when standard error is closed.
            let _ = std::io::Write::write_fmt(&mut out, format_args!("{text}\n"));
        };
        match &self.bar {
            Some(bar) => bar.suspend(printed),
            None => printed(),
        }
    }

    /// Takes the spinner away.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
