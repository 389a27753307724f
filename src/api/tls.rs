//! TLS of the HTTP interface: certificates read from their files, and read anew when those change, so that a renewed one
//! needs no restart. Not for where they lie (`remediator.yaml`).

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::{CertificateError, RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::connections::Connection;
use super::token_file::{Stamp, stamp};

/// What somebody reads who speaks plain HTTP to a port that speaks TLS.
const PLAIN: &[u8] =
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\
Content-Length: 47\r\n\r\nthis port speaks TLS: begin the URL with https\n";
/// What is read of such a request before the connection is closed: whoever is cut off while they write reads nothing.
const PLAIN_BYTES_MAX: usize = 64 * 1024;

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read as PEM.
    #[error("cannot read {what} from {}: {source}", path.display())]
    Pem {
        /// A certificate or a key.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// What is wrong with it.
        source: rustls::pki_types::pem::Error,
    },
    /// It holds nothing.
    #[error("there is no certificate in {}", .0.display())]
    Empty(PathBuf),
    /// What was read is not usable.
    #[error("{} and what belongs to it cannot be used: {problem}", path.display())]
    Unusable {
        /// The certificate.
        path: PathBuf,
        /// Why.
        problem: String,
    },
}

/// See the module.
pub struct Tls {
    cert: PathBuf,
    key: PathBuf,
    client_ca: Option<PathBuf>,
    read: Mutex<(Vec<Option<Stamp>>, Arc<ServerConfig>)>,
}

impl Tls {
    /// Certificate, key, and who signed the certificates of those who may connect, if they need one.
    pub fn load(cert: PathBuf, key: PathBuf, client_ca: Option<PathBuf>) -> Result<Self, TlsError> {
        let stamps = stamps(&cert, &key, client_ca.as_deref());
        let config = config(&cert, &key, client_ca.as_deref())?;
        // There is no other one to fall back to, and what says so is better reached with it than not at all.
        if let Err(error) = untimely(&cert) {
            tracing::warn!(%error, "nobody will accept this certificate: renew it, the new one is taken without a restart");
        }
        Ok(Self { cert, key, client_ca, read: Mutex::new((stamps, config)) })
    }

    /// What is in force. Files that cannot be used change nothing: a renewal that went wrong ends no service.
    fn now(&self) -> Arc<ServerConfig> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let stamps = stamps(&self.cert, &self.key, self.client_ca.as_deref());
        if stamps != read.0 {
            read.0 = stamps;
            let renewed = config(&self.cert, &self.key, self.client_ca.as_deref());
            match renewed.and_then(|config| untimely(&self.cert).map(|()| config)) {
                Ok(config) => {
                    tracing::info!(cert = %self.cert.display(), "the certificate was read anew");
                    read.1 = config;
                }
                Err(error) => tracing::warn!(%error, "certificates stay as they were read last"),
            }
        }
        Arc::clone(&read.1)
    }

    /// Begins TLS on a connection; none when the other side speaks something else or may not.
    pub(super) async fn accept(&self, mut connection: Connection) -> Option<TlsStream<Connection>> {
        // A TLS record begins with 22; a method with a letter.
        if connection.begins_with_a_letter().await {
            let _ = connection.write_all(PLAIN).await;
            let _ = connection.shutdown().await;
            let _ = connection.take(PLAIN_BYTES_MAX as u64).read_to_end(&mut Vec::new()).await;
            return None;
        }
        match TlsAcceptor::from(self.now()).accept(connection).await {
            Ok(stream) => Some(stream),
            Err(error) => {
                tracing::debug!(%error, "a TLS connection did not begin");
                None
            }
        }
    }
}

fn stamps(cert: &Path, key: &Path, client_ca: Option<&Path>) -> Vec<Option<Stamp>> {
    [Some(cert), Some(key), client_ca].into_iter().flatten().map(stamp).collect()
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let wrong = |source| TlsError::Pem { what: "certificates", path: path.to_owned(), source };
    let all: Vec<_> =
        CertificateDer::pem_file_iter(path).map_err(wrong)?.collect::<Result<_, _>>().map_err(wrong)?;
    match all.is_empty() {
        true => Err(TlsError::Empty(path.to_owned())),
        false => Ok(all),
    }
}

fn config(cert: &Path, key: &Path, client_ca: Option<&Path>) -> Result<Arc<ServerConfig>, TlsError> {
    let unusable = |problem: String| TlsError::Unusable { path: cert.to_owned(), problem };
    let chain = certificates(cert)?;
    let private = PrivateKeyDer::from_pem_file(key).map_err(|source| TlsError::Pem {
        what: "a private key",
        path: key.to_owned(),
        source,
    })?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| unusable(error.to_string()))?;
    let builder = match client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let roots = Arc::new(roots(path)?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider).build();
            builder.with_client_cert_verifier(verifier.map_err(|error| unusable(error.to_string()))?)
        }
    };
    let mut config = builder.with_single_cert(chain, private).map_err(|error| unusable(error.to_string()))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn roots(path: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        let problem =
            |error: rustls::Error| TlsError::Unusable { path: path.to_owned(), problem: error.to_string() };
        roots.add(certificate).map_err(problem)?;
    }
    Ok(roots)
}

/// When the first certificate of a file is good, Unix seconds. None where that cannot be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Validity {
    /// From when on.
    pub from: Option<u64>,
    /// Until when.
    pub until: Option<u64>,
}

impl Validity {
    /// Of the first certificate of a file.
    pub fn of(path: &Path) -> Result<Self, TlsError> {
        let chain = certificates(path)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore::empty();
        let (Some(first), Ok(name)) = (chain.first(), ServerName::try_from("localhost")) else {
            return Ok(Self::default());
        };
        if roots.add(first.clone()).is_err() {
            return Ok(Self::default());
        }
        let Ok(verifier) = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build()
        else {
            return Ok(Self::default());
        };
        // The verifier looks at the time before it looks at who signed; far from now it says what the bounds are.
        let said = |at_s| {
            let at = UnixTime::since_unix_epoch(Duration::from_secs(at_s));
            match verifier.verify_server_cert(first, &[], &name, &[], at) {
                Err(rustls::Error::InvalidCertificate(error)) => Some(error),
                _ => None,
            }
        };
        let from = match said(0) {
            Some(CertificateError::NotValidYetContext { not_before, .. }) => Some(not_before.as_secs()),
            _ => None,
        };
        let until = match said(253_402_300_799) {
            Some(CertificateError::ExpiredContext { not_after, .. }) => Some(not_after.as_secs()),
            // It says that it ends before it begins.
            Some(CertificateError::Expired) => Some(0),
            _ => None,
        };
        Ok(Self { from, until })
    }

    /// What is wrong with it at a time, Unix seconds.
    pub fn problem_at(&self, now_s: u64) -> Option<&'static str> {
        match self {
            Self { until: Some(until), .. } if *until <= now_s => Some("it has ended"),
            Self { from: Some(from), .. } if *from > now_s => Some("it is not good yet"),
            _ => None,
        }
    }
}

/// A certificate that nobody would accept now.
fn untimely(cert: &Path) -> Result<(), TlsError> {
    let problem = Validity::of(cert)?.problem_at(UnixTime::now().as_secs());
    problem.map_or(Ok(()), |problem| {
        Err(TlsError::Unusable { path: cert.to_owned(), problem: problem.to_owned() })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_to_plain_http_says_its_length() {
        let text = std::str::from_utf8(PLAIN).expect("text");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        assert!(head.contains(&format!("Content-Length: {}", body.len())), "{}", body.len());
    }
}
