//! The distribution's Chromium without a window, driven over its own protocol through a pair of pipes.
//! `tools/fetch-chromium` installs it; without one the tests that need it say so and do nothing.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::sandbox::{Sandbox, eventually};

const PROGRAMS: [&str; 3] = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
/// For one answer of the browser, and for what a page is to show.
const PATIENCE: Duration = Duration::from_secs(60);

/// A browser with one page open. It ends with this value.
pub struct Chromium {
    child: Child,
    to: File,
    from: Receiver<Value>,
    session: Option<String>,
    last: u64,
    /// Errors that the page or its policy raised.
    pub errors: Vec<String>,
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Chromium {
    /// Started in the sandbox; none where there is no Chromium.
    pub fn start(sandbox: &Sandbox) -> Option<Self> {
        let Some(program) = PROGRAMS.into_iter().find(|program| Path::new(program).exists()) else {
            let loud = "NOT TESTED in a real browser: run tools/fetch-chromium";
            assert!(std::env::var_os("REMEDIATOR_NEEDS_CHROMIUM").is_none(), "{loud}");
            eprintln!("\n{loud}\n");
            return None;
        };
        let folder = sandbox.path().join("chromium");
        std::fs::create_dir_all(&folder).expect("a folder");
        let pipes = [folder.join("to"), folder.join("from")];
        assert!(Command::new("mkfifo").args(&pipes).status().expect("mkfifo starts").success());
        let log = File::create(folder.join("log")).expect("a log");
        // The protocol is spoken on the descriptors 3 and 4.
        let script = "exec \"$0\" \"$@\" 3<chromium/to 4>chromium/from";
        let child = sandbox
            .command("sh")
            .args(["-c", script, program, "--headless", "--remote-debugging-pipe", "--no-first-run"])
            .args(["--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"])
            // Tests may run as root, where its own sandbox does not work; it opens nothing but our page.
            .args(["--no-sandbox", "--hide-scrollbars", "about:blank"])
            .arg(format!("--user-data-dir={}", folder.join("profile").display()))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("it starts");
        let to = File::options().write(true).open(&pipes[0]).expect("its ear");
        let from = BufReader::new(File::open(&pipes[1]).expect("its mouth"));
        let (said, heard) = channel();
        std::thread::spawn(move || {
            for message in from.split(0).map_while(Result::ok) {
                let Ok(message) = serde_json::from_slice(&message) else { return };
                if said.send(message).is_err() {
                    return;
                }
            }
        });
        let mut chromium = Self { child, to, from: heard, session: None, last: 0, errors: Vec::new() };
        let target = chromium.ask("Target.createTarget", json!({"url": "about:blank"}));
        let attached =
            chromium.ask("Target.attachToTarget", json!({"targetId": target["targetId"], "flatten": true}));
        chromium.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page.enable", "Runtime.enable", "Log.enable"] {
            chromium.ask(domain, json!({}));
        }
        chromium.size(1280, 900);
        Some(chromium)
    }

    /// One command of the protocol and its result.
    #[track_caller]
    pub fn ask(&mut self, method: &str, params: Value) -> Value {
        self.last += 1;
        let mut message = json!({"id": self.last, "method": method, "params": params});
        if let Some(session) = &self.session {
            message["sessionId"] = session.as_str().into();
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        self.to.write_all(&bytes).expect("the browser hears");
        loop {
            let heard = self.from.recv_timeout(PATIENCE).unwrap_or_else(|e| panic!("{method}: {e}"));
            if heard["id"] == self.last {
                assert!(heard["error"].is_null(), "{method}: {}", heard["error"]);
                return heard["result"].clone();
            }
            self.note(&heard);
        }
    }

    fn note(&mut self, event: &Value) {
        let params = &event["params"];
        match event["method"].as_str() {
            Some("Runtime.exceptionThrown") => self.errors.push(params["exceptionDetails"].to_string()),
            // What the network says while the daemon is away is no fault of the page.
            Some("Log.entryAdded")
                if params["entry"]["level"] == "error" && params["entry"]["source"] != "network" =>
            {
                self.errors.push(params["entry"]["text"].to_string());
            }
            _ => {}
        }
    }

    /// What an expression gives in the page.
    #[track_caller]
    pub fn eval(&mut self, expression: &str) -> Value {
        self.tried(expression).unwrap_or_else(|thrown| panic!("{expression}: {thrown}"))
    }

    /// What an expression gives in the page, or what it throws.
    fn tried(&mut self, expression: &str) -> Result<Value, Value> {
        let params = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let result = self.ask("Runtime.evaluate", params);
        match &result["exceptionDetails"] {
            Value::Null => Ok(result["result"]["value"].clone()),
            thrown => Err(thrown.clone()),
        }
    }

    /// Waits until an expression holds in the page. What it throws meanwhile is no fault: a page that is just being
    /// loaded has no body yet.
    #[track_caller]
    pub fn wait(&mut self, expression: &str) {
        let whether = format!("Boolean({expression})");
        let mut last = Ok(Value::Null);
        let holds = eventually(PATIENCE, || {
            last = self.tried(&whether);
            last.as_ref().is_ok_and(|value| value == true)
        });
        assert!(
            holds,
            "never: {expression}: {last:?}\nthe page: {:?}",
            self.tried("document.body.innerText")
        );
    }

    pub fn open(&mut self, url: &str) {
        self.ask("Page.navigate", json!({ "url": url }));
        self.wait("document.readyState === 'complete'");
    }

    /// Presses keys one after another; `Enter` and the like are names.
    pub fn keys(&mut self, keys: &[&str]) {
        for key in keys {
            let text = match *key {
                "Enter" => "\r",
                named if named.len() > 1 => "",
                letter => letter,
            };
            let code = if *key == "Enter" { 13 } else { 27 };
            let mut pressed = json!({"type": "keyDown", "key": key, "text": text});
            if key.len() > 1 {
                pressed["windowsVirtualKeyCode"] = code.into();
            }
            self.ask("Input.dispatchKeyEvent", pressed);
            self.ask("Input.dispatchKeyEvent", json!({"type": "keyUp", "key": key}));
        }
    }

    /// Types into what has the focus.
    pub fn type_in(&mut self, text: &str) {
        self.ask("Input.insertText", json!({ "text": text }));
    }

    pub fn size(&mut self, width: u32, height: u32) {
        let narrow = width < 600;
        let params = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": narrow});
        self.ask("Emulation.setDeviceMetricsOverride", params);
    }

    pub fn dark(&mut self, dark: bool) {
        let value = if dark { "dark" } else { "light" };
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": value}]});
        self.ask("Emulation.setEmulatedMedia", features);
    }

    /// A picture of the page in the folder that `REMEDIATOR_SCREENSHOTS` names, for people to look at.
    pub fn picture(&mut self, name: &str) {
        let Some(folder) = std::env::var_os("REMEDIATOR_SCREENSHOTS") else { return };
        let shot = self.ask("Page.captureScreenshot", json!({"format": "png"}));
        let png = STANDARD.decode(shot["data"].as_str().expect("a picture")).expect("base64");
        std::fs::write(Path::new(&folder).join(format!("{name}.png")), png).expect("written");
    }
}
