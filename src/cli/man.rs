//! `remediator man`: a manual page for every command.

use std::path::{Path, PathBuf};

use super::exit::Failure;
use super::{Exit, Global, Outcome, Output, out};

/// Write a manual page for each command into a folder. Needs no home.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  remediator man ./man1\n  man ./man1/remediator.1")]
pub struct Args {
    /// The folder; made when it does not exist. Pages of the same name are replaced.
    folder: PathBuf,
}

/// Writes.
pub fn run(args: Args, global: &Global) -> Outcome {
    let cannot = |e: std::io::Error| {
        Failure::new(Exit::Unavailable, format!("cannot write to {}", args.folder.display())).because(e)
    };
    std::fs::create_dir_all(&args.folder).map_err(cannot)?;
    let mut command = super::command();
    command.build();
    let mut pages = Vec::new();
    write(&command, "remediator", &args.folder, &mut pages).map_err(cannot)?;
    match global.output {
        Output::Json => out::json_of(&serde_json::json!({"v": 1, "folder": args.folder, "pages": pages}))?,
        Output::Human => out::say(format!("{} pages in {}", pages.len(), args.folder.display()))?,
    }
    Ok(Exit::Ok)
}

fn write(command: &clap::Command, name: &str, folder: &Path, pages: &mut Vec<String>) -> std::io::Result<()> {
    let page = format!("{name}.1");
    let mut text = Vec::new();
    clap_mangen::Man::new(command.clone()).title(name.to_uppercase()).render(&mut text)?;
    std::fs::write(folder.join(&page), text)?;
    pages.push(page);
    for sub in command.get_subcommands().filter(|c| !c.is_hide_set() && c.get_name() != "help") {
        write(sub, &format!("{name}-{}", sub.get_name()), folder, pages)?;
    }
    Ok(())
}
