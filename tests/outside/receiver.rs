//! Receivers of notices: real sockets that keep what they are sent and answer as a test says, or not at all.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead as _, BufReader, Read as _, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::sandbox::eventually;

/// One request.
#[derive(Debug, Clone)]
pub struct Got {
    pub path: String,
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

impl Got {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).expect("JSON")
    }
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

/// What it answers.
#[derive(Debug, Clone, Copy)]
pub enum Says {
    /// Status, further header lines, body.
    Status(u16, &'static str, &'static str),
    /// Nothing, and keeps the connection.
    Nothing,
}

#[derive(Default)]
struct Shared {
    got: Mutex<Vec<Got>>,
    says: Mutex<VecDeque<Says>>,
    hanging: Mutex<Vec<TcpStream>>,
}

/// See the module.
pub struct Receiver {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Receiver {
    pub fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound");
        let shared = Arc::new(Shared::default());
        let for_thread = shared.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = for_thread.clone();
                std::thread::spawn(move || serve(stream, &shared));
            }
        });
        Self { address, shared }
    }
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
    pub fn port(&self) -> u16 {
        self.address.port()
    }
    /// What it says to the next ones; then 200.
    pub fn says(&self, answers: &[Says]) {
        self.shared.says.lock().expect("lock").extend(answers);
    }
    pub fn got(&self) -> Vec<Got> {
        self.shared.got.lock().expect("lock").clone()
    }
    /// Waits until a request has come that fits.
    #[track_caller]
    pub fn wait(&self, what: &str, fits: impl Fn(&Got) -> bool) -> Got {
        let mut found = None;
        eventually(Duration::from_secs(60), || {
            found = self.got().into_iter().find(&fits);
            found.is_some()
        });
        found.unwrap_or_else(|| panic!("{what} did not come; what came: {:?}", self.got()))
    }
}

fn serve(stream: TcpStream, shared: &Shared) {
    let Some(got) = read(&stream) else { return };
    shared.got.lock().expect("lock").push(got);
    let says = shared.says.lock().expect("lock").pop_front().unwrap_or(Says::Status(200, "", "ok"));
    match says {
        Says::Nothing => shared.hanging.lock().expect("lock").push(stream),
        Says::Status(status, headers, body) => {
            let mut stream = stream;
            let head = format!(
                "HTTP/1.1 {status} X\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            let _ = stream.write_all(format!("{head}{body}").as_bytes());
        }
    }
}

fn read(stream: &TcpStream) -> Option<Got> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        match line.trim_end().split_once(':') {
            Some((name, value)) => headers.insert(name.to_ascii_lowercase(), value.trim().to_owned()),
            None => break,
        };
    }
    let length = headers.get("content-length").and_then(|l| l.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Got { path, headers, body: String::from_utf8(body).ok()? })
}

/// A receiver whose certificate nobody has vouched for.
pub fn self_signed() -> SocketAddr {
    // An error means that a provider is there already, and it is the same one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let certificate = include_bytes!("tls/self_signed.der").to_vec().into();
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(include_bytes!("tls/self_signed.key.der").to_vec());
    let config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key.into())
        .expect("a certificate and its key");
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let Ok(mut connection) = rustls::ServerConnection::new(config.clone()) else { continue };
            let _ = connection.complete_io(&mut stream);
        }
    });
    address
}
