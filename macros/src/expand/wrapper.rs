//! The wrapper's type, and what it is without its methods.

use proc_macro2::TokenStream;
use quote::quote;
use syn::ImplItem;

use super::context::Context;
use super::{fragment, warning};
use crate::names;
use crate::plan::Kind;

// Input
//     #[cache_impl]
//     impl UserRepo { … }
// Output
//     pub struct CachedUserRepo { core }
//     impl Clone, Debug for CachedUserRepo
//     impl Cacheable for UserRepo { type Wrapper = CachedUserRepo; }
//     impl CachedUserRepo { pub fn inner(this: &Self), pub fn entry(&self) }
//     pub struct CachedUserRepoEntry<'a> { wrapper: &'a CachedUserRepo }
//     pub struct CachedUserRepoMethods;
pub(super) fn definition(context: &Context<'_>) -> TokenStream {
    let Context {
        krate,
        private,
        wrapper,
        vis,
        core,
        own: generics,
        ..
    } = context;
    let ty = &context.ty.ty;
    let (impl_generics, arguments, where_clause) = generics.split_for_impl();
    let (docs, name) = (docs(context), wrapper.to_string());
    let lints = context.lints();
    let accessors = accessors(context);
    let (entries, methods) = (entries(context), names::methods(wrapper));
    let self_key = fragment::self_key(context);
    let warning = warning::of_joining(context);
    let (in_module, path) = (names::in_module(), methods.to_string());
    quote! {
        #[doc = #docs]
        #lints
        #vis struct #wrapper #generics #where_clause {
            #[doc(hidden)]
            #vis #core: #private::Core<#ty>,
        }

        #[automatically_derived]
        #lints
        impl #impl_generics ::core::clone::Clone for #wrapper #arguments #where_clause {
            fn clone(&self) -> Self {
                Self { #core: ::core::clone::Clone::clone(&self.#core) }
            }
        }

        #[automatically_derived]
        #lints
        impl #impl_generics ::core::fmt::Debug for #wrapper #arguments #where_clause {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                ::core::fmt::Formatter::debug_struct(f, #name).finish_non_exhaustive()
            }
        }

        #[automatically_derived]
        #lints
        impl #impl_generics #krate::Cacheable for #ty #where_clause {
            type Wrapper = #wrapper #arguments;

            fn wrap(core: #private::Core<Self>) -> Self::Wrapper {
                #wrapper { #core: core }
            }
        }

        #accessors
        #entries

        #[doc(hidden)]
        #lints
        #vis struct #methods;

        #lints
        impl #methods {
            #self_key

            #warning

            #vis const fn #in_module() -> &'static ::core::primitive::str {
                ::core::concat!(::core::module_path!(), "::", #path)
            }
        }
    }
}

/// `inner` and `entry`, unless the user's methods have those names.
fn accessors(context: &Context<'_>) -> TokenStream {
    let Context {
        wrapper,
        vis,
        core,
        own: generics,
        ..
    } = context;
    let ty = &context.ty.ty;
    let (impl_generics, arguments, where_clause) = generics.split_for_impl();
    let lints = context.lints();
    let inner = (!has_method(context, "inner")).then(|| {
        quote! {
            /// The wrapped value: its methods are not cached.
            #vis fn inner(this: &Self) -> &#ty {
                this.#core.inner()
            }
        }
    });
    let entry = (!has_method(context, "entry")).then(|| {
        let entries_of_self = context.entries_of_self();
        let entries_type = context.entries_type(&quote!('_));
        quote! {
            /// Typed handles on the entries of single calls: to look at, replace or drop them.
            #vis fn entry(&self) -> #entries_type {
                #entries_of_self
            }
        }
    });
    quote! {
        #lints
        impl #impl_generics #wrapper #arguments #where_clause { #inner #entry }
    }
}

fn entries(context: &Context<'_>) -> TokenStream {
    let Context {
        wrapper,
        entries,
        vis,
        ..
    } = context;
    let generics = with_entry_lifetime(context);
    let (impl_generics, arguments, where_clause) = generics.split_for_impl();
    let (_, wrapper_arguments, _) = context.own.split_for_impl();
    let (lifetime, field) = (names::entry_lifetime(), names::wrapper_field());
    let docs =
        format!("Typed handles on the entries of [`{wrapper}`]: made by its method `entry`.");
    let (name, lints) = (entries.to_string(), context.lints());
    quote! {
        #[doc = #docs]
        #lints
        #vis struct #entries #generics #where_clause {
            #[doc(hidden)]
            #vis #field: &#lifetime #wrapper #wrapper_arguments,
        }

        #[automatically_derived]
        #lints
        impl #impl_generics ::core::clone::Clone for #entries #arguments #where_clause {
            fn clone(&self) -> Self {
                *self
            }
        }

        #[automatically_derived]
        #lints
        impl #impl_generics ::core::marker::Copy for #entries #arguments #where_clause {}

        #[automatically_derived]
        #lints
        impl #impl_generics ::core::fmt::Debug for #entries #arguments #where_clause {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                ::core::fmt::Formatter::debug_struct(f, #name).finish_non_exhaustive()
            }
        }
    }
}

/// The generics of the wrapper behind the lifetime of a handle.
pub(super) fn with_entry_lifetime(context: &Context<'_>) -> syn::Generics {
    let mut generics = context.own.clone();
    let lifetime = names::entry_lifetime();
    generics.params.insert(0, syn::parse_quote!(#lifetime));
    generics
}

fn has_method(context: &Context<'_>, name: &str) -> bool {
    context
        .block
        .item
        .items
        .iter()
        .any(|item| matches!(item, ImplItem::Fn(method) if method.sig.ident == name))
}

fn docs(context: &Context<'_>) -> String {
    let list = |what: &str, wanted: fn(&Kind) -> bool| {
        let methods = context
            .plan
            .methods
            .iter()
            .filter(|method| method.item.sig.receiver().is_some() && wanted(&method.kind));
        let names: Vec<_> = methods
            .map(|method| format!("`{}`", method.name()))
            .collect();
        if names.is_empty() {
            String::new()
        } else {
            format!("\n* {what}: {}", names.join(", "))
        }
    };
    format!(
        "[`{}`] with its methods answered through a cache.\n{}{}{}",
        context.block.ty_name,
        list("cached", |kind| matches!(kind, Kind::Cached(_))),
        list("handed through", |kind| matches!(kind, Kind::Delegated(_))),
        list("left out, as they need more than `&self`", |kind| matches!(
            kind,
            Kind::Omitted
        )),
    )
}
