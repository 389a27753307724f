//! TLS and certificates of those who ask, with certificates made by `openssl` and requests made by `curl`.

use std::time::Duration;

use crate::sandbox::{Ran, Sandbox, eventually};

/// A root, a certificate of the daemon, and two of people, one of them signed by somebody else.
const MAKE: &str = r#"
set -euo pipefail
mkdir -p "$REMEDIATOR_HOME/tls" && cd "$REMEDIATOR_HOME/tls"
key() { openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt -out "$1.key"; chmod 600 "$1.key"; }
root() { key "$1"; openssl req -x509 -new -key "$1.key" -subj "/CN=$1" -days 30 -out "$1.pem"; }
signed() { # NAME ROOT DAYS EXTENSION
  key "$1"
  openssl req -new -key "$1.key" -subj "/CN=$1" -out "$1.csr"
  printf '%s\n' "$4" > "$1.ext"
  openssl x509 -req -in "$1.csr" -CA "$2.pem" -CAkey "$2.key" -CAcreateserial -days "$3" -extfile "$1.ext" -out "$1.pem"
}
root ours 2>/dev/null; root theirs 2>/dev/null
signed daemon ours 30 'subjectAltName=DNS:ops.example,IP:127.0.0.1' 2>/dev/null
signed ada ours 30 'extendedKeyUsage=clientAuth' 2>/dev/null
signed eve theirs 30 'extendedKeyUsage=clientAuth' 2>/dev/null
"#;

const PLAIN: &str = "tls: {cert: tls/daemon.pem, key: tls/daemon.key, commands: {ca: tls/ours.pem}}\n";
const MUTUAL: &str = "tls:\n  cert: tls/daemon.pem\n  key: tls/daemon.key\n  client_ca: tls/ours.pem\n  \
commands: {ca: tls/ours.pem, cert: tls/ada.pem, key: tls/ada.key}\n";

fn configured(text: &str) -> Sandbox {
    let sandbox = Sandbox::with_plain_home();
    let made = sandbox.shell(MAKE);
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    configure(&sandbox, text);
    sandbox
}

fn configure(sandbox: &Sandbox, text: &str) {
    let file = sandbox.home().join("remediator.yaml");
    let before = std::fs::read_to_string(&file).expect("a configuration");
    let before = before.split("\ntls:").next().unwrap_or_default().to_owned();
    std::fs::write(file, format!("{before}\n{text}")).expect("written");
}

/// `curl` in the folder of the certificates, with more to say; the address of the daemon is `$A`.
fn curl(sandbox: &Sandbox, more: &str) -> Ran {
    let token = std::fs::read_to_string(sandbox.home().join("state/token")).expect("a token");
    let (token, address) = (token.trim(), sandbox.address());
    let with = format!("cd \"$REMEDIATOR_HOME/tls\"; A={address}; T='Authorization: Bearer {token}'");
    sandbox.shell(&format!("{with}; curl -sS --max-time 20 {more}"))
}

fn serve(sandbox: &mut Sandbox, more: &str) {
    sandbox.start();
    let asked = format!("--cacert ours.pem {more} https://$A/readyz");
    let ready = || curl(sandbox, &asked).stdout.contains("\"ready\":true");
    assert!(eventually(Duration::from_secs(40), ready), "{}", curl(sandbox, &asked).stderr);
}

#[test]
fn over_tls_commands_and_browsers_do_what_they_did_and_plain_http_is_told() {
    let mut sandbox = configured(PLAIN);
    serve(&mut sandbox, "");
    let got = curl(&sandbox, "--cacert ours.pem -H \"$T\" https://$A/v1/status");
    assert!(got.stdout.contains("\"head\""), "{} {}", got.stdout, got.stderr);
    let unknown = curl(&sandbox, "-H \"$T\" https://$A/v1/status");
    assert_ne!(unknown.code, Some(0), "nobody else is believed: {}", unknown.stdout);
    let plain = curl(&sandbox, "-i -H \"$T\" http://$A/v1/status");
    assert!(
        plain.stdout.starts_with("HTTP/1.1 400") && plain.stdout.contains("speaks TLS"),
        "{}",
        plain.stdout
    );
    // Commands find their way by the configuration, and follow streams.
    assert!(sandbox.run(&["status", "--output", "json"]).ends(0).stderr.is_empty(), "the daemon answered");
    sandbox.run(&["pause", "--reason", "over TLS"]).ends(0);
    let login =
        "-i --cacert ours.pem -H 'Content-Type: application/json' -d \"{\\\"token\\\":\\\"${T##* }\\\"}\"";
    let own = curl(&sandbox, &format!("{login} -H \"Origin: https://$A\" https://$A/login"));
    let lower = own.stdout.to_lowercase();
    assert!(own.stdout.starts_with("HTTP/1.1 200") && lower.contains("; secure"), "{}", own.stdout);
    let other = curl(&sandbox, &format!("{login} -H \"Origin: http://$A\" https://$A/login"));
    assert!(other.stdout.contains("FOREIGN_REQUEST"), "{}", other.stdout);
    // One that the commands do not trust is said as what it is.
    configure(&sandbox, &PLAIN.replace("ca: tls/ours.pem", "ca: tls/theirs.pem"));
    let refused = sandbox.run(&["lock", "ls", "--output", "json"]);
    let failed = sandbox.run(&["sentinel", "list"]).ends(69);
    assert!(failed.stderr.contains("do not agree on TLS"), "{} {}", failed.stderr, refused.stderr);
}

#[test]
fn where_a_certificate_is_asked_for_nobody_gets_in_without_a_good_one() {
    let mut sandbox = configured(MUTUAL);
    serve(&mut sandbox, "--cert ada.pem --key ada.key");
    let asked = "--cacert ours.pem -H \"$T\" https://$A/v1/status";
    let good = curl(&sandbox, &format!("--cert ada.pem --key ada.key {asked}"));
    assert!(good.stdout.contains("\"head\""), "{} {}", good.stdout, good.stderr);
    for more in ["", "--cert eve.pem --key eve.key"] {
        let refused = curl(&sandbox, &format!("{more} {asked}"));
        assert!(refused.code != Some(0) && refused.stdout.is_empty(), "{more}: {}", refused.stdout);
    }
    // The certificate lets somebody in; what they may is said by their token.
    let no_token = curl(&sandbox, "--cacert ours.pem --cert ada.pem --key ada.key https://$A/v1/status");
    assert!(no_token.stdout.contains("NO_TOKEN"), "{}", no_token.stdout);
    assert!(sandbox.run(&["status", "--output", "json"]).ends(0).stderr.is_empty(), "commands show theirs");
}

#[test]
fn a_renewed_certificate_is_taken_without_a_restart_and_a_bad_one_changes_nothing() {
    let mut sandbox = configured(PLAIN);
    serve(&mut sandbox, "");
    let shown = |sandbox: &Sandbox| {
        let asked = "echo | openssl s_client -connect $A 2>/dev/null | openssl x509 -noout -serial";
        sandbox.shell(&format!("A={}; {asked}", sandbox.address())).stdout
    };
    let first = shown(&sandbox);
    assert!(first.starts_with("serial="), "{first}");
    let renew = MAKE.split("root ours").next().expect("functions").to_owned();
    let renew =
        format!("{renew}signed new ours 30 'subjectAltName=DNS:ops.example,IP:127.0.0.1' 2>/dev/null\n");
    assert_eq!(sandbox.shell(&format!("{renew}mv new.key daemon.key; mv new.pem daemon.pem")).code, Some(0));
    let second = shown(&sandbox);
    assert!(second.starts_with("serial=") && second != first, "{second}");
    assert_eq!(sandbox.shell("echo torn > \"$REMEDIATOR_HOME/tls/daemon.pem\"").code, Some(0));
    assert_eq!(shown(&sandbox), second, "a renewal that went wrong ends no service");
    let ended = MAKE.split("root ours").next().expect("functions").to_owned();
    let ended = format!("{ended}signed old ours -1 'subjectAltName=IP:127.0.0.1' 2>/dev/null\n");
    assert_eq!(sandbox.shell(&format!("{ended}mv old.key daemon.key; mv old.pem daemon.pem")).code, Some(0));
    assert_eq!(shown(&sandbox), second, "one that has ended is none");
}

#[test]
fn the_doctor_looks_at_certificates_and_a_start_with_unusable_ones_says_so() {
    let sandbox = configured(PLAIN);
    let look = || sandbox.run(&["doctor", "--output", "json"]).stdout;
    let said = look();
    assert!(said.contains("is good for 29 days") || said.contains("is good for 30 days"), "{said}");
    assert_eq!(sandbox.shell("chmod 644 \"$REMEDIATOR_HOME/tls/daemon.key\"").code, Some(0));
    assert!(look().contains("can be read or changed by others"), "{}", look());
    let functions = MAKE.split("root ours").next().expect("functions").to_owned();
    let short = format!("{functions}signed daemon ours 3 'subjectAltName=IP:127.0.0.1' 2>/dev/null\n");
    assert_eq!(sandbox.shell(&short).code, Some(0));
    let said = look();
    assert!(said.contains("ends in 2 day(s)") || said.contains("ends in 3 day(s)"), "{said}");
    configure(&sandbox, &PLAIN.replace("tls/daemon.key", "tls/ada.key"));
    let failed = sandbox.run(&["serve"]).ends(2);
    assert!(failed.stderr.contains("`tls` in remediator.yaml"), "{}", failed.stderr);
    configure(&sandbox, "tls: {cert: tls/daemon.pem}\n");
    assert!(
        sandbox.run(&["config", "check"]).stderr.contains("tls.cert")
            || sandbox.run(&["config", "check"]).stdout.contains("tls.cert")
    );
}
