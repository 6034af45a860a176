//! What all generated pieces of a block need to know.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens as _, quote};
use syn::visit_mut::VisitMut as _;
use syn::{
    ConstParam, GenericArgument, GenericParam, Generics, Ident, ImplItem, Path, PathArguments,
    Type, TypeParam, Visibility, WhereClause,
};

use super::attributes::{cfgs, lint_levels};
use crate::ast::{Block, EntryPoint, Method};
use crate::plan::{Kind, MethodPlan, Plan};
use crate::types::{Namer, SelfType};
use crate::{fingerprint, generics, names, types, valid};

pub(super) struct Context<'a> {
    pub(super) plan: &'a Plan<'a>,
    pub(super) block: &'a Block<'a>,
    pub(super) krate: Path,
    pub(super) private: TokenStream,
    pub(super) ty: SelfType,
    pub(super) wrapper: Ident,
    pub(super) entries: Ident,
    /// Where the wrapper stands, if another block has made it elsewhere: `super::`.
    module: TokenStream,
    /// The wrapper's generic arguments.
    arguments: Vec<GenericArgument>,
    pub(super) vis: Visibility,
    pub(super) core: Ident,
    /// The generics of the block, without `Self`.
    pub(super) generics: Generics,
    /// Those that the wrapper has, and those that only the trait has.
    pub(super) own: Generics,
    pub(super) of_trait: Generics,
}

impl<'a> Context<'a> {
    pub(super) fn new(plan: &'a Plan<'a>) -> Self {
        let block = &plan.block;
        let krate = block.args.krate.as_ref();
        let krate = krate.map_or_else(names::krate, |krate| krate.0.clone());
        let wrapper = block.wrapper_name();
        // `impl View<'_>`: the wrapper needs the name.
        let mut namer = Namer::new("'__impl_");
        let mut trait_ = block.trait_.cloned();
        let ty = namer.ty(block.ty);
        if let Some(trait_) = &mut trait_ {
            namer.visit_path_mut(trait_);
        }
        let ty = SelfType { ty, trait_ };
        let mut generics = ty.generics(&block.item.generics);
        for (at, lifetime) in namer.lifetimes.iter().enumerate() {
            generics.params.insert(at, syn::parse_quote!(#lifetime));
        }
        let (own, of_trait) = generics::split(&generics, &ty.ty);
        let (module, arguments) = located(block);
        Self {
            private: quote!(#krate::private),
            entries: names::entries(&wrapper),
            arguments: arguments.unwrap_or_else(|| own_arguments(&own)),
            module,
            vis: visibility(block),
            core: names::core(),
            generics,
            own,
            of_trait,
            ty,
            wrapper,
            krate,
            block,
            plan,
        }
    }

    pub(super) fn entry_point(&self) -> EntryPoint {
        self.block.entry_point
    }

    /// In place the block of a trait cannot hold a second method, so the user's own is a closure.
    pub(super) fn original_is_closure(&self) -> bool {
        self.entry_point() == EntryPoint::InPlace && self.block.trait_.is_some()
    }

    /// The user's type in documentation: as a link where its name alone is in scope.
    pub(super) fn link(&self) -> String {
        let name = &self.block.ty_name;
        match self.block.ty {
            Type::Path(path) if path.path.segments.len() == 1 => format!("[`{name}`]"),
            _ => format!("`{name}`"),
        }
    }

    /// The expression that gives the cache, with another one for `self`.
    pub(super) fn cache(&self, this: &TokenStream) -> TokenStream {
        let cache = self.block.args.cache.as_ref();
        let cache = cache.map(|cache| cache.0.to_token_stream());
        self.ty.expression(cache.unwrap_or_default(), this)
    }

    /// Whether the cache is found by a value: `cache = self.cache`.
    pub(super) fn cache_is_of_self(&self) -> bool {
        let this = [Ident::new("self", Span::call_site())];
        let cache = self.block.args.cache.as_ref();
        cache.is_some_and(|cache| types::find(cache.0.to_token_stream(), &this).is_some())
    }

    /// The function that gives what a method is: `<CachedUserRepoMethods>::find`.
    pub(super) fn declaration(&self, method: &Method<'_>) -> TokenStream {
        let methods = self.methods_type();
        let name = self.declaration_name(method);
        quote!(<#methods>::#name)
    }

    pub(super) fn declaration_name(&self, method: &Method<'_>) -> Ident {
        match self.entry_point() {
            EntryPoint::Function => names::declaration(),
            EntryPoint::Wrapper | EntryPoint::InPlace => method.name().clone(),
        }
    }

    /// `impl<…>` and `where …` for blocks of the wrapper.
    pub(super) fn impl_generics(&self) -> (TokenStream, Option<&WhereClause>) {
        let (generics, _, where_clause) = self.generics.split_for_impl();
        (generics.to_token_stream(), where_clause)
    }

    /// `CachedRepo<D>`
    pub(super) fn wrapper_type(&self) -> TokenStream {
        let (module, wrapper, arguments) = (&self.module, &self.wrapper, &self.arguments);
        quote!(#module #wrapper<#(#arguments),*>)
    }

    /// The same as a path, without arguments.
    pub(super) fn wrapper_path(&self) -> TokenStream {
        let (module, wrapper) = (&self.module, &self.wrapper);
        quote!(#module #wrapper)
    }

    /// `CachedRepoEntry<'a, D>`
    pub(super) fn entries_type(&self, lifetime: &TokenStream) -> TokenStream {
        let (module, entries, arguments) = (&self.module, &self.entries, &self.arguments);
        quote!(#module #entries<#lifetime, #(#arguments),*>)
    }

    /// `CachedRepoMethods`: what each cached method is, under its own name.
    pub(super) fn methods_type(&self) -> TokenStream {
        if self.entry_point() == EntryPoint::Function {
            return self.wrapper.to_token_stream();
        }
        let (module, methods) = (&self.module, names::methods(&self.wrapper));
        quote!(#module #methods)
    }

    /// The same as a path, without arguments.
    pub(super) fn entries_path(&self) -> TokenStream {
        let (module, entries) = (&self.module, &self.entries);
        quote!(#module #entries)
    }

    /// `CachedRepoByPath<D>`
    pub(super) fn by_path_type(&self) -> TokenStream {
        let (module, arguments) = (&self.module, &self.arguments);
        let by_path = names::by_path(&self.wrapper);
        quote!(#module #by_path<#(#arguments),*>)
    }

    /// `CachedRepoAll`
    pub(super) fn all_type(&self) -> TokenStream {
        let (module, all) = (&self.module, names::all(&self.wrapper));
        quote!(#module #all)
    }

    /// Whether a refused method can have no more than its trait's signature: it means the
    /// wrapper by `Self`.
    pub(super) fn is_stub(&self, method: &MethodPlan<'_>) -> bool {
        matches!(method.kind, Kind::Refused)
            && self.block.trait_.is_some()
            && valid::forwardable(method, &self.wrapper).is_err()
    }

    /// What stands on every generated item: the block's own conditions and its word to lints. For
    /// the rest generated code answers for itself, not to the lints that the user has chosen.
    pub(super) fn lints(&self) -> TokenStream {
        let attributes = &self.block.item.attrs;
        let cfgs = cfgs(attributes);
        let levels = lint_levels(attributes);
        quote! {
            #(#cfgs)*
            #(#levels)*
            #[allow(
                clippy::all, clippy::pedantic, clippy::nursery, clippy::restriction,
                dead_code, deprecated, missing_debug_implementations, missing_docs, non_camel_case_types,
                single_use_lifetimes, unexpected_cfgs, unreachable_code, unreachable_pub, unused_qualifications,
                private_bounds, private_interfaces, elided_named_lifetimes, mismatched_lifetime_syntaxes
            )]
        }
    }

    /// The same on a method that stands where the user's own would: the compiler says of it what it would say of that, and
    /// clippy says it of the user's body.
    pub(super) fn lints_in_place(&self) -> TokenStream {
        let attributes = &self.block.item.attrs;
        let cfgs = cfgs(attributes);
        let levels = lint_levels(attributes);
        quote! {
            #(#cfgs)*
            #(#levels)*
            #[allow(
                clippy::all, clippy::pedantic, clippy::nursery, clippy::restriction,
                deprecated, unexpected_cfgs, unreachable_code, unused_qualifications
            )]
        }
    }

    /// The text that tells this block's methods from all others: `UserRepo::`, `<Repo as Store>::`.
    pub(super) fn site_of(&self, method: &Ident) -> String {
        let ty = fingerprint::canonical_text(self.block.ty.to_token_stream());
        let method = syn::ext::IdentExt::unraw(method);
        if self.entry_point() == EntryPoint::Function {
            return method.to_string();
        }
        match self.block.trait_ {
            Some(trait_) => {
                let trait_ = fingerprint::canonical_text(trait_.to_token_stream());
                format!("<{ty} as {trait_}>::{method}")
            }
            None => format!("{ty}::{method}"),
        }
    }
}

/// What `wrapper` says in front of the name and behind it.
fn located(block: &Block<'_>) -> (TokenStream, Option<Vec<GenericArgument>>) {
    let Some(wrapper) = block.args.wrapper.as_ref().filter(|_| block.extends()) else {
        return (TokenStream::new(), None);
    };
    let mut module = wrapper.0.clone();
    let last = module.segments.pop();
    let arguments = last.and_then(|last| match last.arguments {
        PathArguments::AngleBracketed(given) => Some(given.args.into_iter().collect()),
        _ => None,
    });
    (module.to_token_stream(), arguments)
}

fn own_arguments(generics: &Generics) -> Vec<GenericArgument> {
    let arguments = generics.params.iter().map(|param| match param {
        GenericParam::Lifetime(param) => GenericArgument::Lifetime(param.lifetime.clone()),
        GenericParam::Type(TypeParam { ident, .. })
        | GenericParam::Const(ConstParam { ident, .. }) => syn::parse_quote!(#ident),
    });
    arguments.collect()
}

/// As `vis` says; else public: a wrapper must be no less visible than its type, which only the
/// type knows.
fn visibility(block: &Block<'_>) -> Visibility {
    if block.entry_point == EntryPoint::Function
        && let Some(ImplItem::Fn(function)) = block.item.items.first()
    {
        return function.vis.clone();
    }
    let vis = block.args.vis.as_ref();
    vis.map_or_else(|| syn::parse_quote!(pub), |vis| vis.0.clone())
}
