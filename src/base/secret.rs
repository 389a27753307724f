//! A value that must not be shown: no `Debug`, no `Display`, no `Serialize`; wiped when dropped.
//! Not for finding secrets in text from outside: that is `base::redact`.

use zeroize::Zeroize;

/// Holds a secret. Whoever needs the value says so with [`Secret::expose`].
///
/// ```compile_fail
/// let key = remediator::base::secret::Secret::new(String::from("x"));
/// println!("{key:?}");
/// ```
/// ```compile_fail
/// let key = remediator::base::secret::Secret::new(String::from("x"));
/// let _ = serde_json::to_string(&key);
/// ```
pub struct Secret<T: Zeroize>(T);

impl<T: Zeroize> Secret<T> {
    /// Takes the value over.
    pub fn new(value: T) -> Self {
        Self(value)
    }
    /// The value, for the one place that needs it.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}
