//! The rules of this tree, as tests: layers, purity, lengths, headers, registries, top level, documents.
//! Each rule is a function from a file to its problems and is itself tested on something that breaks it.
//! Not for style (rustfmt) or for what clippy already says.

#[path = "tidy/documents.rs"]
mod documents;
#[path = "tidy/errors.rs"]
mod errors;
#[path = "tidy/layers.rs"]
mod layers;
#[path = "tidy/purity.rs"]
mod purity;
#[path = "tidy/registries.rs"]
mod registries;
#[path = "tidy/shape.rs"]
mod shape;
#[path = "tidy/source.rs"]
mod source;

use source::{File, root, rust_files};

fn report(problems: Vec<String>) {
    assert!(problems.is_empty(), "{} problem(s):\n  {}", problems.len(), problems.join("\n  "));
}

fn each_source(rule: impl Fn(&File) -> Vec<String>) {
    report(rust_files("src").iter().flat_map(rule).collect());
}

#[test]
fn modules_use_only_what_the_layer_table_allows() {
    let table = layers::Table::of_this_tree();
    each_source(|file| layers::forbidden_edges(&table, file));
    report(layers::unknown_modules(&table, &rust_files("src")));
}

#[test]
fn modules_form_no_cycle() {
    report(layers::cycles(&rust_files("src")));
}

#[test]
fn pure_files_have_no_clock_file_network_randomness_or_random_order() {
    let table = layers::Table::of_this_tree();
    each_source(|file| if table.is_pure(file) { purity::impurities(file) } else { Vec::new() });
}

#[test]
fn only_the_sandbox_starts_processes_and_only_expr_calls_cel() {
    each_source(purity::reserved);
}

#[test]
fn every_file_says_what_it_is_for() {
    for folder in ["src", "tests", "tools"] {
        report(rust_files(folder).iter().flat_map(shape::missing_header).collect());
    }
}

#[test]
fn files_and_functions_are_short() {
    each_source(shape::too_long);
}

#[test]
fn nothing_panics_without_a_stated_invariant() {
    each_source(shape::panics);
}

#[test]
fn nothing_is_left_open() {
    for folder in ["src", "tests", "tools"] {
        report(rust_files(folder).iter().flat_map(shape::left_open).collect());
    }
}

#[test]
fn tests_wait_for_conditions_and_never_sleep() {
    // A fault run strikes at random moments and a benchmark paces its load: there the pause is the subject.
    let paced =
        |file: &&source::File| ["tests/faults/", "tests/bench/"].iter().any(|f| file.path.starts_with(f));
    let files = rust_files("tests");
    report(files.iter().filter(|file| !paced(file)).flat_map(shape::sleeps).collect());
}

#[test]
fn no_file_has_a_name_that_says_nothing() {
    report(rust_files("src").iter().flat_map(shape::vague_names).collect());
}

#[test]
fn every_file_is_named_in_its_registry() {
    report(registries::undeclared(&rust_files("src")));
    report(registries::unregistered_events(&rust_files("src/event")));
    report(registries::unlisted(&rust_files("src")));
}

#[test]
fn the_threat_model_names_tests_that_exist() {
    let files: Vec<File> = ["src", "tests"].iter().flat_map(|folder| rust_files(folder)).collect();
    let code: String = files.iter().map(|file| file.text.as_str()).collect();
    for (name, text) in documents::all().into_iter().filter(|(name, _)| name.ends_with("threat-model.md")) {
        report(documents::unknown_tests(&name, &text, &code));
    }
}

#[test]
fn every_error_code_has_its_page() {
    report(errors::without_page(&errors::codes(&rust_files("src"))));
}

#[test]
fn the_top_level_holds_nothing_unexpected() {
    let names = source::entries(&root()).expect("the tree's own top level can be listed");
    report(documents::unexpected_at_top_level(&names));
}

#[test]
fn documents_show_commands_only_in_blocks_that_are_run() {
    for (name, text) in documents::all() {
        report(documents::unrun_commands(&name, &text));
        report(documents::dead_links(&name, &text));
    }
}
