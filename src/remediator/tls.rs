//! `tls` of `remediator.yaml`: certificates of the HTTP interface and of the commands that use it, by path. Not for
//! reading them (`api::tls`, the commands' client).

use std::path::{Path, PathBuf};

use serde::Deserialize;

/// Encryption of the HTTP interface.
#[derive(Debug, Clone, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TlsFile {
    /// The daemon's certificate with what leads from it to its root, PEM. With it the interface speaks TLS only.
    pub cert: Option<String>,
    /// Its private key, PEM, for the owner of the home only.
    pub key: Option<String>,
    /// Who signed the certificates of those who may connect, PEM. Default: nobody needs one.
    pub client_ca: Option<String>,
    /// What the commands of this home use.
    #[serde(default)]
    pub commands: CommandsFile,
}

/// How the commands of a home speak to its daemon.
#[derive(Debug, Clone, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CommandsFile {
    /// Who signed `cert`, PEM. Default: whom the system trusts.
    pub ca: Option<String>,
    /// The commands' own certificate, PEM, where `client_ca` asks for one.
    pub cert: Option<String>,
    /// Its private key, PEM.
    pub key: Option<String>,
    /// The name that has to stand in the daemon's certificate. Default: the first of `hosts`, else the address.
    pub name: Option<String>,
}

/// The same, resolved. Relative paths are those of the home.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsConfig {
    /// The daemon's certificate.
    pub cert: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// Who signed the certificates of those who may connect.
    pub client_ca: Option<PathBuf>,
    /// Who signed `cert`.
    pub ca: Option<PathBuf>,
    /// The commands' own certificate and its key.
    pub own: Option<(PathBuf, PathBuf)>,
    /// The name in `cert`; none for the address.
    pub name: Option<String>,
}

impl TlsFile {
    /// None where nothing is said; else what is said, whole, or what is missing (key, problem).
    pub(super) fn resolve(
        self,
        home: &Path,
        hosts: &[String],
    ) -> Result<Option<TlsConfig>, (String, String)> {
        let at = |path: String| home.join(path);
        let half = |key: &str, other: &str| {
            (
                format!("tls.{key}"),
                format!("needs `{other}` beside it: a certificate and its key, as paths of PEM files"),
            )
        };
        let Self { cert, key, client_ca, commands } = self;
        let (cert, key) = match (cert, key) {
            (Some(cert), Some(key)) => (cert, key),
            (Some(_), None) => return Err(half("cert", "key")),
            (None, Some(_)) => return Err(half("key", "cert")),
            (None, None) => {
                let said = [&client_ca, &commands.ca, &commands.cert, &commands.key, &commands.name];
                return match said.iter().any(|said| said.is_some()) {
                    true => Err(half("client_ca", "cert` and `key")),
                    false => Ok(None),
                };
            }
        };
        let own = match (commands.cert, commands.key) {
            (Some(cert), Some(key)) => Some((at(cert), at(key))),
            (None, None) => None,
            (Some(_), None) => return Err(half("commands.cert", "key")),
            (None, Some(_)) => return Err(half("commands.key", "cert")),
        };
        let name = commands.name.or_else(|| hosts.first().cloned());
        let (client_ca, ca) = (client_ca.map(at), commands.ca.map(at));
        Ok(Some(TlsConfig { cert: at(cert), key: at(key), client_ca, ca, own, name }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_whole_or_refused() {
        let read = |text: &str| {
            let file: TlsFile = serde_json::from_str(text).expect("a section");
            file.resolve(Path::new("/home"), &["ops.example".into()])
        };
        assert_eq!(read("{}"), Ok(None));
        let tls = read(r#"{"cert":"tls/a.pem","key":"/k.pem"}"#).expect("whole").expect("said");
        assert_eq!((tls.cert, tls.key), (PathBuf::from("/home/tls/a.pem"), PathBuf::from("/k.pem")));
        assert_eq!((tls.own, tls.name.as_deref()), (None, Some("ops.example")));
        for half in [
            r#"{"cert":"a"}"#,
            r#"{"key":"a"}"#,
            r#"{"client_ca":"a"}"#,
            r#"{"cert":"a","key":"b","commands":{"cert":"c"}}"#,
            r#"{"cert":"a","key":"b","commands":{"key":"c"}}"#,
            r#"{"commands":{"ca":"c"}}"#,
        ] {
            assert!(read(half).is_err(), "{half}");
        }
    }
}
