//! What the user wrote: a block, its methods, their arguments.

mod helper;

use syn::{
    Error, FnArg, Ident, ImplItem, ImplItemFn, ItemImpl, Pat, PatType, Path, ReturnType, Type,
};

use crate::args::{self, BlockArgs, MethodArgs};
use crate::{names, siblings, types, valid};
use helper::Helpers;
pub(crate) use helper::{Invalidates, helper, late, strip};

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
    /// In the wrapper for the sake of its callers: what is wrong with it has been told.
    Refused,
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

impl<'a> Block<'a> {
    /// Reads a block. What is wrong with single methods or options goes to `errors`; an error that
    /// leaves nothing to work with is returned.
    pub(crate) fn new(
        args: BlockArgs,
        item: &'a ItemImpl,
        errors: &mut Vec<Error>,
    ) -> Result<Self, Error> {
        valid::block(item)?;
        let ty = types::peel(&item.self_ty);
        let mut block = Self {
            args,
            item,
            ty,
            ty_name: valid::named(ty)?.clone(),
            trait_: item.trait_.as_ref().map(|(path, _)| path),
            methods: Vec::new(),
        };
        valid::own_type(&block)?;
        errors.extend(valid::wrapper(&block).err());
        for item in &item.items {
            match item {
                ImplItem::Fn(method) => block.methods.push(block.method(method, errors)),
                ImplItem::Const(_) | ImplItem::Type(_) => {}
                other => errors.push(valid::unknown_item(other, &block.wrapper_name())),
            }
        }
        errors.extend(siblings::collisions(&mut block));
        errors.extend(valid::invalidations(&block));
        if let Some(error) = valid::outlived(&block) {
            errors.push(error);
            block.forget_refreshes();
        }
        if errors.is_empty() {
            errors.extend(valid::something_cached(&block).err());
        }
        Ok(block)
    }

    /// One mistake, one error: without `stale` and `early` nothing outlives a call.
    fn forget_refreshes(&mut self) {
        (self.args.stale, self.args.early) = (None, None);
        for method in &mut self.methods {
            if let Kind::Cached(args) = &mut method.kind {
                (args.stale, args.early) = (None, None);
            }
        }
    }

    /// The wrapper's name: what `wrapper` says, or `Cached` and the name of the type.
    pub(crate) fn wrapper_name(&self) -> Ident {
        let named = self.args.wrapper.as_ref();
        let last = named.and_then(|wrapper| wrapper.0.segments.last());
        last.map_or_else(|| names::wrapper(&self.ty_name), |last| last.ident.clone())
    }

    /// Whether another block makes the wrapper: `wrapper` names it as the first block would by
    /// itself, or `extend` says so.
    pub(crate) fn extends(&self) -> bool {
        let names_default =
            self.args.wrapper.is_some() && self.wrapper_name() == names::wrapper(&self.ty_name);
        names_default || self.args.extend.is_set()
    }

    pub(crate) fn is_cached_by_default(&self) -> bool {
        self.args.by_default.is_none()
    }

    fn method(&self, item: &'a ImplItemFn, errors: &mut Vec<Error>) -> Method<'a> {
        let mut method = Method::new(item);
        let before = errors.len();
        match self.kind(&method, errors) {
            Ok(kind) => method.kind = kind,
            Err(error) => errors.push(error),
        }
        if errors.len() > before {
            method.kind = Kind::Refused;
        }
        method
    }

    /// The methods of one name: several where `#[cfg]` chooses between them.
    pub(crate) fn named(&self, name: &Ident) -> impl Iterator<Item = &Method<'a>> {
        self.methods
            .iter()
            .filter(move |method| method.name() == name)
    }

    fn kind(&self, method: &Method<'a>, errors: &mut Vec<Error>) -> Result<Kind, Error> {
        let item = method.item;
        valid::no_late_helpers(item)?;
        let helpers = Helpers::new(item)?;
        let is_delegated =
            helpers.nocache.is_some() || !self.is_cached_by_default() && helpers.cache.is_none();
        let receiver = item.sig.receiver();
        errors.extend(valid::arguments(item, receiver.is_some() && !is_delegated));
        if self.trait_.is_some() {
            valid::forwardable(method, &self.wrapper_name())?;
        }
        let Some(receiver) = receiver else {
            helpers.without_effect("an associated function without `self` is never cached")?;
            let is_wanted = self.trait_.is_some();
            return Ok(if is_wanted {
                Kind::Associated
            } else {
                Kind::Omitted
            });
        };
        valid::skip_on_receiver(receiver)?;
        if is_delegated {
            if !valid::is_shared(receiver) {
                valid::omittable(self, method, receiver)?;
                helpers.without_effect(
                    "a method that needs more than `&self` is not in the wrapper",
                )?;
                return Ok(Kind::Omitted);
            }
            let calls = helpers.invalidates.map(helper::invalidates).transpose()?;
            return Ok(Kind::Delegated(calls.unwrap_or_default()));
        }
        valid::cached(self, method, receiver, helpers.cache.is_some(), errors);
        errors.extend(helpers.invalidates.map(valid::invalidates_on_cached));
        let args = helpers
            .cache
            .map(|cache| args::of_method(&cache.meta, errors))
            .unwrap_or_default();
        errors.extend(valid::options(&self.args, &args));
        errors.extend(valid::owned(self, method, &args));
        Ok(Kind::Cached(Box::new(args)))
    }
}

impl<'a> Method<'a> {
    fn new(item: &'a ImplItemFn) -> Self {
        let declared = match &item.sig.output {
            ReturnType::Default => syn::parse_quote!(()),
            ReturnType::Type(_, ty) => (**ty).clone(),
        };
        let (how, returned) = match (&item.sig.asyncness, types::future_output(&declared)) {
            (Some(_), _) => (How::Async, declared),
            (None, Some(output)) => (How::Future, output.clone()),
            (None, None) => (How::Sync, declared),
        };
        let args = typed(item).enumerate().map(|(index, typed)| Arg {
            ident: argument_name(&typed.pat, index),
            ty: &typed.ty,
            skipped: typed
                .attrs
                .iter()
                .any(|attribute| helper(attribute.path()).is_some()),
        });
        Self {
            args: args.collect(),
            item,
            kind: Kind::Refused,
            how,
            returned,
        }
    }

    pub(crate) fn name(&self) -> &'a Ident {
        &self.item.sig.ident
    }
}

/// The arguments behind the receiver.
pub(crate) fn typed(item: &ImplItemFn) -> impl Iterator<Item = &PatType> {
    item.sig.inputs.iter().filter_map(|input| match input {
        FnArg::Typed(typed) => Some(typed),
        FnArg::Receiver(_) => None,
    })
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
