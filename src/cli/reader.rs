//! Where reading commands read: the daemon when it answers, else the segments. Both give the same bytes.

use std::borrow::Cow;
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::BTreeSet;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::client::{Client, NoAnswer};
use super::exit::{Exit, Failure};
use super::{Global, Home};
use crate::audit::{self, Audit};
use crate::base::ids::SubjectId;
use crate::base::sealed;
use crate::event::Kind as _;
use crate::event::subject::SubjectErased;
use crate::subject::Subjects;

/// See the module.
pub struct Reader {
    home: Home,
    client: Client,
    said: Cell<bool>,
    /// The segments, once they were read: what a command shows is of one moment.
    folded: OnceCell<Audit>,
    /// Subjects whose key was destroyed, once somebody has asked and until a line says that there is one more.
    erased: RefCell<Option<BTreeSet<SubjectId>>>,
}

/// A view, and its JSON byte for byte.
pub struct Answer<T> {
    /// As HTTP gives it.
    pub text: String,
    /// The same, typed.
    pub view: T,
}

/// A route with those parameters of the query that have a value.
pub fn asking(route: &str, parameters: &[(&str, Option<String>)]) -> String {
    let given = parameters.iter().filter_map(|(name, value)| Some((name, value.as_deref()?)));
    let pairs: Vec<String> = given
        .map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)))
        .collect();
    match pairs.is_empty() {
        true => route.to_owned(),
        false => format!("{route}?{}", pairs.join("&")),
    }
}

impl Reader {
    /// For a home.
    pub fn new(global: &Global) -> Result<Self, Failure> {
        let home = Home::readable(global)?;
        let client = Client::new(&home)?;
        Ok(Self { home, client, said: Cell::new(false), folded: OnceCell::new(), erased: RefCell::default() })
    }

    /// The same, without a word about where it reads.
    pub fn quiet(global: &Global) -> Result<Self, Failure> {
        Self::new(global).inspect(|reader| reader.said.set(true))
    }

    /// A view: from the daemon at `path`, or made from the segments.
    pub fn view<T: Serialize + DeserializeOwned>(
        &self,
        path: &str,
        offline: impl FnOnce(&Audit) -> Result<T, audit::Error>,
    ) -> Result<Answer<T>, Failure> {
        match self.ask(path)? {
            Some(text) => {
                let view = serde_json::from_str(&text).map_err(|e| {
                    let what = "the daemon's answer cannot be understood";
                    Failure::new(Exit::Unavailable, what)
                        .hint("the daemon and this command are of different versions: restart the daemon")
                        .because(e)
                })?;
                Ok(Answer { text, view })
            }
            None => {
                let audit = self.offline()?;
                let text = audit.opened(&offline(&audit)?)?;
                let view = serde_json::from_str(&text)
                    .map_err(|e| Failure::new(Exit::Unavailable, "cannot read a view").because(e))?;
                Ok(Answer { text, view })
            }
        }
    }

    /// The daemon's answer; none (with a word on stderr) when it has none to give now.
    pub fn ask(&self, path: &str) -> Result<Option<String>, Failure> {
        if self.home.is_imported() {
            // Its daemon, if there ever was one, is another machine's.
            return Ok(None);
        }
        match self.client.get(path) {
            Ok(text) => Ok(Some(text)),
            Err(NoAnswer::NoDaemon { address, .. }) => {
                self.note(format!("no daemon answers at {address}"));
                Ok(None)
            }
            Err(NoAnswer::OtherHome { address }) => {
                self.note(format!("the daemon at {address} is another home's"));
                Ok(None)
            }
            Err(NoAnswer::Silent { address, .. }) => {
                self.note(format!("the daemon at {address} hangs"));
                Ok(None)
            }
            Err(NoAnswer::Problem(problem)) if problem.status == 503 || problem.status == 401 => {
                let detail = problem.detail;
                self.note(format!("the daemon at {} does not answer this ({detail})", self.client.address()));
                Ok(None)
            }
            Err(other) => Err(other.into_failure()),
        }
    }

    /// A line that has just come: where it says that a subject was forgotten, that counts from here on.
    pub fn heard(&self, line: &str) {
        if line.contains(SubjectErased::KIND) {
            self.erased.take();
        }
    }

    /// A stored line with its sealed text opened, for people: where the key is in this home.
    pub fn opened<'a>(&self, line: &'a str) -> Result<Cow<'a, str>, Failure> {
        if !line.contains(sealed::PREFIX) {
            return Ok(Cow::Borrowed(line));
        }
        if self.erased.borrow().is_none() {
            let erased = self.entries()?.erased();
            self.erased.replace(Some(erased));
        }
        let erased = self.erased.borrow();
        let none = BTreeSet::new();
        Ok(Subjects::of_state(&self.home.state()).open_json(line, erased.as_ref().unwrap_or(&none)))
    }

    /// What is read.
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// The daemon's client.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Said once, however many views a command is made of.
    fn note(&self, why: String) {
        if !self.said.replace(true) {
            anstream::eprintln!("note: {why}; read from the segments");
        }
    }

    /// Its entries without a daemon, also those that a newer version wrote: for what shows them as they are stored.
    pub fn entries(&self) -> Result<Audit, Failure> {
        Ok(Audit::offline_entries(&self.home.state())?)
    }

    /// The journal without a daemon: folded from the segments, no lock, no sled.
    pub fn offline(&self) -> Result<Audit, Failure> {
        if let Some(audit) = self.folded.get() {
            return Ok(audit.clone());
        }
        let audit = Audit::offline(&self.home.state())?;
        Ok(self.folded.get_or_init(|| audit).clone())
    }
}
