//! Names that stand for `self` or its fields: `let Self { owner, .. } = self`, `let this = self`.

use proc_macro2::Span;
use syn::spanned::Spanned as _;
use syn::{Ident, Index, Member, Pat, Path};

use super::place::Place;

#[derive(Debug, Default)]
pub(super) struct Aliases(Vec<(String, Place)>);

impl Aliases {
    pub(super) fn place(&self, name: &Ident) -> Option<Place> {
        if name == "self" {
            return Some(Place::default());
        }
        let mut known = self.0.iter().rev();
        let (_, place) = known.find(|(known, _)| name == known)?;
        Some(place.clone())
    }

    /// Those whose names stand in a text, as in `format!("{owner}")`.
    pub(super) fn captured(&self, text: &str) -> Vec<Place> {
        let is_captured = |name: &str| {
            ['}', ':']
                .iter()
                .any(|end| text.contains(&format!("{{{name}{end}")))
        };
        let captured = self.0.iter().filter(|(name, _)| is_captured(name));
        captured.map(|(_, place)| place.clone()).collect()
    }

    pub(super) fn bind(&mut self, pattern: &Pat, place: &Place) {
        match pattern {
            Pat::Ident(name) => {
                self.0.push((name.ident.to_string(), place.clone()));
                if let Some((_, pattern)) = &name.subpat {
                    self.bind(pattern, place);
                }
            }
            Pat::Struct(found) if is_struct(&found.path) => {
                for field in &found.fields {
                    self.bind(&field.pat, &place.clone().member(&field.member));
                }
            }
            Pat::TupleStruct(found) if is_struct(&found.path) => {
                for (index, pattern) in found.elems.iter().enumerate() {
                    self.bind(pattern, &unnamed(place, index, pattern.span()));
                }
            }
            Pat::Or(or) => or.cases.iter().for_each(|case| self.bind(case, place)),
            Pat::Paren(inner) => self.bind(&inner.pat, place),
            Pat::Reference(inner) => self.bind(&inner.pat, place),
            Pat::Type(inner) => self.bind(&inner.pat, place),
            _ => {}
        }
    }
}

/// `Self` or the name of the type; a variant's path is longer.
fn is_struct(path: &Path) -> bool {
    path.segments.len() == 1
}

fn unnamed(place: &Place, index: usize, span: Span) -> Place {
    let index = Index {
        index: u32::try_from(index).unwrap_or(u32::MAX),
        span,
    };
    place.clone().member(&Member::Unnamed(index))
}
