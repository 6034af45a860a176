//! **Ast**: what the user wrote, read and not checked: a block, its methods, their arguments and attributes.
//!
//! Imports [`args`](crate::args), and the helpers below it. It decides nothing: which methods are cached is up to the
//! plan. Start at [`Block`] and [`Method`].

mod argument;
mod conversion;
mod helper;

use syn::{Error, Ident, ImplItemFn, ItemImpl, Path, ReturnType, Type};

use crate::args::{BlockArgs, Skip};
use crate::{names, types};
pub(crate) use argument::{Arg, bindings, key, typed};
pub(crate) use conversion::{Conversion, Environment, Form, Obstacle};
pub(crate) use helper::{Helpers, Invalidates, helper, invalidates, late, strip};

/// A block with its options.
#[derive(Debug)]
pub(crate) struct Block<'a> {
    pub(crate) args: BlockArgs,
    pub(crate) item: &'a ItemImpl,
    pub(crate) ty: &'a Type,
    pub(crate) ty_name: Ident,
    pub(crate) trait_: Option<&'a Path>,
}

#[derive(Debug)]
pub(crate) struct Method<'a> {
    pub(crate) item: &'a ImplItemFn,
    pub(crate) style: CallStyle,
    pub(crate) args: Vec<Arg<'a>>,
    pub(crate) returned: Type,
}

/// How a method gives its result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CallStyle {
    Async,
    /// `-> impl Future<Output = T>`
    Future,
    Sync,
}

impl<'a> Block<'a> {
    /// Fails for a type without a name, from which the wrapper's is made.
    pub(crate) fn new(args: BlockArgs, item: &'a ItemImpl) -> Result<Self, Error> {
        let ty = types::peel(&item.self_ty);
        Ok(Self {
            args,
            item,
            ty,
            ty_name: named(ty)?.clone(),
            trait_: item.trait_.as_ref().map(|(path, _)| path),
        })
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

    /// Whether `only` names a method.
    pub(crate) fn names(&self, method: &Ident) -> bool {
        let only = self.args.only.as_ref();
        only.is_some_and(|only| only.methods.contains(method))
    }

    pub(crate) fn is_cached_by_default(&self) -> bool {
        self.args.by_default.is_none() && self.args.only.is_none()
    }
}

impl<'a> Method<'a> {
    pub(crate) fn new(item: &'a ImplItemFn) -> Self {
        let declared = match &item.sig.output {
            ReturnType::Default => syn::parse_quote!(()),
            ReturnType::Type(_, ty) => (**ty).clone(),
        };
        let (style, returned) = match (&item.sig.asyncness, types::future_output(&declared)) {
            (Some(_), _) => (CallStyle::Async, declared),
            (None, Some(output)) => (CallStyle::Future, output.clone()),
            (None, None) => (CallStyle::Sync, declared),
        };
        let args = typed(item).enumerate();
        let args = args.map(|(index, typed)| Arg::new(typed, index));
        Self {
            args: args.collect(),
            item,
            style,
            returned,
        }
    }

    pub(crate) fn name(&self) -> &'a Ident {
        &self.item.sig.ident
    }

    /// Skips the arguments that the block lists.
    pub(crate) fn skip(&mut self, skip: Option<&Skip>) {
        let Some(skip) = skip else {
            return;
        };
        for argument in &mut self.args {
            argument.skip(skip);
        }
    }
}

/// The name of the block's type, for the wrapper's.
fn named(ty: &Type) -> Result<&Ident, Error> {
    match ty {
        Type::Path(path) if path.qself.is_none() => {
            let last = path.path.segments.last();
            Ok(&last.expect("a path has a segment").ident)
        }
        other => Err(Error::new_spanned(
            other,
            format!(
                "`#[cache_impl]` needs a named type; `{}` has no name to derive `Cached…` from",
                types::text(other)
            ),
        )),
    }
}
