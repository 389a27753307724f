//! Versions, and programs that something of ours calls.

use super::{Patient, Sheet};

/// Linux has had pidfd_open, which services are watched with, since then.
const KERNEL_MIN: (u32, u32) = (5, 3);

pub(super) fn check(patient: &Patient, sheet: &mut Sheet) {
    let own = env!("CARGO_PKG_VERSION");
    match patient.status() {
        Ok(status) if patient.daemon() && status.version != own => sheet.finding(
            format!("the daemon is version {}, this command {own}", status.version),
            "restart the daemon with the new program",
        ),
        _ => sheet.ok(format!("version {own}")),
    }
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    match version(&release) {
        Some(version) if version < KERNEL_MIN => {
            let (major, minor) = KERNEL_MIN;
            sheet.finding(format!("the kernel is {release}"), format!("{major}.{minor} or newer is needed"));
        }
        Some(_) => sheet.ok(format!("the kernel is {release}")),
        None => sheet.unknown(format!("the kernel calls itself {release}")),
    }
    match found("ssh-keygen") {
        true => sheet.ok("ssh-keygen is there: keys of an agent or with a passphrase can sign"),
        false => {
            sheet.unknown("ssh-keygen is missing: only plain key files can sign (Debian: openssh-client)")
        }
    }
}

/// Major and minor of a kernel's release.
fn version(release: &str) -> Option<(u32, u32)> {
    let mut parts = release.split(|c: char| !c.is_ascii_digit());
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

fn found(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

#[cfg(test)]
mod tests {
    use super::version;

    #[test]
    fn a_release_is_read_as_numbers() {
        assert_eq!(version("6.1.0-18-amd64"), Some((6, 1)));
        assert_eq!(version("5.2"), Some((5, 2)));
        assert_eq!(version("custom"), None);
    }
}
