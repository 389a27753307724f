//! The one table: what, the goal, what was measured, beside what, and whether the goal holds.

use comfy_table::presets::{ASCII_MARKDOWN, UTF8_FULL_CONDENSED};
use comfy_table::{ContentArrangement, Table as Grid};

/// Whether a goal is met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    Yes,
    No,
    /// No goal: said beside others.
    Beside,
}

impl Holds {
    pub fn when(condition: bool) -> Self {
        if condition { Self::Yes } else { Self::No }
    }
    fn word(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "NO",
            Self::Beside => "–",
        }
    }
}

/// How it is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Terminal,
    Markdown,
}

/// The rows so far.
#[derive(Default)]
pub struct Table(Vec<[String; 5]>);

impl Table {
    /// Adds a row, and says it at once: a run takes a while.
    pub fn row(
        &mut self,
        what: impl Into<String>,
        goal: impl Into<String>,
        measured: impl Into<String>,
        beside: impl Into<String>,
        holds: Holds,
    ) {
        let row = [what.into(), goal.into(), measured.into(), beside.into(), holds.word().to_owned()];
        eprintln!("  {} | {} | {} | {} | {}", row[0], row[1], row[2], row[3], row[4]);
        self.0.push(row);
    }

    pub fn print(&self, form: Form) {
        let mut grid = Grid::new();
        match form {
            Form::Terminal => {
                grid.load_preset(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic)
            }
            Form::Markdown => {
                grid.load_preset(ASCII_MARKDOWN).set_content_arrangement(ContentArrangement::Disabled)
            }
        };
        grid.set_header(["what", "goal", "measured: median (min–max)", "beside, same run", "holds"]);
        self.0.iter().for_each(|row| _ = grid.add_row(row));
        println!("{grid}");
    }
}
