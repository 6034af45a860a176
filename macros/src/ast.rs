//! **Ast**: what the user wrote, read and not checked: a block, its methods, their arguments and attributes.
//!
//! Imports [`args`](crate::args), and the helpers below it. It decides nothing: which methods are cached is up to the
//! plan. Start at [`Block`] and [`Method`].

mod argument;
mod batch;
mod conversion;
mod helper;
mod invalidates;
mod recursion;

use syn::{
    Error, Ident, ImplItem, ImplItemFn, ItemFn, ItemImpl, Path, ReceiverKind, ReturnType, Type,
};

use crate::args::{BlockArgs, HandleName, Skip};
use crate::{names, types};
pub(crate) use argument::{Arg, bindings, key, typed};
pub(crate) use batch::{Batch, BatchForm, BatchItem};
pub(crate) use conversion::{Conversion, Environment, Form, Obstacle};
pub(crate) use helper::{Helpers, helper, late, strip, strip_function};
pub(crate) use invalidates::{
    InvalidatedTag, Invalidates, Owner, Writes, names_ok, names_variable,
};
pub(crate) use recursion::box_recursion;

/// A block with its options.
#[derive(Debug)]
pub(crate) struct Block<'a> {
    pub(crate) args: BlockArgs,
    pub(crate) item: &'a ItemImpl,
    pub(crate) ty: &'a Type,
    pub(crate) ty_name: Ident,
    pub(crate) trait_: Option<&'a Path>,
    pub(crate) entry_point: EntryPoint,
}

/// Where the calls come in that are cached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EntryPoint {
    /// The methods of a type beside the block's.
    Wrapper,
    /// The block's own methods and associated functions.
    InPlace,
    /// A function. Its block is that of the type beside it, which has the function's name.
    Function,
}

#[derive(Debug)]
pub(crate) struct Method<'a> {
    pub(crate) item: &'a ImplItemFn,
    pub(crate) style: CallStyle,
    pub(crate) args: Vec<Arg<'a>>,
    pub(crate) returned: Type,
    /// A function, and no method of a block.
    pub(crate) is_function: bool,
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
        let entry_point = match args.cache {
            Some(_) => EntryPoint::InPlace,
            None => EntryPoint::Wrapper,
        };
        Self::with_entry_point(args, item, entry_point)
    }

    /// The block that [`around`] has made.
    pub(crate) fn of_function(args: BlockArgs, item: &'a ItemImpl) -> Result<Self, Error> {
        Self::with_entry_point(args, item, EntryPoint::Function)
    }

    fn with_entry_point(
        args: BlockArgs,
        item: &'a ItemImpl,
        entry_point: EntryPoint,
    ) -> Result<Self, Error> {
        let ty = types::peel(&item.self_ty);
        Ok(Self {
            entry_point,
            args,
            item,
            ty,
            ty_name: named(ty)?.clone(),
            trait_: item.trait_.as_ref().map(|(path, _)| path),
        })
    }

    /// The name of the wrapper, or of the type that stands for it where there is none: what `wrapper` or `handle` says, or
    /// `Cached` and the name of the type.
    pub(crate) fn wrapper_name(&self) -> Ident {
        match (self.entry_point, &self.args.handle) {
            (EntryPoint::Wrapper, _) => {}
            (_, Some(handle)) => return handle.0.clone(),
            (EntryPoint::InPlace, None) => return names::wrapper(&self.ty_name),
            (EntryPoint::Function, None) => return self.ty_name.clone(),
        }
        let named = self.args.wrapper.as_ref();
        let last = named.and_then(|wrapper| wrapper.0.segments.last());
        last.map_or_else(|| names::wrapper(&self.ty_name), |last| last.ident.clone())
    }

    /// Whether another block makes the wrapper: `wrapper` names it as the first block would by
    /// itself, or `extend` says so.
    pub(crate) fn extends(&self) -> bool {
        if self.entry_point != EntryPoint::Wrapper {
            return false;
        }
        let names_default =
            self.args.wrapper.is_some() && self.wrapper_name() == names::wrapper(&self.ty_name);
        names_default || self.args.extend.is_set()
    }

    /// Whether the wrapper owns its value: the trait has `&mut self` methods, which shared access is not enough for.
    pub(crate) fn owns_value(&self) -> bool {
        let mut items = self.item.items.iter();
        self.entry_point == EntryPoint::Wrapper
            && self.trait_.is_some()
            && items.any(|item| matches!(item, ImplItem::Fn(method) if takes_mut(method)))
    }

    /// Whether `only` names a method.
    pub(crate) fn names(&self, method: &Ident) -> bool {
        let only = self.args.only.as_ref();
        only.is_some_and(|only| only.0.has(method))
    }

    pub(crate) fn is_cached_by_default(&self) -> bool {
        self.args.by_default.is_none() && self.args.only.is_none() && !self.owns_value()
    }
}

/// A function as the only one of a block: `impl rate { pub async fn rate(…) { … } }`.
pub(crate) fn around(function: &ItemFn, handle: Option<&HandleName>) -> ItemImpl {
    let ItemFn {
        attrs,
        vis,
        sig,
        block,
        ..
    } = function;
    let ty = handle.map_or(&sig.ident, |handle| &handle.0);
    syn::parse_quote!(impl #ty { #(#attrs)* #vis #sig #block })
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
            is_function: false,
        }
    }

    /// The method of the block that [`around`] has made.
    pub(crate) fn of_function(item: &'a ImplItemFn) -> Self {
        Self {
            is_function: true,
            ..Self::new(item)
        }
    }

    pub(crate) fn name(&self) -> &'a Ident {
        &self.item.sig.ident
    }

    pub(crate) fn has_self(&self) -> bool {
        self.item.sig.receiver().is_some()
    }

    pub(crate) fn takes_mut(&self) -> bool {
        takes_mut(self.item)
    }

    /// Whether it takes `self` itself.
    pub(crate) fn takes_value(&self) -> bool {
        let receiver = self.item.sig.receiver();
        receiver.is_some_and(|receiver| matches!(receiver.kind, ReceiverKind::Value))
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

/// `&mut self`, however it is spelled.
fn takes_mut(method: &ImplItemFn) -> bool {
    let receiver = method.sig.receiver();
    receiver.is_some_and(|receiver| match &receiver.kind {
        ReceiverKind::Reference(_, _, mutability) => mutability.is_some(),
        ReceiverKind::Typed(_, ty) => {
            matches!(types::peel(ty), Type::Reference(reference) if reference.mutability.is_some())
        }
        _ => false,
    })
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
