//! Sealed text of what was gathered, opened for the page where the subject's key is beside the journal. After folding and
//! checking, which see what is stored; before anything is shortened. Not for the keys (`subject`).

use std::collections::BTreeSet;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::gather::Gathered;
use crate::base::ids::SubjectId;
use crate::base::sealed;
use crate::event::{self, Event};
use crate::replay::History;

/// What opens.
pub(super) struct Opener<'a> {
    pub history: &'a History,
    pub erased: BTreeSet<SubjectId>,
}

impl Opener<'_> {
    /// Everything that was gathered.
    pub fn open(&self, gathered: &mut Gathered) {
        for row in &mut gathered.rows {
            if let Ok(opened) = self.event(&row.record.event) {
                row.record.event = opened;
            }
        }
        if let Some(opened) = self.again(&gathered.context) {
            gathered.context = opened;
        }
    }

    /// Text that lies elsewhere.
    pub fn text(&self, text: &str) -> String {
        self.history.subjects().open(text, &self.erased).into_owned()
    }

    fn event(&self, event: &Event) -> Result<Event, event::Error> {
        match event.data() {
            Ok(data) if data.contains(sealed::PREFIX) => {
                let opened = self.history.subjects().open_json(&data, &self.erased);
                Event::parse(event.kind(), event.kv(), &opened)
            }
            _ => Ok(event.clone()),
        }
    }

    fn again<T: Serialize + DeserializeOwned>(&self, value: &T) -> Option<T> {
        let json = serde_json::to_string(value).ok().filter(|json| json.contains(sealed::PREFIX))?;
        serde_json::from_str(&self.history.subjects().open_json(&json, &self.erased)).ok()
    }
}
