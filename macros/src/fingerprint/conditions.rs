//! What `#[cfg]` inside of a method asks for. Its answer is a part of the fingerprint: builds with other
//! answers run other code, although the macro is given the same tokens.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens as _;
use syn::punctuated::Punctuated;
use syn::{Attribute, Expr, ExprLit, ImplItemFn, Lit, Meta, Token};

/// Whether an attribute can take code away.
pub(super) fn chooses(attribute: &Attribute) -> bool {
    let path = attribute.path();
    path.is_ident("cfg") || path.is_ident("cfg_attr") && !conditions_of(&attribute.meta).is_empty()
}

/// Every condition in the signature and the body, also among the tokens of macros.
pub(crate) fn conditions(method: &ImplItemFn) -> Vec<TokenStream> {
    let mut found = Vec::new();
    search(method.sig.to_token_stream(), &mut found);
    search(method.block.to_token_stream(), &mut found);
    found
}

fn search(tokens: TokenStream, found: &mut Vec<TokenStream>) {
    let mut after_pound = false;
    for token in tokens {
        if let TokenTree::Group(group) = &token {
            let meta = syn::parse2::<Meta>(group.stream());
            let of_attribute = meta.ok().filter(|_| after_pound);
            found.extend(of_attribute.iter().flat_map(conditions_of));
            search(group.stream(), found);
        }
        // `#!` begins an attribute, too.
        after_pound = match &token {
            TokenTree::Punct(punct) => {
                punct.as_char() == '#' || after_pound && punct.as_char() == '!'
            }
            _ => false,
        };
    }
}

/// `a` of `cfg(a)`; `a` and `b` of `cfg_attr(a, cfg(b))`. What is no condition that `cfg!` would take
/// stands in tokens that are none of this method's code.
fn conditions_of(meta: &Meta) -> Vec<TokenStream> {
    let Meta::List(list) = meta else {
        return Vec::new();
    };
    let inside = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated);
    let inside: Vec<_> = inside.into_iter().flatten().collect();
    let Some((first, rest)) = inside.split_first() else {
        return Vec::new();
    };
    if !is_condition(first) {
        return Vec::new();
    }
    let first = first.to_token_stream();
    if list.path.is_ident("cfg") {
        return vec![first];
    }
    if list.path.is_ident("cfg_attr") {
        let chosen: Vec<_> = rest.iter().flat_map(conditions_of).collect();
        if !chosen.is_empty() {
            return [vec![first], chosen].concat();
        }
    }
    Vec::new()
}

fn is_condition(meta: &Meta) -> bool {
    match meta {
        Meta::Path(path) => path.get_ident().is_some(),
        Meta::NameValue(pair) => {
            let is_text = matches!(
                &pair.value,
                Expr::Lit(ExprLit {
                    lit: Lit::Str(_),
                    ..
                })
            );
            is_text && pair.path.get_ident().is_some()
        }
        Meta::List(list) => {
            let inside = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated);
            let is_operator = ["all", "any", "not"]
                .iter()
                .any(|name| list.path.is_ident(name));
            is_operator && inside.is_ok_and(|inside| inside.iter().all(is_condition))
        }
    }
}

#[cfg(test)]
mod tests {
    use quote::quote;

    use super::super::method;
    use super::*;

    fn of(body: &TokenStream) -> (Vec<String>, [u8; 20]) {
        let item = syn::parse_quote!(fn f(&self) -> u8 { #body });
        let found = conditions(&item).into_iter();
        (
            found.map(|tokens| tokens.to_string()).collect(),
            method(&item, false),
        )
    }

    #[test]
    fn conditions_count_wherever_they_stand() {
        let bodies = [
            quote!(1),
            quote!(
                #[cfg(feature = "a")]
                {
                    1
                }
            ),
            quote!(
                #[cfg(feature = "b")]
                {
                    1
                }
            ),
            quote!(#[cfg(not(feature = "a"))] let x = 2; 1),
            quote!(match x {
                #[cfg(unix)]
                A => 1,
                _ => 2,
            }),
            quote!(
                S {
                    #[cfg(any(a, all(b, not(c = "d"))))]
                    x: 1
                }
                .x
            ),
            quote!(|#[cfg(a)] x| 1),
            quote!(cfg_if! { if #[cfg(unix)] { 1 } else { 2 } }),
            quote!(#[cfg_attr(a, cfg(b))] let x = 2; 1),
            quote!(#[cfg(false)] let x = 2; 1),
            quote!(let x = 2; 1),
        ];
        let expected: [&[&str]; 11] = [
            &[],
            &[r#"feature = "a""#],
            &[r#"feature = "b""#],
            &[r#"not (feature = "a")"#],
            &["unix"],
            &[r#"any (a , all (b , not (c = "d")))"#],
            &["a"],
            &["unix"],
            &["a", "b"],
            &[],
            &[],
        ];
        let mut seen = std::collections::BTreeSet::new();
        for (body, expected) in bodies.iter().zip(expected) {
            let (conditions, digest) = of(body);
            let squeezed = |text: &str| text.replace(' ', "");
            let found: Vec<_> = conditions.iter().map(|text| squeezed(text)).collect();
            let expected: Vec<_> = expected.iter().map(|text| squeezed(text)).collect();
            assert_eq!(found, expected);
            assert!(seen.insert(digest), "{expected:?}");
        }
    }

    #[test]
    fn what_takes_no_code_away_does_not_count() {
        let plain = of(&quote!(let x = 2; 1));
        let lints = of(&quote! {
            #[allow(unused)]
            #[cfg_attr(feature = "a", allow(unused))]
            /// Docs.
            let x = 2;
            1
        });
        assert_eq!(plain, lints);
        // No code of the method, and nothing that `cfg!` could answer.
        let quoted = of(&quote!(quote! { #[cfg(feature = $a)] #[cfg(x(y))] }; 1));
        assert_eq!(quoted.0, [""; 0]);
    }
}
