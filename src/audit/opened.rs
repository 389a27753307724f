//! Views with their sealed text opened, where the key is at hand: for people. What is stored and streamed is never opened.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde::Serialize;

use super::entries::Error;
use super::projection::Audit;
use crate::base::ids::SubjectId;
use crate::base::sealed;

impl Audit {
    /// The subjects whose key was destroyed.
    pub fn erased(&self) -> BTreeSet<SubjectId> {
        self.world().control.erased.iter().copied().collect()
    }

    /// A view as JSON, its sealed text opened, or with a word on why it is not.
    pub fn opened(&self, view: &impl Serialize) -> Result<String, Error> {
        let json = serde_json::to_string(view)
            .map_err(|e| Error::Journal { what: "a view as JSON".into(), source: Box::new(e) })?;
        Ok(match self.open(&json, true) {
            Cow::Borrowed(_) => json,
            Cow::Owned(opened) => opened,
        })
    }

    /// Text, opened in the same way.
    pub(super) fn opened_text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.open(text, false)
    }

    fn open<'a>(&self, text: &'a str, json: bool) -> Cow<'a, str> {
        if !text.contains(sealed::PREFIX) {
            return Cow::Borrowed(text);
        }
        match self.subjects() {
            Some(subjects) if json => subjects.open_json(text, &self.erased()),
            Some(subjects) => subjects.open(text, &self.erased()),
            None => sealed::masked(text),
        }
    }
}
