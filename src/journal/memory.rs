//! A folder in memory that loses power on command and fails where a script says, in both forms:
//! failed and not persisted, failed but persisted. For tests, here and in other modules.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::store::{Store, StoreFile};

/// What a script makes fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The sync fails and nothing of it is durable.
    SyncNotPersisted,
    /// The sync fails although everything is durable.
    SyncPersisted,
    /// Writing fails, half of it done.
    Write,
    /// No room to make a file longer.
    NoSpace,
}

#[derive(Debug, Default)]
struct Content {
    now: Vec<u8>,
    durable: Vec<u8>,
    /// What was written since the last sync. A sync that fails without persisting forgets it, as Linux does:
    /// the pages count as clean, and no later sync writes them.
    dirty: Vec<std::ops::Range<usize>>,
}

impl Content {
    fn persist(&mut self) {
        self.durable.resize(self.now.len(), 0);
        for range in self.dirty.drain(..) {
            let range = range.start.min(self.now.len())..range.end.min(self.now.len());
            self.durable[range.clone()].copy_from_slice(&self.now[range]);
        }
    }
}

#[derive(Debug, Default)]
struct State {
    contents: Vec<Content>,
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    /// The fault and how many operations of its kind still go well before it.
    script: Option<(Fault, u32)>,
    full: bool,
}

/// A folder in memory; clones are the same folder.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    state: Arc<Mutex<State>>,
}

impl Memory {
    /// An empty folder.
    pub fn new() -> Self {
        Self::default()
    }
    /// After `after` further operations of that kind, the next one fails like this, once.
    pub fn fail(&self, fault: Fault, after: u32) {
        self.lock().script = Some((fault, after));
    }
    /// From now on (or no longer) nothing can grow.
    pub fn set_full(&self, full: bool) {
        self.lock().full = full;
    }
    /// Power loss: what was not synced is gone. Open handles go on with what is left.
    pub fn lose_power(&self) {
        let mut state = self.lock();
        for content in &mut state.contents {
            content.now = content.durable.clone();
            content.dirty.clear();
        }
        state.names = state.durable_names.clone();
    }
    /// Bytes of a file as they stand.
    pub fn bytes(&self, name: &str) -> Option<Vec<u8>> {
        let state = self.lock();
        state.names.get(name).map(|id| state.contents[*id].now.clone())
    }
    /// Puts bytes into a file, durably, behind everybody's back.
    pub fn put(&self, name: &str, bytes: &[u8]) {
        let mut state = self.lock();
        let id = state.contents.len();
        state.contents.push(Content { now: bytes.to_vec(), durable: bytes.to_vec(), dirty: Vec::new() });
        state.names.insert(name.to_owned(), id);
        state.durable_names.insert(name.to_owned(), id);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether the script says that an operation of one of these kinds fails now.
    fn due(&mut self, kinds: &[Fault]) -> Option<Fault> {
        let (fault, left) = self.script.as_mut()?;
        if !kinds.contains(fault) {
            return None;
        }
        if *left > 0 {
            *left -= 1;
            return None;
        }
        self.script.take().map(|(fault, _)| fault)
    }

    fn grow(&mut self, id: usize, len: usize) -> io::Result<()> {
        if len > self.contents[id].now.len() {
            if self.full || self.due(&[Fault::NoSpace]).is_some() {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.contents[id].now.resize(len, 0);
        }
        Ok(())
    }
}

struct MemoryFile {
    memory: Memory,
    id: usize,
}

impl StoreFile for MemoryFile {
    fn size(&self) -> io::Result<u64> {
        Ok(self.memory.lock().contents[self.id].now.len() as u64)
    }
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        let state = self.memory.lock();
        let bytes = &state.contents[self.id].now;
        let from = usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
        let length = buffer.len().min(bytes.len() - from);
        buffer[..length].copy_from_slice(&bytes[from..from + length]);
        Ok(length)
    }
    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        let mut state = self.memory.lock();
        let from = usize::try_from(at).map_err(|_| io::ErrorKind::FileTooLarge)?;
        state.grow(self.id, from + bytes.len())?;
        let broken = state.due(&[Fault::Write]).is_some();
        let length = if broken { bytes.len() / 2 } else { bytes.len() };
        let content = &mut state.contents[self.id];
        content.now[from..from + length].copy_from_slice(&bytes[..length]);
        content.dirty.push(from..from + length);
        if broken { Err(io::Error::other("scripted write error")) } else { Ok(()) }
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.memory.lock();
        let len = usize::try_from(len).map_err(|_| io::ErrorKind::FileTooLarge)?;
        state.grow(self.id, len)?;
        state.contents[self.id].now.truncate(len);
        Ok(())
    }
    fn sync(&self) -> io::Result<()> {
        let mut state = self.memory.lock();
        let fault = state.due(&[Fault::SyncNotPersisted, Fault::SyncPersisted]);
        let content = &mut state.contents[self.id];
        match fault {
            Some(Fault::SyncNotPersisted) => content.dirty.clear(),
            _ => content.persist(),
        }
        if fault.is_some() { Err(io::Error::other("scripted sync error")) } else { Ok(()) }
    }
}

impl Store for Memory {
    fn names(&self) -> io::Result<Vec<String>> {
        Ok(self.lock().names.keys().cloned().collect())
    }
    fn open(&self, name: &str) -> io::Result<Arc<dyn StoreFile>> {
        let id = *self.lock().names.get(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(Arc::new(MemoryFile { memory: self.clone(), id }))
    }
    fn create(&self, name: &str) -> io::Result<Arc<dyn StoreFile>> {
        let mut state = self.lock();
        if state.full {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let id = state.contents.len();
        state.contents.push(Content::default());
        state.names.insert(name.to_owned(), id);
        Ok(Arc::new(MemoryFile { memory: self.clone(), id }))
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.lock();
        let id = state.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
        state.names.insert(to.to_owned(), id);
        Ok(())
    }
    fn remove(&self, name: &str) -> io::Result<()> {
        self.lock().names.remove(name).map(|_| ()).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
    fn sync_folder(&self) -> io::Result<()> {
        let mut state = self.lock();
        state.durable_names = state.names.clone();
        Ok(())
    }
    fn place(&self) -> PathBuf {
        PathBuf::from("(memory)")
    }
}
