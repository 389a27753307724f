//! (being written)

use crate::base::digest::FileDigest;

/// (stub)
#[derive(Debug)]
pub struct Runbook;

/// (stub)
#[derive(Debug)]
pub struct Verified<T> {
    digest: FileDigest,
    _of: std::marker::PhantomData<T>,
}

impl<T> Verified<T> {
    /// (stub)
    pub fn digest(&self) -> FileDigest {
        self.digest
    }
    /// (stub)
    #[cfg(test)]
    pub(crate) fn for_tests(digest: FileDigest) -> Self {
        Self { digest, _of: std::marker::PhantomData }
    }
}
