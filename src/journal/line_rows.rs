//! Lines in sled: rows of a few lines each, by the seq of the first. A row holds the BLAKE3 of its lines and the lines, LF
//! between them; a row of one line is what older versions wrote, and is read as well.
//! Not for: indexes, the head (`rows`).

use crate::base::ids::Seq;

use super::rows::Trouble;

/// A row is given no further line when it would be longer than this. What an insertion costs has little to do with its
/// length, and a leaf of seventeen such rows (it is split then) is below what sled writes into a file of its own (128 KiB).
const LINES_BYTES: usize = 6144;
const HASH: usize = 32;

/// The tree.
pub(super) struct LineRows(sled::Tree);

impl LineRows {
    pub fn new(tree: sled::Tree) -> Self {
        Self(tree)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A line, when it is there and is what was put in.
    pub fn line(&self, seq: Seq) -> Result<Option<Vec<u8>>, Trouble> {
        let Some(row) = self.0.range(..=seq.to_be_bytes()).next_back() else { return Ok(None) };
        Ok(Row::checked(row?)?.lines_from(seq).next().map(<[u8]>::to_vec))
    }

    /// Lines from `from` on, at most `limit`.
    pub fn lines(&self, from: Seq, limit: usize) -> Result<Vec<Vec<u8>>, Trouble> {
        let start = self.0.range(..=from.to_be_bytes()).next_back().transpose()?;
        let start = start.map_or_else(|| from.to_be_bytes().as_slice().into(), |(key, _)| key);
        let mut lines = Vec::new();
        for row in self.0.range(start..) {
            let (next, left) = (from + lines.len() as u64, limit - lines.len());
            if left == 0 {
                break;
            }
            let row = Row::checked(row?)?;
            if row.first > next {
                return Err(Trouble(format!("line {next} is missing")));
            }
            lines.extend(row.lines_from(next).take(left).map(<[u8]>::to_vec));
        }
        Ok(lines)
    }

    /// Puts a batch in.
    pub fn apply(&self, mut batch: LinesBatch) -> Result<(), Trouble> {
        batch.close_row();
        Ok(self.0.apply_batch(batch.rows)?)
    }

    /// Takes out what came in without the head that belongs to it: it is put in again, in rows that begin elsewhere.
    pub fn remove_above(&self, head: Option<Seq>) -> Result<(), Trouble> {
        let mut above = sled::Batch::default();
        for row in self.0.range(head.map_or(0, |seq| seq + 1).to_be_bytes()..) {
            above.remove(row?.0);
        }
        Ok(self.0.apply_batch(above)?)
    }
}

struct Row {
    first: Seq,
    value: sled::IVec,
}

impl Row {
    fn checked((key, value): (sled::IVec, sled::IVec)) -> Result<Self, Trouble> {
        let key = key.as_ref().try_into().map_err(|_| Trouble("the key of a line is no seq".into()))?;
        match value.split_first_chunk::<HASH>() {
            Some((hash, lines)) if blake3::hash(lines) == *hash => {
                Ok(Self { first: Seq::from_be_bytes(key), value })
            }
            _ => Err(Trouble("a line does not check".into())),
        }
    }

    /// The lines from `seq` on, which is not before the first.
    fn lines_from(&self, seq: Seq) -> impl Iterator<Item = &[u8]> {
        let skip = usize::try_from(seq.saturating_sub(self.first)).unwrap_or(usize::MAX);
        self.value.get(HASH..).unwrap_or_default().split(|byte| *byte == b'\n').skip(skip)
    }
}

/// Lines on their way in.
#[derive(Default)]
pub(super) struct LinesBatch {
    rows: sled::Batch,
    /// The row that is being filled: its first seq, room for the hash, the lines.
    open: Option<(Seq, Vec<u8>)>,
}

impl LinesBatch {
    /// Adds the line that follows the one before.
    pub fn add(&mut self, seq: Seq, line: &[u8]) {
        match &mut self.open {
            Some((_, value)) if value.len() + line.len() < HASH + LINES_BYTES => {
                value.push(b'\n');
                value.extend_from_slice(line);
            }
            _ => {
                self.close_row();
                let mut value = Vec::with_capacity(HASH + LINES_BYTES.max(line.len()));
                value.extend_from_slice(&[0; HASH]);
                value.extend_from_slice(line);
                self.open = Some((seq, value));
            }
        }
    }

    fn close_row(&mut self) {
        let Some((first, mut value)) = self.open.take() else { return };
        if let Some((hash, lines)) = value.split_first_chunk_mut::<HASH>() {
            *hash = *blake3::hash(lines).as_bytes();
        }
        self.rows.insert(&first.to_be_bytes(), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> LineRows {
        let db = sled::Config::new().temporary(true).open().expect("sled");
        LineRows::new(db.open_tree("lines").expect("tree"))
    }

    /// Lines of all sizes, some longer than a row.
    fn line(seq: Seq) -> Vec<u8> {
        let filling = match seq % 7 {
            0 => 5_000,
            1 => LINES_BYTES,
            2 => LINES_BYTES - 1,
            _ => 700,
        };
        let mut line = format!("line {seq} ").into_bytes();
        line.resize(filling, b'x');
        line
    }

    fn put(tree: &LineRows, seqs: std::ops::Range<Seq>) {
        let mut batch = LinesBatch::default();
        seqs.for_each(|seq| batch.add(seq, &line(seq)));
        tree.apply(batch).expect("applied");
    }

    fn holds(tree: &LineRows, seqs: std::ops::Range<Seq>) {
        for from in seqs.clone() {
            assert_eq!(tree.line(from).expect("read").as_deref(), Some(line(from).as_slice()), "{from}");
            for limit in [1, 2, 9, 1_000] {
                let until = seqs.end.min(from + limit as u64);
                let wanted: Vec<_> = (from..until).map(line).collect();
                assert!(tree.lines(from, limit).expect("read") == wanted, "{limit} from {from}");
            }
        }
        assert_eq!(tree.line(seqs.end).expect("read"), None);
        assert!(tree.lines(seqs.end, 5).expect("read").is_empty());
    }

    #[test]
    fn lines_come_out_as_they_went_in_wherever_a_row_begins() {
        let tree = tree();
        put(&tree, 3..4);
        put(&tree, 4..50);
        put(&tree, 50..52);
        assert!(tree.0.len() < 45, "{} rows", tree.0.len());
        holds(&tree, 3..52);
        assert_eq!(tree.line(2).expect("read"), None);
        assert!(tree.lines(2, 5).is_err(), "it begins with 3");
    }

    #[test]
    fn rows_above_the_head_are_taken_out_and_come_in_again_as_others() {
        let tree = tree();
        put(&tree, 0..10);
        // No head was written after these.
        put(&tree, 10..12);
        put(&tree, 12..40);
        tree.remove_above(Some(9)).expect("removed");
        holds(&tree, 0..10);
        put(&tree, 10..40);
        holds(&tree, 0..40);
        tree.remove_above(None).expect("removed");
        assert!(tree.is_empty());
    }

    #[test]
    fn a_row_that_is_gone_or_changed_is_noticed() {
        let tree = tree();
        put(&tree, 0..40);
        let rows: Vec<_> = tree.0.iter().map(|row| row.expect("row")).collect();
        for (key, value) in &rows[1..rows.len() - 1] {
            let first = Seq::from_be_bytes(key.as_ref().try_into().expect("a seq"));
            tree.0.remove(key).expect("removed");
            assert!(tree.lines(0, 40).is_err(), "without {first}");
            assert_eq!(tree.line(first).expect("read"), None);
            let mut changed = value.to_vec();
            *changed.last_mut().expect("not empty") ^= 1;
            tree.0.insert(key, changed).expect("changed");
            assert!(tree.line(first).is_err() && tree.lines(0, 40).is_err(), "changed {first}");
            tree.0.insert(key, value).expect("back");
        }
        holds(&tree, 0..40);
    }

    #[test]
    fn rows_of_one_line_as_older_versions_wrote_them_are_read() {
        let tree = tree();
        for seq in 0..10 {
            let value = [blake3::hash(&line(seq)).as_bytes().as_slice(), &line(seq)].concat();
            tree.0.insert(seq.to_be_bytes(), value).expect("inserted");
        }
        put(&tree, 10..20);
        holds(&tree, 0..20);
    }
}
