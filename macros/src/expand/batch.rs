//! Batch methods: what they do, and what a call for one id would look like.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{FnArg, Ident, ImplItemFn, Type};

use super::access::Access;
use super::context::Context;
use super::fragment::{is_generic, key_writer, shape};
use super::original::call;
use super::{argument, cacheability, label, returned, tags};
use crate::args::MethodArgs;
use crate::ast::{BatchForm, BatchItem, CallStyle, Method};
use crate::plan::{BatchPlan, MethodPlan};
use crate::{names, types};

// Output
//     let mut batch = BatchCall::new(engine, CachedUserRepoMethods::find_many(), shape, item_shape, ids(&ids[..], |id| &*id),
//         |writer, id| write_key(writer, |writer| { writer.add(&id); }));
//     loop {
//         let Some(missing) = batch.find().await else { break batch.finish() };
//         let chosen = chosen(&ids[..], &missing);
//         let ids = &chosen[..];
//         let returned = batch.run(Box::pin(<UserRepo>::find_many(self.core.inner(), ids))).await;
//         let committed = match batch.conclude(returned, Cacheability::always) { Ok(it) => it, Err(answer) => break answer };
//         committed.await;
//     }
/// A call for many ids: a loop around the user's method, which stands in it as it is, so that it may borrow from the
/// arguments.
pub(super) fn body(
    context: &Context<'_>,
    method: &MethodPlan<'_>,
    args: &MethodArgs,
    batch: &BatchPlan,
    access: &Access,
) -> TokenStream {
    let private = &context.private;
    let Access {
        prelude, engine, ..
    } = access;
    let (at, _) = types::ends(&method.returned);
    let signature = of_one(context, method, batch);
    let of_one = as_method(context, method, &signature);
    let shared = context.plan.shared(batch);
    let (entry, entry_args) = match shared {
        Some((shared, args)) => (&**shared, args),
        None => (&of_one, args),
    };
    let item_shape = shape(context, entry);
    let item_shape = match shared {
        Some(_) => {
            let of_shared = context.ty.ty(&entry.returned);
            quote_spanned!(at=> #private::shared_with::<#of_shared, _>(#item_shape))
        }
        None => item_shape,
    };
    let id = id_name(method, batch);
    let [made, writer, missing, running, result, committed, answer] = [
        "__call",
        "__writer",
        "__missing",
        "__running",
        "__returned",
        "__committed",
        "__answer",
    ]
    .map(names::local);
    let made = Ident::new(&made.to_string(), at);
    let (ids, lend) = (&method.args[batch.batch.argument].ident, lend(batch, &id));
    let key = key_writer(context, entry, &access.this());
    let same_id = same_id(context, batch, entry);
    let (whole, declaration) = (shape(context, method), context.declaration(method));
    let (owning, lends) = (
        returned::owning(context, method),
        argument::lends(context, method),
    );
    let condition = cacheability::of_call(context, entry, entry_args);
    let tags = tags::of_items(context, entry_args, &access.this(), &id);
    let labels = label::of_items(entry, entry_args, &made, &id);
    let given = given(context, method, batch, &missing);
    let call = call(context, method, access.receiver.as_ref());
    let call = match method.style {
        CallStyle::Sync => quote!(async { #call }),
        CallStyle::Async | CallStyle::Future => call,
    };
    let returned = context.ty.ty(&method.returned);
    let key_type = context.ty.ty(&batch.batch.id);
    let new = quote_spanned!(at=> #private::BatchCall::<#key_type, #returned, _, _>::new);
    let conclude = quote_spanned!(at=> #made.conclude(#result, #condition));
    let each = quote! {
        loop {
            let #missing = match #made.find().await {
                ::core::option::Option::Some(#missing) => #missing,
                ::core::option::Option::None => break #made.finish(),
            };
            #labels
            #given
            let #running = ::std::boxed::Box::pin(#call);
            let #result = #made.run(#running).await;
            let #committed = match #conclude {
                ::core::result::Result::Ok(#committed) => #committed,
                ::core::result::Result::Err(#answer) => break #answer,
            };
            #committed.await;
        }
    };
    let each = match method.style {
        CallStyle::Sync => quote!(#private::wait(async { #each })),
        CallStyle::Async | CallStyle::Future => each,
    };
    quote! {
        #prelude
        #owning
        #lends
        #same_id
        let mut #made = #new(
            #engine,
            #declaration(),
            #whole,
            #item_shape,
            #private::ids(&#ids[..], |#id| #lend),
            |#writer, #id| #private::write_key(#writer, #key),
        ) #tags;
        #each
    }
}

// Output
//     let chosen = chosen(&ids[..], &missing);
//     let ids = &chosen[..];
//     let tenant = again(&tenant);
/// The arguments of one execution. There may be several, so those that are moved are copies.
fn given(
    context: &Context<'_>,
    method: &Method<'_>,
    batch: &BatchPlan,
    missing: &Ident,
) -> TokenStream {
    let private = &context.private;
    let chosen = names::local("__chosen");
    let each = method.args.iter().enumerate().map(|(place, argument)| {
        let ident = &argument.ident;
        let (first, last) = types::ends(argument.ty);
        if place == batch.batch.argument {
            let (first, last) = types::ends(&batch.batch.element);
            let arguments = quote_spanned!(last=> (&#ident[..], &#missing));
            let of = quote_spanned!(first=> #private::chosen #arguments);
            let ids = match batch.batch.form {
                BatchForm::Slice => quote!(&#chosen[..]),
                BatchForm::Vec => quote!(#chosen),
                BatchForm::VecReference => quote!(&#chosen),
            };
            return quote! {
                let #chosen = #of;
                let #ident = #ids;
            };
        }
        match types::peel(argument.ty) {
            Type::Reference(reference) if reference.mutability.is_some() => {
                quote!(let #ident = &mut *#ident;)
            }
            Type::Reference(_) => TokenStream::new(),
            _ => {
                let argument = quote_spanned!(last=> (&#ident));
                quote_spanned!(first=> let #ident = #private::again #argument;)
            }
        }
    });
    each.collect()
}

/// `&**id`: an id behind the references of its element.
fn lend(batch: &BatchPlan, id: &Ident) -> TokenStream {
    let stars = (0..batch.batch.references).map(|_| quote!(*));
    quote!(&*#(#stars)* #id)
}

/// Proves that a method that entries are shared with takes what the ids are, where they are not seen to be the same.
fn same_id(context: &Context<'_>, batch: &BatchPlan, shared: &Method<'_>) -> Option<TokenStream> {
    let private = &context.private;
    let sharing = batch.shares.as_ref()?;
    let argument = shared
        .args
        .iter()
        .find(|argument| argument.ident == sharing.id)?;
    let mut theirs = types::peel(argument.ty);
    while let Type::Reference(reference) = theirs {
        theirs = types::peel(&reference.elem);
    }
    let ours = &batch.batch.id;
    if types::text(ours) == types::text(theirs) {
        return None;
    }
    let (ours, theirs) = (context.ty.ty(ours), context.ty.ty(theirs));
    let (first, last) = types::ends(&batch.batch.element);
    let proof = quote_spanned!(last=> ::<#ours, #theirs>());
    Some(quote_spanned!(first=> #private::same_id #proof;))
}

/// What one id is called in handles and keys.
fn id_name(method: &Method<'_>, batch: &BatchPlan) -> Ident {
    let ids = &method.args[batch.batch.argument].ident;
    if let Some(sharing) = &batch.shares {
        return Ident::new(&sharing.id.to_string(), ids.span());
    }
    let id = Ident::new("id", ids.span());
    let is_taken = method.args.iter().any(|argument| argument.ident == id);
    if is_taken { ids.clone() } else { id }
}

// Input
//     async fn find_many(&self, tenant: u64, ids: &[u64]) -> Result<HashMap<u64, User>, DbError>
// Output
//     async fn find_many(&self, tenant: u64, id: u64) -> Option<User>
/// The signature of a call for one id: that of handles, and of the key of one entry.
pub(super) fn of_one(
    context: &Context<'_>,
    method: &MethodPlan<'_>,
    batch: &BatchPlan,
) -> ImplItemFn {
    let mut item = method.item.clone();
    let (id, element) = (id_name(method, batch), &batch.batch.element);
    let mut typed = item.sig.inputs.iter_mut().filter_map(|input| match input {
        FnArg::Typed(typed) => Some(typed),
        FnArg::Receiver(_) => None,
    });
    if let Some(argument) = typed.nth(batch.batch.argument) {
        argument.pat = syn::parse_quote!(#id);
        *argument.ty = element.clone();
    }
    if method.style == CallStyle::Future {
        item.sig.asyncness = Some(syn::parse_quote!(async));
    }
    let returned = match context.plan.shared(batch) {
        Some((shared, _)) => shared.returned.clone(),
        None => item_type(context, method, batch),
    };
    item.sig.output = syn::parse_quote!(-> #returned);
    item
}

/// The same, as a method.
pub(super) fn as_method<'i>(
    context: &Context<'_>,
    method: &Method<'_>,
    item: &'i ImplItemFn,
) -> Method<'i> {
    let mut of_one = if method.is_function {
        Method::of_function(item)
    } else {
        Method::new(item)
    };
    of_one.skip(context.block.args.skip.as_ref());
    of_one
}

/// What a batch method returns of each id: as it is written, or as the compiler finds it behind an alias.
fn item_type(context: &Context<'_>, method: &Method<'_>, batch: &BatchPlan) -> Type {
    if let Some(item) = BatchItem::of(&method.returned) {
        return item.ty();
    }
    let private = &context.private;
    let returned = context.ty.ty(&method.returned);
    let id = context.ty.ty(&batch.batch.id);
    let is_result = if is_generic(context, method, &returned) {
        let is_named = types::last_segment(&returned)
            .is_some_and(|last| last.ident.to_string().ends_with("Result"));
        quote!(#is_named)
    } else {
        let fixed = types::with_lifetime(&returned, &syn::parse_quote!('static), false);
        quote!({ use #private::PlainProbe as _; <#private::Probe<#fixed>>::IS_RESULT })
    };
    syn::parse_quote!(#private::ItemOf<#private::ReturnTypeOf<#is_result>, #returned, #id>)
}

/// The method whose entries a handle is on: that of one id, or the one that shares its entries.
pub(super) fn entry_of<'m>(
    context: &'m Context<'_>,
    method: &'m MethodPlan<'_>,
    of_one: &'m Method<'m>,
) -> &'m Method<'m> {
    let batch = method.batch.as_ref();
    let shared = batch.and_then(|batch| context.plan.shared(batch));
    shared.map_or(of_one, |(shared, _)| shared)
}

// Output
//     pub fn find_many() -> &'static Method { <CachedUserRepoMethods>::find() }
/// Where the declaration of a batch method is that of the method that it shares entries with.
pub(super) fn shared_declaration(
    context: &Context<'_>,
    method: &MethodPlan<'_>,
) -> Option<TokenStream> {
    let (shared, _) = context.plan.shared(method.batch.as_ref()?)?;
    let declaration = context.declaration(shared);
    Some(quote!(#declaration()))
}
