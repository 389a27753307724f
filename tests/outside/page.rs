//! The page in a real browser before a real daemon: login, live entries, a restart without a gap, hostile text, controls.

use std::time::Duration;

use serde_json::{Value, json};

use crate::channels::entries;
use crate::chromium::Chromium;
use crate::sandbox::{Sandbox, eventually};

const HOSTILE: &str =
    "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script> \u{202e}txt";

/// A browser that is logged in, before a daemon with the sample service.
fn logged_in() -> Option<(Sandbox, Chromium)> {
    logged_in_to(Sandbox::with_home())
}

fn logged_in_to(mut sandbox: Sandbox) -> Option<(Sandbox, Chromium)> {
    let mut browser = Chromium::start(&sandbox)?;
    sandbox.serve();
    browser.open(&format!("http://{}/", sandbox.address()));
    browser.wait("document.activeElement?.id === 'token'");
    browser.type_in(&token(&sandbox));
    browser.keys(&["Enter"]);
    browser.wait("document.body.dataset.live === 'live'");
    Some((sandbox, browser))
}

fn token(sandbox: &Sandbox) -> String {
    std::fs::read_to_string(sandbox.home().join("state/token")).expect("a token").trim().to_owned()
}

fn report(sandbox: &Sandbox, target: &str, summary: &str) {
    let args =
        ["emit", "--subsystem", "test", "--code", "NOBODY_HEALS", "--target", target, "--summary", summary];
    sandbox.run(&args).ends(0);
}

/// Nothing that the page did was an error or against its policy.
#[track_caller]
fn quiet(browser: &mut Chromium) {
    browser.eval("1");
    assert!(browser.errors.is_empty(), "{:?}", browser.errors);
}

#[test]
fn a_person_logs_in_and_sees_a_hostile_report_come_as_text() {
    let mut sandbox = Sandbox::with_home();
    let Some(mut browser) = Chromium::start(&sandbox) else { return };
    sandbox.serve();
    browser.open(&format!("http://{}/#/incidents", sandbox.address()));
    browser.wait("document.activeElement?.id === 'token'");
    browser.picture("login");
    browser.type_in("rmdp_wrong");
    browser.keys(&["Enter"]);
    browser.wait("document.getElementById('login-said').textContent.includes('state/token')");
    browser.eval("document.getElementById('token').value = ''");
    browser.type_in(&token(&sandbox));
    browser.keys(&["Enter"]);
    browser.wait("document.body.dataset.live === 'live' && location.hash === '#/incidents'");
    assert_eq!(browser.eval("document.cookie"), "", "no script reads the session");
    report(&sandbox, "web-7", HOSTILE);
    let shown =
        "[...document.querySelectorAll('.incidents .row')].find((row) => row.textContent.includes('web-7'))";
    browser.wait(&format!("{shown}?.textContent.includes('<img src=x onerror=')"));
    let text = browser.eval(&format!("{shown}.textContent"));
    assert!(
        text.as_str().is_some_and(|text| text.contains("</script>") && !text.contains('\u{202e}')),
        "{text}"
    );
    browser.eval(&format!("{shown}.querySelector('a').click()"));
    browser
        .wait("document.querySelector('[data-stage=degradation] .summary')?.textContent.startsWith('<img')");
    assert_eq!(browser.eval("document.querySelectorAll('#main img, #main script').length"), 0);
    assert_ne!(browser.eval("document.title"), "owned");
    quiet(&mut browser);
    browser.eval("document.getElementById('logout').click()");
    browser.wait("document.activeElement?.id === 'token'");
    let asked = browser.eval("fetch('v1/status').then((answer) => answer.status)");
    assert_eq!(asked, 401, "the session is over");
}

#[test]
fn a_restart_of_the_daemon_leaves_no_gap_and_the_page_checks_chain_and_signatures_itself() {
    let Some((mut sandbox, mut browser)) = logged_in() else { return };
    browser.eval("location.hash = '#/audit'");
    let value = |browser: &mut Chromium, name: &str| -> u64 {
        let text = browser.eval(&format!("document.getElementById('linked')?.dataset.{name} ?? ''"));
        text.as_str().and_then(|text| text.parse().ok()).unwrap_or(0)
    };
    browser.wait("Number(document.getElementById('linked')?.dataset.linked) > 10");
    browser.eval("window.still = true");
    let before = value(&mut browser, "last");
    sandbox.stop("-KILL");
    browser.wait("document.body.dataset.live === 'reconnecting' && document.querySelector('#banner .away')");
    browser.picture("reconnecting");
    sandbox.serve();
    browser.wait("document.body.dataset.live === 'live'");
    report(&sandbox, "web-8", "after the restart");
    browser.wait("document.querySelector('#entries')?.textContent.includes('after the restart')");
    let all = entries_written(&sandbox);
    assert!(all > before + 2, "a start and a report are entries");
    browser.wait(&format!("Number(document.getElementById('linked').dataset.last) >= {all}"));
    browser.wait("(({linked, signed}) => Number(signed) === Number(linked) + 1)(document.getElementById('linked').dataset)");
    assert_eq!(value(&mut browser, "wrong"), 0);
    assert!(value(&mut browser, "linked") > 10);
    assert_eq!(browser.eval("window.still"), true, "the page was not loaded anew");
    let seqs = browser
        .eval("[...document.querySelectorAll('#entries [data-seq]')].map((row) => Number(row.dataset.seq))");
    let seqs: Vec<u64> = seqs.as_array().expect("rows").iter().filter_map(Value::as_u64).collect();
    assert!(seqs.windows(2).all(|pair| pair[0] == pair[1] + 1), "{seqs:?}");
    quiet(&mut browser);
}

/// Everything that is sealed is taken out of the journal; where it begins then. The daemon runs before and afterwards.
fn pruned(sandbox: &mut Sandbox) -> u64 {
    for _ in 0..2 {
        sandbox.stop("-TERM");
        sandbox.serve();
    }
    let made = ["journal", "archive", "--into", "archive", "--output", "json"];
    let minimum = sandbox.run(&made).ends(0).json()["last"].as_u64().expect("a seq") + 1;
    let checkpoint = sandbox.home().join("state/tlog/checkpoint");
    let signed = || {
        let text = std::fs::read_to_string(&checkpoint).unwrap_or_default();
        text.lines().nth(1).and_then(|size| size.parse::<u64>().ok()).is_some_and(|size| size >= minimum)
    };
    assert!(eventually(Duration::from_secs(60), signed), "the log signs for it");
    sandbox.stop("-TERM");
    sandbox.run(&["journal", "prune", "--archive", "archive"]).ends(0);
    sandbox.serve();
    minimum
}

#[test]
fn a_page_whose_place_was_pruned_goes_on_from_what_there_is_and_says_what_is_gone() {
    // Without a service: one that answers late would be an incident, which is cut in two by nothing.
    let Some((mut sandbox, mut browser)) = logged_in_to(Sandbox::with_plain_home()) else { return };
    browser.eval("location.hash = '#/audit'");
    browser.wait("Number(document.getElementById('linked')?.dataset.linked) > 5");
    assert_eq!(browser.eval("document.getElementById('gone')"), Value::Null, "nothing is gone");
    browser.eval("window.still = true");
    // It hears nothing of all that comes while its machine has no network.
    let network = |browser: &mut Chromium, offline: bool| {
        browser.ask("Network.enable", json!({}));
        let flows =
            json!({"offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1});
        browser.ask("Network.emulateNetworkConditions", flows);
    };
    network(&mut browser, true);
    sandbox.stop("-TERM");
    browser.wait("document.body.dataset.live === 'reconnecting'");
    sandbox.serve();
    let minimum = pruned(&mut sandbox);
    network(&mut browser, false);
    // It was loaded anew, with its session and at its place, and is told of what comes.
    browser.wait("window.still !== true && document.body.dataset.live === 'live'");
    assert_eq!(browser.eval("location.hash"), "#/audit");
    report(&sandbox, "web-11", "after it was pruned");
    browser.wait("document.querySelector('#entries')?.textContent.includes('after it was pruned')");
    browser.wait(&format!(
        "document.getElementById('gone')?.textContent.includes('begins with entry {minimum}')"
    ));
    let linked = "document.getElementById('linked').dataset";
    browser.wait(&format!("Number({linked}.last) >= {}", entries_written(&sandbox)));
    assert_eq!(browser.eval(&format!("{linked}.wrong")), "0");
    browser.eval("location.hash = '#/audit/3'");
    browser.wait("document.querySelector('#body .notice.bad')?.textContent.includes('pruned')");
    quiet(&mut browser);
}

fn entries_written(sandbox: &Sandbox) -> u64 {
    sandbox.run(&["status", "--output", "json"]).json()["head"]["seq"].as_u64().expect("a head")
}

#[test]
fn a_changed_entry_is_seen_by_the_page() {
    let Some((sandbox, mut browser)) = logged_in() else { return };
    let version = browser.eval("document.querySelector('meta[name=page-version]').content");
    let script = format!(
        "(async () => {{
            const {{ Chain }} = await import('/page/{}/chain.js');
            const text = await (await fetch('v1/audit?limit=6', {{headers: {{Accept: 'application/x-ndjson'}}}})).text();
            const lines = text.split('\\n').filter(Boolean);
            const tell = async (change) => {{
                const chain = new Chain();
                const changed = change(lines.slice());
                changed.forEach((line) => chain.take(JSON.parse(line).seq, line));
                while (chain.checked < changed.length) await new Promise((go) => chain.addEventListener('checked', go, {{once: true}}));
                return chain.wrong.map((wrong) => `${{wrong.seq}} ${{wrong.what}}`).join('|');
            }};
            return [await tell((all) => all), await tell((all) => all.with(3, all[3].replace('\"mono\":', '\"mono\":1'))),
                await tell((all) => all.toSpliced(2, 1))];
        }})()",
        version.as_str().expect("a version")
    );
    let told = browser.eval(&script);
    assert_eq!(told[0], "", "as it is stored");
    let changed = told[1].as_str().unwrap_or_default();
    assert!(
        changed.contains("3 its signature does not hold") && changed.contains("4 `prev` is not"),
        "{changed}"
    );
    assert_eq!(told[2], "3 seq 2 is missing");
    assert!(!entries(&sandbox, "journal.genesis").is_empty());
}

#[test]
fn keys_lead_through_the_views_and_a_pause_asks_for_its_reason() {
    // Without a service: one that answers late would be an incident, and the keys lead to the first of the list.
    let Some((sandbox, mut browser)) = logged_in_to(Sandbox::with_plain_home()) else { return };
    report(&sandbox, "web-9", "nobody heals this");
    browser.wait("document.querySelector('#needs')?.textContent.includes('web-9')");
    for (key, path) in [("i", "incidents"), ("a", "audit"), ("r", "runbooks"), ("s", "sentinels"), ("h", "")]
    {
        browser.keys(&["g", key]);
        browser.wait(&format!("location.hash === '#/{path}' && !document.querySelector('[aria-busy]')"));
    }
    browser.keys(&["g", "i"]);
    browser.wait("document.querySelector('.incidents .row')");
    browser.wait("!document.querySelector('[aria-busy]')");
    browser.keys(&["j", "Enter"]);
    browser.wait("location.hash.startsWith('#/incidents/') && document.getElementById('stages')");
    browser.eval("document.getElementById('close').click()");
    browser.wait("document.activeElement?.id === 'ask-reason'");
    browser.type_in("nobody needs web-9");
    browser.keys(&["Enter"]);
    browser.wait("document.querySelector('[data-stage=closed]')?.textContent.includes('nobody needs web-9')");
    browser.keys(&["u"]);
    browser.wait("location.hash === '#/incidents' && document.querySelector('.incidents .row')");
    browser.keys(&["/"]);
    browser.wait("document.activeElement?.type === 'search'");
    browser.type_in("no such incident");
    browser.wait("document.querySelector('.empty')");
    browser.keys(&["Escape", "?"]);
    browser.wait("document.getElementById('help').open");
    browser.keys(&["Escape"]);
    browser.wait("!document.getElementById('help').open");
    browser.keys(&["g", "c"]);
    browser.wait("document.getElementById('pause')");
    browser.eval("document.getElementById('pause').click()");
    browser.wait("document.activeElement?.id === 'ask-reason'");
    browser.type_in("tea, and <b>cake</b>");
    browser.keys(&["Enter"]);
    browser.wait("document.getElementById('banner').textContent.includes('tea, and <b>cake</b>')");
    let status = sandbox.run(&["status", "--output", "json"]).json();
    assert_eq!(status["paused"]["by"], "person:ada");
    quiet(&mut browser);
}

#[test]
fn every_view_fits_a_narrow_window_whatever_is_reported_and_names_what_can_be_used() {
    let Some((sandbox, mut browser)) = logged_in() else { return };
    report(&sandbox, "web-10", &format!("{HOSTILE} {}", "x".repeat(300)));
    report(&sandbox, &"t".repeat(120), "a long target");
    browser.wait("document.querySelector('#needs')?.textContent.includes('web-10')");
    let id = browser.eval("document.querySelector('#needs a').hash");
    let id = id.as_str().expect("an address").to_owned();
    let views = ["#/", "#/incidents", &id, "#/audit", "#/audit/3", "#/runbooks", "#/sentinels", "#/controls"];
    for (width, height, dark) in
        [(1280, 900, false), (1280, 900, true), (800, 900, false), (380, 800, false), (380, 800, true)]
    {
        browser.size(width, height);
        browser.dark(dark);
        for view in views {
            browser.eval(&format!("location.hash = '{view}'"));
            browser
                .wait(&format!("location.hash === '{view}' && document.querySelector('#body[data-view]')"));
            browser.wait(&format!("document.querySelector('#body').dataset.view === '{view}'"));
            let wide = browser.eval("document.documentElement.scrollWidth");
            assert!(
                wide.as_u64().is_some_and(|wide| wide <= u64::from(width)),
                "{view} is {wide} wide of {width}"
            );
            let cut = "[...document.querySelectorAll('.cells')].filter((row) => row.scrollWidth > row.clientWidth + 1).length";
            assert_eq!(browser.eval(cut), 0, "{view}: something stands beyond the end of its line");
            let nameless = "[...document.querySelectorAll('button, input, select, a')].filter((one) => one.offsetParent && \
                            !(one.textContent.trim() || one.getAttribute('aria-label') || one.labels?.length)).length";
            assert_eq!(browser.eval(nameless), 0, "{view}");
            let kind = if dark { "dark" } else { "light" };
            let name = view.trim_matches(['#', '/']).split('/').collect::<Vec<_>>();
            let name = if view == id { "incident".to_owned() } else { name.join("-") };
            browser.picture(&format!("{width}-{kind}-{}", if name.is_empty() { "now" } else { &name }));
        }
    }
    quiet(&mut browser);
}

#[test]
fn what_the_page_lists_is_what_the_commands_list() {
    let mut sandbox = Sandbox::with_home();
    sandbox.serve();
    let get = |path: &str| {
        let curl = format!(
            "curl -fsS -H 'Authorization: Bearer {}' http://{}{path}",
            token(&sandbox),
            sandbox.address()
        );
        sandbox.shell(&curl).ends(0).json()
    };
    let command = |args: &[&str]| sandbox.run(args).json();
    assert_eq!(get("/v1/runbooks"), command(&["runbook", "list", "--quiet-exit", "--output", "json"]));
    assert_eq!(get("/v1/proposals"), command(&["proposal", "list", "--output", "json"]));
}
