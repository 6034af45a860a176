//! Which generics of a block belong to its type, and which to its trait alone: a wrapper has those
//! of the type.

use quote::ToTokens;
use syn::{ConstParam, GenericParam, Generics, Ident, Type, TypeParam};

use crate::types;

/// `impl<K: Key, D: Db<K>> Store<K> for Repo<D>` -> `<D>` and `<K: Key> where D: Db<K>`
pub(crate) fn split(generics: &Generics, ty: &Type) -> (Generics, Generics) {
    let lifetimes = types::lifetimes(ty);
    let is_own = |param: &GenericParam| match param {
        GenericParam::Lifetime(param) => lifetimes.contains(&param.lifetime.ident),
        GenericParam::Type(TypeParam { ident, .. })
        | GenericParam::Const(ConstParam { ident, .. }) => {
            types::find(ty.to_token_stream(), std::slice::from_ref(ident)).is_some()
        }
    };
    let params = generics.params.iter().cloned();
    let (own_params, rest_params): (Vec<_>, Vec<_>) = params.partition(is_own);
    let foreign: Vec<_> = rest_params.iter().map(name).collect();
    let is_foreign = |part: &dyn ToTokens| types::find(part.to_token_stream(), &foreign).is_some();

    let (mut own, mut rest) = (Generics::default(), Generics::default());
    rest.params.extend(rest_params);
    for mut param in own_params {
        if let GenericParam::Type(TypeParam { ident, bounds, .. }) = &mut param {
            let all = std::mem::take(bounds);
            let (theirs, ours): (Vec<_>, Vec<_>) =
                all.into_iter().partition(|bound| is_foreign(bound));
            bounds.extend(ours);
            for bound in theirs {
                let clause = rest.make_where_clause();
                clause.predicates.push(syn::parse_quote!(#ident: #bound));
            }
        }
        own.params.push(param);
    }
    for predicate in generics
        .where_clause
        .iter()
        .flat_map(|clause| &clause.predicates)
    {
        let side = if is_foreign(predicate) {
            &mut rest
        } else {
            &mut own
        };
        side.make_where_clause().predicates.push(predicate.clone());
    }
    (own, rest)
}

/// Generics in front of others.
pub(crate) fn join(mut first: Generics, second: &Generics) -> Generics {
    let (lifetimes, others): (Vec<_>, Vec<_>) = second
        .params
        .iter()
        .cloned()
        .partition(|param| matches!(param, GenericParam::Lifetime(_)));
    let at = first.lifetimes().count();
    for (index, lifetime) in lifetimes.into_iter().enumerate() {
        first.params.insert(at + index, lifetime);
    }
    first.params.extend(others);
    if let Some(clause) = &second.where_clause {
        let predicates = clause.predicates.iter().cloned();
        first.make_where_clause().predicates.extend(predicates);
    }
    first
}

fn name(param: &GenericParam) -> Ident {
    match param {
        GenericParam::Lifetime(param) => param.lifetime.ident.clone(),
        GenericParam::Type(TypeParam { ident, .. })
        | GenericParam::Const(ConstParam { ident, .. }) => ident.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrapper_has_the_generics_of_its_type() {
        let block: syn::ItemImpl = syn::parse_quote! {
            impl<'k, 'd, K: Key<'k>, D: Db<K> + Send, const N: usize> Store<K> for Repo<'d, D, N>
            where K: Clone, D: Sync, { }
        };
        let (own, rest) = split(&block.generics, &block.self_ty);
        let text = |generics: &Generics| {
            let clause = generics.where_clause.to_token_stream();
            format!("{} {clause}", generics.to_token_stream())
        };
        let expected: Generics = syn::parse_quote!(<'d, D: Send, const N: usize>);
        assert_eq!(own.params, expected.params);
        assert!(text(&own).ends_with("where D : Sync"), "{}", text(&own));
        let expected: Generics = syn::parse_quote!(<'k, K: Key<'k>>);
        assert_eq!(rest.params, expected.params);
        assert!(
            text(&rest).contains("where D : Db < K > , K : Clone"),
            "{}",
            text(&rest)
        );
        let joined = join(own, &rest);
        let names: Vec<_> = joined
            .params
            .iter()
            .map(|param| name(param).to_string())
            .collect();
        assert_eq!(names, ["d", "k", "D", "N", "K"]);
    }
}
