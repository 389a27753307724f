//! Which folder a daemon serves: a copy of a home has the same node and the same tokens, and is another home all the same.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// The request header in which a command says which folder it speaks for; its value is [`folder_id`].
pub const HOME_HEADER: &str = "remediator-home";

/// What tells a state folder from every copy of it on this machine: the folder itself, by whatever path. None where
/// it cannot be looked at.
pub fn folder_id(state: &Path) -> Option<String> {
    let folder = std::fs::metadata(state).ok()?;
    Some(format!("{:x}-{:x}", folder.dev(), folder.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_keeps_its_id_under_another_name_and_a_copy_has_another() {
        let dir = tempfile::tempdir().expect("a folder");
        let [one, two, moved] = ["one", "two", "moved"].map(|name| dir.path().join(name));
        assert_eq!(folder_id(&one), None);
        std::fs::create_dir(&one).expect("made");
        std::fs::create_dir(&two).expect("made");
        let id = folder_id(&one);
        assert!(id.is_some() && id != folder_id(&two));
        std::fs::rename(&one, &moved).expect("renamed");
        assert_eq!(folder_id(&moved), id);
    }
}
