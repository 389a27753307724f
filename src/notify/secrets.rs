//! Secrets that the configuration refers to by name: a file below `$CREDENTIALS_DIRECTORY` (systemd), else below
//! `state/secrets/`, where only its owner may read it. Read at every use, so that a changed one counts at once.

use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::base::limits::SECRET_BYTES_MAX;
use crate::base::secret::Secret;

/// Where secrets are.
#[derive(Debug, Clone)]
pub struct Secrets {
    credentials: Option<PathBuf>,
    folder: PathBuf,
}

impl Secrets {
    /// Of a home, with `$CREDENTIALS_DIRECTORY` where it is set.
    pub fn of(state: &Path, credentials: Option<PathBuf>) -> Self {
        Self { credentials: credentials.filter(|c| c.is_absolute()), folder: state.join("secrets") }
    }

    /// The value, without the line end behind it; or why not and what mends it, which never says the value.
    pub(super) fn read(&self, name: &str) -> Result<Secret<String>, String> {
        if let Some(folder) = &self.credentials
            && let Some(secret) = one(&folder.join(name), false)?
        {
            return Ok(secret);
        }
        let path = self.folder.join(name);
        let missing =
            || format!("the secret `{name}` is missing: write it into {}, mode 0600", path.display());
        one(&path, true)?.ok_or_else(missing)
    }
}

/// Whether a reference is a plain file name.
pub(super) fn check(member: &str, name: &str) -> Result<(), String> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    match name.bytes().all(plain) && !name.is_empty() && !name.starts_with('.') && name.len() <= 128 {
        true => Ok(()),
        false => Err(format!(
            "{member} is the name of a file in state/secrets/ (letters, digits, `.`, `_`, `-`), never the value itself"
        )),
    }
}

fn one(path: &Path, private: bool) -> Result<Option<Secret<String>>, String> {
    let shown = path.display();
    let cannot = |e: std::io::Error| format!("the secret {shown} cannot be read: {e}");
    // A link could lead anywhere, and a pipe would never end.
    let nofollow = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let opened = std::fs::OpenOptions::new().read(true).custom_flags(nofollow.bits() as i32).open(path);
    let file = match opened {
        Ok(file) => file,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(cannot(e)),
    };
    let meta = file.metadata().map_err(cannot)?;
    if !meta.is_file() {
        return Err(format!("the secret {shown} is not a plain file"));
    }
    if private && meta.mode() & 0o077 != 0 {
        return Err(format!("the secret {shown} can be read by others: chmod 600 {shown}"));
    }
    let mut text = String::new();
    file.take(SECRET_BYTES_MAX + 1).read_to_string(&mut text).map_err(cannot)?;
    let secret = Secret::new(text);
    if secret.expose().len() as u64 > SECRET_BYTES_MAX {
        return Err(format!("the secret {shown} has more than {SECRET_BYTES_MAX} bytes"));
    }
    let trimmed = Secret::new(secret.expose().trim_end_matches(['\r', '\n']).to_owned());
    match trimmed.expose().is_empty() {
        true => Err(format!("the secret {shown} is empty")),
        false => Ok(Some(trimmed)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, name: &str, text: &str, mode: u32) {
        std::fs::create_dir_all(folder).expect("a folder");
        std::fs::write(folder.join(name), text).expect("written");
        std::fs::set_permissions(folder.join(name), std::os::unix::fs::PermissionsExt::from_mode(mode))
            .expect("a mode");
    }

    #[test]
    fn a_secret_is_a_private_file_and_credentials_come_first() {
        let home = tempfile::tempdir().expect("a folder");
        let credentials = home.path().join("credentials");
        let secrets = Secrets::of(home.path(), Some(credentials.clone()));
        let why = |name: &str| secrets.read(name).err().unwrap_or_default();
        assert!(
            why("hook").contains("state/secrets") || why("hook").contains("mode 0600"),
            "{}",
            why("hook")
        );
        write(&home.path().join("secrets"), "hook", "s3cret\n", 0o600);
        assert_eq!(secrets.read("hook").expect("there").expose(), "s3cret");
        write(&home.path().join("secrets"), "hook", "s3cret\n", 0o640);
        assert!(why("hook").contains("chmod 600") && !why("hook").contains("s3cret"));
        write(&credentials, "hook", "other", 0o440);
        assert_eq!(secrets.read("hook").expect("there").expose(), "other");
        write(&credentials, "empty", "\n", 0o400);
        assert!(why("empty").contains("is empty"));
        std::os::unix::fs::symlink("/etc/passwd", home.path().join("secrets/link")).expect("a link");
        assert!(why("link").contains("cannot be read"));
    }

    #[test]
    fn a_reference_is_a_file_name() {
        assert!(check("token", "ntfy.token").is_ok());
        for bad in ["", "../x", "a/b", ".hidden", "a b"] {
            assert!(check("token", bad).is_err(), "{bad}");
        }
    }
}
