//! Values that are written as text in JSON: read from the text where it stands, without a copy of it. Not for what the
//! text must be: that says each value's own `parse`.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserializer, Error, Visitor};

struct Written<T, E>(fn(&str) -> Result<T, E>, PhantomData<T>);

impl<T, E: fmt::Display> Visitor<'_> for Written<T, E> {
    type Value = T;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }
    fn visit_str<F: Error>(self, text: &str) -> Result<T, F> {
        (self.0)(text).map_err(F::custom)
    }
}

/// Reads a string and makes a value of it; what `parse` refuses is the error.
pub fn deserialize<'de, D: Deserializer<'de>, T, E: fmt::Display>(
    d: D,
    parse: fn(&str) -> Result<T, E>,
) -> Result<T, D::Error> {
    d.deserialize_str(Written(parse, PhantomData))
}
