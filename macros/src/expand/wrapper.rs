//! The wrapper's type, and what it is without its methods.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Ident, ImplItem};

use super::context::Context;
use super::{by_path, entries, fragment, warning};
use crate::ast::EntryPoint;
use crate::names;
use crate::plan::Kind;

// Input
//     #[cache_impl]
//     impl UserRepo { … }
// Output
//     pub struct CachedUserRepo { core }
//     impl Clone, Debug for CachedUserRepo
//     impl Cacheable for UserRepo { type Wrapper = CachedUserRepo; }
//     impl CachedUserRepo { pub fn inner(this: &Self), pub fn entry(&self), pub fn all(&self) }
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
    let (entries, all) = (entries::of_wrapper(context), entries::all(context));
    let (methods, by_path) = (methods(context), by_path::definition(context));
    let owns = context.block.owns_value();
    let core_type = if owns {
        quote!(OwnedCore)
    } else {
        quote!(Core)
    };
    let clone = (!owns).then(|| {
        quote! {
            #[automatically_derived]
            #lints
            impl #impl_generics ::core::clone::Clone for #wrapper #arguments #where_clause {
                fn clone(&self) -> Self {
                    Self { #core: ::core::clone::Clone::clone(&self.#core) }
                }
            }
        }
    });
    let (cacheable, wrap) = if owns {
        (quote!(CacheableMut), quote!(wrap_mut))
    } else {
        (quote!(Cacheable), quote!(wrap))
    };
    quote! {
        #[doc = #docs]
        #lints
        #vis struct #wrapper #generics #where_clause {
            #[doc(hidden)]
            #vis #core: #private::#core_type<#ty>,
        }

        #clone

        #[automatically_derived]
        #lints
        impl #impl_generics ::core::fmt::Debug for #wrapper #arguments #where_clause {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                ::core::fmt::Formatter::debug_struct(f, #name).finish_non_exhaustive()
            }
        }

        #[automatically_derived]
        #lints
        impl #impl_generics #krate::#cacheable for #ty #where_clause {
            type Wrapper = #wrapper #arguments;

            fn #wrap(core: #private::#core_type<Self>) -> Self::Wrapper {
                #wrapper { #core: core }
            }
        }

        #accessors
        #entries
        #all
        #methods
        #by_path
    }
}

// Output
//     pub struct CachedUserRepoMethods;
/// What has the declarations of methods.
pub(super) fn methods(context: &Context<'_>) -> TokenStream {
    let (vis, lints) = (&context.vis, context.lints());
    let methods = names::methods(&context.wrapper);
    let self_key = fragment::self_key(context);
    let warning =
        (context.entry_point() == EntryPoint::Wrapper).then(|| warning::of_joining(context));
    let in_module = in_module(context, &methods);
    quote! {
        #[doc(hidden)]
        #lints
        #vis struct #methods;

        #lints
        impl #methods {
            #self_key

            #warning

            #in_module
        }
    }
}

/// The path that a type has if no function is around it.
pub(super) fn in_module(context: &Context<'_>, ty: &Ident) -> TokenStream {
    let (vis, in_module, path) = (&context.vis, names::in_module(), ty.to_string());
    quote! {
        #[doc(hidden)]
        #vis const fn #in_module() -> &'static ::core::primitive::str {
            ::core::concat!(::core::module_path!(), "::", #path)
        }
    }
}

/// `inner`, `entry` and `all`, unless the user's methods have those names.
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
    let owns = context.block.owns_value();
    let into_inner = (owns && !has_method(context, "into_inner")).then(|| {
        quote! {
            /// The wrapped value itself.
            #vis fn into_inner(this: Self) -> #ty {
                this.#core.into_inner()
            }
        }
    });
    let entry = (!has_method(context, "entry")).then(|| {
        let (entries, wrapper_field) = (context.entries_path(), names::wrapper_field());
        let entries_type = context.entries_type(&quote!('_));
        quote! {
            /// Typed handles on the entries of single calls: to look at, replace or drop them.
            #vis fn entry(&self) -> #entries_type {
                #entries { #wrapper_field: self }
            }
        }
    });
    let all = (!has_method(context, "all")).then(|| {
        let (all, engine) = (names::all(wrapper), names::engine_field());
        quote! {
            /// Handles on all entries of a method: to drop them.
            #vis fn all(&self) -> #all {
                #all { #engine: ::core::clone::Clone::clone(self.#core.engine()) }
            }
        }
    });
    quote! {
        #lints
        impl #impl_generics #wrapper #arguments #where_clause { #inner #into_inner #entry #all }
    }
}

/// Whether the user has a method of that name, in this block or in another one of the same wrapper.
fn has_method(context: &Context<'_>, name: &str) -> bool {
    if context.plan.joined.iter().any(|joined| joined == name) {
        return true;
    }
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
        "{} with its methods answered through a cache.\n{}{}{}",
        context.link(),
        list("cached", |kind| matches!(kind, Kind::Cached(_))),
        list("handed through", |kind| matches!(kind, Kind::Delegated(_))),
        list("left out, as they need more than `&self`", |kind| matches!(
            kind,
            Kind::Omitted
        )),
    )
}
