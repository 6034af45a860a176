//! The names that methods of one block have in place of their paths.

use syn::{Error, Ident};

use super::{Kind, Plan};
use crate::valid;

impl Plan<'_> {
    /// Names that two methods of the block have. Several of one name are one method, between which `#[cfg]` chooses.
    pub(super) fn names_given_twice(&self) -> Vec<Error> {
        let mut named: Vec<(String, &Ident)> = Vec::new();
        let mut errors = Vec::new();
        for method in &self.methods {
            let Kind::Cached(args) = &method.kind else {
                continue;
            };
            let Some(name) = &args.name else { continue };
            let text = name.0.value();
            match named.iter().find(|(known, _)| *known == text) {
                Some((_, first)) if **first != *method.name() => {
                    errors.push(valid::named_twice(&name.0, first));
                }
                Some(_) => {}
                None => named.push((text, method.name())),
            }
        }
        errors
    }
}
