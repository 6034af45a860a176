//! Macros: their tokens are expressions, or expressions are among them.

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};
use syn::parse::Parser as _;
use syn::punctuated::Punctuated;
use syn::visit::Visit as _;
use syn::{Expr, Lit, Macro, Token};

use super::ReadSearch;

/// What is only logged is no part of an answer.
const LOGS: [&str; 9] = [
    "trace", "debug", "info", "warn", "error", "event", "log", "println", "eprintln",
];

impl ReadSearch {
    pub(super) fn macro_tokens(&mut self, call: &Macro) {
        let last = call.path.segments.last();
        if !last.is_some_and(|last| LOGS.iter().any(|log| last.ident == log)) {
            self.tokens(call.tokens.clone());
        }
    }

    fn tokens(&mut self, tokens: TokenStream) {
        self.captures(tokens.clone());
        let list = Punctuated::<Expr, Token![,]>::parse_terminated.parse2(tokens.clone());
        match list {
            Ok(list) => list.iter().for_each(|expr| self.visit_expr(expr)),
            Err(_) => self.chains(&tokens.into_iter().collect::<Vec<_>>()),
        }
    }

    /// `format!("{owner}")` where `owner` is a field.
    fn captures(&mut self, tokens: TokenStream) {
        for token in tokens {
            if let TokenTree::Literal(literal) = token
                && let Lit::Str(text) = Lit::new(literal)
            {
                for place in self.aliases.captured(&text.value()) {
                    self.record(&place);
                }
            }
        }
    }

    /// What begins with a name of `self`, as far as it is one expression; and all that is in brackets.
    fn chains(&mut self, tokens: &[TokenTree]) {
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            at += match token {
                TokenTree::Ident(name) if self.aliases.place(name).is_some() => {
                    let is_field =
                        at > 0 && is_punct(&tokens[at - 1], '.') && !is_range(tokens, at);
                    if is_field {
                        1
                    } else {
                        self.chain(&tokens[at..])
                    }
                }
                TokenTree::Group(group) => {
                    self.tokens(group.stream());
                    1
                }
                _ => 1,
            };
        }
    }

    /// Looks at the expression that the tokens begin with, and gives its length.
    fn chain(&mut self, tokens: &[TokenTree]) -> usize {
        let (length, is_receiver) = chain(tokens);
        let chain = tokens[..length].iter().cloned().collect();
        match syn::parse2::<Expr>(chain) {
            Ok(expr) if is_receiver => self.called(&expr),
            Ok(expr) => self.visit_expr(&expr),
            Err(_) => {}
        }
        length
    }
}

/// How many tokens belong to `self.a.b[0].c(…)?`, and whether a call with a turbofish follows.
fn chain(tokens: &[TokenTree]) -> (usize, bool) {
    let mut length = 1;
    loop {
        let rest = &tokens[length..];
        length += match rest {
            [TokenTree::Punct(dot), TokenTree::Ident(name), after @ ..] if dot.as_char() == '.' => {
                let is_turbofish = after.first().is_some_and(|next| is_punct(next, ':'))
                    && after.get(1).is_some_and(|next| is_punct(next, ':'));
                if is_turbofish || name == "await" {
                    return (length, is_turbofish);
                }
                2
            }
            [TokenTree::Punct(dot), TokenTree::Literal(_), ..]
                if dot.as_char() == '.' && dot.spacing() == Spacing::Alone =>
            {
                2
            }
            [TokenTree::Punct(question), ..] if question.as_char() == '?' => 1,
            [TokenTree::Group(group), ..]
                if matches!(
                    group.delimiter(),
                    Delimiter::Parenthesis | Delimiter::Bracket
                ) =>
            {
                1
            }
            _ => return (length, false),
        };
    }
}

fn is_punct(token: &TokenTree, wanted: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == wanted)
}

/// `0..self.len`
fn is_range(tokens: &[TokenTree], at: usize) -> bool {
    at >= 2 && is_punct(&tokens[at - 2], '.')
}
