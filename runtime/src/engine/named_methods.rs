//! The names that methods of one cache have in place of their paths: each is that of one method.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::error::Error;
use crate::method::descriptor::Declaration;

/// The path of the method that has a name.
#[derive(Debug, Default)]
pub(crate) struct NamedMethods(Mutex<HashMap<String, String>>);

impl NamedMethods {
    /// Gives a name to a method. A method without one needs none.
    ///
    /// # Errors
    /// A method of another path has it. Two methods of one name and with the same code would be given each other's values,
    /// whatever their types are.
    pub(crate) fn claim(&self, declaration: &Declaration<'_>) -> Result<(), Error> {
        let Some(path) = &declaration.named_path else {
            return Ok(());
        };
        let name = &*declaration.site;
        let mut paths = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A program may have two versions of a crate: those are two builds of one method.
        let first = paths.entry(name.to_owned()).or_insert(path.to_string());
        if first == path {
            return Ok(());
        }
        Err(Error::config(format!(
            "`{path}` and `{first}` both have the name `{name}` in this cache, so each would be given values of the other; give \
             one of them another name"
        )))
    }
}
