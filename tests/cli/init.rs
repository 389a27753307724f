//! `init`: a home is whole or not there, private where it must be, and never made over another.

use std::os::unix::fs::PermissionsExt as _;

use crate::sandbox::Sandbox;

fn mode(path: &std::path::Path) -> u32 {
    std::fs::metadata(path).unwrap_or_else(|e| panic!("{}: {e}", path.display())).permissions().mode() & 0o777
}

#[test]
fn a_new_home_is_private_and_its_journal_verifies() {
    let sandbox = Sandbox::with_home();
    let home = sandbox.home();
    assert_eq!(mode(&home.join("state")), 0o700);
    for private in ["state/keys/journal.key", "state/token", "state/tokens.json"] {
        assert_eq!(mode(&home.join(private)), 0o600, "{private}");
    }
    assert_eq!(mode(&sandbox.path().join(".config/remediator/keys/ada")), 0o600);
    assert_eq!(
        std::fs::read_to_string(home.join(".gitignore")).expect("there"),
        "/state/\n# Of this machine: addresses, channels and the programs that they start.\n/remediator.yaml\n"
    );
    sandbox.run(&["audit", "verify", "--full"]).ends(0);
    let token = std::fs::read_to_string(home.join("state/token")).expect("a token");
    let stored = std::fs::read_to_string(home.join("state/tokens.json")).expect("tokens");
    assert!(!stored.contains(token.trim()), "the server keeps only a hash");
    let list = sandbox.run(&["runbook", "list", "--output", "json"]).ends(0).json();
    // Seven shipped runbooks with their proposals aside, and the sample's service, sentinels and runbook.
    assert_eq!(list["files"].as_array().map(Vec::len), Some(14));
}

#[test]
fn nothing_is_made_twice_over_something_or_by_halves() {
    let sandbox = Sandbox::with_home();
    let key = std::fs::read(sandbox.home().join("state/keys/journal.key")).expect("a key");
    let again = sandbox.run(&["init", "--approve-shipped"]).ends(1);
    assert!(again.stderr.contains("is a home already"), "{}", again.stderr);
    assert_eq!(std::fs::read(sandbox.home().join("state/keys/journal.key")).expect("a key"), key);

    let other = sandbox.path().join("other");
    std::fs::create_dir(&other).expect("a folder");
    std::fs::write(other.join("thesis.txt"), "x").expect("a file");
    let other_text = other.display().to_string();
    let refused = sandbox.run(&["init", "--approve-shipped", "--home", &other_text]).ends(1);
    assert!(refused.stderr.contains("not empty"), "{}", refused.stderr);

    // A key that cannot sign: whatever was begun is gone again.
    std::fs::write(sandbox.path().join("rubbish"), "rubbish").expect("a file");
    let third = sandbox.path().join("third");
    let third_text = third.display().to_string();
    sandbox.run(&["init", "--approve-shipped", "--home", &third_text, "--key", "rubbish"]).ends(1);
    assert!(!third.exists());
    let left: Vec<_> = std::fs::read_dir(sandbox.path())
        .expect("listed")
        .flatten()
        .map(|e| e.file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with(".remediator-init"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_sample_service_is_not_made_for_a_port_that_another_one_holds() {
    let sandbox = Sandbox::new();
    let port = sandbox.own_port();
    let _held = std::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, port)).expect("bound");
    let port = port.to_string();
    let asked = ["init", "--approve-shipped", "--sample-service", "--sample-port", &port];
    let refused = sandbox.run(&asked).ends(69);
    assert!(refused.stderr.contains(&port) && refused.stderr.contains("--sample-port"), "{}", refused.stderr);
    assert!(!sandbox.home().exists());
}

#[test]
fn without_a_terminal_approval_has_to_be_said() {
    let sandbox = Sandbox::new();
    let refused = sandbox.run(&["init"]).ends(2);
    assert!(refused.stderr.contains("--approve-shipped"), "{}", refused.stderr);
    assert!(!sandbox.home().exists());
    let name = sandbox.run(&["init", "--approve-shipped", "--name", "a b"]).ends(2);
    assert!(name.stderr.contains("a b"), "{}", name.stderr);
}

#[test]
fn a_named_key_is_used_and_no_other_is_made() {
    let sandbox = Sandbox::new();
    let made = sandbox.shell("ssh-keygen -q -t ed25519 -N '' -C test -f mykey");
    made.ends(0);
    let report =
        sandbox.run(&["init", "--approve-shipped", "--key", "mykey", "--output", "json"]).ends(0).json();
    assert_eq!(report["principal"], "ada");
    assert_eq!(report["approved"], true);
    assert!(!sandbox.path().join(".config").exists());
    let signers =
        std::fs::read_to_string(sandbox.home().join("proposals/trust/allowed_signers")).expect("there");
    let public = std::fs::read_to_string(sandbox.path().join("mykey.pub")).expect("there");
    let base64 = public.split_whitespace().nth(1).expect("a public key has three words");
    assert!(signers.contains(base64), "{signers}");
}

#[test]
fn no_solo_keeps_what_one_person_wrote_and_approved_from_running() {
    let sandbox = Sandbox::new();
    sandbox.run(&["init", "--approve-shipped", "--no-solo", "--sample-service"]).ends(0);
    let list = sandbox.run(&["runbook", "list", "--output", "json"]).ends(1).json();
    let standing = |name: &str| {
        let files = list["files"].as_array().expect("files");
        files.iter().find(|f| f["name"] == name).map(|f| f["standing"].clone()).unwrap_or_default()
    };
    assert_eq!(standing("runbook/process-dead"), "live");
    assert_eq!(standing("runbook/demo-web-dead"), "observe_only");
}

#[test]
fn what_runs_here_is_offered_switched_off_and_lints_once_it_is_switched_on() {
    let sandbox = Sandbox::new();
    let nginx = sandbox.path().join("nginx");
    std::os::unix::fs::symlink(crate::sandbox::PROGRAM, &nginx).expect("linked");
    std::fs::write(sandbox.path().join("data.txt"), "x").expect("written");
    let port = sandbox.own_port().to_string();
    let mut command = sandbox.command(&nginx.display().to_string());
    let data = sandbox.path().join("data.txt").display().to_string();
    let mut listens =
        command.args(["__demo-service", "--port", &port, "--data", &data]).spawn().expect("it starts");
    let up = || std::net::TcpStream::connect((std::net::Ipv4Addr::LOCALHOST, sandbox.own_port())).is_ok();
    assert!(crate::sandbox::eventually(std::time::Duration::from_secs(20), up));
    let report = sandbox.run(&["init", "--approve-shipped", "--output", "json"]);
    let _ = listens.kill();
    let _ = listens.wait();
    let report = report.ends(0).json();
    let found = report["found"]["listening"].as_array().expect("a list").iter();
    let found = found.clone().find(|f| f["program"] == "nginx").unwrap_or_else(|| panic!("{report}"));
    assert_eq!(found["offered"], "runbooks/found-nginx");
    assert!(found["ports"].as_array().is_some_and(|ports| ports.contains(&sandbox.own_port().into())));
    sandbox.run(&["runbook", "lint"]).ends(0);
    let list = sandbox.run(&["runbook", "list", "--output", "json"]).ends(0).stdout;
    assert!(!list.contains("found-nginx"), "nothing reads what is switched off: {list}");
    sandbox.shell("for f in home/*/found-nginx/*.off; do mv $f ${f%.off}; done").ends(0);
    sandbox.run(&["runbook", "lint"]).ends(0);
    let list = sandbox.run(&["runbook", "list", "--output", "json"]).ends(1).stdout;
    assert!(list.contains("found-nginx"), "{list}");
    let other =
        sandbox.run(&["init", "--approve-shipped", "--no-discovery", "--home", "other", "--output", "json"]);
    assert_eq!(other.ends(0).json()["found"]["listening"], serde_json::json!([]));
}
