//! From a block to the block itself, its wrapper, and the handles on entries.

mod handle;
mod method;
mod wrapper;

use darling::Error;
use proc_macro2::{Span, TokenStream};
use quote::{ToTokens as _, quote};
use syn::{Attribute, Generics, Ident, ImplItem, ItemImpl, Path, Type, Visibility};

use crate::args::{self, BlockArgs};
use crate::ast::{self, Block, Kind, Method};
use crate::types::SelfType;
use crate::{fallback, fingerprint, names, types, valid};

pub(crate) fn cache_impl(options: TokenStream, item: TokenStream) -> TokenStream {
    match try_expand(options, item.clone()) {
        Ok(expanded) => expanded,
        Err(error) => fallback::item(item, &error.write_errors()),
    }
}

fn try_expand(options: TokenStream, item: TokenStream) -> Result<TokenStream, Error> {
    let block: ItemImpl = match syn::parse2(item)? {
        syn::Item::Impl(block) => block,
        other => return Err(valid::not_a_block(&other)),
    };
    let mut errors = Vec::new();
    let args = args::read::<BlockArgs>(options).unwrap_or_else(|error| {
        errors.push(error);
        BlockArgs::default()
    });
    errors.extend(args::contradiction(args.single, args.multiple).err());
    let options_are_wrong = !errors.is_empty();

    let read = match Block::new(args, &block, &mut errors) {
        Ok(read) => read,
        Err(error) => {
            errors.push(error);
            return Err(Error::multiple(errors));
        }
    };
    let is_cached = |method: &Method<'_>| matches!(method.kind, Kind::Cached(_));
    if errors.is_empty() && !read.methods.iter().any(is_cached) {
        return Err(Error::custom(
            "no method in this `impl` block is cached, so `#[cache_impl]` has nothing to do; remove it, \
             or remove a `#[nocache]`",
        )
        .with_span(&Span::call_site()));
    }

    let mut original = block.clone();
    ast::strip(&mut original);
    let context = Context::new(&read);
    // With wrong options the wrapper may be another than the one that is meant.
    let generated =
        if options_are_wrong && read.args.wrapper.is_none() && !errors_are_harmless(&read) {
            TokenStream::new()
        } else {
            context.expand()
        };
    let errors = (!errors.is_empty()).then(|| Error::multiple(errors).write_errors());
    Ok(quote!(#original #generated #errors))
}

/// Even with wrong options a wrapper of the default name keeps the rest of the program compiling.
fn errors_are_harmless(block: &Block<'_>) -> bool {
    !block.methods.is_empty()
}

/// What all generated pieces of a block need to know.
pub(crate) struct Context<'a> {
    pub(crate) block: &'a Block<'a>,
    pub(crate) krate: Path,
    pub(crate) private: TokenStream,
    pub(crate) ty: SelfType<'a>,
    /// The name of the wrapper, and its path as a second block may have given it.
    pub(crate) wrapper: Ident,
    pub(crate) entries: Ident,
    pub(crate) vis: Visibility,
    pub(crate) core: Ident,
    /// The generics of the block, without `Self`.
    pub(crate) generics: Generics,
}

impl<'a> Context<'a> {
    fn new(block: &'a Block<'a>) -> Self {
        let krate = block
            .args
            .krate
            .as_ref()
            .map_or_else(names::krate, |krate| krate.0.clone());
        let wrapper = block.wrapper_name();
        let ty = SelfType {
            ty: block.ty,
            trait_: block.trait_,
        };
        Self {
            private: quote!(#krate::private),
            entries: names::entries(&wrapper),
            vis: visibility(block),
            core: names::core(),
            generics: ty.generics(&block.item.generics),
            ty,
            wrapper,
            krate,
            block,
        }
    }

    fn expand(&self) -> TokenStream {
        let requirements = self.requirements();
        let definition = (!self.block.extends()).then(|| wrapper::definition(self));
        let declarations = method::declarations(self);
        let methods = self.methods();
        let handles = handle::handles(self);
        quote!(#requirements #definition #declarations #methods #handles)
    }

    /// The wrapper's methods: inherent ones, or the trait's.
    fn methods(&self) -> TokenStream {
        let methods = self
            .block
            .methods
            .iter()
            .filter_map(|method| method::of_wrapper(self, method));
        let (generics, where_clause) = self.impl_generics();
        let wrapper = self.wrapper_type();
        let lints = lints();
        let Some(trait_) = self.block.trait_ else {
            return quote! {
                #lints
                impl #generics #wrapper #where_clause { #(#methods)* }
            };
        };
        let trait_ = { self.ty.ty(&syn::parse_quote!(#trait_)) };
        let attributes = self.block.item.attrs.iter().filter(|attribute| {
            attribute
                .path()
                .segments
                .last()
                .is_some_and(|segment| segment.ident == "async_trait")
        });
        let items = self.associated_items();
        quote! {
            #(#attributes)*
            #lints
            impl #generics #trait_ for #wrapper #where_clause { #(#items)* #(#methods)* }
        }
    }

    /// The constants and types of a trait, as the user's type has them.
    fn associated_items(&self) -> Vec<TokenStream> {
        let (ty, trait_) = (self.block.ty, self.block.trait_);
        let each = self.block.item.items.iter().filter_map(|item| match item {
            ImplItem::Const(item) => {
                let (ident, of) = (&item.ident, self.ty.ty(&item.ty));
                let cfgs = cfgs(&item.attrs);
                Some(quote!(#(#cfgs)* const #ident: #of = <#ty as #trait_>::#ident;))
            }
            ImplItem::Type(item) => {
                let ident = &item.ident;
                let generics = self.ty.generics(&item.generics);
                let (_, arguments, where_clause) = generics.split_for_impl();
                let cfgs = cfgs(&item.attrs);
                Some(quote!(#(#cfgs)* type #ident #generics = <#ty as #trait_>::#ident #arguments #where_clause;))
            }
            _ => None,
        });
        each.collect()
    }

    /// `impl<…>` and `where …` for blocks of the wrapper.
    pub(crate) fn impl_generics(&self) -> (TokenStream, Option<&syn::WhereClause>) {
        let (generics, _, where_clause) = self.generics.split_for_impl();
        (generics.to_token_stream(), where_clause)
    }

    /// `CachedRepo<D>`, as the block's generics or the `wrapper` option say.
    pub(crate) fn wrapper_type(&self) -> TokenStream {
        match &self.block.args.wrapper {
            Some(wrapper) if self.block.extends() => {
                let path = &wrapper.0;
                let given = path
                    .segments
                    .last()
                    .is_some_and(|segment| !segment.arguments.is_none());
                let (_, arguments, _) = self.generics.split_for_impl();
                if given {
                    quote!(#path)
                } else {
                    quote!(#path #arguments)
                }
            }
            _ => {
                let wrapper = &self.wrapper;
                let (_, arguments, _) = self.generics.split_for_impl();
                quote!(#wrapper #arguments)
            }
        }
    }

    /// The text that tells this block's methods from all others: `UserRepo::`, `<Repo as Store>::`.
    pub(crate) fn site_of(&self, method: &Ident) -> String {
        let ty = fingerprint::canonical_text(self.block.ty.to_token_stream());
        let method = syn::ext::IdentExt::unraw(method);
        match self.block.trait_ {
            Some(trait_) => {
                let trait_ = fingerprint::canonical_text(trait_.to_token_stream());
                format!("<{ty} as {trait_}>::{method}")
            }
            None => format!("{ty}::{method}"),
        }
    }

    fn requirements(&self) -> TokenStream {
        let of_block = self.block.args.codec.as_ref();
        let of_methods = self
            .block
            .methods
            .iter()
            .filter_map(|method| match &method.kind {
                Kind::Cached(args) => args.codec.as_ref(),
                _ => None,
            });
        let codecs = of_block.into_iter().chain(of_methods);
        codecs
            .filter_map(|codec| codec.requirement(&self.krate))
            .collect()
    }
}

/// As `vis` says; else the widest of the methods, or the crate for a trait.
fn visibility(block: &Block<'_>) -> Visibility {
    if let Some(vis) = &block.args.vis {
        return vis.0.clone();
    }
    if block.trait_.is_some() {
        return syn::parse_quote!(pub(crate));
    }
    let width = |vis: &Visibility| match vis {
        Visibility::Public(_) => 3,
        Visibility::Restricted(within) if within.path.is_ident("crate") => 2,
        Visibility::Restricted(_) => 1,
        Visibility::Inherited => 0,
    };
    let widest = block.item.items.iter().filter_map(|item| match item {
        ImplItem::Fn(method) => Some(&method.vis),
        _ => None,
    });
    widest
        .max_by_key(|vis| width(vis))
        .cloned()
        .unwrap_or(Visibility::Inherited)
}

pub(crate) fn cfgs(attributes: &[Attribute]) -> Vec<&Attribute> {
    attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("cfg"))
        .collect()
}

/// Generated code answers for itself, not to the lints that the user has chosen.
pub(crate) fn lints() -> TokenStream {
    quote! {
        #[allow(
            clippy::all, clippy::pedantic, clippy::nursery, clippy::restriction,
            deprecated, missing_docs, single_use_lifetimes, unreachable_pub, unused_qualifications,
            private_interfaces, private_bounds, elided_named_lifetimes, mismatched_lifetime_syntaxes
        )]
    }
}

/// Whether a type depends on a type or const parameter in scope.
pub(crate) fn is_generic(context: &Context<'_>, method: &Method<'_>, ty: &Type) -> bool {
    let mut parameters = types::parameters(&context.generics);
    parameters.extend(types::parameters(&method.item.sig.generics));
    types::mentions(ty.to_token_stream(), &parameters)
}
