//! Programs: an absolute path that no event can choose, arguments and environment within bounds.

use std::collections::BTreeMap;

use super::Lint;
use crate::base::limits::{ARG_BYTES_MAX, ARGV_MAX, RLIMIT_MAX};
use crate::base::text::clip;
use crate::event::plan::Rlimits;
use crate::runbook::placeholder::NAMES;

/// The check.
pub fn check(lint: &mut Lint) {
    for (path, run) in lint.runs() {
        program(lint, &path, &run.argv);
        environment(lint, &path, &run.env, &run.env_pass);
        directory(lint, &path, &run.cwd);
        rlimits(lint, &path, &run.rlimits);
        if run.ok_exit.is_empty() || run.ok_exit.iter().any(|code| !(0..=255).contains(code)) {
            lint.report(
                &format!("{path}.ok_exit"),
                "no exit code could mean success",
                "list codes from 0 to 255",
            );
        }
    }
    let Some(service) = lint.service() else { return };
    program(lint, "", &service.argv);
    environment(lint, "", &service.env, &service.env_pass);
    directory(lint, "", &service.cwd);
    rlimits(lint, "", &service.rlimits);
    if service.stop_timeout.ms() == 0 {
        lint.report("stop_timeout", "a service needs time to stop", "write a span above 0, such as 10s");
    }
}

/// Folders of content, as a program or its arguments may name them. Data there is read by programs, not run.
const CONTENT: [&str; 2] = ["${home}/runbooks/", "${home}/proposals/"];

fn below(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn program(lint: &mut Lint, path: &str, argv: &[String]) {
    let at = below(path, "argv");
    if argv.is_empty() || argv.len() > ARGV_MAX {
        return lint.report(
            &at,
            format!("{} elements; 1 to {ARGV_MAX} are allowed", argv.len()),
            "name a program",
        );
    }
    let fixed = argv[0].strip_prefix("${home}").unwrap_or(&argv[0]);
    if !fixed.starts_with('/') || fixed.contains("${") || fixed.split('/').any(|part| part == "..") {
        lint.report(
            &format!("{at}[0]"),
            "the program must be an absolute path without placeholders",
            "write it out, such as /usr/bin/cp, or ${home}/bin/tool (only ${home} may stand there)",
        );
    }
    if argv[0].chars().any(char::is_whitespace) {
        lint.report(&format!("{at}[0]"), "the program's path holds blanks", NO_SHELL);
    }
    let unsigned = |element: &&String| CONTENT.iter().any(|folder| element.contains(folder));
    if let Some(n) = argv.iter().position(|element| unsigned(&element)) {
        let what =
            "a program or script below runbooks/ or proposals/ would run as it lies there: nobody signs it";
        let help = "keep it where only root can change it, such as /usr/local/libexec/NAME";
        lint.report(&format!("{at}[{n}]"), what, help);
    }
    let found = argv.iter().enumerate().skip(1).find(|(_, element)| is_shells(element));
    if let Some((index, element)) = found.filter(|_| !is_interpreter(argv)) {
        let message = format!("`{}` means something to a shell only", clip(element, 40));
        lint.report(&format!("{at}[{index}]"), message, NO_SHELL);
    }
    for (index, element) in argv.iter().enumerate() {
        if element.len() > ARG_BYTES_MAX {
            lint.report(
                &format!("{at}[{index}]"),
                format!("longer than {ARG_BYTES_MAX} bytes"),
                "use a file",
            );
        }
    }
}

const NO_SHELL: &str = "no shell reads this: each argument is its own element, such as [/bin/cp, a, b], and a value is \
                        ${target}; for a pipe name the shell: [/bin/sh, -c, \"a | b\"]";

/// Words with which people speak to a shell.
fn is_shells(element: &str) -> bool {
    const OPERATORS: [&str; 9] = ["|", "||", "&", "&&", ";", ">", ">>", "<", "2>&1"];
    let bare = |name: &&str| element.split(&format!("${name}")).skip(1).any(ends_a_word);
    OPERATORS.contains(&element) || element.contains("$(") || NAMES.iter().any(bare)
}

fn ends_a_word(rest: &str) -> bool {
    !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
}

/// Programs to which such words mean something.
fn is_interpreter(argv: &[String]) -> bool {
    const THEIRS: [&str; 12] =
        ["sh", "bash", "dash", "ash", "zsh", "ksh", "awk", "gawk", "mawk", "perl", "ruby", "env"];
    let name = argv[0].rsplit('/').next().unwrap_or_default();
    THEIRS.contains(&name) || name.starts_with("python") || argv.iter().any(|a| a == "-c" || a == "-e")
}

fn environment(lint: &mut Lint, path: &str, env: &BTreeMap<String, String>, pass: &[String]) {
    if env.len() + pass.len() > ARGV_MAX {
        let message = format!("{} variables; at most {ARGV_MAX} are allowed", env.len() + pass.len());
        lint.report(&below(path, "env"), message, "use a file");
    }
    for (name, value) in env {
        let at = below(&below(path, "env"), name);
        name_of_variable(lint, &at, name);
        if value.len() > ARG_BYTES_MAX {
            lint.report(&at, format!("longer than {ARG_BYTES_MAX} bytes"), "use a file");
        }
    }
    for (index, name) in pass.iter().enumerate() {
        name_of_variable(lint, &format!("{}[{index}]", below(path, "env_pass")), name);
    }
}

/// The kernel takes more, an entry does not, and nobody means it.
fn rlimits(lint: &mut Lint, path: &str, limits: &Rlimits) {
    let each = [
        ("open_files", limits.open_files),
        ("memory_mib", limits.memory_mib),
        ("cpu_secs", limits.cpu_secs),
        ("file_mib", limits.file_mib),
    ];
    for (name, value) in each {
        if value.is_some_and(|value| value > RLIMIT_MAX) {
            let at = below(&below(path, "rlimits"), name);
            lint.report(&at, format!("larger than {RLIMIT_MAX}"), "leave it out for no limit");
        }
    }
}

fn name_of_variable(lint: &mut Lint, at: &str, name: &str) {
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let fits = plain && name.len() <= 128 && name.bytes().next().is_some_and(|b| !b.is_ascii_digit());
    if !fits {
        lint.report(at, "not the name of a variable", "letters, digits and _, not beginning with a digit");
    } else if name.starts_with("REMEDIATOR_") {
        lint.report(at, "names beginning with REMEDIATOR_ belong to remediator", "choose another name");
    }
}

fn directory(lint: &mut Lint, path: &str, cwd: &str) {
    if !(cwd.starts_with('/') || cwd.starts_with("${home}")) || cwd.split('/').any(|part| part == "..") {
        lint.report(
            &below(path, "cwd"),
            "the working directory must be absolute",
            "begin it with / or ${home}",
        );
    }
}
