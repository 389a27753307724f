//! A small HTTP/1.1 client on one kept connection: a benchmark's client must not cost more than what it measures.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use remediator::event::degradation::{DegradationReport, Severity};
use serde_json::Value;

use crate::Done;

/// Unix time, ns.
pub fn now_ns() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

/// A connection with a token.
pub struct Client {
    address: String,
    token: String,
    stream: BufReader<TcpStream>,
}

impl Client {
    pub fn connect(address: &str, token: &str) -> Done<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        Ok(Self { address: address.to_owned(), token: token.to_owned(), stream: BufReader::new(stream) })
    }

    pub fn get(&mut self, path: &str) -> Done<(u16, Value)> {
        self.ask("GET", path, "")
    }
    pub fn post(&mut self, path: &str, body: &str) -> Done<(u16, Value)> {
        self.ask("POST", path, body)
    }

    /// Reports; the receipt, once it is durable.
    pub fn report(&mut self, report: &DegradationReport) -> Done<String> {
        let (status, said) = self.post("/v1/degradations", &serde_json::to_string(report)?)?;
        match (status, said["receipt"].as_str()) {
            (202, Some(receipt)) => Ok(receipt.to_owned()),
            _ => Err(format!("the report was not accepted: {status} {said}").into()),
        }
    }

    /// What is answered, where it is no JSON.
    pub fn get_text(&mut self, path: &str) -> Done<String> {
        let (_, body) = self.ask_bytes("GET", path, "")?;
        Ok(String::from_utf8(body)?)
    }

    fn ask(&mut self, method: &str, path: &str, body: &str) -> Done<(u16, Value)> {
        let (status, body) = self.ask_bytes(method, path, body)?;
        Ok((status, serde_json::from_slice(&body).unwrap_or(Value::Null)))
    }

    fn ask_bytes(&mut self, method: &str, path: &str, body: &str) -> Done<(u16, Vec<u8>)> {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            self.address,
            self.token,
            body.len()
        );
        self.stream.get_mut().write_all(request.as_bytes())?;
        let status = self.line()?.split(' ').nth(1).and_then(|s| s.parse().ok()).ok_or("no status line")?;
        let mut length = 0;
        loop {
            let line = self.line()?.to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse()?;
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        Ok((status, body))
    }

    fn line(&mut self) -> Done<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err("the daemon closed the connection".into());
        }
        Ok(line.trim_end().to_owned())
    }
}

/// A report of about 300 bytes.
pub fn report(subsystem: &str, code: &str, target: &str) -> DegradationReport {
    let attributes = [("unit", "web.service"), ("region", "eu-central"), ("restarts", "3")];
    DegradationReport {
        subject: None,
        subsystem: subsystem.into(),
        code: code.into(),
        target: target.into(),
        severity: Severity::Error,
        summary: "does not answer on its health route since two looks".into(),
        detail: Some("GET /health: no answer within 400 ms; before that 200 in 3 ms".into()),
        attributes: attributes.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        observed_at: None,
        id: None,
    }
}
