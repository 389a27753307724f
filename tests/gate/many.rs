//! Ten thousand files, and the bounds.

use remediator::runbook::Role;

use super::repo::{RUNBOOK, Repo};

#[test]
fn ten_thousand_files_elsewhere_and_below_are_judged() {
    let repo = Repo::new();
    for index in 0..9_900 {
        repo.write(&format!("runbooks/notes/{}/{index}.md", index % 100), format!("{index}\n"));
    }
    for index in 0..1_000 {
        repo.write(&format!("src/{index}.txt"), "x\n");
    }
    repo.edit(RUNBOOK, "attempts: 3", "attempts: 300");
    repo.sign("ann", Role::Runbook, RUNBOOK);
    let said = repo.judge_all();
    said.blocks("drift");
    assert_eq!(said.report["findings"].as_array().unwrap().len(), 1, "{said:#?}");
    // More than the loader would read: it cannot be judged, and so it is blocked.
    for index in 0..200 {
        repo.write(&format!("runbooks/more/{index}.md"), format!("more {index}\n"));
    }
    let said = repo.judge_all();
    assert_eq!(said.code, 69, "{said:#?}");
    assert!(said.stderr.contains("10000 files"), "{}", said.stderr);
}

#[test]
fn a_file_larger_than_any_runbook_is_not_read() {
    let repo = Repo::new();
    repo.write("runbooks/web/large.yaml", vec![b'#'; 3 * 1024 * 1024]);
    let said = repo.judge_all();
    said.blocks("catalog");
    assert!(said.report.to_string().contains("3145728 bytes"), "{said:#?}");
}
