//! The types that handles are made by: on entries of a wrapper, of a block in place, and on all entries of a method.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Generics, Ident};

use super::access;
use super::attributes::{cfgs, lint_levels};
use super::context::Context;
use crate::ast::{CallStyle, EntryPoint, Method};
use crate::names;

// Output
//     pub struct CachedUserRepoEntry<'a> { wrapper: &'a CachedUserRepo }
/// What a wrapper's `entry` returns.
pub(super) fn of_wrapper(context: &Context<'_>) -> TokenStream {
    let Context {
        wrapper, entries, ..
    } = context;
    let generics = with_entry_lifetime(context);
    let (_, wrapper_arguments, _) = context.own.split_for_impl();
    let (lifetime, field) = (names::entry_lifetime(), names::wrapper_field());
    let docs =
        format!("Typed handles on the entries of [`{wrapper}`]: made by its method `entry`.");
    let fields = [(field, quote!(&#lifetime #wrapper #wrapper_arguments))];
    let handles = handles_type(context, entries, &generics, &docs, &fields);
    let (impl_generics, arguments, where_clause) = generics.split_for_impl();
    let lints = context.lints();
    quote! {
        #handles

        #[automatically_derived]
        #lints
        impl #impl_generics ::core::marker::Copy for #entries #arguments #where_clause {}
    }
}

// Output
//     pub enum CachedUser {}
//     impl CachedUser { pub fn entry() -> CachedUserEntry; pub fn entry_of(value: &User) -> CachedUserEntryOf<'_>; pub fn all() -> CachedUserAll }
//     pub struct CachedUserEntry { engine: Engine, types: PhantomData<fn() -> User> }
//     pub struct CachedUserEntryOf<'a> { value: &'a User, engine: Engine }
/// What stands for a wrapper in place.
pub(super) fn in_place(context: &Context<'_>) -> TokenStream {
    let Context {
        wrapper,
        vis,
        entries,
        private,
        ..
    } = context;
    let (ty, entries_of) = (&context.ty.ty, names::entries_of(wrapper));
    let (engine, this) = (names::engine_field(), names::this_field());
    let lifetime = names::entry_lifetime();
    let docs = format!(
        "Handles on the entries of what is cached of {}.",
        context.link()
    );
    let lints = context.lints();
    let functions = in_place_functions(context);
    let docs_of =
        |function: &str| format!("Typed handles on entries: made by [`{wrapper}::{function}`].");
    let engine = (engine, quote!(#private::Engine));
    let on_functions = has_cached(context, false).then(|| {
        let types = (
            names::types_field(),
            quote!(::core::marker::PhantomData<fn() -> #ty>),
        );
        let fields = [engine.clone(), types];
        handles_type(context, entries, &context.own, &docs_of("entry"), &fields)
    });
    let on_methods = has_cached(context, true).then(|| {
        let generics = with_entry_lifetime(context);
        let fields = [(this, quote!(&#lifetime #ty)), engine.clone()];
        handles_type(
            context,
            &entries_of,
            &generics,
            &docs_of("entry_of"),
            &fields,
        )
    });
    quote! {
        #[doc = #docs]
        #lints
        #vis enum #wrapper {}

        #lints
        impl #wrapper { #functions }

        #on_functions
        #on_methods
    }
}

fn in_place_functions(context: &Context<'_>) -> TokenStream {
    let Context {
        wrapper,
        vis,
        entries,
        ..
    } = context;
    let (ty, entries_of) = (&context.ty.ty, names::entries_of(wrapper));
    let (engine_field, this_field) = (names::engine_field(), names::this_field());
    let (lifetime, this) = (names::entry_lifetime(), names::local("__this"));
    let (prelude, engine) = access::cache(context, &quote!(#this));
    let owned = quote!(#engine_field: ::core::clone::Clone::clone(#engine));
    let (generics, arguments, where_clause) = context.own.split_for_impl();
    let types = names::types_field();
    let on_functions = has_cached(context, false).then(|| {
        let turbofish = arguments.as_turbofish();
        quote! {
            /// Typed handles on the entries of single calls of associated functions: to look at, replace or drop them.
            #vis fn entry #generics() -> #entries #arguments #where_clause {
                #prelude
                #entries #turbofish { #owned, #types: ::core::marker::PhantomData }
            }
        }
    });
    let of = with_entry_lifetime(context);
    let (of_generics, of_arguments, of_where) = of.split_for_impl();
    let on_methods = has_cached(context, true).then(|| {
        quote! {
            /// Typed handles on the entries of single calls of this value's methods: to look at, replace or drop them.
            #vis fn entry_of #of_generics(#this: &#lifetime #ty) -> #entries_of #of_arguments #of_where {
                #prelude
                #entries_of { #this_field: #this, #owned }
            }
        }
    });
    let all = names::all(wrapper);
    let all = if context.cache_is_of_self() {
        quote! {
            /// Handles on all entries of a method, in the cache of this value.
            #vis fn all_of #generics(#this: &#ty) -> #all #where_clause {
                #prelude
                #all { #owned }
            }
        }
    } else {
        quote! {
            /// Handles on all entries of a method or function.
            #vis fn all() -> #all {
                #prelude
                #all { #owned }
            }
        }
    };
    quote!(#on_functions #on_methods #all)
}

// Output
//     pub struct CachedUserRepoAll { engine: Engine }
/// What `all` returns.
pub(super) fn all(context: &Context<'_>) -> TokenStream {
    let (private, wrapper) = (&context.private, &context.wrapper);
    let all = names::all(wrapper);
    let docs = format!("Handles on all entries of a method: made by `all` of [`{wrapper}`].");
    let fields = [(names::engine_field(), quote!(#private::Engine))];
    handles_type(context, &all, &Generics::default(), &docs, &fields)
}

// Output
//     impl CachedUserRepoAll { pub fn find(&self) -> AllEntries { … } }
//     impl rate { pub fn all() -> AllEntries { … } }
pub(super) fn all_functions(context: &Context<'_>) -> TokenStream {
    let methods = context.plan.methods.iter();
    let functions = methods
        .filter(|method| method.is_cached())
        .map(|method| all_function(context, method));
    let ty = match context.entry_point() {
        EntryPoint::Function => context.methods_type(),
        EntryPoint::Wrapper | EntryPoint::InPlace => context.all_type(),
    };
    let lints = context.lints();
    quote! {
        #lints
        impl #ty { #(#functions)* }
    }
}

fn all_function(context: &Context<'_>, method: &Method<'_>) -> TokenStream {
    let krate = &context.krate;
    let handle = match method.style {
        CallStyle::Sync => quote!(BlockingAllEntries),
        CallStyle::Async | CallStyle::Future => quote!(AllEntries),
    };
    let name = method.name();
    let vis = match context.block.trait_ {
        Some(_) => &context.vis,
        None => &method.item.vis,
    };
    let (cfgs, levels) = (cfgs(&method.item.attrs), lint_levels(&method.item.attrs));
    let declaration = context.declaration(method);
    let docs = format!("All entries of `{name}`.");
    let (signature, prelude, engine) = match context.entry_point() {
        EntryPoint::Function => {
            let (prelude, engine) = access::cache(context, &TokenStream::new());
            (quote!(all()), prelude, engine)
        }
        EntryPoint::Wrapper | EntryPoint::InPlace => {
            let field = names::engine_field();
            (
                quote!(#name(&self)),
                TokenStream::new(),
                quote!(&self.#field),
            )
        }
    };
    quote! {
        #(#cfgs)*
        #(#levels)*
        #[doc = #docs]
        #vis fn #signature -> #krate::#handle {
            #prelude
            #krate::#handle::new(#engine, #declaration())
        }
    }
}

fn has_cached(context: &Context<'_>, with_self: bool) -> bool {
    let mut methods = context.plan.methods.iter();
    methods.any(|method| method.is_cached() && method.has_self() == with_self)
}

/// A type that has nothing to show.
pub(super) fn handles_type(
    context: &Context<'_>,
    name: &Ident,
    generics: &Generics,
    docs: &str,
    fields: &[(Ident, TokenStream)],
) -> TokenStream {
    let (vis, lints) = (&context.vis, context.lints());
    let (impl_generics, arguments, where_clause) = generics.split_for_impl();
    let text = name.to_string();
    let copied: Vec<_> = fields.iter().map(|(name, _)| name).collect();
    let fields = fields
        .iter()
        .map(|(name, ty)| quote!(#[doc(hidden)] #vis #name: #ty));
    quote! {
        #[doc = #docs]
        #lints
        #vis struct #name #generics #where_clause { #(#fields),* }

        #[automatically_derived]
        #lints
        impl #impl_generics ::core::clone::Clone for #name #arguments #where_clause {
            fn clone(&self) -> Self {
                Self { #(#copied: ::core::clone::Clone::clone(&self.#copied)),* }
            }
        }

        #[automatically_derived]
        #lints
        impl #impl_generics ::core::fmt::Debug for #name #arguments #where_clause {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                ::core::fmt::Formatter::debug_struct(f, #text).finish_non_exhaustive()
            }
        }
    }
}

/// The generics of the wrapper behind the lifetime of a handle.
pub(super) fn with_entry_lifetime(context: &Context<'_>) -> Generics {
    let mut generics = context.own.clone();
    let lifetime = names::entry_lifetime();
    generics.params.insert(0, syn::parse_quote!(#lifetime));
    generics
}
