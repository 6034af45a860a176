//! Everything that is refused, and what to write instead.

use darling::Error;
use quote::ToTokens as _;
use syn::spanned::Spanned as _;
use syn::{Attribute, Ident, ImplItem, ImplItemFn, ItemImpl, Meta, Receiver, ReturnType, Type};

use crate::ast::{self, Arg, How, Method};
use crate::types::{self, Unstorable};

/// Beginnings of names that say that the method writes. A cached one would write once only.
const VERBS: [&str; 29] = [
    "insert",
    "create",
    "update",
    "upsert",
    "delete",
    "remove",
    "save",
    "set",
    "put",
    "add",
    "push",
    "send",
    "publish",
    "write",
    "store",
    "patch",
    "clear",
    "reset",
    "incr",
    "decr",
    "lock",
    "unlock",
    "begin",
    "commit",
    "rollback",
    "drop",
    "enqueue",
    "increment",
    "decrement",
];

/// What the rules need to know besides the method.
pub(crate) struct Context {
    pub(crate) wrapper: Ident,
    pub(crate) in_trait: bool,
    /// Whether the user wrote `#[cache]`.
    pub(crate) is_meant: bool,
}

fn at(span: &impl syn::spanned::Spanned, message: impl std::fmt::Display) -> Error {
    Error::custom(message).with_span(&span.span())
}

pub(crate) fn not_a_block(item: &syn::Item) -> Error {
    let (span, hint) = match item {
        syn::Item::Trait(item) => (
            item.trait_token.span,
            "; put it on the `impl Trait for Type` block",
        ),
        syn::Item::Struct(item) => (
            item.struct_token.span,
            "; put it on the `impl` block of the struct",
        ),
        syn::Item::Enum(item) => (
            item.enum_token.span,
            "; put it on the `impl` block of the enum",
        ),
        syn::Item::Mod(item) => (
            item.mod_token.span,
            "; put it on the `impl` blocks inside the module",
        ),
        syn::Item::Fn(item) => (
            item.sig.fn_token.span,
            "; a function becomes cached as a method of a type",
        ),
        other => (other.span(), ""),
    };
    Error::custom(format!(
        "`#[cache_impl]` must be placed on an `impl` block{hint}"
    ))
    .with_span(&span)
}

pub(crate) fn block(item: &ItemImpl) -> Result<(), Error> {
    let modifiers = &item.modifiers;
    if let Some(polarity) = &modifiers.polarity {
        return Err(at(
            polarity,
            "negative impls have no methods; remove `#[cache_impl]`",
        ));
    }
    if let Some(unsafety) = &item.unsafety {
        return Err(at(
            unsafety,
            "`unsafe impl` cannot be cached automatically; write the wrapper by hand",
        ));
    }
    if let Some(defaultness) = &modifiers.defaultness {
        return Err(at(
            defaultness,
            "`default impl` cannot be cached; remove `default`",
        ));
    }
    Ok(())
}

/// The name of the block's type, for the wrapper's.
pub(crate) fn named(ty: &Type) -> Result<&Ident, Error> {
    match ty {
        Type::Path(path) if path.qself.is_none() => Ok(&path
            .path
            .segments
            .last()
            .expect("a path has a segment")
            .ident),
        other => Err(at(
            other,
            format!(
                "`#[cache_impl]` needs a named type; `{}` has no name to derive `Cached…` from",
                types::text(&other.to_token_stream())
            ),
        )),
    }
}

pub(crate) fn unknown_item(item: &ImplItem, wrapper: &Ident) -> Error {
    match item {
        ImplItem::Macro(call) => at(
            &call.mac.path,
            format!(
                "macros inside a `#[cache_impl]` block are expanded later, so methods they define would be \
                 missing from `{wrapper}`; move them to another `impl` block"
            ),
        ),
        other => at(
            other,
            "this item is not understood by `#[cache_impl]`; move it to another `impl` block",
        ),
    }
}

/// `cfg_attr` is evaluated after us, so a helper inside would be overlooked.
pub(crate) fn no_late_helpers(item: &ImplItemFn) -> Result<(), Error> {
    let arguments = item.sig.inputs.iter().filter_map(|input| match input {
        syn::FnArg::Typed(typed) => Some(&typed.attrs),
        _ => None,
    });
    for attribute in item.attrs.iter().chain(arguments.flatten()) {
        if !attribute.path().is_ident("cfg_attr") {
            continue;
        }
        let Meta::List(list) = &attribute.meta else {
            continue;
        };
        let inside = list.tokens.to_string();
        let helper = ["nocache", "cache_skip", "invalidates", "cache"]
            .into_iter()
            .find(|name| {
                inside
                    .split(|c: char| !c.is_alphanumeric() && c != '_')
                    .any(|word| word == *name)
            });
        if let Some(helper) = helper {
            return Err(at(
                attribute,
                format!(
                    "`{helper}` inside `cfg_attr` is not supported here because it is evaluated too late; write two methods with `#[cfg(…)]`"
                ),
            ));
        }
    }
    Ok(())
}

pub(crate) fn skip_on_receiver(receiver: &Receiver) -> Result<(), Error> {
    match receiver
        .attrs
        .iter()
        .find(|attribute| ast::helper(attribute).is_some())
    {
        Some(attribute) => Err(at(
            attribute,
            "`self` is never part of the key; remove `#[cache_skip]` (use `self_key = …` to add it)",
        )),
        None => Ok(()),
    }
}

pub(crate) fn skips(item: &ImplItemFn, skips: &[&Attribute], is_cached: bool) -> Result<(), Error> {
    let Some(first) = skips.first() else {
        return Ok(());
    };
    if ast::helper(first) != Some("cache_skip") {
        let name = ast::helper(first).unwrap_or_default();
        return Err(at(
            first,
            format!(
                "`#[{name}]` belongs on a method; to leave an argument out of the key write `#[cache_skip]`"
            ),
        ));
    }
    if let Some(second) = skips.get(1) {
        return Err(at(second, "duplicate `#[cache_skip]`; keep one of them"));
    }
    if !matches!(first.meta, Meta::Path(_)) {
        return Err(at(
            &first.meta,
            "`#[cache_skip]` takes no arguments; write `#[cache_skip]`",
        ));
    }
    if !is_cached {
        return Err(at(
            first,
            format!(
                "`{}` is not cached, so `#[cache_skip]` has no effect; remove it",
                item.sig.ident
            ),
        ));
    }
    Ok(())
}

/// `&self`, however it is spelled.
pub(crate) fn is_shared(receiver: &Receiver) -> bool {
    match kind_of(receiver) {
        ReceiverIs::Shared => true,
        ReceiverIs::Mutable | ReceiverIs::Value | ReceiverIs::Other(_) => false,
    }
}

enum ReceiverIs<'a> {
    Shared,
    Mutable,
    Value,
    Other(&'a Type),
}

fn kind_of(receiver: &Receiver) -> ReceiverIs<'_> {
    use syn::ReceiverKind;
    match &receiver.kind {
        ReceiverKind::Reference(_, _, Some(_)) => ReceiverIs::Mutable,
        ReceiverKind::Reference(..) => ReceiverIs::Shared,
        ReceiverKind::Value => ReceiverIs::Value,
        ReceiverKind::Typed(_, ty) => match types::peel(ty) {
            Type::Reference(reference)
                if is_self(&reference.elem) && reference.mutability.is_none() =>
            {
                ReceiverIs::Shared
            }
            Type::Reference(reference) if is_self(&reference.elem) => ReceiverIs::Mutable,
            ty if is_self(ty) => ReceiverIs::Value,
            ty => ReceiverIs::Other(ty),
        },
        _ => ReceiverIs::Value,
    }
}

fn is_self(ty: &Type) -> bool {
    matches!(types::peel(ty), Type::Path(path) if path.path.is_ident("Self"))
}

/// A `#[nocache]` method that needs more than shared access is left out; a trait does not allow it.
pub(crate) fn owned_in_trait(
    item: &ImplItemFn,
    receiver: &Receiver,
    in_trait: bool,
    wrapper: &Ident,
) -> Result<(), Error> {
    if !in_trait {
        return Ok(());
    }
    let name = &item.sig.ident;
    let what = match kind_of(receiver) {
        ReceiverIs::Mutable => "`&mut self`".to_owned(),
        ReceiverIs::Other(ty) => format!("`self: {}`", types::text(&ty.to_token_stream())),
        _ => "`self` by value".to_owned(),
    };
    Err(at(
        receiver,
        format!(
            "trait method `{name}` takes {what}, but `{wrapper}` only has shared access; give it `&self`, or implement the trait for `{wrapper}` by hand"
        ),
    ))
}

/// An associated function that the wrapper's impl of the trait has to have.
pub(crate) fn forwardable(item: &ImplItemFn, wrapper: &Ident) -> Result<(), Error> {
    let this = Ident::new("Self", proc_macro2::Span::call_site());
    let inputs = item.sig.inputs.to_token_stream();
    let output = item.sig.output.to_token_stream();
    if types::mentions(inputs, std::slice::from_ref(&this)) || types::mentions(output, &[this]) {
        let name = &item.sig.ident;
        return Err(at(
            name,
            format!(
                "associated function `{name}` mentions `Self`, so it cannot be forwarded to `{wrapper}`; move it to another trait"
            ),
        ));
    }
    Ok(())
}

/// The rules for a method that is to be cached. Every broken one is told.
pub(crate) fn cached(
    method: &Method<'_>,
    receiver: &Receiver,
    invalidates: Option<&Attribute>,
    context: &Context,
    errors: &mut Vec<Error>,
) {
    let before = errors.len();
    if let Err(error) = receiver_rule(receiver, context, method) {
        errors.push(error);
    }
    if let Err(error) = signature_rule(method) {
        errors.push(error);
    }
    if let Some(attribute) = invalidates {
        errors.push(at(
            attribute,
            "`#[invalidates]` belongs on a method that is not cached; add `#[nocache]`",
        ));
    }
    for argument in method.args.iter().filter(|argument| !argument.skipped) {
        if let Err(error) = argument_rule(argument, method) {
            errors.push(error);
        }
    }
    // One mistake, one error: a method that does not fit is not also told that its name is odd.
    if errors.len() > before {
        return;
    }
    if let Err(error) = return_rule(method).and_then(|()| verb_rule(method, context)) {
        errors.push(error);
    }
}

fn receiver_rule(receiver: &Receiver, context: &Context, method: &Method<'_>) -> Result<(), Error> {
    let wrapper = &context.wrapper;
    match kind_of(receiver) {
        ReceiverIs::Shared => Ok(()),
        _ if context.in_trait => owned_in_trait(method.item, receiver, true, wrapper),
        ReceiverIs::Mutable => Err(at(
            receiver,
            "`&mut self` methods cannot be cached: a hit would skip the mutation; add `#[nocache]`",
        )),
        ReceiverIs::Value => Err(at(
            receiver,
            format!(
                "`self` by value cannot be cached: the wrapper does not own the value; add `#[nocache]` to leave it out of `{wrapper}`"
            ),
        )),
        ReceiverIs::Other(ty) => Err(at(
            ty,
            format!(
                "receiver `self: {}` is not supported; use `&self` or add `#[nocache]`",
                types::text(&ty.to_token_stream())
            ),
        )),
    }
}

fn signature_rule(method: &Method<'_>) -> Result<(), Error> {
    let signature = &method.item.sig;
    if let syn::Safety::Unsafe(unsafety) = &signature.safety {
        return Err(at(
            unsafety,
            "`unsafe` methods cannot be cached: a hit would not run the checks its caller promised; add `#[nocache]`",
        ));
    }
    if let Some(constness) = &signature.constness {
        return Err(at(
            constness,
            "`const fn` cannot be cached; remove `const` or add `#[nocache]`",
        ));
    }
    if let Some(abi) = &signature.abi {
        return Err(at(
            abi,
            "`extern` methods cannot be cached; add `#[nocache]`",
        ));
    }
    if let Some(defaultness) = &method.item.modifiers.defaultness {
        return Err(at(
            defaultness,
            "`default fn` cannot be cached; remove `default`",
        ));
    }
    let expanded = signature
        .generics
        .lifetimes()
        .find(|param| param.lifetime.ident == "async_trait");
    match expanded {
        Some(_) => Err(at(
            &signature.ident,
            "`#[cache_impl]` must be placed above `#[async_trait]`; exchange the two attributes",
        )),
        None => Ok(()),
    }
}

fn argument_rule(argument: &Arg<'_>, method: &Method<'_>) -> Result<(), Error> {
    let name = &argument.ident;
    let ty = types::peel(argument.ty);
    if let Type::Reference(reference) = ty
        && reference.mutability.is_some()
    {
        return Err(at(
            ty,
            format!(
                "`&mut` argument `{name}` may be written by the method, and a hit would skip that; add `#[nocache]`"
            ),
        ));
    }
    let element = match ty {
        Type::Reference(reference) => types::peel(&reference.elem),
        other => other,
    };
    match element {
        Type::ImplTrait(found) if !found.to_token_stream().to_string().contains("Serialize") => {
            Err(at(
                argument.ty,
                format!(
                    "argument `{name}: {}` has no `Serialize` bound, so it cannot be part of the key; \
                 add `+ serde::Serialize`, use a concrete type, or mark it `#[cache_skip]`",
                    types::text(&argument.ty.to_token_stream())
                ),
            ))
        }
        Type::TraitObject(_) | Type::FnPtr(_) | Type::Ptr(_) => Err(at(
            argument.ty,
            format!(
                "argument `{name}: {}` has no value that could be part of the key; mark it `#[cache_skip]`, or add `#[nocache]`",
                types::text(&argument.ty.to_token_stream())
            ),
        )),
        _ => set_rule(argument, method),
    }
}

/// Sets of the standard library iterate in random order, and serde writes them as they come.
fn set_rule(argument: &Arg<'_>, _method: &Method<'_>) -> Result<(), Error> {
    struct Search(Option<(proc_macro2::Span, String)>);
    impl syn::visit::Visit<'_> for Search {
        fn visit_path_segment(&mut self, segment: &syn::PathSegment) {
            if ["HashSet", "AHashSet", "FxHashSet"]
                .iter()
                .any(|name| segment.ident == name)
            {
                self.0
                    .get_or_insert((segment.ident.span(), segment.ident.to_string()));
            }
            syn::visit::visit_path_segment(self, segment);
        }
    }
    let mut search = Search(None);
    syn::visit::Visit::visit_type(&mut search, argument.ty);
    match search.0 {
        Some((span, set)) => Err(Error::custom(format!(
            "`{set}` iterates in random order, so equal sets would give different keys; use `BTreeSet`, or mark `{}` `#[cache_skip]`",
            argument.ident
        ))
        .with_span(&span)),
        None => Ok(()),
    }
}

fn return_rule(method: &Method<'_>) -> Result<(), Error> {
    let name = method.name();
    let returned = &method.returned;
    let stored = types::ok_by_name(returned).unwrap_or(returned);
    let nothing = || {
        format!(
            "`{name}` returns no value, so a cache hit would only skip its side effects; add `#[nocache]`"
        )
    };
    if matches!(method.item.sig.output, ReturnType::Default) {
        return Err(at(name, nothing()));
    }
    if types::is_unit(stored) || matches!(types::peel(stored), Type::Never(_)) {
        return Err(at(returned, nothing()));
    }
    if method.how == How::Sync && types::is_boxed_future(returned) {
        return Err(at(
            returned,
            "return `impl Future<Output = …>` or use `async fn` so that the result can be cached, or add `#[nocache]`",
        ));
    }
    let parameters = types::parameters(&method.item.sig.generics);
    if let Some(parameter) = parameters.iter().find(|parameter| {
        types::mentions(returned.to_token_stream(), std::slice::from_ref(*parameter))
    }) {
        return Err(at(
            returned,
            format!(
                "the cached value depends on type parameter `{parameter}`, whose name in the key need not be unique; add `#[nocache]`, or write a method for each type"
            ),
        ));
    }
    match types::unstorable(stored) {
        None => Ok(()),
        Some(Unstorable::Reference(span)) => Err(Error::custom(
            "a cached method cannot return a reference; return an owned type such as `String` or add `#[nocache]`",
        )
        .with_span(&span)),
        Some(Unstorable::Opaque(span, text)) => Err(Error::custom(format!(
            "`{text}` cannot be stored in the cache; collect it into a `Vec` or another type of its own, or add `#[nocache]`"
        ))
        .with_span(&span)),
        Some(Unstorable::NestedOption(span)) => Err(Error::custom(
            "`Option<Option<_>>` does not survive CBOR (`Some(None)` is read back as `None`); use an enum or add `#[nocache]`",
        )
        .with_span(&span)),
        Some(Unstorable::UnitOption(span)) => Err(Error::custom(
            "`Option<()>` does not survive CBOR (`Some(())` is read back as `None`); use `bool` or add `#[nocache]`",
        )
        .with_span(&span)),
    }
}

fn verb_rule(method: &Method<'_>, context: &Context) -> Result<(), Error> {
    let name = method.name();
    let text = name.to_string();
    let verb = VERBS.into_iter().find(|verb| {
        text.strip_prefix(verb)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
    });
    match verb {
        Some(verb) if !context.is_meant => Err(at(
            name,
            format!(
                "`{name}` says that it writes (`{verb}`), and a cached method runs only once for equal arguments; add `#[nocache]`, or `#[cache]` if it only reads"
            ),
        )),
        _ => Ok(()),
    }
}
