use proc_macro2::{Span, TokenStream};
use quote::{ToTokens as _, format_ident, quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{Attribute, FnArg, GenericParam, Ident, Meta, Type};

use super::{Context, cfgs, lints};
use crate::args::{BlockArgs, MethodArgs};
use crate::ast::{How, Invalidates, Kind, Method};
use crate::{fingerprint, names};

/// What a user says of a method in documentation and to lints; everything else stays where it is.
const CARRIED: [&str; 7] = [
    "cfg",
    "doc",
    "deprecated",
    "must_use",
    "allow",
    "warn",
    "deny",
];

// Output
//     impl CachedUserRepo {
//         fn declares_find() -> &'static Method { static … }
//     }
pub(super) fn declarations(context: &Context<'_>) -> TokenStream {
    let cached = context
        .block
        .methods
        .iter()
        .filter_map(|method| match &method.kind {
            Kind::Cached(args) => Some(declaration(context, method, args)),
            _ => None,
        });
    let (generics, where_clause) = context.impl_generics();
    let (wrapper, lints) = (context.wrapper_type(), lints());
    quote! {
        #lints
        impl #generics #wrapper #where_clause { #(#cached)* }
    }
}

fn declaration(context: &Context<'_>, method: &Method<'_>, args: &MethodArgs) -> TokenStream {
    let private = &context.private;
    let site = context.site_of(method.name());
    let name = names::declaration(method.name(), &site);
    let fingerprint = fingerprint::method(method.item);
    let options = options(context, &context.block.args, args);
    let cfgs = cfgs(&method.item.attrs);
    quote! {
        #(#cfgs)*
        #[doc(hidden)]
        fn #name() -> &'static #private::Method {
            static METHOD: #private::Method = #private::Method::new(
                ::core::concat!(::core::module_path!(), "::", #site),
                #site,
                [#(#fingerprint),*],
                #options,
            );
            &METHOD
        }
    }
}

/// What the method says, else what the block says, else nothing: then the builder decides.
fn options(context: &Context<'_>, block: &BlockArgs, method: &MethodArgs) -> TokenStream {
    let Context { krate, private, .. } = context;
    let mut fields = Vec::new();
    if let Some(policy) = method.policy.as_ref().or(block.policy.as_ref()) {
        let policy = policy.tokens(krate);
        fields.push(quote!(policy: ::core::option::Option::Some(|| #policy)));
    }
    if let Some(codec) = method.codec.as_ref().or(block.codec.as_ref()) {
        let codec = codec.tokens(krate);
        fields.push(quote!(codec: ::core::option::Option::Some(|| #codec)));
    }
    let layout = [
        (method.single, "Single"),
        (method.multiple, "Multiple"),
        (block.single, "Single"),
        (block.multiple, "Multiple"),
    ];
    if let Some((_, layout)) = layout.iter().find(|(flag, _)| flag.is_present()) {
        let layout = Ident::new(layout, Span::call_site());
        fields.push(quote!(layout: ::core::option::Option::Some(#krate::Layout::#layout)));
    }
    if block.cluster.is_present() {
        fields.push(quote!(cluster: true));
    }
    if let Some(size) = method.maxsize.or(block.maxsize) {
        let size = size.0;
        fields.push(quote!(maxsize: ::core::option::Option::Some(#size)));
    }
    if let Some(ttl) = method.ttl.or(block.ttl) {
        let ms = ttl.0;
        fields.push(quote!(ttl_ms: ::core::option::Option::Some(#ms)));
    }
    if let Some(version) = method.version.as_ref().or(block.version.as_ref()) {
        let version = &version.0;
        fields.push(quote!(version: #version));
    }
    quote!(#private::Options { #(#fields,)* ..#private::Options::NONE })
}

pub(super) fn of_wrapper(context: &Context<'_>, method: &Method<'_>) -> Option<TokenStream> {
    let body = match &method.kind {
        Kind::Omitted => return None,
        Kind::Associated => associated_body(context, method),
        Kind::Cached(_) => cached_body(context, method),
        Kind::Delegated(invalidates) if invalidates.is_empty() => delegated_body(context, method),
        Kind::Delegated(invalidates) => invalidating_body(context, method, invalidates),
    };
    let signature = signature(context, method);
    let attributes = method.item.attrs.iter().filter_map(carried);
    let docs = matches!(method.kind, Kind::Cached(_)).then(|| {
        let docs = format!(
            "\n\nAnswered from the cache where it can be: see [`{}`].",
            context.wrapper
        );
        quote!(#[doc = #docs])
    });
    let docs = docs.filter(|_| context.block.trait_.is_none());
    let vis = &method.item.vis;
    Some(quote!(#(#attributes)* #docs #vis #signature { #body }))
}

fn carried(attribute: &Attribute) -> Option<TokenStream> {
    let path = attribute.path();
    if CARRIED.iter().any(|name| path.is_ident(name)) {
        return Some(attribute.to_token_stream());
    }
    // An expectation that the user's body meets, ours does not meet again.
    match &attribute.meta {
        Meta::List(list) if path.is_ident("expect") => {
            let lints = &list.tokens;
            Some(quote!(#[allow(#lints)]))
        }
        _ => None,
    }
}

/// The user's signature, with `Self` for the user's type and a name for each argument.
fn signature(context: &Context<'_>, method: &Method<'_>) -> TokenStream {
    let mut signature = method.item.sig.clone();
    signature.constness = None;
    signature.generics = context.ty.generics(&signature.generics);
    if let syn::ReturnType::Type(_, ty) = &mut signature.output {
        **ty = context.ty.ty(ty);
    }
    let mut arguments = method.args.iter();
    for input in &mut signature.inputs {
        match input {
            FnArg::Receiver(receiver) => receiver.attrs.clear(),
            FnArg::Typed(typed) => {
                let argument = arguments.next().expect("each typed input is an argument");
                let ident = &argument.ident;
                typed.attrs.clear();
                typed.pat = syn::parse_quote!(#ident);
                typed.ty = Box::new(context.ty.ty(&typed.ty));
            }
        }
    }
    quote!(#signature)
}

/// `<UserRepo>::find::<T>`: never by the method's name alone, which other traits may have.
pub(super) fn path(context: &Context<'_>, method: &Method<'_>) -> TokenStream {
    let (ty, name) = (context.block.ty, method.name());
    let arguments = method
        .item
        .sig
        .generics
        .params
        .iter()
        .filter_map(|param| match param {
            GenericParam::Type(param) => Some(&param.ident),
            GenericParam::Const(param) => Some(&param.ident),
            // Lifetimes may be late bound, and then cannot be named (E0794).
            GenericParam::Lifetime(_) => None,
        });
    let arguments: Vec<_> = arguments.collect();
    let turbofish = (!arguments.is_empty()).then(|| quote!(::<#(#arguments),*>));
    match context.block.trait_ {
        Some(trait_) => quote!(<#ty as #trait_>::#name #turbofish),
        None => quote!(<#ty>::#name #turbofish),
    }
}

fn names_of<'a>(method: &'a Method<'_>) -> Vec<&'a Ident> {
    method.args.iter().map(|argument| &argument.ident).collect()
}

/// The closure that writes what tells one call from another.
pub(super) fn key_writer(
    context: &Context<'_>,
    method: &Method<'_>,
    inner: &TokenStream,
) -> TokenStream {
    let writer = names::local("__writer");
    let mut parts = Vec::new();
    for generics in [&context.generics, &method.item.sig.generics] {
        parts.extend(generics.params.iter().filter_map(|param| match param {
            GenericParam::Type(param) => {
                let ident = &param.ident;
                Some(quote!(#writer.add_type::<#ident>();))
            }
            GenericParam::Const(param) => {
                let ident = &param.ident;
                Some(quote!(#writer.add(&#ident);))
            }
            GenericParam::Lifetime(_) => None,
        }));
    }
    if let Some(self_key) = &context.block.args.self_key {
        let this = names::local("__this");
        let expression = context.ty.expression(self_key.0.to_token_stream(), &this);
        let span = Span::mixed_site().located_at(self_key.0.span());
        parts.push(quote_spanned!(span=> { let #this = #inner; #writer.add(&(#expression)); }));
    }
    for argument in method.args.iter().filter(|argument| !argument.skipped) {
        let ident = &argument.ident;
        let span = Span::mixed_site().located_at(argument.ty.span());
        parts.push(quote_spanned!(span=> #writer.add(&#ident);));
    }
    quote!(|#writer| { #(#parts)* })
}

/// The shape of the method's return type, as a value.
pub(super) fn shape(context: &Context<'_>, method: &Method<'_>) -> TokenStream {
    let private = &context.private;
    let returned = context.ty.ty(&method.returned);
    quote!({ use #private::PlainProbe as _; #private::Probe::<#returned>::new().shape() })
}

// Output
//     Call::new(self.core.cache(), Self::declares_find(), |writer| { writer.add(&id); })
//         .run(shape, move || <UserRepo>::find(self.core.inner(), id))
//         .await
fn cached_body(context: &Context<'_>, method: &Method<'_>) -> TokenStream {
    let Context { private, core, .. } = context;
    let declaration = names::declaration(method.name(), &context.site_of(method.name()));
    let (path, arguments, shape) = (
        path(context, method),
        names_of(method),
        shape(context, method),
    );
    let span = Span::mixed_site().located_at(method.returned.span());
    let owned = names::local("__core");
    let (holder, lead) = match method.how {
        // The future may outlive the borrow of the wrapper, as the user's own may.
        How::Future => (
            quote!(#owned),
            quote!(let #owned = ::core::clone::Clone::clone(&self.#core);),
        ),
        How::Async | How::Sync => (quote!(self.#core), TokenStream::new()),
    };
    let writer = key_writer(context, method, &quote!(#holder.inner()));
    let call = names::local("__call");
    let run = format_ident!(
        "{}",
        if method.how == How::Sync {
            "run_blocking"
        } else {
            "run"
        },
        span = span
    );
    let made = quote! {
        let #call = #private::Call::new(#holder.cache(), Self::#declaration(), #writer);
    };
    let ran =
        quote_spanned!(span=> #call.#run(#shape, move || #path(#holder.inner(), #(#arguments),*)));
    match method.how {
        How::Sync => quote!(#made #ran),
        How::Async => quote!(#made #ran.await),
        How::Future => {
            // `move ||` would take the core, which the call borrows.
            let ran = quote_spanned!(span=> #call.#run(#shape, || #path(#holder.inner(), #(#arguments),*)));
            quote!(#lead async move { #made #ran.await })
        }
    }
}

fn delegated_body(context: &Context<'_>, method: &Method<'_>) -> TokenStream {
    let (path, core, arguments) = (path(context, method), &context.core, names_of(method));
    let call = quote!(#path(self.#core.inner(), #(#arguments),*));
    let call = match &method.item.sig.safety {
        // SAFETY: the caller of this method has made the promise that the other asks for.
        syn::Safety::Unsafe(_) => quote!(unsafe { #call }),
        _ => call,
    };
    if method.how == How::Async {
        quote!(#call.await)
    } else {
        call
    }
}

fn associated_body(context: &Context<'_>, method: &Method<'_>) -> TokenStream {
    let (path, arguments) = (path(context, method), names_of(method));
    let call = quote!(#path(#(#arguments),*));
    if method.how == How::Async {
        quote!(#call.await)
    } else {
        call
    }
}

// Output
//     let dropped = vec![self.entry().find(id).invalidation()];
//     invalidate_after(self.core.cache(), dropped, shape, <UserRepo>::rename(self.core.inner(), id, name)).await
fn invalidating_body(
    context: &Context<'_>,
    method: &Method<'_>,
    invalidates: &[Invalidates],
) -> TokenStream {
    let Context { private, core, .. } = context;
    let dropped = names::local("__dropped");
    let each = invalidates.iter().map(|one| invalidation(context, one));
    let (path, arguments, shape) = (
        path(context, method),
        names_of(method),
        shape(context, method),
    );
    let made = quote!(let #dropped = ::std::vec![#(#each),*];);
    let call = quote!(#path(self.#core.inner(), #(#arguments),*));
    match method.how {
        How::Sync => quote! {
            #made
            #private::invalidate_after_blocking(self.#core.cache(), #dropped, #shape, move || #call)
        },
        How::Async => quote! {
            #made
            #private::invalidate_after(self.#core.cache(), #dropped, #shape, #call).await
        },
        How::Future => {
            let owned = names::local("__core");
            quote! {
                #made
                let #owned = ::core::clone::Clone::clone(&self.#core);
                async move {
                    let inner = #path(#owned.inner(), #(#arguments),*);
                    #private::invalidate_after(#owned.cache(), #dropped, #shape, inner).await
                }
            }
        }
    }
}

fn invalidation(context: &Context<'_>, one: &Invalidates) -> TokenStream {
    let Context {
        private,
        core,
        entries,
        ..
    } = context;
    let method = &one.method;
    match &one.args {
        Some(args) => {
            let handle = quote_spanned!(method.span()=> .#method(#args));
            quote!(#entries { wrapper: self } #handle.invalidation())
        }
        None => {
            let declaration = names::declaration(method, &context.site_of(method));
            quote_spanned!(method.span()=> #private::Invalidation::all(self.#core.cache(), Self::#declaration()))
        }
    }
}

/// The type of the method's result with the user's type for `Self`.
pub(super) fn returned(context: &Context<'_>, method: &Method<'_>) -> Type {
    context.ty.ty(&method.returned)
}
