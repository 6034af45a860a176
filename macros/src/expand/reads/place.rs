//! A place inside of `self`, and the field that is read there.

use proc_macro2::Span;
use syn::Member;
use syn::spanned::Spanned as _;

use super::names;

/// A field that a method reads.
#[derive(Debug, Clone)]
pub(in crate::expand) struct SelfRead {
    /// `self.owner.id`: what `self_key` could say.
    pub(in crate::expand) text: String,
    /// Of the field's name.
    pub(in crate::expand) span: Span,
}

/// `self`, or what is below it: its fields down to the first thing that is no field.
#[derive(Debug, Clone, Default)]
pub(super) struct Place {
    pub(super) members: Vec<(String, Span)>,
    /// Elements of what has no name, such as `self.rates[0]`.
    pub(super) is_beyond: bool,
}

impl Place {
    pub(super) fn is_self(&self) -> bool {
        self.members.is_empty() && !self.is_beyond
    }

    pub(super) fn member(mut self, member: &Member) -> Self {
        if !self.is_beyond {
            let name = match member {
                Member::Named(name) => name.to_string(),
                Member::Unnamed(index) => index.index.to_string(),
            };
            self.members.push((name, member.span()));
        }
        self
    }

    /// `None` where nothing of the user's is read: `self` as a whole, or a handle.
    pub(super) fn read(&self) -> Option<SelfRead> {
        let (last, span) = self.members.last()?;
        let names = self.members.iter().map(|(name, _)| name.as_str());
        let text = std::iter::once("self").chain(names).collect::<Vec<_>>();
        (!names::is_handle(last)).then(|| SelfRead {
            text: text.join("."),
            span: *span,
        })
    }
}
