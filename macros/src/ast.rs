//! What the user wrote: a block, its methods, their arguments.

use darling::Error;
use proc_macro2::TokenStream;
use quote::ToTokens as _;
use syn::spanned::Spanned as _;
use syn::{
    Attribute, FnArg, Ident, ImplItem, ImplItemFn, ItemImpl, Meta, Pat, Path, ReturnType, Type,
};

use crate::args::{self, BlockArgs, MethodArgs};
use crate::{names, types, valid};

/// The attributes that only `#[cache_impl]` understands.
const HELPERS: [&str; 4] = ["cache", "nocache", "cache_skip", "invalidates"];

/// A block, with the methods that a wrapper can have.
#[derive(Debug)]
pub(crate) struct Block<'a> {
    pub(crate) args: BlockArgs,
    pub(crate) item: &'a ItemImpl,
    pub(crate) ty: &'a Type,
    pub(crate) ty_name: Ident,
    pub(crate) trait_: Option<&'a Path>,
    pub(crate) methods: Vec<Method<'a>>,
}

#[derive(Debug)]
pub(crate) struct Method<'a> {
    pub(crate) item: &'a ImplItemFn,
    pub(crate) kind: Kind,
    pub(crate) how: How,
    pub(crate) args: Vec<Arg<'a>>,
    pub(crate) returned: Type,
}

#[derive(Debug)]
pub(crate) enum Kind {
    Cached(Box<MethodArgs>),
    /// Handed through; the entries of these calls are dropped after a success.
    Delegated(Vec<Invalidates>),
    /// Not in the wrapper.
    Omitted,
    /// No receiver, in a trait: the trait wants it.
    Associated,
}

/// How a method gives its result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    Async,
    /// `-> impl Future<Output = T>`
    Future,
    Sync,
}

#[derive(Debug)]
pub(crate) struct Arg<'a> {
    pub(crate) ident: Ident,
    pub(crate) ty: &'a Type,
    pub(crate) skipped: bool,
}

/// `find(id)` or `search(..)` in `#[invalidates(…)]`.
#[derive(Debug)]
pub(crate) struct Invalidates {
    pub(crate) method: Ident,
    /// `None` for all entries of the method.
    pub(crate) args: Option<TokenStream>,
}

/// The helper attributes of one method.
#[derive(Debug, Default)]
struct Helpers<'a> {
    cache: Option<&'a Attribute>,
    nocache: Option<&'a Attribute>,
    invalidates: Option<&'a Attribute>,
}

/// Which helper an attribute is, with or without the name of the crate in front.
pub(crate) fn helper(attribute: &Attribute) -> Option<&'static str> {
    let segments = &attribute.path().segments;
    if segments.len() > 1
        && segments
            .first()
            .is_none_or(|first| first.ident != "redis_func_cache")
    {
        return None;
    }
    let last = &segments.last()?.ident;
    HELPERS.into_iter().find(|name| last == name)
}

/// Removes the helper attributes: no other macro knows them.
pub(crate) fn strip(block: &mut ItemImpl) {
    for item in &mut block.items {
        let ImplItem::Fn(method) = item else { continue };
        method.attrs.retain(|attribute| helper(attribute).is_none());
        for argument in &mut method.sig.inputs {
            let attributes = match argument {
                FnArg::Receiver(receiver) => &mut receiver.attrs,
                FnArg::Typed(typed) => &mut typed.attrs,
            };
            attributes.retain(|attribute| helper(attribute).is_none());
        }
    }
}

impl<'a> Block<'a> {
    /// Reads a block. Errors of methods go to `errors`, and those methods are left out; an error
    /// that leaves nothing to work with is returned.
    pub(crate) fn new(
        args: BlockArgs,
        item: &'a ItemImpl,
        errors: &mut Vec<Error>,
    ) -> Result<Self, Error> {
        valid::block(item)?;
        let ty = types::peel(&item.self_ty);
        let ty_name = valid::named(ty)?.clone();
        let trait_ = item.trait_.as_ref().map(|(path, _)| path);
        let opt_in = args.by_default.is_some();
        let mut block = Self {
            args,
            item,
            ty,
            ty_name,
            trait_,
            methods: Vec::new(),
        };
        for item in &item.items {
            match item {
                ImplItem::Fn(method) => match block.method(method, opt_in, errors) {
                    Ok(Some(method)) => block.methods.push(method),
                    Ok(None) => {}
                    Err(error) => errors.push(error),
                },
                ImplItem::Const(_) | ImplItem::Type(_) => {}
                other => errors.push(valid::unknown_item(other, &block.wrapper_name())),
            }
        }
        Ok(block)
    }

    /// The wrapper's name: what `wrapper` says, or `Cached` and the name of the type.
    pub(crate) fn wrapper_name(&self) -> Ident {
        let named = self
            .args
            .wrapper
            .as_ref()
            .and_then(|wrapper| wrapper.0.segments.last());
        named.map_or_else(
            || names::wrapper(&self.ty_name),
            |segment| segment.ident.clone(),
        )
    }

    /// Whether another block makes the wrapper: `wrapper` names it as the first block would by
    /// itself, or `extend` says so.
    pub(crate) fn extends(&self) -> bool {
        let default = names::wrapper(&self.ty_name);
        let named = self.args.wrapper.as_ref().is_some_and(|wrapper| {
            wrapper
                .0
                .segments
                .last()
                .is_some_and(|segment| segment.ident == default)
        });
        named || self.args.extend.is_present()
    }

    fn method(
        &self,
        item: &'a ImplItemFn,
        opt_in: bool,
        errors: &mut Vec<Error>,
    ) -> Result<Option<Method<'a>>, Error> {
        valid::no_late_helpers(item)?;
        let helpers = Helpers::new(item)?;
        let Some(receiver) = item.sig.receiver() else {
            helpers.none_for("an associated function without `self`")?;
            return Ok(self.associated(item)?.map(|kind| Method::new(item, kind)));
        };
        valid::skip_on_receiver(receiver)?;

        let delegated = helpers.nocache.is_some() || (opt_in && helpers.cache.is_none());
        let shared = valid::is_shared(receiver);
        if delegated && !shared {
            valid::owned_in_trait(item, receiver, self.trait_.is_some(), &self.wrapper_name())?;
            return Ok(Some(Method::new(item, Kind::Omitted)));
        }
        let kind = if delegated {
            Kind::Delegated(
                helpers
                    .invalidates
                    .map(invalidates)
                    .transpose()?
                    .unwrap_or_default(),
            )
        } else {
            let args = helpers.cache.map_or_else(
                || Ok(MethodArgs::default()),
                |cache| args::read_method(&cache.meta),
            )?;
            Kind::Cached(Box::new(args))
        };
        let is_cached = matches!(kind, Kind::Cached(_));
        let mut method = Method::new(item, kind);
        method.args = arguments(item, is_cached, errors)?;
        if is_cached {
            let context = valid::Context {
                wrapper: self.wrapper_name(),
                in_trait: self.trait_.is_some(),
                is_meant: helpers.cache.is_some(),
            };
            let before = errors.len();
            valid::cached(&method, receiver, helpers.invalidates, &context, errors);
            if errors.len() > before {
                return Ok(None);
            }
        }
        Ok(Some(method))
    }

    /// Functions without a receiver: a wrapper has none, but a trait may ask for them.
    fn associated(&self, item: &ImplItemFn) -> Result<Option<Kind>, Error> {
        if self.trait_.is_none() {
            return Ok(None);
        }
        valid::forwardable(item, &self.wrapper_name())?;
        Ok(Some(Kind::Associated))
    }
}

impl<'a> Method<'a> {
    fn new(item: &'a ImplItemFn, kind: Kind) -> Self {
        let declared = match &item.sig.output {
            ReturnType::Default => syn::parse_quote!(()),
            ReturnType::Type(_, ty) => (**ty).clone(),
        };
        let (how, returned) = match (&item.sig.asyncness, types::future_output(&declared)) {
            (Some(_), _) => (How::Async, declared),
            (None, Some(output)) => (How::Future, output.clone()),
            (None, None) => (How::Sync, declared),
        };
        Self {
            args: item
                .sig
                .inputs
                .iter()
                .filter_map(|input| match input {
                    FnArg::Typed(typed) => Some(typed),
                    _ => None,
                })
                .enumerate()
                .map(|(index, typed)| Arg {
                    ident: argument_name(&typed.pat, index),
                    ty: &typed.ty,
                    skipped: false,
                })
                .collect(),
            item,
            kind,
            how,
            returned,
        }
    }

    pub(crate) fn name(&self) -> &'a Ident {
        &self.item.sig.ident
    }
}

impl<'a> Helpers<'a> {
    fn new(item: &'a ImplItemFn) -> Result<Self, Error> {
        let mut helpers = Self::default();
        for attribute in &item.attrs {
            let Some(name) = helper(attribute) else {
                continue;
            };
            let place = match name {
                "cache" => &mut helpers.cache,
                "nocache" => &mut helpers.nocache,
                "invalidates" => &mut helpers.invalidates,
                _ => return Err(Error::custom(
                    "`#[cache_skip]` belongs on an argument; for a whole method write `#[nocache]`",
                )
                .with_span(attribute)),
            };
            if place.replace(attribute).is_some() {
                return Err(
                    Error::custom(format!("duplicate `#[{name}]`; keep one of them"))
                        .with_span(attribute),
                );
            }
        }
        if let (Some(_), Some(nocache)) = (helpers.cache, helpers.nocache) {
            return Err(Error::custom(
                "`#[nocache]` and `#[cache]` contradict each other; keep one of them",
            )
            .with_span(nocache));
        }
        match helpers.nocache {
            Some(nocache) if !matches!(nocache.meta, Meta::Path(_)) => Err(Error::custom(
                "`#[nocache]` takes no arguments; write `#[nocache]`",
            )
            .with_span(&nocache.meta)),
            _ => Ok(helpers),
        }
    }

    fn none_for(&self, what: &str) -> Result<(), Error> {
        match self.cache.or(self.invalidates) {
            Some(attribute) => Err(Error::custom(format!(
                "{what} is never cached; remove this attribute"
            ))
            .with_span(attribute)),
            None => Ok(()),
        }
    }
}

/// The arguments behind the receiver, under names that can be handed on.
fn arguments<'a>(
    item: &'a ImplItemFn,
    is_cached: bool,
    errors: &mut Vec<Error>,
) -> Result<Vec<Arg<'a>>, Error> {
    let mut arguments = Vec::new();
    for input in &item.sig.inputs {
        let FnArg::Typed(typed) = input else { continue };
        let skips: Vec<_> = typed
            .attrs
            .iter()
            .filter(|attribute| helper(attribute).is_some())
            .collect();
        if let Err(error) = valid::skips(item, &skips, is_cached) {
            errors.push(error);
        }
        if let Some(cfg) = typed
            .attrs
            .iter()
            .find(|attribute| attribute.path().is_ident("cfg"))
        {
            return Err(Error::custom(
                "`#[cfg]` on an argument is not supported here; write two methods with `#[cfg(…)]`",
            )
            .with_span(cfg));
        }
        arguments.push(Arg {
            ident: argument_name(&typed.pat, arguments.len()),
            ty: &typed.ty,
            skipped: !skips.is_empty(),
        });
    }
    Ok(arguments)
}

/// The user's name where there is one, so that documentation shows it; else one of ours.
fn argument_name(pattern: &Pat, index: usize) -> Ident {
    match pattern {
        Pat::Ident(ident) if ident.by_ref.is_none() && ident.subpat.is_none() => {
            ident.ident.clone()
        }
        _ => names::argument(index),
    }
}

fn invalidates(attribute: &Attribute) -> Result<Vec<Invalidates>, Error> {
    let form =
        "write the calls whose entries are to go, such as `#[invalidates(find(id), search(..))]`";
    let Meta::List(list) = &attribute.meta else {
        return Err(Error::custom(form).with_span(attribute));
    };
    let parser = syn::punctuated::Punctuated::<syn::Expr, syn::Token![,]>::parse_terminated;
    let calls = list.parse_args_with(parser)?;
    if calls.is_empty() {
        return Err(Error::custom(form).with_span(attribute));
    }
    let each = calls.iter().map(|call| {
        let wrong = || Error::custom(format!("expected a call of a cached method; {form}")).with_span(&call.span());
        let syn::Expr::Call(call) = call else { return Err(wrong()) };
        let syn::Expr::Path(path) = &*call.func else { return Err(wrong()) };
        let method = path.path.get_ident().ok_or_else(wrong)?.clone();
        let all = matches!(call.args.first(), Some(syn::Expr::Range(range)) if range.start.is_none() && range.end.is_none());
        let args = (!(all && call.args.len() == 1)).then(|| call.args.to_token_stream());
        Ok(Invalidates { method, args })
    });
    each.collect()
}
