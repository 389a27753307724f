//! Sealed text, opened where a person reads a post-mortem or steps through a journal and the subject's key is beside it.
//! After folding and checking, which see what is stored; before anything is shortened. Not for the keys (`subject`).

use std::collections::BTreeSet;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::History;
use crate::base::ids::SubjectId;
use crate::base::sealed;
use crate::event::{self, Event};

/// What opens.
pub(super) struct Opener<'a> {
    pub history: &'a History,
    /// Subjects whose key was destroyed.
    pub erased: BTreeSet<SubjectId>,
}

impl Opener<'_> {
    /// Text.
    pub fn text(&self, text: &str) -> String {
        self.history.subjects().open(text, &self.erased).into_owned()
    }

    /// An entry's event.
    pub fn event(&self, event: &Event) -> Result<Event, event::Error> {
        match event.data() {
            Ok(data) if data.contains(sealed::PREFIX) => {
                let opened = self.history.subjects().open_json(&data, &self.erased);
                Event::parse(event.kind(), event.kv(), &opened)
            }
            _ => Ok(event.clone()),
        }
    }

    /// Any value; none when nothing in it is sealed.
    pub fn again<T: Serialize + DeserializeOwned>(&self, value: &T) -> Option<T> {
        let json = serde_json::to_string(value).ok().filter(|json| json.contains(sealed::PREFIX))?;
        serde_json::from_str(&self.history.subjects().open_json(&json, &self.erased)).ok()
    }
}
