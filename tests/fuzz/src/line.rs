//! Target `line`: one line of a journal. What is read writes back the same bytes, member by member, and a payload that
//! is read is written and read again as itself.

use remediator::event::{Cause, Event};
use remediator::journal::LineRef;

use super::said;

/// Everything behind the signed part.
const SIG_BYTES: usize = r#","sig":""}"#.len() + 88;

/// See the module.
pub fn check(bytes: &[u8]) {
    match LineRef::parse(bytes) {
        Ok(line) => written_back(&line, bytes),
        Err(why) => {
            assert!(why.byte <= bytes.len().max(remediator::base::limits::LINE_BYTES_MAX));
            said::is_line(why);
        }
    }
    // Payloads of every kind without an envelope: `KIND JSON`.
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Some((kind, data)) = text.split_once(' ')
    {
        payload(kind, 1, data);
    }
}

fn written_back(line: &LineRef<'_>, bytes: &[u8]) {
    let quoted = |id: Option<uuid::Uuid>| id.map_or("null".to_owned(), |id| format!("\"{id}\""));
    let cause = match line.cause {
        None => "null".to_owned(),
        Some(Cause::Seq(seq)) => seq.to_string(),
        Some(Cause::Remote { node, seq, hash }) => {
            format!(r#"{{"node":"{node}","seq":{seq},"hash":"{hash}"}}"#)
        }
    };
    let synced = line.synced.map_or("null".to_owned(), |seq| seq.to_string());
    let (at, boot, node, kind, kv, data) = (line.at, line.boot, line.node, line.kind, line.kv, line.data);
    let signed = format!(
        r#"{{"v":1,"seq":{},"time":{},"mono":{},"boot":"{boot}","node":"{node}","kind":"{kind}","kv":{kv},"incident":{},"cause":{cause},"data":{data},"synced":{synced},"prev":"{}","key":"{}"}}"#,
        line.seq,
        at.time_us,
        at.mono_ms,
        quoted(line.incident.map(|id| id.0)),
        line.prev,
        line.key,
    );
    assert_eq!(line.signed_bytes(), signed.as_bytes(), "the members are not the bytes");
    assert_eq!(&bytes[..bytes.len() - SIG_BYTES], &signed.as_bytes()[..signed.len() - 1]);
    assert_eq!(line.to_line().as_str().as_bytes(), bytes);
    assert_eq!(line.to_line().parsed().as_ref(), Ok(line));
    match line.check_data() {
        Ok(()) => {
            let value = serde_json::from_str(data).expect("what is strict is JSON");
            said::is_strict(&value);
        }
        Err(why) => said::is_line(why),
    }
    payload(kind, kv, data);
}

fn payload(kind: &str, kv: u32, data: &str) {
    let event = match Event::parse(kind, kv, data) {
        Ok(event) => event,
        Err(why) => return said::is_fit(why),
    };
    assert_eq!(event.kind(), kind);
    // What an older version wrote is as the newest from here on.
    assert!(event.kv() == kv || Event::OLDER.contains(&(event.kind(), kv)));
    let written = event.data().expect("what was read can be written");
    let again = Event::parse(kind, event.kv(), &written).expect("what we write we read");
    assert_eq!(again, event);
    assert_eq!(again.data().expect("and write"), written);
}
