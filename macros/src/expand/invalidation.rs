//! The entries that a method drops when it has succeeded.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens as _, quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{Expr, Ident, Type};

use super::access::Access;
use super::context::Context;
use super::tags;
use crate::args::Tag;
use crate::ast::{EntryPoint, Invalidates, Method, Owner, Writes};
use crate::plan::MethodPlan;
use crate::{names, types, valid};

/// Whether all that is to be dropped is known when the method begins, and is in this cache.
pub(super) fn is_plain(writes: &Writes) -> bool {
    let is_plain = |call: &Invalidates| call.ok.is_none() && matches!(call.owner, Owner::Block);
    let are_plain = writes.tags.iter().all(|tag| tag.ok.is_none());
    are_plain && writes.updates.is_empty() && writes.invalidates.iter().all(is_plain)
}

/// Where calls stand.
pub(super) struct Site<'a> {
    pub(super) context: &'a Context<'a>,
    pub(super) writer: &'a Method<'a>,
    pub(super) access: &'a Access,
    /// The wrapper, by reference.
    pub(super) wrapper: &'a TokenStream,
}

impl Site<'_> {
    /// The entries that a call names; `None` for one that is wrong, which has been reported.
    pub(super) fn dropped(&self, call: &Invalidates) -> Option<TokenStream> {
        let (context, private) = (self.context, &self.context.private);
        if is_wrong(context, call) {
            return None;
        }
        let Some(args) = &call.args else {
            return Some(self.all(call));
        };
        if !call.each {
            let this = self.access.this();
            let args = context.ty.expression(args.to_token_stream(), &this);
            return Some(self.one(call, &args));
        }
        let list = valid::list_of_each(call, self.writer).ok()?;
        let each = self.each(call, &args.iter().collect::<Vec<_>>(), list);
        Some(quote!(#private::Invalidation::each(#each)))
    }

    // Output
    //     storing(&shape, CachedUserRepoEntry { … }.find(id).update())
    /// The entry that is to hold what the method returns.
    pub(super) fn updated(&self, call: &Invalidates, shape: &Ident) -> Option<TokenStream> {
        let (context, private) = (self.context, &self.context.private);
        if is_wrong(context, call) {
            return None;
        }
        let this = self.access.this();
        let args = call.args.to_token_stream();
        let args = context.ty.expression(args, &this);
        let handle = self.handle(call, &args);
        let returned = context.ty.ty(&self.writer.returned);
        let at = Span::mixed_site().located_at(call.method.span());
        let given = quote_spanned!(at=> (&#shape, #handle.update()));
        Some(quote_spanned!(at=> #private::storing::<_, #returned, _> #given))
    }

    /// The entries of a tag.
    pub(super) fn of_tag(&self, tag: &Tag) -> TokenStream {
        tags::invalidation(self.context, tag, self.access)
    }

    /// What is dropped in place of those of `ok`, where the method has not returned.
    pub(super) fn dropped_without_ok(&self, call: &Invalidates) -> Option<TokenStream> {
        (!is_wrong(self.context, call)).then(|| self.all(call))
    }

    /// All entries of a method.
    fn all(&self, call: &Invalidates) -> TokenStream {
        let (private, method) = (&self.context.private, &call.method);
        match &call.owner {
            Owner::Block => {
                let (methods, engine) = (self.context.methods_type(), &self.access.engine);
                quote!(#private::Invalidation::all(#engine, <#methods>::#method()))
            }
            Owner::Type(ty) => {
                let handles = self.elsewhere(ty, "all_by_path");
                let handle = quote_spanned!(method.span()=> .#method());
                quote!(#handles #handle.invalidation())
            }
            Owner::Function(path) => quote!(#path::all().invalidation()),
        }
    }

    // Output
    //     CachedUserRepoEntry { … }.find(id).invalidation()
    //     entries_by_path::<Orders, _, _>(engine).of(id)
    //     rate::entry(code).invalidation()
    fn one(&self, call: &Invalidates, args: &TokenStream) -> TokenStream {
        let (method, turbofish) = (&call.method, &call.turbofish);
        let at = method.span();
        match &call.owner {
            Owner::Block => {
                let handle = self.handle(call, args);
                quote!(#handle.invalidation())
            }
            Owner::Type(ty) => {
                let entries = self.elsewhere(ty, "entries_by_path");
                let entry = quote_spanned!(at=> .#method #turbofish (#args));
                quote!(#entries #entry)
            }
            Owner::Function(path) => {
                let entry = quote_spanned!(at=> ::entry #turbofish (#args));
                quote!(#path #entry.invalidation())
            }
        }
    }

    // Output
    //     CachedUserRepoEntry { … }.find(id)
    /// A handle on an entry of this block.
    fn handle(&self, call: &Invalidates, args: &TokenStream) -> TokenStream {
        let mut here = of_block(self.context, call);
        let of_self = here.next().is_some_and(|method| method.has_self());
        let (entries, method) = (self.entries(of_self), &call.method);
        let handle = quote_spanned!(method.span()=> .#method(#args));
        quote!(#entries #handle)
    }

    // Output
    //     entries_by_path::<Orders, _, _>(engine)
    fn elsewhere(&self, ty: &Type, function: &str) -> TokenStream {
        let (private, engine, at) = (&self.context.private, &self.access.engine, ty.span());
        let function = Ident::new(function, Span::call_site().located_at(at));
        let ty = self.context.ty.ty(ty);
        quote_spanned!(at=> #private::#function::<#ty, _, _>(#engine))
    }

    // Output
    //     {
    //         let mut all = Vec::new();
    //         for element in ids.iter() { all.push(CachedUserRepoEntry { … }.find(pass(element)).invalidation()); }
    //         all
    //     }
    /// One entry for each element of a list.
    fn each(&self, call: &Invalidates, args: &[&Expr], list: usize) -> TokenStream {
        let (context, this) = (self.context, self.access.this());
        let private = &context.private;
        let [element, all] = ["__element", "__all"].map(names::local);
        let expression = |argument: &Expr| context.ty.expression(argument.to_token_stream(), &this);
        let listed = expression(args[list]);
        let (elements, lent) = match args[list] {
            Expr::Path(_) => (quote!(#listed.iter()), quote!(#element)),
            _ => (
                quote!(::core::iter::IntoIterator::into_iter(#listed)),
                quote!(&#element),
            ),
        };
        let given = args.iter().enumerate().map(|(place, argument)| {
            if place != list {
                return expression(argument);
            }
            if takes_any(context, call, list) {
                quote!(::core::clone::Clone::clone(#lent))
            } else {
                quote!(#private::pass(#lent))
            }
        });
        let entry = self.one(call, &quote!(#(#given),*));
        quote! {
            {
                let mut #all = ::std::vec::Vec::new();
                for #element in #elements {
                    #all.push(#entry);
                }
                #all
            }
        }
    }

    /// What has the handles on entries, of the value in a method.
    fn entries(&self, of_self: bool) -> TokenStream {
        let (context, engine) = (self.context, &self.access.engine);
        match context.entry_point() {
            EntryPoint::Wrapper => {
                let (entries, field) = (context.entries_path(), names::wrapper_field());
                let wrapper = self.wrapper;
                quote!(#entries { #field: #wrapper })
            }
            _ if of_self => {
                let (of, this) = (names::entries_of(&context.wrapper), names::this_field());
                let (engine_field, receiver) = (names::engine_field(), self.access.this());
                quote!(#of { #this: &*#receiver, #engine_field: ::core::clone::Clone::clone(#engine) })
            }
            _ => {
                let (entries, engine_field) = (&context.entries, names::engine_field());
                let types = names::types_field();
                let (_, arguments, _) = context.own.split_for_impl();
                let turbofish = arguments.as_turbofish();
                quote!(#entries #turbofish {
                    #engine_field: ::core::clone::Clone::clone(#engine),
                    #types: ::core::marker::PhantomData,
                })
            }
        }
    }
}

fn is_wrong(context: &Context<'_>, call: &Invalidates) -> bool {
    let mut here = of_block(context, call).peekable();
    here.peek().is_some() && !here.any(MethodPlan::is_cached)
}

/// The methods of this block that a call names.
fn of_block<'p>(
    context: &'p Context<'_>,
    call: &'p Invalidates,
) -> impl Iterator<Item = &'p MethodPlan<'p>> {
    let is_own = matches!(call.owner, Owner::Block);
    context.plan.named(&call.method).filter(move |_| is_own)
}

/// Whether the method takes this argument in any form, so that only the element says its type.
fn takes_any(context: &Context<'_>, call: &Invalidates, place: usize) -> bool {
    let method = of_block(context, call).next();
    let argument = method.and_then(|method| {
        let mut keyed = method.args.iter().filter(|argument| !argument.skipped);
        keyed.nth(place)
    });
    argument.is_some_and(|argument| types::is_opaque(argument.ty))
}
