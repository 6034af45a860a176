//! Every identifier that the attribute invents.

use proc_macro2::Span;
use quote::format_ident;
use syn::ext::IdentExt as _;
use syn::{Ident, Lifetime, Path};

/// `UserRepo` -> `CachedUserRepo`
pub(crate) fn wrapper(ty: &Ident) -> Ident {
    Ident::new(&format!("Cached{}", ty.unraw()), ty.span())
}

/// `CachedUserRepo` -> `CachedUserRepoEntry`
pub(crate) fn entries(wrapper: &Ident) -> Ident {
    format_ident!("{wrapper}Entry", span = wrapper.span())
}

/// What each cached method is, under its name: `CachedUserRepo` -> `CachedUserRepoMethods`
pub(crate) fn methods(wrapper: &Ident) -> Ident {
    format_ident!("{wrapper}Methods", span = wrapper.span())
}

/// Handles on the entries of methods of one value, in place: `CachedUser` -> `CachedUserEntryOf`
pub(crate) fn entries_of(wrapper: &Ident) -> Ident {
    format_ident!("{wrapper}EntryOf", span = wrapper.span())
}

/// Handles on all entries of a method: `CachedUserRepo` -> `CachedUserRepoAll`
pub(crate) fn all(wrapper: &Ident) -> Ident {
    format_ident!("{wrapper}All", span = wrapper.span())
}

/// Entries that others name by the path of their type: `CachedUserRepo` -> `CachedUserRepoByPath`
pub(crate) fn by_path(wrapper: &Ident) -> Ident {
    format_ident!("{wrapper}ByPath", span = wrapper.span())
}

/// What a method in place does if it is not answered from the cache.
pub(crate) fn uncached(method: &Ident) -> Ident {
    format_ident!("__uncached_{}", method.unraw(), span = method.span())
}

/// What a method is called in its fingerprint, where `name` says what it is called in keys.
pub(crate) fn renamed() -> Ident {
    Ident::new("__named", Span::call_site())
}

/// What a function is called on the type of its handles, where it runs without the cache.
pub(crate) fn uncached_function() -> Ident {
    Ident::new("uncached", Span::call_site())
}

/// What makes a handle on an entry of a function.
pub(crate) fn entry_function() -> Ident {
    Ident::new("entry", Span::call_site())
}

/// What a function is, on the type of its handles.
pub(crate) fn declaration() -> Ident {
    Ident::new("__method", Span::call_site())
}

/// The field of handles that holds what all calls of a cache share.
pub(crate) fn engine_field() -> Ident {
    Ident::new("__func_cache_engine", Span::call_site())
}

/// The field of handles in place that says of which type they are.
pub(crate) fn types_field() -> Ident {
    Ident::new("__func_cache_types", Span::call_site())
}

/// The field of handles in place that holds the value whose method it is.
pub(crate) fn this_field() -> Ident {
    Ident::new("__func_cache_this", Span::call_site())
}

/// What `refresh` runs, for a method with skipped arguments.
pub(crate) fn runner(wrapper: &Ident, method: &Ident) -> Ident {
    format_ident!(
        "{wrapper}Refresh_{}",
        method.unraw(),
        span = Span::call_site()
    )
}

/// Among the methods: the function that writes what `self_key` says.
pub(crate) fn self_key() -> Ident {
    Ident::new("__self_key", Span::call_site())
}

/// Among the methods: the function that gives the path of their type, as its module would have it.
pub(crate) fn in_module() -> Ident {
    Ident::new("__in_module", Span::call_site())
}

/// What a warning is a use of: its name is a part of the compiler's message.
pub(crate) fn warning(at: Span) -> Ident {
    Ident::new("self_is_not_in_the_key", at)
}

/// The field of the wrapper.
pub(crate) fn core() -> Ident {
    Ident::new("__func_cache_core", Span::call_site())
}

/// The field of the handles' type.
pub(crate) fn wrapper_field() -> Ident {
    Ident::new("__func_cache_wrapper", Span::call_site())
}

/// A name in generated bodies that no name of the user can meet.
pub(crate) fn local(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}

/// The name of an argument that is bound to a pattern.
pub(crate) fn argument(index: usize) -> Ident {
    local(&format!("__argument_{index}"))
}

/// The lifetime of a handle.
pub(crate) fn entry_lifetime() -> Lifetime {
    Lifetime::new("'__entry", Span::call_site())
}

/// A lifetime that the user left out.
pub(crate) fn lifetime(prefix: &str, index: usize) -> Lifetime {
    Lifetime::new(&format!("{prefix}{index}"), Span::call_site())
}

/// The type of an `impl Trait` argument.
pub(crate) fn type_parameter(index: usize) -> Ident {
    Ident::new(&format!("__Argument{index}"), Span::call_site())
}

/// The type of what is given for `self_key` where there is no value.
pub(crate) fn self_key_type() -> Ident {
    Ident::new("__SelfKey", Span::call_site())
}

/// The path of the crate, if `crate = …` does not say another.
pub(crate) fn krate() -> Path {
    syn::parse_quote!(::redis_func_cache)
}
