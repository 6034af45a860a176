//! The declaration of each cached method: its path, fingerprint and options, in a `static`.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::Ident;

use super::attributes::{cfgs, lint_levels};
use super::batch;
use super::context::Context;
use super::tags;
use crate::args::{self, BlockArgs, MethodArgs};
use crate::ast::Method;
use crate::plan::{Kind, MethodPlan};
use crate::{fingerprint, names};

// Output
//     impl CachedUserRepoMethods {
//         pub fn find() -> &'static Method { static … }
//     }
pub(super) fn declarations(context: &Context<'_>) -> TokenStream {
    let methods = context.plan.methods.iter();
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

fn declaration(context: &Context<'_>, method: &MethodPlan<'_>, args: &MethodArgs) -> TokenStream {
    let Context { private, vis, .. } = context;
    let name = context.declaration_name(method);
    if let Some(shared) = batch::shared_declaration(context, method) {
        let cfgs = cfgs(&method.item.attrs);
        return quote! {
            #(#cfgs)*
            #vis fn #name() -> &'static #private::Method { #shared }
        };
    }
    let site = context.site_of(method.name());
    let named = args.name.as_ref().map(|name| &name.0);
    let tags = tags::tokens(context, args);
    let fingerprint = fingerprint(private, method, named.is_some(), tags);
    let named = named.map(|name| quote!(.named(#name)));
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
            .within::<#methods>(<#methods>::#in_module())
            #named;
            &METHOD
        }
    }
}

/// Of the method's tokens; where `#[cfg]` chooses among them, also of what it chooses in this build. And of its tags:
/// a build whose entries have other tags, or none, does not find those that it invalidates.
fn fingerprint(
    private: &TokenStream,
    method: &Method<'_>,
    is_named: bool,
    tags: Option<TokenStream>,
) -> TokenStream {
    let mut digest = fingerprint::method(method.item, is_named);
    if let Some(tags) = tags {
        digest = fingerprint::tokens(quote!(#(#digest)* #tags));
    }
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
    if let Some(size) = method.maxsize.as_ref().or(block.maxsize.as_ref()) {
        let size = size.0.tokens(private, "constant_maxsize");
        fields.push(quote!(maxsize: ::core::option::Option::Some(#size)));
    }
    if let Some(ttl) = method.ttl.as_ref().or(block.ttl.as_ref()) {
        let ms = ttl.0.tokens(private, "constant_ttl");
        fields.push(quote!(ttl_ms: ::core::option::Option::Some(#ms)));
    }
    fields.extend(freshness(context, block, method));
    if let Some(version) = method.version.as_ref().or(block.version.as_ref()) {
        let version = &version.0;
        fields.push(quote!(version: #version));
    }
    quote!(#private::Options { #(#fields,)* ..#private::Options::NONE })
}

/// Which call computes a value, and when it is computed again.
fn freshness(context: &Context<'_>, block: &BlockArgs, method: &MethodArgs) -> Vec<TokenStream> {
    let Context { krate, private, .. } = context;
    let mut fields = Vec::new();
    if let Some(stampede) = method.stampede.or(block.stampede) {
        let stampede = stampede.tokens(krate);
        fields.push(quote!(stampede: ::core::option::Option::Some(#stampede)));
    }
    if let Some(stale) = args::effective_stale(block, method) {
        let ms = stale.tokens(private, "constant_stale");
        fields.push(quote!(stale_ms: ::core::option::Option::Some(#ms)));
        let soft_timeout = method.soft_timeout.as_ref();
        if let Some(soft_timeout) = soft_timeout.or(block.soft_timeout.as_ref()) {
            let ms = soft_timeout.ms.tokens(private, "constant_soft_timeout");
            fields.push(quote!(soft_timeout_ms: ::core::option::Option::Some(#ms)));
        }
    }
    if let Some(early) = args::effective_early(block, method) {
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
    let tags = tags::names(context, method);
    if !tags.is_empty() {
        fields.push(quote!(tags: &[#(#tags),*]));
    }
    if method.tags_fn.is_some() {
        fields.push(quote!(has_tags_fn: true));
    }
    if method.cache_err.is_some() {
        fields.push(quote!(caches_errors: true));
    }
    fields
}
