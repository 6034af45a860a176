//! An `async fn` that awaits itself: its future would contain itself, unless the inner one is in a box.

use syn::visit_mut::{self, VisitMut};
use syn::{Block, Expr, ExprAwait, ExprCall, Ident, Item};

/// Puts each awaited call of the function itself into a box, and gives the first that was found.
pub(crate) fn box_recursion(name: &Ident, body: &mut Block) -> Option<Ident> {
    let mut boxing = Boxing { name, found: None };
    boxing.visit_block_mut(body);
    boxing.found
}

struct Boxing<'a> {
    name: &'a Ident,
    found: Option<Ident>,
}

impl VisitMut for Boxing<'_> {
    fn visit_expr_await_mut(&mut self, awaited: &mut ExprAwait) {
        visit_mut::visit_expr_await_mut(self, awaited);
        if let Some(called) = called(&awaited.base).filter(|called| *called == self.name) {
            self.found.get_or_insert_with(|| called.clone());
            let call = &awaited.base;
            awaited.base = syn::parse_quote!(::std::boxed::Box::pin(#call));
        }
    }

    fn visit_item_mut(&mut self, _: &mut Item) {}
}

/// `f` of `f(…)`, `Self::f(…)` and `self.f(…)`.
fn called(expr: &Expr) -> Option<&Ident> {
    match expr {
        Expr::Call(ExprCall { func, .. }) => {
            let Expr::Path(path) = &**func else {
                return None;
            };
            let segments = &path.path.segments;
            let is_own = segments.len() == 1 || segments[0].ident == "Self";
            segments.last().map(|last| &last.ident).filter(|_| is_own)
        }
        Expr::MethodCall(call) => {
            let is_self = matches!(&*call.receiver, Expr::Path(path) if path.path.is_ident("self"));
            Some(&call.method).filter(|_| is_self)
        }
        _ => None,
    }
}
