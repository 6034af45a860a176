//! From a block to the block itself, its wrapper, and the handles on entries.

mod body;
mod cacheability;
mod declaration;
pub(crate) mod fallback;
mod handle;
mod owned;
mod reads;
mod returned;
mod warning;
mod wrapper;

use proc_macro2::TokenStream;
use quote::{ToTokens as _, quote};
use syn::visit_mut::VisitMut as _;
use syn::{
    Attribute, ConstParam, Error, GenericArgument, GenericParam, Generics, Ident, ImplItem, Item,
    Path, PathArguments, Type, TypeParam, Visibility, WhereClause,
};

use crate::ast::{self, Block, Kind, Method};
use crate::types::{Named, SelfType};
use crate::{args, fingerprint, generics, names, types, valid};

pub(crate) fn cache_impl(options: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Vec::new();
    let expanded = expand(options, item.clone(), &mut errors).unwrap_or_else(|error| {
        errors.push(error);
        fallback::item(item)
    });
    let errors = errors.iter().map(Error::to_compile_error);
    quote!(#expanded #(#errors)*)
}

/// The block and its wrapper, also where something in them is wrong and told in `errors`: what
/// uses them then compiles, and the errors are those of the block alone.
fn expand(
    options: TokenStream,
    item: TokenStream,
    errors: &mut Vec<Error>,
) -> Result<TokenStream, Error> {
    let item = match syn::parse2(item)? {
        Item::Impl(block) => block,
        other => return Err(valid::not_a_block(&other)),
    };
    let args = args::of_block(options, errors);
    let block = Block::new(args, &item, errors)?;
    let context = Context::new(&block);
    let generated = context.expand();
    // One mistake, one message.
    let warnings = errors.is_empty().then(|| warning::warnings(&context));
    let mut original = item.clone();
    ast::strip(&mut original);
    Ok(quote!(#original #generated #warnings))
}

/// What all generated pieces of a block need to know.
pub(crate) struct Context<'a> {
    pub(crate) block: &'a Block<'a>,
    pub(crate) krate: Path,
    pub(crate) private: TokenStream,
    pub(crate) ty: SelfType,
    pub(crate) wrapper: Ident,
    pub(crate) entries: Ident,
    /// Where the wrapper stands, if another block has made it elsewhere: `super::`.
    module: TokenStream,
    /// The wrapper's generic arguments.
    arguments: Vec<GenericArgument>,
    pub(crate) vis: Visibility,
    pub(crate) core: Ident,
    /// The generics of the block, without `Self`.
    pub(crate) generics: Generics,
    /// Those that the wrapper has, and those that only the trait has.
    pub(crate) own: Generics,
    pub(crate) of_trait: Generics,
}

impl<'a> Context<'a> {
    fn new(block: &'a Block<'a>) -> Self {
        let krate = block.args.krate.as_ref();
        let krate = krate.map_or_else(names::krate, |krate| krate.0.clone());
        let wrapper = block.wrapper_name();
        // `impl View<'_>`: the wrapper needs the name.
        let mut named = Named::new("'__impl_");
        let mut trait_ = block.trait_.cloned();
        let ty = named.ty(block.ty);
        if let Some(trait_) = &mut trait_ {
            named.visit_path_mut(trait_);
        }
        let ty = SelfType { ty, trait_ };
        let mut generics = ty.generics(&block.item.generics);
        for (at, lifetime) in named.lifetimes.iter().enumerate() {
            generics.params.insert(at, syn::parse_quote!(#lifetime));
        }
        let (own, of_trait) = generics::split(&generics, &ty.ty);
        let (module, arguments) = located(block);
        Self {
            private: quote!(#krate::private),
            entries: names::entries(&wrapper),
            arguments: arguments.unwrap_or_else(|| own_arguments(&own)),
            module,
            vis: visibility(block),
            core: names::core(),
            generics,
            own,
            of_trait,
            ty,
            wrapper,
            krate,
            block,
        }
    }

    fn expand(&self) -> TokenStream {
        let definition = (!self.block.extends()).then(|| wrapper::definition(self));
        let declarations = declaration::declarations(self);
        let returned = returned::assertions(self);
        let methods = self.methods();
        let handles = handle::handles(self);
        quote!(#definition #declarations #returned #methods #handles)
    }

    /// The wrapper's methods: inherent ones, or the trait's.
    fn methods(&self) -> TokenStream {
        let methods = self.block.methods.iter();
        let methods = methods.filter_map(|method| declaration::of_wrapper(self, method));
        let (generics, where_clause) = self.impl_generics();
        let wrapper = self.wrapper_type();
        let lints = self.lints();
        let Some(trait_) = &self.ty.trait_ else {
            return quote! {
                #lints
                impl #generics #wrapper #where_clause { #(#methods)* }
            };
        };
        let trait_ = self.ty.ty(&syn::parse_quote!(#trait_));
        let attributes = self.block.item.attrs.iter().filter(|attribute| {
            let last = attribute.path().segments.last();
            last.is_some_and(|segment| segment.ident == "async_trait")
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
        let SelfType { ty, trait_ } = &self.ty;
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
    pub(crate) fn impl_generics(&self) -> (TokenStream, Option<&WhereClause>) {
        let (generics, _, where_clause) = self.generics.split_for_impl();
        (generics.to_token_stream(), where_clause)
    }

    /// `CachedRepo<D>`
    pub(crate) fn wrapper_type(&self) -> TokenStream {
        let (module, wrapper, arguments) = (&self.module, &self.wrapper, &self.arguments);
        quote!(#module #wrapper<#(#arguments),*>)
    }

    /// `CachedRepoEntry<'a, D>`
    pub(crate) fn entries_type(&self, lifetime: &TokenStream) -> TokenStream {
        let (module, entries, arguments) = (&self.module, &self.entries, &self.arguments);
        quote!(#module #entries<#lifetime, #(#arguments),*>)
    }

    /// `CachedRepoMethods`: what each cached method is, under its own name.
    pub(crate) fn methods_type(&self) -> TokenStream {
        let (module, methods) = (&self.module, names::methods(&self.wrapper));
        quote!(#module #methods)
    }

    /// The handles of the wrapper that `self` is.
    pub(crate) fn entries_of_self(&self) -> TokenStream {
        let (module, entries) = (&self.module, &self.entries);
        let field = names::wrapper_field();
        quote!(#module #entries { #field: self })
    }

    /// Whether a refused method can have no more than its trait's signature: it means the
    /// wrapper by `Self`.
    pub(crate) fn is_stub(&self, method: &Method<'_>) -> bool {
        matches!(method.kind, Kind::Refused)
            && self.block.trait_.is_some()
            && valid::forwardable(method, &self.wrapper).is_err()
    }

    /// What stands on every generated item: the block's own conditions and its word to lints. For
    /// the rest generated code answers for itself, not to the lints that the user has chosen.
    pub(crate) fn lints(&self) -> TokenStream {
        let attributes = &self.block.item.attrs;
        let cfgs = cfgs(attributes);
        let levels = declaration::lint_levels(attributes);
        quote! {
            #(#cfgs)*
            #(#levels)*
            #[allow(
                clippy::all, clippy::pedantic, clippy::nursery, clippy::restriction,
                dead_code, deprecated, missing_debug_implementations, missing_docs, non_camel_case_types,
                single_use_lifetimes, unexpected_cfgs, unreachable_code, unreachable_pub, unused_qualifications,
                private_bounds, private_interfaces, elided_named_lifetimes, mismatched_lifetime_syntaxes
            )]
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
}

/// What `wrapper` says in front of the name and behind it.
fn located(block: &Block<'_>) -> (TokenStream, Option<Vec<GenericArgument>>) {
    let Some(wrapper) = block.args.wrapper.as_ref().filter(|_| block.extends()) else {
        return (TokenStream::new(), None);
    };
    let mut module = wrapper.0.clone();
    let last = module.segments.pop();
    let arguments = last.and_then(|last| match last.arguments {
        PathArguments::AngleBracketed(given) => Some(given.args.into_iter().collect()),
        _ => None,
    });
    (module.to_token_stream(), arguments)
}

fn own_arguments(generics: &Generics) -> Vec<GenericArgument> {
    let arguments = generics.params.iter().map(|param| match param {
        GenericParam::Lifetime(param) => GenericArgument::Lifetime(param.lifetime.clone()),
        GenericParam::Type(TypeParam { ident, .. })
        | GenericParam::Const(ConstParam { ident, .. }) => syn::parse_quote!(#ident),
    });
    arguments.collect()
}

/// As `vis` says; else public: a wrapper must be no less visible than its type, which only the
/// type knows.
fn visibility(block: &Block<'_>) -> Visibility {
    let vis = block.args.vis.as_ref();
    vis.map_or_else(|| syn::parse_quote!(pub), |vis| vis.0.clone())
}

pub(crate) fn cfgs(attributes: &[Attribute]) -> Vec<&Attribute> {
    attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("cfg"))
        .collect()
}

/// Whether a type depends on a type or const parameter in scope.
pub(crate) fn is_generic(context: &Context<'_>, method: &Method<'_>, ty: &Type) -> bool {
    let mut parameters = types::parameters(&context.generics);
    parameters.extend(types::parameters(&method.item.sig.generics));
    types::find(ty.to_token_stream(), &parameters).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_block_always_expands_to_the_same_tokens() {
        let options = quote!(policy = "lfu", ttl = "5m", self_key = self.tenant, tll = 3);
        let block = quote! {
            impl<'r, D: Db, const N: usize> Users<u64> for Repo<'r, D, N> where D: Clone {
                const LIMIT: usize = N;
                type Error = D::Error;
                async fn find(&self, id: u64) -> Result<User, Self::Error> { self.db.find(id).await }
                #[cache(version = 2)]
                fn look<T: Serialize>(&self, (a, b): (T, &str), #[cache_skip] ctx: &Ctx<'_>) -> usize { a }
                #[nocache]
                #[invalidates(find(id), look(..))]
                fn rename(&self, id: u64) -> impl Future<Output = ()> { async {} }
                async fn change(&mut self) -> u64 { 1 }
            }
        };
        let first = cache_impl(options.clone(), block.clone()).to_string();
        assert!(first.contains("CachedRepoEntry") && first.contains("compile_error"));
        for _ in 0..10 {
            let again = cache_impl(options.clone(), block.clone()).to_string();
            assert_eq!(first, again);
        }
    }

    #[test]
    fn what_a_method_says_goes_before_what_its_block_says() {
        let options = quote!(
            stale = "10m",
            soft_timeout = "1s",
            early = "xfetch",
            jitter = 0.5,
            stampede = "off"
        );
        let block = quote! {
            impl Repo {
                async fn find(&self) -> u8 { 1 }
                #[cache(stale = "1m", soft_timeout = "2s", early = 0.25, jitter = 0.001, stampede = "local")]
                async fn look(&self) -> u8 { 1 }
                #[cache(stale = "off", early = "off")]
                async fn plain(&self) -> u8 { 1 }
            }
        };
        let expanded = cache_impl(options, block).to_string();
        let expanded: String = expanded.split_whitespace().collect();
        let times = |text: &str| expanded.matches(text).count();
        let some = |field: &str, value: &str| {
            times(&format!("{field}:::core::option::Option::Some({value})"))
        };
        assert_eq!(
            (some("stale_ms", "600000u64"), some("stale_ms", "60000u64")),
            (1, 1)
        );
        assert_eq!(
            (
                some("soft_timeout_ms", "1000u64"),
                some("soft_timeout_ms", "2000u64")
            ),
            (1, 1)
        );
        assert_eq!((times("Early::XFetch"), times("Early::At(250u16)")), (1, 1));
        assert_eq!(
            (
                some("jitter_permille", "500u16"),
                some("jitter_permille", "1u16")
            ),
            (2, 1)
        );
        assert_eq!((times("Stampede::Off"), times("Stampede::Local")), (2, 1));
        assert_eq!((times(".run_stale("), times(".run(")), (2, 1));
    }
}
