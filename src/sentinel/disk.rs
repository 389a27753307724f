//! Look kind `disk`: has a file system room for ordinary users, in bytes and in inodes? A path that cannot be
//! asked is unknown. Not for what takes the room.

use std::path::Path;
use std::time::Duration;

use super::blocking::Blocking;
use super::{saw, with};
use crate::event::plan::DiskLook;
use crate::event::verification::{Observation, Verdict};

pub(super) async fn look(blocking: &Blocking, look: &DiskLook, timeout: Duration) -> Observation {
    let (what, plan) = (look.path.clone(), look.clone());
    blocking.look(&what, timeout, move || see(&plan)).await
}

/// What a file system says of itself.
#[derive(Debug, Clone, Copy)]
struct Room {
    total: u64,
    free: u64,
    inodes: u64,
    free_inodes: u64,
}

fn see(look: &DiskLook) -> Observation {
    match rustix::fs::statvfs(Path::new(&look.path)) {
        Ok(stat) => {
            let bytes = |blocks: u64| blocks.saturating_mul(stat.f_frsize);
            judge(
                look,
                Room {
                    // What root keeps for itself is neither free nor anybody's: as `df` counts.
                    total: bytes(stat.f_blocks.saturating_sub(stat.f_bfree.saturating_sub(stat.f_bavail))),
                    free: bytes(stat.f_bavail),
                    inodes: stat.f_files,
                    free_inodes: stat.f_favail,
                },
            )
        }
        Err(error) => saw(Verdict::Unknown, format!("{} cannot be asked for its room: {error}", look.path)),
    }
}

fn judge(look: &DiskLook, room: Room) -> Observation {
    let free_percent = percent(room.free, room.total);
    // Without a fixed number of inodes there is always one more.
    let free_inodes_percent = percent(room.free_inodes, room.inodes);
    let mut bad = Vec::new();
    if look.min_free_bytes.is_some_and(|min| room.free < min) {
        bad.push(format!("fewer than {} bytes", look.min_free_bytes.unwrap_or_default()));
    }
    if look.min_free_percent.is_some_and(|min| free_percent < u64::from(min)) {
        bad.push(format!("less than {} %", look.min_free_percent.unwrap_or_default()));
    }
    if look.min_free_inodes_percent.is_some_and(|min| free_inodes_percent < u64::from(min)) {
        bad.push(format!("less than {} % of the inodes", look.min_free_inodes_percent.unwrap_or_default()));
    }
    let state = format!(
        "{}: {} bytes free ({free_percent} %), {free_inodes_percent} % of the inodes",
        look.path, room.free
    );
    let seen = if bad.is_empty() {
        saw(Verdict::Healthy, state)
    } else {
        saw(Verdict::Failed, format!("{state}: {}", bad.join(", ")))
    };
    let values = [
        ("total_bytes", room.total),
        ("free_bytes", room.free),
        ("free_percent", free_percent),
        ("free_inodes", room.free_inodes),
        ("free_inodes_percent", free_inodes_percent),
    ];
    with(seen, &values)
}

/// Whole percent, rounded down; all of nothing.
fn percent(part: u64, whole: u64) -> u64 {
    if whole == 0 { 100 } else { u64::try_from(u128::from(part) * 100 / u128::from(whole)).unwrap_or(100) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(path: &str) -> DiskLook {
        let path = path.to_owned();
        DiskLook { path, min_free_bytes: None, min_free_percent: Some(10), min_free_inodes_percent: Some(5) }
    }

    #[test]
    fn bytes_percent_and_inodes_are_judged_each() {
        let room = Room { total: 1_000, free: 99, inodes: 100, free_inodes: 5 };
        let seen = judge(&plan("/x"), room);
        assert!(seen.verdict == Verdict::Failed && seen.evidence.contains("less than 10 %"), "{seen:?}");
        assert_eq!((seen.values["free_percent"], seen.values["free_inodes_percent"]), (9, 5));
        assert_eq!(judge(&plan("/x"), Room { free: 100, ..room }).verdict, Verdict::Healthy);
        let few = judge(&plan("/x"), Room { free: 100, free_inodes: 4, ..room });
        assert!(few.verdict == Verdict::Failed && few.evidence.contains("inodes"), "{few:?}");
        let none = judge(&plan("/x"), Room { free: 100, inodes: 0, free_inodes: 0, ..room });
        assert_eq!(none.verdict, Verdict::Healthy, "a file system without a fixed number of inodes");
        let bytes = DiskLook { min_free_bytes: Some(101), ..plan("/x") };
        assert_eq!(judge(&bytes, Room { free: 100, ..room }).verdict, Verdict::Failed);
        assert_eq!(
            judge(&plan("/x"), Room { free: u64::MAX, total: u64::MAX, ..room }).values["free_percent"],
            100
        );
    }

    #[test]
    fn real_file_systems_answer_and_missing_paths_are_unknown() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().to_string_lossy().into_owned();
        let seen = see(&DiskLook { min_free_percent: None, min_free_inodes_percent: None, ..plan(&path) });
        assert_eq!(seen.verdict, Verdict::Healthy, "{seen:?}");
        let stat = rustix::fs::statvfs(dir.path()).unwrap();
        assert!(seen.values["total_bytes"] <= i64::try_from(stat.f_blocks * stat.f_frsize).unwrap());
        assert!(seen.values["free_bytes"] <= seen.values["total_bytes"]);
        let full = see(&DiskLook { min_free_bytes: Some(1 << 60), ..plan(&path) });
        assert_eq!(full.verdict, Verdict::Failed);
        assert_eq!(see(&plan("/no/such/path")).verdict, Verdict::Unknown);
    }
}
