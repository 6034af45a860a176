//! Options that are numbers, or constants of the program.

use darling::Result;
use proc_macro2::TokenStream;
use quote::quote_spanned;
use syn::spanned::Spanned as _;
use syn::visit::Visit;
use syn::{Expr, Ident, Path};

use super::expr::at;

/// A number, or an expression that the compiler evaluates.
#[derive(Debug, Clone)]
pub(crate) enum Constant {
    Number(u64),
    Expr(Expr),
}

impl Constant {
    /// What is no literal is an expression.
    pub(super) fn read(expr: &Expr, literal: impl FnOnce(&Expr) -> Result<u64>) -> Result<Self> {
        match expr {
            Expr::Lit(_) | Expr::Unary(_) | Expr::Range(_) | Expr::Verbatim(_) => {
                literal(expr).map(Self::Number)
            }
            _ if names_self(expr) => Err(at(
                expr,
                "`Self` is not known here; write the name of the type",
            )),
            _ => Ok(Self::Expr(expr.clone())),
        }
    }

    /// The number; of an expression, what this function of `private` makes of it.
    pub(crate) fn tokens(&self, private: &TokenStream, function: &str) -> TokenStream {
        match self {
            Self::Number(number) => quote::quote!(#number),
            Self::Expr(expr) => {
                let function = Ident::new(function, expr.span());
                quote_spanned!(expr.span()=> #private::#function(#expr))
            }
        }
    }
}

fn names_self(expr: &Expr) -> bool {
    struct Finder(bool);
    impl Visit<'_> for Finder {
        fn visit_path(&mut self, path: &Path) {
            let first = path.segments.first();
            self.0 |= first.is_some_and(|first| first.ident == "Self" || first.ident == "self");
            syn::visit::visit_path(self, path);
        }
    }
    let mut finder = Finder(false);
    finder.visit_expr(expr);
    finder.0
}
