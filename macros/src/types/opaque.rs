//! Types that hide what they are.

use quote::ToTokens as _;
use syn::Type;
use syn::visit::{self, Visit};

use super::{arguments, last_segment, peel};

/// Whether only the caller of a method knows an argument's type: there is an `impl Trait` somewhere in
/// it, or a macro that may expand to one.
pub(crate) fn is_opaque(ty: &Type) -> bool {
    struct Search(bool);
    impl Visit<'_> for Search {
        fn visit_type(&mut self, ty: &Type) {
            self.0 |= matches!(ty, Type::ImplTrait(_) | Type::Macro(_));
            visit::visit_type(self, ty);
        }
    }
    let mut search = Search(false);
    search.visit_type(ty);
    search.0
}

/// A type that is a future although it is not spelled `impl Future`.
pub(crate) fn is_boxed_future(ty: &Type) -> bool {
    let Some(segment) = last_segment(ty) else {
        return false;
    };
    if segment.ident == "BoxFuture" || segment.ident == "LocalBoxFuture" {
        return true;
    }
    let is_pin = segment.ident == "Pin";
    let boxed = arguments(segment)
        .first()
        .copied()
        .filter(|_| is_pin)
        .and_then(last_segment);
    boxed.is_some_and(|boxed| arguments(boxed).iter().any(|inner| {
        matches!(peel(inner), Type::TraitObject(object) if object.to_token_stream().to_string().contains("Future"))
    }))
}
