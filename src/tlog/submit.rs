//! What a log asks of one witness (c2sp.org/tlog-witness, `add-checkpoint`): the head with the proof from what that witness
//! knows, once more with the size that it says when it knows another, and its cosignature verified.
//! Pure; not for how bytes travel (whoever asks brings that), nor for when (`remediator`, `audit cosign`).

use super::checkpoint::{Checkpoint, decimal};
use super::merkle::Hash;
use super::note::{Note, Signature, Verdict};
use super::policy::Witness;
use super::witness_request::AddCheckpoint;
use crate::base::text::shown;

/// What a witness answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// 200: its lines.
    Lines(String),
    /// 409: the size that it cosigned last.
    Size(u64),
}

impl Answer {
    /// Of an HTTP status and body; the error is a sentence.
    pub fn of(status: u16, body: &str) -> Result<Self, String> {
        match (status, decimal(body.trim_end())) {
            (200, _) => Ok(Self::Lines(body.to_owned())),
            (409, Some(size)) => Ok(Self::Size(size)),
            _ => Err(format!("it answers {status}: {}", shown(body, 200))),
        }
    }
}

/// Asks a witness that is believed to know `known` entries; its own lines, verified, or why there are none. `prove` makes
/// a consistency proof from a size to the head's, `send` carries a body there and its answer back.
pub fn ask(
    witness: &Witness,
    (note, head): (&Note, &Checkpoint),
    known: u64,
    prove: &dyn Fn(u64) -> Result<Vec<Hash>, String>,
    send: &mut dyn FnMut(String) -> Result<Answer, String>,
) -> Result<Vec<Signature>, String> {
    let mut once = |old: u64| {
        let proof = prove(old)?;
        send(AddCheckpoint { old, proof, note: note.clone(), head: head.clone() }.body())
    };
    let known = known.min(head.size);
    let lines = match once(known)? {
        Answer::Lines(lines) => lines,
        Answer::Size(size) if size > head.size => {
            return Err(format!("it has cosigned {size} entries, this log has {}", head.size));
        }
        Answer::Size(size) if size == known => {
            return Err(format!("it has cosigned another tree of {size} entries: this log is forked"));
        }
        Answer::Size(size) => match once(size)? {
            Answer::Lines(lines) => lines,
            Answer::Size(other) if other == size => {
                return Err(format!("it has cosigned another tree of {size} entries: this log is forked"));
            }
            Answer::Size(other) => return Err(format!("it said {size}, then {other}")),
        },
    };
    let signatures: Result<Vec<Signature>, _> = lines.lines().map(Signature::parse).collect();
    let mut own = signatures.map_err(|e| e.to_string())?;
    own.retain(|line| line.name == witness.verifier.name && line.id == witness.verifier.id());
    let signed = Note { text: note.text.clone(), signatures: own };
    match witness.verifier.verify(&signed) {
        Verdict::Holds(_) => Ok(signed.signatures),
        Verdict::Wrong => Err("its cosignature does not hold".into()),
        Verdict::Absent => Err("it answered with somebody else's cosignature".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::sign::JournalKey;
    use crate::tlog::merkle::{InMemory, consistency, root};
    use crate::tlog::note::{Kind, Verifier, cosign};

    type Answering<'a> = &'a dyn Fn(&Note) -> Result<Answer, String>;

    /// What it sent, and what came of it, against a witness that answers with these.
    fn asked(known: u64, answers: &[Answering<'_>]) -> (Vec<u64>, Result<usize, String>) {
        let mut tree = InMemory::default();
        (0..40_u64).for_each(|n| tree.push(Hash::of_leaf(&n.to_be_bytes())));
        let head = Checkpoint { origin: "log".into(), size: 40, root: root(&tree, 40).expect("a root") };
        let note = head.signed(&JournalKey::from_seed(&[1; 32]), 3);
        let key = JournalKey::from_seed(&[2; 32]).public();
        let witness = Witness { verifier: Verifier::new("w", Kind::Timestamped, key), url: None };
        let (mut sent, mut answers) = (Vec::new(), answers.iter());
        let result = ask(
            &witness,
            (&note, &head),
            known,
            &|old| consistency(&tree, old, 40).map_err(|e| e.to_string()),
            &mut |body| {
                let request = AddCheckpoint::parse(&body).expect("a request");
                sent.push(request.old);
                answers.next().expect("no further question")(&request.note)
            },
        );
        (sent, result.map(|signatures| signatures.len()))
    }

    #[test]
    fn a_witness_is_asked_from_what_it_knows_and_believed_only_with_its_own_good_signature() {
        let good = |note: &Note| {
            let line = cosign("w", &JournalKey::from_seed(&[2; 32]), &note.text, 9);
            Ok(Answer::Lines(format!("{line}\n")))
        };
        let other = |note: &Note| {
            let line = cosign("x", &JournalKey::from_seed(&[3; 32]), &note.text, 9);
            Ok(Answer::Lines(format!("{line}\n")))
        };
        let bent = |_: &Note| {
            let line = cosign("w", &JournalKey::from_seed(&[2; 32]), "another text\n", 9);
            Ok(Answer::Lines(format!("{line}\n")))
        };
        let size = |size: u64| move |_: &Note| Ok(Answer::Size(size));
        assert_eq!(asked(0, &[&good]), (vec![0], Ok(1)));
        assert_eq!(asked(40, &[&good]), (vec![40], Ok(1)), "the heartbeat of a head that it knows");
        assert_eq!(asked(0, &[&size(17), &good]), (vec![0, 17], Ok(1)), "409 says from where");
        assert_eq!(asked(99, &[&size(3), &good]), (vec![40, 3], Ok(1)), "it lost what it knew");
        for (known, answers, why) in [
            (0, vec![&size(41) as &dyn Fn(&Note) -> _], "41 entries"),
            (7, vec![&size(7)], "forked"),
            (0, vec![&size(40), &size(40)], "forked"),
            (0, vec![&size(7), &size(8)], "then 8"),
            (0, vec![&other], "somebody else"),
            (0, vec![&bent], "does not hold"),
        ] {
            let (_, result) = asked(known, &answers);
            assert!(result.as_ref().is_err_and(|said| said.contains(why)), "{why}: {result:?}");
        }
        assert_eq!(Answer::of(409, "17\n"), Ok(Answer::Size(17)));
        assert!(Answer::of(409, "x\u{1b}[2J").is_err_and(|why| !why.contains('\u{1b}')));
        assert!(Answer::of(503, "").is_err() && Answer::of(200, "").is_ok());
    }
}
