//! Questions about types, and the rewriting of types that move from the user's block to ours.
//!
//! Any stage may use it; it imports only `fingerprint` and `names`. Start at [`SelfType`], which replaces `Self`, and
//! [`Namer`], which names what was left out.

mod opaque;

use proc_macro2::{Group, Span, TokenStream, TokenTree};
use quote::{ToTokens as _, quote};
use syn::visit::{self, Visit};
use syn::visit_mut::{self, VisitMut};
use syn::{
    ExprPath, GenericArgument, Generics, Ident, Lifetime, ParenthesizedGenericArguments, Path,
    PathArguments, PathSegment, QSelf, Receiver, Type, TypeImplTrait, TypeParamBound, TypePath,
    TypeReference,
};

use crate::{fingerprint, names};
pub(crate) use opaque::{is_boxed_future, is_opaque};

/// A type that came through `macro_rules!` stands in an invisible group.
pub(crate) fn peel(mut ty: &Type) -> &Type {
    loop {
        ty = match ty {
            Type::Group(group) => &group.elem,
            Type::Paren(paren) => &paren.elem,
            _ => return ty,
        };
    }
}

pub(crate) fn last_segment(ty: &Type) -> Option<&PathSegment> {
    match peel(ty) {
        Type::Path(path) => path.path.segments.last(),
        _ => None,
    }
}

/// The type arguments of the last segment: `T` and `E` of `io::Result<T, E>`.
pub(crate) fn arguments(segment: &PathSegment) -> Vec<&Type> {
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else {
        return Vec::new();
    };
    let types = arguments.args.iter().filter_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    });
    types.collect()
}

/// `T` of a type that is spelled `…Result<T, …>`.
pub(crate) fn ok_by_name(ty: &Type) -> Option<&Type> {
    let segment = last_segment(ty)?;
    if segment.ident != "Result" {
        return None;
    }
    arguments(segment).first().copied()
}

/// `T` of `impl Future<Output = T>`.
pub(crate) fn future_output(ty: &Type) -> Option<&Type> {
    let Type::ImplTrait(TypeImplTrait { bounds, .. }) = peel(ty) else {
        return None;
    };
    bounds.iter().find_map(|bound| {
        let TypeParamBound::Trait(bound) = bound else {
            return None;
        };
        let segment = bound.path.segments.last()?;
        let PathArguments::AngleBracketed(arguments) = &segment.arguments else {
            return None;
        };
        arguments.args.iter().find_map(|argument| match argument {
            GenericArgument::AssocType(output)
                if segment.ident == "Future" && output.ident == "Output" =>
            {
                Some(&output.ty)
            }
            _ => None,
        })
    })
}

pub(crate) fn is_unit(ty: &Type) -> bool {
    matches!(peel(ty), Type::Tuple(tuple) if tuple.elems.is_empty())
}

/// The first of these names in the tokens.
pub(crate) fn find(tokens: TokenStream, idents: &[Ident]) -> Option<Ident> {
    tokens.into_iter().find_map(|token| match token {
        TokenTree::Ident(ident) => Some(ident).filter(|ident| idents.contains(ident)),
        TokenTree::Group(group) => find(group.stream(), idents),
        _ => None,
    })
}

/// The type and const parameters.
pub(crate) fn parameters(generics: &Generics) -> Vec<Ident> {
    let types = generics.type_params().map(|param| param.ident.clone());
    types
        .chain(generics.const_params().map(|param| param.ident.clone()))
        .collect()
}

/// Rewrites `Self`, which in a wrapper would be the wrapper, to the user's type.
#[derive(Debug, Clone)]
pub(crate) struct SelfType {
    pub(crate) ty: Type,
    pub(crate) trait_: Option<Path>,
}

impl SelfType {
    pub(crate) fn ty(&self, ty: &Type) -> Type {
        let mut ty = ty.clone();
        self.clone().visit_type_mut(&mut ty);
        ty
    }

    pub(crate) fn generics(&self, generics: &Generics) -> Generics {
        let mut generics = generics.clone();
        self.clone().visit_generics_mut(&mut generics);
        generics
    }

    /// `Self::Item` -> `<Repo as Store>::Item`
    fn qualify(&self, qself: &mut Option<QSelf>, path: &mut Path) {
        let is_self = |segment: &PathSegment| segment.ident == "Self";
        if qself.is_some() || !path.segments.first().is_some_and(is_self) {
            return;
        }
        let ty = &self.ty;
        let rest: Vec<_> = path.segments.iter().skip(1).cloned().collect();
        let qualified: TypePath = match &self.trait_ {
            _ if rest.is_empty() => return,
            Some(trait_) => syn::parse_quote!(<#ty as #trait_>::#(#rest)::*),
            None => syn::parse_quote!(<#ty>::#(#rest)::*),
        };
        (*qself, *path) = (qualified.qself, qualified.path);
    }

    /// In an expression, with another one for `self`.
    pub(crate) fn expression(&self, tokens: TokenStream, this: &TokenStream) -> TokenStream {
        let each = tokens.into_iter().map(|token| match token {
            TokenTree::Ident(ident) if ident == "self" => this.clone(),
            TokenTree::Ident(ident) if ident == "Self" => {
                let ty = &self.ty;
                quote!(<#ty>)
            }
            TokenTree::Group(group) => {
                let inner = self.expression(group.stream(), this);
                let mut inner = Group::new(group.delimiter(), inner);
                inner.set_span(group.span());
                inner.into_token_stream()
            }
            token => token.into_token_stream(),
        });
        each.collect()
    }
}

impl VisitMut for SelfType {
    /// `self: &Self` is the wrapper's.
    fn visit_receiver_mut(&mut self, _: &mut Receiver) {}

    fn visit_type_mut(&mut self, ty: &mut Type) {
        match ty {
            Type::Path(path) if path.path.is_ident("Self") => *ty = self.ty.clone(),
            _ => visit_mut::visit_type_mut(self, ty),
        }
    }

    fn visit_type_path_mut(&mut self, path: &mut TypePath) {
        self.qualify(&mut path.qself, &mut path.path);
        visit_mut::visit_type_path_mut(self, path);
    }

    /// In the length of an array.
    fn visit_expr_path_mut(&mut self, path: &mut ExprPath) {
        self.qualify(&mut path.qself, &mut path.path);
        visit_mut::visit_expr_path_mut(self, path);
    }
}

/// Gives a name to every lifetime that was left out, and to every `impl Trait`.
#[derive(Debug, Clone)]
pub(crate) struct Namer {
    /// What the names of lifetimes begin with.
    prefix: &'static str,
    pub(crate) lifetimes: Vec<Lifetime>,
    pub(crate) types: Vec<(Ident, TypeImplTrait)>,
}

impl Namer {
    pub(crate) fn new(prefix: &'static str) -> Self {
        Self {
            prefix,
            lifetimes: Vec::new(),
            types: Vec::new(),
        }
    }

    pub(crate) fn ty(&mut self, ty: &Type) -> Type {
        let mut ty = ty.clone();
        self.visit_type_mut(&mut ty);
        ty
    }

    fn next_lifetime(&mut self) -> Lifetime {
        let lifetime = names::lifetime(self.prefix, self.lifetimes.len());
        self.lifetimes.push(lifetime.clone());
        lifetime
    }
}

impl VisitMut for Namer {
    fn visit_lifetime_mut(&mut self, lifetime: &mut Lifetime) {
        if lifetime.ident == "_" {
            *lifetime = self.next_lifetime();
        }
    }

    fn visit_type_mut(&mut self, ty: &mut Type) {
        if let Type::Reference(reference) = ty
            && reference.lifetime.is_none()
        {
            reference.lifetime = Some(self.next_lifetime());
        }
        if let Type::ImplTrait(found) = ty {
            let mut found = found.clone();
            visit_mut::visit_type_impl_trait_mut(self, &mut found);
            let ident = names::type_parameter(self.types.len());
            self.types.push((ident.clone(), found));
            *ty = syn::parse_quote!(#ident);
            return;
        }
        // The parentheses of `&(impl A + B)` would be one pair too many around a name.
        if let Type::Paren(paren) = ty
            && matches!(*paren.elem, Type::ImplTrait(_))
        {
            *ty = (*paren.elem).clone();
            return self.visit_type_mut(ty);
        }
        // The lifetimes of `Fn(&T)` are its own.
        if !matches!(ty, Type::TraitObject(_) | Type::FnPtr(_)) {
            visit_mut::visit_type_mut(self, ty);
        }
    }

    fn visit_parenthesized_generic_arguments_mut(&mut self, _: &mut ParenthesizedGenericArguments) {
    }
}

/// Replaces every lifetime but `'static`, or only those that were left out.
pub(crate) fn with_lifetime(ty: &Type, lifetime: &Lifetime, only_elided: bool) -> Type {
    struct Replace<'a>(&'a Lifetime, bool);
    impl VisitMut for Replace<'_> {
        fn visit_lifetime_mut(&mut self, found: &mut Lifetime) {
            if found.ident == "_" || (!self.1 && found.ident != "static") {
                *found = self.0.clone();
            }
        }

        fn visit_type_reference_mut(&mut self, reference: &mut TypeReference) {
            reference.lifetime.get_or_insert_with(|| self.0.clone());
            visit_mut::visit_type_reference_mut(self, reference);
        }
    }
    let mut ty = ty.clone();
    Replace(lifetime, only_elided).visit_type_mut(&mut ty);
    ty
}

/// The names of the lifetimes in a type.
pub(crate) fn lifetimes(ty: &Type) -> Vec<Ident> {
    struct Collect(Vec<Ident>);
    impl Visit<'_> for Collect {
        fn visit_lifetime(&mut self, lifetime: &Lifetime) {
            self.0.push(lifetime.ident.clone());
        }
    }
    let mut collect = Collect(Vec::new());
    collect.visit_type(ty);
    collect.0
}

/// The part of a type that cannot be stored.
#[derive(Debug)]
pub(crate) enum Unstorable {
    Reference(Type),
    Opaque(Type),
    NestedOption(Type),
    UnitOption(Type),
}

pub(crate) fn unstorable(ty: &Type) -> Option<Unstorable> {
    struct Search(Option<Unstorable>);
    impl Visit<'_> for Search {
        fn visit_type(&mut self, ty: &Type) {
            if self.0.is_none() {
                self.0 = unstorable_itself(ty);
                visit::visit_type(self, ty);
            }
        }
    }
    let mut search = Search(None);
    search.visit_type(ty);
    search.0
}

fn unstorable_itself(ty: &Type) -> Option<Unstorable> {
    match ty {
        Type::Reference(_) => Some(Unstorable::Reference(ty.clone())),
        Type::ImplTrait(_) | Type::TraitObject(_) => Some(Unstorable::Opaque(ty.clone())),
        Type::Path(_) => {
            let name = &last_segment(ty)?.ident;
            if name == "BoxStream" || name == "LocalBoxStream" {
                return Some(Unstorable::Opaque(ty.clone()));
            }
            let inner = option(ty)?;
            if option(inner).is_some() {
                return Some(Unstorable::NestedOption(ty.clone()));
            }
            is_unit(inner).then(|| Unstorable::UnitOption(ty.clone()))
        }
        _ => None,
    }
}

/// `T` of a `&T` that can be owned and lent again; a `&'static T` is as good as owned.
pub(crate) fn lendable(ty: &Type) -> Option<&Type> {
    let Type::Reference(reference) = peel(ty) else {
        return None;
    };
    let lifetime = reference.lifetime.as_ref();
    let is_static = lifetime.is_some_and(|lifetime| lifetime.ident == "static");
    (!is_static && reference.mutability.is_none()).then(|| peel(&reference.elem))
}

/// Whether a method that returns this is seen to return an `Option`, or a `Result` of one.
pub(crate) fn is_option(returned: &Type) -> bool {
    option(ok_by_name(returned).unwrap_or(returned)).is_some()
}

/// `T` of an `Option<T>`.
pub(crate) fn option(ty: &Type) -> Option<&Type> {
    let segment = last_segment(ty)?;
    if segment.ident != "Option" {
        return None;
    }
    arguments(segment).first().copied()
}

/// Spans of ours at the first and the last token of a type.
pub(crate) fn ends(ty: &Type) -> (Span, Span) {
    let ours = |token: &TokenTree| Span::mixed_site().located_at(token.span());
    let tokens: Vec<_> = ty.to_token_stream().into_iter().collect();
    let first = tokens.first().map_or_else(Span::mixed_site, ours);
    let last = tokens.last().map_or_else(Span::mixed_site, ours);
    (first, last)
}

/// A type as the user would write it, for messages.
pub(crate) fn text(ty: &Type) -> String {
    let mut text = String::new();
    write_text(ty.to_token_stream(), &mut text);
    text
}

fn write_text(tokens: TokenStream, text: &mut String) {
    let mut after_word = false;
    for token in tokens {
        let is_word = matches!(token, TokenTree::Ident(_) | TokenTree::Literal(_));
        if is_word && after_word {
            text.push(' ');
        }
        after_word = is_word;
        match token {
            TokenTree::Group(group) => {
                let (open, close) = fingerprint::brackets(group.delimiter());
                text.push_str(open);
                write_text(group.stream(), text);
                text.push_str(close);
            }
            TokenTree::Punct(punct) => match punct.as_char() {
                separator @ (',' | ';') => text.extend([separator, ' ']),
                operator @ ('+' | '=') => text.extend([' ', operator, ' ']),
                '-' => text.push_str(" -"),
                '>' if text.ends_with('-') => text.push_str("> "),
                operator => text.push(operator),
            },
            word => text.push_str(&word.to_string()),
        }
    }
}
