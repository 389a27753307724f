//! How commands speak TLS to the daemon of their home: whom they trust, what they show, which name they expect. Not for
//! the daemon's own certificate (`api::tls`).

use std::error::Error as _;
use std::net::SocketAddr;
use std::path::Path;

use super::exit::{Exit, Failure};
use crate::remediator::config::TlsConfig;

/// The beginning of URLs, and the client for them.
pub fn speaks(
    tls: &TlsConfig,
    address: &str,
    builder: reqwest::ClientBuilder,
) -> Result<(String, reqwest::Client), Failure> {
    let wrong = |what: &str, path: &Path, error: &dyn std::fmt::Display| {
        Failure::new(Exit::Usage, format!("cannot use {what} in {}: {error}", path.display()))
            .hint("mend the file, or its path under `tls.commands` in remediator.yaml")
    };
    let read = |what: &str, path: &Path| std::fs::read(path).map_err(|e| wrong(what, path, &e));
    let builder = match &tls.ca {
        None => builder,
        Some(path) => {
            let certificates = reqwest::Certificate::from_pem_bundle(&read("the certificates", path)?);
            builder.tls_certs_only(certificates.map_err(|e| wrong("the certificates", path, &e))?)
        }
    };
    let builder = match &tls.own {
        None => builder,
        Some((cert, key)) => {
            let both = [read("the certificate", cert)?, b"\n".to_vec(), read("the key", key)?].concat();
            builder
                .identity(reqwest::Identity::from_pem(&both).map_err(|e| wrong("the certificate", cert, &e))?)
        }
    };
    // The name has to stand in the certificate; the connection goes to the address all the same.
    let (base, builder) = match (&tls.name, address.parse::<SocketAddr>()) {
        (Some(name), Ok(to)) => (format!("https://{name}:{}", to.port()), builder.resolve(name, to)),
        _ => (format!("https://{address}"), builder),
    };
    let client = builder.https_only(true).build();
    let client =
        client.map_err(|e| Failure::new(Exit::Unavailable, "cannot make an HTTPS client").because(e))?;
    Ok((base, client))
}

/// What TLS said, when a request failed for that.
pub fn refused(error: &reqwest::Error) -> Option<String> {
    let mut source = error.source();
    while let Some(error) = source {
        if let Some(said) = of_tls(error) {
            return Some(said.to_string());
        }
        source = error.source();
    }
    None
}

/// An error of TLS, in as many I/O errors as it may be wrapped: those do not name it as their source.
fn of_tls<'e>(error: &'e (dyn std::error::Error + 'static)) -> Option<&'e rustls::Error> {
    let inner = || error.downcast_ref::<std::io::Error>()?.get_ref();
    error.downcast_ref::<rustls::Error>().or_else(|| of_tls(inner()?))
}
