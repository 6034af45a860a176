//! What a cached method reads of `self`, which is not in the key.
//!
//! Start at [`reads`]. A field that is the receiver of a call is taken for a handle, such as a pool;
//! calls that only give the value itself, such as `clone`, are not, and neither are fields that have a
//! handle's name.

mod names;
mod patterns;
mod place;
mod tokens;

use syn::visit::{self, Visit};
use syn::{
    Arm, Expr, ExprCall, ExprField, ExprLet, ExprMatch, ExprMethodCall, ImplItemFn, Item, Local,
    Macro, UnOp,
};

use patterns::Aliases;
use place::Place;
pub(super) use place::SelfRead;

/// The fields that decide what a method answers, each at the first place that reads it.
pub(super) fn reads(method: &ImplItemFn) -> Vec<SelfRead> {
    let mut search = ReadSearch::default();
    search.visit_block(&method.block);
    search.reads
}

#[derive(Default)]
struct ReadSearch {
    aliases: Aliases,
    reads: Vec<SelfRead>,
}

impl ReadSearch {
    /// What an expression stands for, if it is no more than a way to something of `self`.
    fn place(&self, expr: &Expr) -> Option<Place> {
        match expr {
            Expr::Path(path) => self.aliases.place(path.path.get_ident()?),
            Expr::Field(ExprField { base, member, .. }) => Some(self.place(base)?.member(member)),
            Expr::Paren(inner) => self.place(&inner.expr),
            Expr::Group(inner) => self.place(&inner.expr),
            Expr::Reference(inner) => self.place(&inner.expr),
            Expr::Unary(unary) if matches!(unary.op, UnOp::Deref(_)) => self.place(&unary.expr),
            Expr::Index(index) => self.beyond(&index.expr),
            Expr::Try(inner) => self.beyond(&inner.expr),
            // Of the same value, as in `let this = self.clone()`.
            Expr::MethodCall(call) if call.method == "clone" => {
                self.place(&call.receiver).filter(Place::is_self)
            }
            _ => None,
        }
    }

    fn beyond(&self, expr: &Expr) -> Option<Place> {
        let place = self.place(expr).filter(|place| !place.is_self())?;
        Some(Place {
            is_beyond: true,
            ..place
        })
    }

    fn record(&mut self, place: &Place) {
        let read = place.read();
        let is_known = |read: &SelfRead| self.reads.iter().any(|known| known.text == read.text);
        if let Some(read) = read.filter(|read| !is_known(read)) {
            self.reads.push(read);
        }
    }

    /// The expressions inside of a place, such as an index.
    fn below(&mut self, expr: &Expr) {
        match expr {
            Expr::Field(field) => self.below(&field.base),
            Expr::Paren(inner) => self.below(&inner.expr),
            Expr::Group(inner) => self.below(&inner.expr),
            Expr::Reference(inner) => self.below(&inner.expr),
            Expr::Unary(unary) => self.below(&unary.expr),
            Expr::Try(inner) => self.below(&inner.expr),
            Expr::Index(index) => {
                self.below(&index.expr);
                self.visit_expr(&index.index);
            }
            _ => {}
        }
    }

    /// A receiver or a callee: a handle, if it is a place.
    fn called(&mut self, expr: &Expr) {
        match self.place(expr) {
            Some(_) => self.below(expr),
            None => self.visit_expr(expr),
        }
    }
}

impl<'ast> Visit<'ast> for ReadSearch {
    fn visit_expr(&mut self, expr: &'ast Expr) {
        match self.place(expr) {
            Some(place) => {
                self.record(&place);
                self.below(expr);
            }
            None => visit::visit_expr(self, expr),
        }
    }

    fn visit_expr_method_call(&mut self, call: &'ast ExprMethodCall) {
        if names::gives_the_value(&call.method.to_string()) {
            self.visit_expr(&call.receiver);
        } else {
            self.called(&call.receiver);
        }
        for argument in &call.args {
            self.visit_expr(argument);
        }
    }

    /// `(self.load)(id)`
    fn visit_expr_call(&mut self, call: &'ast ExprCall) {
        self.called(&call.func);
        for argument in &call.args {
            self.visit_expr(argument);
        }
    }

    fn visit_local(&mut self, local: &'ast Local) {
        let Some(init) = &local.init else { return };
        match self.place(&init.expr) {
            Some(place) if place.is_self() => self.aliases.bind(&local.pat, &place),
            _ => self.visit_expr(&init.expr),
        }
        if let Some((_, otherwise)) = &init.diverge {
            self.visit_expr(otherwise);
        }
    }

    fn visit_expr_let(&mut self, binding: &'ast ExprLet) {
        match self.place(&binding.expr) {
            Some(place) if place.is_self() => self.aliases.bind(&binding.pat, &place),
            _ => self.visit_expr(&binding.expr),
        }
    }

    fn visit_expr_match(&mut self, found: &'ast ExprMatch) {
        match self.place(&found.expr) {
            Some(place) if place.is_self() => {
                for Arm { pat, .. } in &found.arms {
                    self.aliases.bind(pat, &place);
                }
            }
            _ => self.visit_expr(&found.expr),
        }
        for arm in &found.arms {
            self.visit_arm(arm);
        }
    }

    fn visit_macro(&mut self, call: &'ast Macro) {
        self.macro_tokens(call);
    }

    /// Another `self`.
    fn visit_item(&mut self, _: &'ast Item) {}
}

#[cfg(test)]
mod tests;
