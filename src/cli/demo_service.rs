//! `remediator __demo-service`: the small real HTTP service that `demo` and `init --sample-service` supervise.
//! `/health` answers as long as the process does; `/data` answers 200 only if the data file is intact.
//! Not a web server: one request per connection, and nothing of the remediator is reachable through it.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::exit::{Exit, Failure};
use super::{Global, Outcome};
use crate::base::digest::FileDigest;

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Port on 127.0.0.1.
    #[arg(long)]
    port: u16,
    /// File whose last line is `checksum` and the digest of everything before it.
    #[arg(long)]
    data: PathBuf,
}

/// A client that says nothing for this long is dropped.
const CLIENT_TIMEOUT: Duration = Duration::from_secs(1);
/// Longest request head that is read.
const HEAD_BYTES_MAX: usize = 8 * 1024;

/// Serves until it is ended.
pub fn run(args: Args, _: &Global) -> Outcome {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, args.port)).map_err(|e| {
        let what = format!("cannot listen on 127.0.0.1:{}", args.port);
        Failure::new(Exit::Unavailable, what).hint("is the port in use?").because(e)
    })?;
    for client in listener.incoming() {
        // A client that fails is the client's trouble.
        let _ = client.and_then(|stream| answer(stream, &args.data));
    }
    Ok(Exit::Ok)
}

fn answer(mut stream: TcpStream, data: &Path) -> std::io::Result<()> {
    stream.set_read_timeout(Some(CLIENT_TIMEOUT))?;
    stream.set_write_timeout(Some(CLIENT_TIMEOUT))?;
    let mut head = Vec::new();
    let mut chunk = [0u8; 1024];
    while !head.windows(4).any(|w| w == b"\r\n\r\n") && head.len() < HEAD_BYTES_MAX {
        match stream.read(&mut chunk)? {
            0 => break,
            n => head.extend_from_slice(&chunk[..n]),
        }
    }
    let path = String::from_utf8_lossy(&head).split(' ').nth(1).unwrap_or_default().to_owned();
    let (status, body) = respond(&path, data);
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

fn respond(path: &str, data: &Path) -> (&'static str, String) {
    match path {
        "/health" => ("200 OK", "ok\n".to_owned()),
        "/data" => match std::fs::read(data).map_err(|e| e.to_string()).and_then(|bytes| check(&bytes)) {
            Ok(()) => ("200 OK", "ok\n".to_owned()),
            Err(why) => ("500 Internal Server Error", format!("data file: {why}\n")),
        },
        _ => ("404 Not Found", "only /health and /data\n".to_owned()),
    }
}

/// A data file: some text and the line that checks it.
pub fn data_file(body: &str) -> String {
    format!("{body}checksum {}\n", FileDigest::of(body.as_bytes()))
}

fn check(bytes: &[u8]) -> Result<(), String> {
    let text = std::str::from_utf8(bytes).map_err(|e| format!("not text: {e}"))?;
    let (body, line) = text.rsplit_once("checksum ").ok_or("no checksum line")?;
    let expected = FileDigest::of(body.as_bytes()).to_string();
    if line.trim_end() == expected { Ok(()) } else { Err("the checksum does not fit the content".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_intact_file_is_told_from_a_corrupted_one() {
        let good = data_file("one\ntwo\n");
        assert_eq!(check(good.as_bytes()), Ok(()));
        assert!(check(good.replace("two", "tvo").as_bytes()).is_err());
        assert!(check(b"").is_err() && check(&[0xff]).is_err() && check(&good.as_bytes()[..20]).is_err());
    }

    #[test]
    fn only_the_data_route_looks_at_the_file() {
        let absent = Path::new("/nonexistent/data.txt");
        assert!(respond("/health", absent).0.starts_with("200"));
        assert!(respond("/data", absent).0.starts_with("500"));
        assert!(respond("/../etc/passwd", absent).0.starts_with("404"));
    }
}
