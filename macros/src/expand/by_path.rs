//! What makes the entries of a block's methods known to `#[invalidates]` on others, by the path of the type: without a
//! value of it, and so with what `self_key` would be.

use proc_macro2::TokenStream;
use quote::{ToTokens as _, quote};
use syn::{Ident, Lifetime, Type};

use super::attributes::{cfgs, lint_levels};
use super::context::Context;
use super::entries::handles_type;
use super::handle::{own_generics, typed};
use super::{access, argument, batch, fragment};
use crate::ast::{EntryPoint, Method};
use crate::names;
use crate::plan::MethodPlan;
use crate::types::{self, Namer};

// Output
//     pub struct CachedOrdersByPath { engine: Engine, types: PhantomData<fn() -> Orders> }
//     impl EntriesByPath<CachedOrdersMethods> for Orders { … }
/// What stands once for a wrapper, or for a block in place.
pub(super) fn definition(context: &Context<'_>) -> TokenStream {
    // The cache of such a block is that of a value.
    if context.cache_is_of_self() {
        return TokenStream::new();
    }
    let Context {
        private, wrapper, ..
    } = context;
    let (ty, lints) = (&context.ty.ty, context.lints());
    let (by_path, all, methods) = (
        names::by_path(wrapper),
        names::all(wrapper),
        names::methods(wrapper),
    );
    let (engine_field, types_field) = (names::engine_field(), names::types_field());
    let phantom = quote!(::core::marker::PhantomData);
    let fields = [
        (engine_field.clone(), quote!(#private::Engine)),
        (types_field.clone(), quote!(#phantom<fn() -> #ty>)),
    ];
    let docs = format!("What `#[invalidates]` names entries of [`{wrapper}`] by, elsewhere.");
    let handles = handles_type(context, &by_path, &context.own, &docs, &fields);
    let given = names::local("__engine");
    let (prelude, engine) = match context.entry_point() {
        EntryPoint::Wrapper => (TokenStream::new(), given.to_token_stream()),
        EntryPoint::InPlace | EntryPoint::Function => access::cache(context, &TokenStream::new()),
    };
    let engine = quote!(#engine_field: ::core::clone::Clone::clone(#engine));
    let (generics, arguments, where_clause) = context.own.split_for_impl();
    let without_self_key = (!says_self_key(context)).then(|| {
        quote! {
            #lints
            impl #private::WithoutSelfKey<'_> for #methods {}
        }
    });
    quote! {
        #[doc(hidden)]
        #handles
        #without_self_key

        #[automatically_derived]
        #lints
        impl #generics #private::EntriesByPath<#methods> for #ty #where_clause {
            type Entries = #by_path #arguments;
            type All = #all;

            #[allow(unused_variables)]
            fn entries(#given: &#private::Engine) -> Self::Entries {
                #prelude
                #by_path { #engine, #types_field: #phantom }
            }

            #[allow(unused_variables)]
            fn all(#given: &#private::Engine) -> Self::All {
                #prelude
                #all { #engine }
            }
        }
    }
}

// Output
//     impl CachedOrdersByPath { pub fn of(self, tenant: impl Serialize, id: u64) -> Invalidation { … } }
pub(super) fn functions(context: &Context<'_>) -> TokenStream {
    if context.entry_point() == EntryPoint::Function || context.cache_is_of_self() {
        return TokenStream::new();
    }
    let cached = context
        .plan
        .methods
        .iter()
        .filter(|method| method.is_cached());
    let functions: Vec<_> = cached
        .filter_map(|method| {
            let Some(found) = &method.batch else {
                return function(context, method, method, method);
            };
            let item = batch::of_one(context, method, found);
            let of_one = batch::as_method(context, method, &item);
            function(
                context,
                method,
                &of_one,
                batch::entry_of(context, method, &of_one),
            )
        })
        .collect();
    let (by_path, lints) = (context.by_path_type(), context.lints());
    let (generics, _, where_clause) = context.own.split_for_impl();
    quote! {
        #lints
        impl #generics #by_path #where_clause { #(#functions)* }
    }
}

/// `None` where the key of an argument is made of `self`.
fn function(
    context: &Context<'_>,
    plan: &MethodPlan<'_>,
    method: &Method<'_>,
    entry: &Method<'_>,
) -> Option<TokenStream> {
    let this = [Ident::new("self", proc_macro2::Span::call_site())];
    let mut keys = entry
        .args
        .iter()
        .filter_map(|argument| argument.key.as_ref());
    if keys.any(|key| types::find(key.to_token_stream(), &this).is_some()) {
        return None;
    }
    let private = &context.private;
    let mut named = Namer::new("'__");
    let keyed = typed(context, method, false, &mut named);
    let lifetime: Lifetime = syn::parse_quote!('static);
    let nothing: Type = syn::parse_quote!(());
    let mut generics = own_generics(context, method, &named, &nothing, &lifetime);
    // A block that joins a wrapper does not see whether another says what of `self` is in the key.
    if context.block.extends() && method.has_self() {
        let methods = context.methods_type();
        let clause = generics.make_where_clause();
        clause
            .predicates
            .push(syn::parse_quote!(for<'__any> #methods: #private::WithoutSelfKey<'__any>));
    }
    let self_key =
        (method.has_self() && says_self_key(context)).then(|| names::local("__self_key"));
    let self_key_type = names::self_key_type();
    if self_key.is_some() {
        generics
            .params
            .push(syn::parse_quote!(#self_key_type: #private::Serialize));
    }
    let given = self_key.iter().map(|name| quote!(#name: #self_key_type,));
    let writer = fragment::writer_by_path(context, entry, self_key.as_ref());
    let (takes, declaration) = (
        argument::takes(context, method),
        context.declaration(method),
    );
    let arguments = keyed.iter().map(|(ident, ty)| quote!(#ident: #ty));
    let (cfgs, levels) = (cfgs(&plan.item.attrs), lint_levels(&plan.item.attrs));
    let vis = match context.block.trait_ {
        Some(_) => &context.vis,
        None => &plan.item.vis,
    };
    let (name, engine) = (method.name(), names::engine_field());
    let (generics, _, where_clause) = generics.split_for_impl();
    Some(quote! {
        #(#cfgs)*
        #(#levels)*
        #vis fn #name #generics(self, #(#given)* #(#arguments),*) -> #private::Invalidation
        #where_clause
        {
            #takes
            #private::Invalidation::of_call(#private::Call::of_entry(&self.#engine, #declaration(), #writer))
        }
    })
}

fn says_self_key(context: &Context<'_>) -> bool {
    let self_key = context.block.args.self_key.as_ref();
    self_key.is_some_and(|self_key| !self_key.is_nothing())
}
