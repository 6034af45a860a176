//! The identity of a method: a SHA-1 over its tokens, the same for every way to write them down.
//!
//! Any stage may use it; it imports only `names`. Start at [`method`].
//!
//! Not hashed: attributes and docs, except `#[cfg]` inside of the method and `#[cache_key]`,
//! visibility, spans and spaces, `None` groups that a macro left behind, raw prefixes of
//! identifiers, and commas before a closing bracket. Characters of punctuation are joined to operators by the table below and not by the spacing that the
//! compiler reports, which has changed between its versions.

mod conditions;
mod strip;

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens as _;
use sha1::{Digest as _, Sha1};
use syn::visit_mut::VisitMut as _;
use syn::{ImplItemFn, Visibility};

use crate::names;

/// Longest first.
const OPERATORS: [&str; 24] = [
    "<<=", ">>=", "...", "..=", "::", "->", "=>", "&&", "||", "==", "!=", "<=", ">=", "+=", "-=",
    "*=", "/=", "%=", "^=", "&=", "|=", "<<", ">>", "..",
];

/// Words after which a parenthesis opens a tuple or a group, not the arguments of a call.
const NO_CALLEE: [&str; 22] = [
    "as", "await", "break", "dyn", "else", "for", "if", "impl", "in", "let", "loop", "match",
    "move", "mut", "ref", "return", "static", "unsafe", "where", "while", "yield", "const",
];

pub(crate) use conditions::conditions;
use strip::Strip;

/// Its own name is no part of it where it `is_named` by another.
pub(crate) fn method(method: &ImplItemFn, is_named: bool) -> [u8; 20] {
    let mut method = method.clone();
    if is_named {
        method.sig.ident = names::renamed();
    }
    Strip.visit_impl_item_fn_mut(&mut method);
    method.vis = Visibility::Inherited;
    tokens(method.to_token_stream())
}

pub(crate) fn tokens(tokens: TokenStream) -> [u8; 20] {
    let mut bytes = Vec::new();
    walk(tokens, false, &mut bytes);
    Sha1::digest(&bytes).into()
}

/// Tokens as text, in one way only: `UserRepo<Postgres>`, `<Repo as Store>`.
pub(crate) fn canonical_text(tokens: TokenStream) -> String {
    let mut text = String::new();
    write_text(tokens, &mut text);
    text
}

fn write_text(tokens: TokenStream, text: &mut String) {
    for token in tokens {
        match token {
            TokenTree::Group(group) => {
                let (open, close) = brackets(group.delimiter());
                text.push_str(open);
                write_text(group.stream(), text);
                text.push_str(close);
            }
            TokenTree::Punct(punct) if punct.as_char() == ',' => text.push_str(", "),
            TokenTree::Punct(punct) => text.push(punct.as_char()),
            token => {
                if text.ends_with(|c: char| c.is_alphanumeric() || c == '_') || text.ends_with("> ")
                {
                    text.push(' ');
                }
                text.push_str(&unraw(&token.to_string()));
            }
        }
    }
}

/// One token, or one operator, each with its kind and length in front: `a b` is not `ab`.
fn push(kind: u8, text: &str, out: &mut Vec<u8>) {
    out.push(kind);
    out.extend_from_slice(&(text.len() as u64).to_be_bytes());
    out.extend_from_slice(text.as_bytes());
}

fn walk(tokens: TokenStream, is_tuple: bool, out: &mut Vec<u8>) {
    let mut flat = Vec::new();
    flatten(tokens, &mut flat);
    drop_last_comma(&mut flat, is_tuple);
    let mut callee = false;
    let mut at = 0;
    while at < flat.len() {
        let next_callee;
        match &flat[at] {
            TokenTree::Ident(ident) => {
                let text = unraw(&ident.to_string());
                next_callee = !NO_CALLEE.contains(&text.as_str());
                push(b'i', &text, out);
            }
            TokenTree::Literal(literal) => {
                next_callee = false;
                push(b'l', &literal.to_string(), out);
            }
            TokenTree::Group(group) => {
                let (open, close) = brackets(group.delimiter());
                push(b'o', open, out);
                let tuple = group.delimiter() == Delimiter::Parenthesis && !callee;
                walk(group.stream(), tuple, out);
                push(b'c', close, out);
                next_callee = group.delimiter() != Delimiter::Brace;
            }
            TokenTree::Punct(_) => {
                let operator = operator_at(&flat[at..]);
                next_callee = matches!(operator.as_str(), ">" | "!" | "?");
                push(b'p', &operator, out);
                at += operator.len() - 1;
            }
        }
        callee = next_callee;
        at += 1;
    }
}

/// The tokens of `None` groups stand for themselves.
fn flatten(tokens: TokenStream, out: &mut Vec<TokenTree>) {
    for token in tokens {
        match token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::None => {
                flatten(group.stream(), out);
            }
            token => out.push(token),
        }
    }
}

/// Wrapped lines end in a comma that the same code on one line does not have. In `(x,)` alone it
/// makes a tuple, so it stays.
fn drop_last_comma(tokens: &mut Vec<TokenTree>, is_tuple: bool) {
    let is_comma = |token: &TokenTree| matches!(token, TokenTree::Punct(p) if p.as_char() == ',');
    if !tokens.last().is_some_and(is_comma) {
        return;
    }
    let only = tokens.iter().filter(|token| is_comma(token)).count() == 1;
    if !(is_tuple && only) {
        tokens.pop();
    }
}

fn operator_at(tokens: &[TokenTree]) -> String {
    let mut joined = String::new();
    for token in tokens.iter().take(3) {
        let TokenTree::Punct(punct) = token else {
            break;
        };
        joined.push(punct.as_char());
        if punct.spacing() == proc_macro2::Spacing::Alone {
            break;
        }
    }
    let operator = OPERATORS
        .iter()
        .find(|operator| joined.starts_with(**operator));
    operator.map_or_else(
        || joined.chars().take(1).collect(),
        |operator| (*operator).to_owned(),
    )
}

pub(crate) fn brackets(delimiter: Delimiter) -> (&'static str, &'static str) {
    match delimiter {
        Delimiter::Parenthesis => ("(", ")"),
        Delimiter::Brace => ("{", "}"),
        Delimiter::Bracket => ("[", "]"),
        Delimiter::None => ("", ""),
    }
}

fn unraw(text: &str) -> String {
    text.strip_prefix("r#").unwrap_or(text).to_owned()
}

#[cfg(test)]
mod tests {
    use proc_macro2::Group;
    use quote::quote;

    use super::*;

    fn of(tokens: TokenStream) -> [u8; 20] {
        method(&syn::parse2(tokens).unwrap(), false)
    }

    #[test]
    fn the_name_of_a_method_matters_unless_it_is_named_otherwise() {
        let find = quote!(
            async fn find(&self, id: u64) -> u64 {
                id
            }
        );
        let renamed = quote!(
            async fn look(&self, id: u64) -> u64 {
                id
            }
        );
        let changed = quote!(
            async fn look(&self, id: u64) -> u64 {
                id + 1
            }
        );
        assert_ne!(of(find.clone()), of(renamed.clone()));
        let [find, renamed, changed] =
            [find, renamed, changed].map(|one| method(&syn::parse2(one).unwrap(), true));
        assert_eq!(hex(find), hex(renamed));
        assert_ne!(hex(find), hex(changed));
    }

    fn hex(digest: [u8; 20]) -> String {
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn ways_to_write_a_method_down_do_not_matter() {
        let plain = of(quote!(
            async fn find(&self, id: u64) -> u64 {
                foo(id, &[1, 2])
            }
        ));
        let docs = of(quote! {
            /// Finds.
            #[inline]
            #[cache(ttl = "5m")]
            pub(crate) async fn find(&self, #[cache_skip] id: u64,) -> u64 { foo(id, &[1, 2,],) }
        });
        let raw = of(quote!(
            async fn r#find(&self, id: u64) -> u64 {
                foo(id, &[1, 2])
            }
        ));
        assert_eq!(hex(plain), hex(docs));
        assert_eq!(hex(plain), hex(raw));
    }

    /// What `macro_rules!` makes of the tokens that it is given as a fragment.
    fn fragment(tokens: TokenStream) -> TokenTree {
        TokenTree::Group(Group::new(Delimiter::None, tokens))
    }

    #[test]
    fn invisible_groups_do_not_matter() {
        let name = fragment(quote!(find));
        let pattern = fragment(quote!((a, b)));
        let ty = fragment(quote!(Vec<u8>));
        let returned = fragment(quote!(Result<u64, DbError>));
        let literal = fragment(quote!(5));
        let expr = fragment(quote!(self.get::<u64>(a)));
        let nested = fragment(quote!(vec![#literal, #expr,]));
        let statement = fragment(quote!(let x = #nested));
        let grouped = of(quote! {
            async fn #name<T>(&self, #pattern: (#ty, T)) -> #returned {
                #statement;
                Ok(#expr.await? + #literal)
            }
        });
        let plain = of(quote! {
            async fn find<T>(&self, (a, b): (Vec<u8>, T)) -> Result<u64, DbError> {
                let x = vec![5, self.get::<u64>(a)];
                Ok(self.get::<u64>(a).await? + 5)
            }
        });
        assert_eq!(hex(grouped), hex(plain));
    }

    #[test]
    fn what_a_method_does_matters() {
        let bodies = [
            quote!({ a + b }),
            quote!({ a - b }),
            quote!({ ab }),
            quote!({ a b }),
            quote!({ (a,) }),
            quote!({ (a) }),
            quote!({ a && b }),
            quote!({ a & b }),
            quote!({ "a" }),
            quote!({ b"a" }),
            quote!({ return (a,) }),
            quote!({ return (a) }),
        ];
        let mut seen = std::collections::BTreeSet::new();
        for body in bodies {
            assert!(seen.insert(tokens(body.clone())), "{body}");
        }
    }

    /// What the compiler's own tokens come to: `ui-tests/pass/golden_fingerprints.rs`.
    #[test]
    fn fingerprints_are_golden() {
        let methods = [
            quote!(
                fn f(&self) -> u8 {
                    1
                }
            ),
            quote!(
                async fn find(&self, id: u64) -> Result<User, DbError> {
                    self.db.get(id).await?
                }
            ),
            quote!(
                fn g<'a, T: Clone>(&'a self, x: &'a [T]) -> Vec<T>
                where
                    T: Copy,
                {
                    x.to_vec()
                }
            ),
            quote!(
                async fn h(&self, (a, b): (u8, u8)) -> u8 {
                    if a <= b && !c {
                        a << 2
                    } else {
                        b..=9;
                        0
                    }
                }
            ),
            quote!(
                fn s(&self, q: &str) -> String {
                    format!("{q}{}", 1.5f32)
                }
            ),
            quote!(
                fn c<const N: usize>(self: &Self, f: [u8; N]) -> Vec<Vec<u8>>
                where
                    [u8; N]: serde::Serialize,
                {
                    f.iter()
                        .map(|&x| vec![x; 0xFF_usize >> 2])
                        .collect::<Vec<_>>()
                }
            ),
            quote!(
                async fn l(&self, r#type: &'static str) -> Option<char> {
                    'outer: loop {
                        match r#type.chars().next() {
                            Some('a'..='z') | None => break 'outer None,
                            Some(found @ '\'') => return Some(found),
                            _ => continue,
                        }
                    }
                }
            ),
            quote!(
                fn a(&self) -> u64 {
                    #[allow(unused)]
                    let x = -1i64;
                    let Some(y) = self.y else { return 0 };
                    *self.z.lock().unwrap() += x as u64 & !y;
                    u64::MAX
                }
            ),
            quote!(
                fn r(&self, id: u64) -> impl Future<Output = Result<u64, u8>> + use<'_> {
                    async move { Ok(unsafe { self.raw(id) }.await?) }
                }
            ),
            quote!(
                fn m(&self, b: &[u8]) -> (u8,) {
                    assert!(b != br#"raw "bytes""#, "{:?}", c"c");
                    matches!(b, [0x00, ..] if !b.is_empty())
                        .then(|| (1,))
                        .unwrap_or((b[0],))
                }
            ),
        ];
        let golden: Vec<_> = include_str!("../../tests/golden/fingerprints.hex")
            .lines()
            .collect();
        let found: Vec<_> = methods.map(|method| hex(of(method))).to_vec();
        assert_eq!(found, golden);
    }

    #[test]
    fn texts_of_types_are_canonical() {
        assert_eq!(
            canonical_text(quote!(Repo < Postgres , 'a >)),
            "Repo<Postgres, 'a>"
        );
        assert_eq!(canonical_text(quote!(< Repo as Store >)), "<Repo as Store>");
        assert_eq!(canonical_text(quote!(r#type::Repo)), "type::Repo");
    }
}
