use proc_macro2::{Span, TokenStream};
use quote::{ToTokens as _, quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::visit_mut::VisitMut as _;
use syn::{Attribute, FnArg, GenericParam, Ident, Lifetime, Meta, Path, Type};

use super::{Context, body, cfgs};
use crate::args::{self, BlockArgs, MethodArgs};
use crate::ast::{Kind, Method};
use crate::{fingerprint, names, types};

/// What a user says of a method in documentation, to callers and to lints; everything else stays
/// where it is.
const CARRIED: [&str; 4] = ["cfg", "doc", "deprecated", "must_use"];
const LINTS: [&str; 3] = ["allow", "warn", "deny"];

// Output
//     impl CachedUserRepoMethods {
//         pub fn find() -> &'static Method { static … }
//     }
pub(super) fn declarations(context: &Context<'_>) -> TokenStream {
    let methods = context.block.methods.iter();
    let cached = methods.filter_map(|method| match &method.kind {
        Kind::Cached(args) => Some(declaration(context, method, args)),
        _ => None,
    });
    let (methods, lints) = (context.methods_type(), context.lints());
    quote! {
        #lints
        impl #methods { #(#cached)* }
    }
}

fn declaration(context: &Context<'_>, method: &Method<'_>, args: &MethodArgs) -> TokenStream {
    let Context { private, vis, .. } = context;
    let name = method.name();
    let site = context.site_of(name);
    let fingerprint = fingerprint(private, method);
    let (methods, in_module) = (context.methods_type(), names::in_module());
    let options = options(context, &context.block.args, args);
    let cfgs = cfgs(&method.item.attrs);
    let levels = lint_levels(&method.item.attrs);
    quote! {
        #(#cfgs)*
        #(#levels)*
        #vis fn #name() -> &'static #private::Method {
            static METHOD: #private::Method = #private::Method::new(
                ::core::concat!(::core::module_path!(), "::", #site),
                #site,
                #fingerprint,
                #options,
            )
            .within::<#methods>(<#methods>::#in_module());
            &METHOD
        }
    }
}

/// Of the method's tokens; where `#[cfg]` chooses among them, also of what it chooses in this build.
fn fingerprint(private: &TokenStream, method: &Method<'_>) -> TokenStream {
    let digest = fingerprint::method(method.item);
    let digest = quote!([#(#digest),*]);
    let conditions = fingerprint::conditions(method.item);
    if conditions.is_empty() {
        return digest;
    }
    quote!(#private::fingerprint(#digest, &[#(::core::cfg!(#conditions)),*]))
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
    if let Some(touch) = method.touch.or(block.touch) {
        let touch = touch.tokens(krate);
        fields.push(quote!(touch: ::core::option::Option::Some(#touch)));
    }
    let layout = [
        (method.single, "Single"),
        (method.multiple, "Multiple"),
        (block.single, "Single"),
        (block.multiple, "Multiple"),
    ];
    if let Some((_, layout)) = layout.iter().find(|(flag, _)| flag.is_set()) {
        let layout = Ident::new(layout, Span::call_site());
        fields.push(quote!(layout: ::core::option::Option::Some(#krate::Layout::#layout)));
    }
    if block.cluster.is_set() {
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
    fields.extend(fresh(context, block, method));
    if let Some(version) = method.version.as_ref().or(block.version.as_ref()) {
        let version = &version.0;
        fields.push(quote!(version: #version));
    }
    quote!(#private::Options { #(#fields,)* ..#private::Options::NONE })
}

/// Who computes a value, and when anew.
fn fresh(context: &Context<'_>, block: &BlockArgs, method: &MethodArgs) -> Vec<TokenStream> {
    let Context { krate, private, .. } = context;
    let mut fields = Vec::new();
    if let Some(stampede) = method.stampede.or(block.stampede) {
        let stampede = stampede.tokens(krate);
        fields.push(quote!(stampede: ::core::option::Option::Some(#stampede)));
    }
    if let Some(ms) = args::stale_ms(block, method) {
        fields.push(quote!(stale_ms: ::core::option::Option::Some(#ms)));
        if let Some(soft_timeout) = method.soft_timeout.or(block.soft_timeout) {
            let ms = soft_timeout.ms;
            fields.push(quote!(soft_timeout_ms: ::core::option::Option::Some(#ms)));
        }
    }
    if let Some(early) = args::early(block, method) {
        let early = early.tokens(private);
        fields.push(quote!(early: #early));
    }
    if let Some(jitter) = method.jitter.or(block.jitter) {
        let permille = jitter.0;
        fields.push(quote!(jitter_permille: ::core::option::Option::Some(#permille)));
    }
    if method.ttl_fn.is_some() {
        fields.push(quote!(has_ttl_fn: true));
    }
    fields
}

pub(super) fn of_wrapper(context: &Context<'_>, method: &Method<'_>) -> Option<TokenStream> {
    let body = body::of(context, method)?;
    let signature = signature(context, method);
    let carried = method.item.attrs.iter();
    let carried = carried.filter(|attribute| is_one_of(attribute.path(), &CARRIED));
    let levels = lint_levels(&method.item.attrs);
    let unused = matches!(method.kind, Kind::Refused).then(|| quote!(#[allow(unused)]));
    let docs = matches!(method.kind, Kind::Cached(_)).then(|| {
        let docs = format!(
            "\n\nAnswered from the cache where it can be: see [`{}`].",
            context.wrapper
        );
        quote!(#[doc = #docs])
    });
    let docs = docs.filter(|_| context.block.trait_.is_none());
    let vis = &method.item.vis;
    Some(quote!(#(#carried)* #(#levels)* #unused #docs #vis #signature { #body }))
}

/// The user's word to lints, for whatever has the names of the method and of its arguments.
pub(super) fn lint_levels(attributes: &[Attribute]) -> impl Iterator<Item = TokenStream> {
    attributes
        .iter()
        .filter_map(|attribute| match &attribute.meta {
            // An expectation that the user's body meets, ours does not meet again.
            Meta::List(list) if list.path.is_ident("expect") => {
                let lints = &list.tokens;
                Some(quote!(#[allow(#lints)]))
            }
            meta if is_one_of(meta.path(), &LINTS) => Some(quote!(#attribute)),
            _ => None,
        })
}

fn is_one_of(path: &Path, names: &[&str]) -> bool {
    names.iter().any(|name| path.is_ident(name))
}

/// The user's signature, with the user's type for `Self` and a name for each argument.
fn signature(context: &Context<'_>, method: &Method<'_>) -> TokenStream {
    let mut signature = method.item.sig.clone();
    signature.constness = None;
    let mut arguments = method.args.iter();
    for input in &mut signature.inputs {
        match input {
            FnArg::Receiver(receiver) => {
                receiver.attrs.clear();
                // Ours: a `self` that comes through `macro_rules!` is not the one in our bodies.
                receiver.self_token.span = Span::call_site();
            }
            FnArg::Typed(typed) => {
                let argument = arguments.next().expect("each typed input is an argument");
                let ident = &argument.ident;
                typed.attrs.clear();
                typed.pat = syn::parse_quote!(#ident);
            }
        }
    }
    if !context.is_stub(method) {
        context.ty.clone().visit_signature_mut(&mut signature);
    }
    quote!(#signature)
}

/// `<UserRepo>::find::<T>`: never by the method's name alone, which other traits may have.
pub(super) fn path(context: &Context<'_>, method: &Method<'_>) -> TokenStream {
    let (ty, name) = (&context.ty.ty, method.name());
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
    match &context.ty.trait_ {
        Some(trait_) => {
            // A method may ask for less than its trait: the compiler finds the trait's lifetimes.
            let any = Lifetime::new("'_", Span::call_site());
            let trait_ = types::with_lifetime(&syn::parse_quote!(#trait_), &any, false);
            quote!(<#ty as #trait_>::#name #turbofish)
        }
        None => quote!(<#ty>::#name #turbofish),
    }
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
    if context.block.extends() || context.block.args.self_key.is_some() {
        let (methods, self_key) = (context.methods_type(), names::self_key());
        parts.push(quote!(<#methods>::#self_key(#inner, #writer);));
    }
    if context.block.extends() {
        parts.extend(self_key_part(context, inner, &writer));
    }
    for argument in method.args.iter().filter(|argument| !argument.skipped) {
        // What the compiler has to say of an argument, it says at its type, from end to end.
        let ident = &argument.ident;
        let (first, last) = types::ends(argument.ty);
        let part = quote_spanned!(last=> (#ident));
        parts.push(if types::is_opaque(argument.ty) {
            quote_spanned!(first=> #writer.add_with_type(&#part);)
        } else {
            quote_spanned!(first=> #writer.add(&#part);)
        });
    }
    quote!(|#writer| { #(#parts)* })
}

// What one block says of `self` holds for all that join it.
//
// Output
//     pub fn __self_key(this: &UserRepo, writer: &mut KeyWriter) { writer.add(&this.tenant); }
pub(super) fn self_key(context: &Context<'_>) -> TokenStream {
    let Context { private, vis, .. } = context;
    let (this, writer) = (names::local("__this"), names::local("__writer"));
    let part = self_key_part(context, &this.to_token_stream(), &writer);
    let (name, ty) = (names::self_key(), &context.ty.ty);
    let (generics, _, where_clause) = context.own.split_for_impl();
    quote! {
        #vis fn #name #generics (#this: &#ty, #writer: &mut #private::KeyWriter) #where_clause { #part }
    }
}

fn self_key_part(context: &Context<'_>, this: &TokenStream, writer: &Ident) -> Option<TokenStream> {
    let self_key = context.block.args.self_key.as_ref();
    let self_key = self_key.filter(|self_key| !self_key.is_nothing())?;
    let expression = self_key.0.to_token_stream();
    let span = Span::mixed_site().located_at(expression.span());
    let expression = context.ty.expression(expression, this);
    Some(quote_spanned!(span=> #writer.add(&(#expression));))
}

/// The shape of the method's return type, as a value, and as if it stood there.
pub(super) fn shape(context: &Context<'_>, method: &Method<'_>) -> TokenStream {
    let private = &context.private;
    let returned = context.ty.ty(&method.returned);
    let (at, _) = types::ends(&method.returned);
    quote_spanned!(at=> { use #private::PlainProbe as _; #private::Probe::<#returned>::new().shape() })
}

/// The type of the method's result with the user's type for `Self`.
pub(super) fn returned(context: &Context<'_>, method: &Method<'_>) -> Type {
    context.ty.ty(&method.returned)
}
