//! **Args**: the options of the attributes, each with the place where it stands. The first stage.
//!
//! Imports nothing of the crate: options are read, and checked only by themselves and by each other.
//! Start at [`BlockArgs`] and [`of_block`]; each kind of value has a file.

mod batch;
mod cacheability;
mod choice;
mod constant;
mod duration;
mod expr;
mod freshness;
mod label;
mod list;
mod literal;
mod name;
mod path;
mod precedence;
mod tags;

use std::collections::HashSet;

use darling::FromMeta;
use darling::ast::NestedMeta;
use proc_macro2::TokenStream;
use syn::{Error, Expr, Ident, Meta, MetaNameValue, Path};

pub(crate) use batch::{BatchOver, OnlyOnOneMethod, Shares};
pub(crate) use cacheability::{
    CacheErr, CacheIf, CacheNone, ErrValue, OnlyOnBlocks, OnlyOnMethods, TtlFn,
};
pub(crate) use choice::{ByDefault, Codec, Policy, Touch};
pub(crate) use duration::{Ttl, TtlErr, TtlNone};
pub(crate) use freshness::{Early, Jitter, SoftTimeout, Stale, Stampede, soft_timeout_alone};
pub(crate) use label::Label;
pub(crate) use list::{Names, Only, Skip};
pub(crate) use literal::{Flag, MaxSize, Version};
pub(crate) use name::{Name, NameOfBlock};
pub(crate) use path::{CacheExpr, HandleName, Krate, SelfKey, Vis, Wrapper};
pub(crate) use precedence::{
    NonePolicy, effective_early, effective_stale, effective_tags, outlives_calls, outliving,
};
pub(crate) use tags::{Tag, TagsFn, TagsOf};

/// `#[cache_impl(…)]`
#[derive(Debug, Default, FromMeta)]
#[darling(default)]
pub(crate) struct BlockArgs {
    pub(crate) policy: Option<Policy>,
    pub(crate) single: Flag,
    pub(crate) multiple: Flag,
    pub(crate) cluster: Flag,
    pub(crate) maxsize: Option<MaxSize>,
    pub(crate) ttl: Option<Ttl>,
    pub(crate) ttl_none: Option<TtlNone>,
    pub(crate) cache_none: Option<CacheNone>,
    pub(crate) stampede: Option<Stampede>,
    pub(crate) stale: Option<Stale>,
    pub(crate) soft_timeout: Option<SoftTimeout>,
    pub(crate) early: Option<Early>,
    pub(crate) jitter: Option<Jitter>,
    pub(crate) codec: Option<Codec>,
    pub(crate) touch: Option<Touch>,
    pub(crate) version: Option<Version>,
    pub(crate) self_key: Option<SelfKey>,
    /// The block is cached in place.
    pub(crate) cache: Option<CacheExpr>,
    pub(crate) handle: Option<HandleName>,
    pub(crate) wrapper: Option<Wrapper>,
    pub(crate) extend: Flag,
    pub(crate) vis: Option<Vis>,
    pub(crate) cache_if: Option<OnlyOnMethods>,
    pub(crate) ttl_fn: Option<OnlyOnMethods>,
    pub(crate) cache_err: Option<OnlyOnMethods>,
    pub(crate) ttl_err: Option<OnlyOnMethods>,
    pub(crate) err_value: Option<OnlyOnMethods>,
    pub(crate) tags: Option<TagsOf>,
    pub(crate) tags_fn: Option<OnlyOnMethods>,
    pub(crate) label: Option<OnlyOnOneMethod>,
    pub(crate) batch: Option<OnlyOnOneMethod>,
    pub(crate) shares: Option<OnlyOnOneMethod>,
    pub(crate) name: Option<NameOfBlock>,
    #[darling(rename = "crate")]
    pub(crate) krate: Option<Krate>,
    #[darling(rename = "default")]
    pub(crate) by_default: Option<ByDefault>,
    pub(crate) only: Option<Only>,
    pub(crate) skip: Option<Skip>,
}

impl BlockArgs {
    /// As if the block had said that another makes its wrapper.
    pub(crate) fn join(&mut self, wrapper: &Ident) {
        self.make(wrapper.clone());
        self.extend = Flag::set();
    }

    /// As if the block had said its wrapper's name.
    pub(crate) fn make(&mut self, wrapper: Ident) {
        self.wrapper = Some(Wrapper(wrapper.into()));
    }
}

/// `#[cache(…)]`
#[derive(Debug, Default, FromMeta)]
#[darling(default)]
pub(crate) struct MethodArgs {
    pub(crate) policy: Option<Policy>,
    pub(crate) single: Flag,
    pub(crate) multiple: Flag,
    pub(crate) maxsize: Option<MaxSize>,
    pub(crate) ttl: Option<Ttl>,
    pub(crate) ttl_none: Option<TtlNone>,
    pub(crate) ttl_fn: Option<TtlFn>,
    pub(crate) cache_none: Option<CacheNone>,
    pub(crate) stampede: Option<Stampede>,
    pub(crate) stale: Option<Stale>,
    pub(crate) soft_timeout: Option<SoftTimeout>,
    pub(crate) early: Option<Early>,
    pub(crate) jitter: Option<Jitter>,
    pub(crate) cache_if: Option<CacheIf>,
    pub(crate) cache_err: Option<CacheErr>,
    pub(crate) ttl_err: Option<TtlErr>,
    pub(crate) err_value: Option<ErrValue>,
    pub(crate) codec: Option<Codec>,
    pub(crate) touch: Option<Touch>,
    pub(crate) version: Option<Version>,
    pub(crate) name: Option<Name>,
    pub(crate) tags: Option<TagsOf>,
    pub(crate) tags_fn: Option<TagsFn>,
    pub(crate) label: Option<Label>,
    /// Cached item by item.
    pub(crate) batch: Option<BatchOver>,
    pub(crate) shares: Option<Shares>,
}

/// `#[cache_fn(…)]`
#[derive(Debug, Default, FromMeta)]
#[darling(default)]
struct FnArgs {
    cache: Option<CacheExpr>,
    handle: Option<HandleName>,
    cluster: Flag,
    #[darling(rename = "crate")]
    krate: Option<Krate>,
    #[darling(rename = "default")]
    by_default: Option<OnlyOnBlocks>,
    self_key: Option<OnlyOnBlocks>,
    wrapper: Option<OnlyOnBlocks>,
    extend: Option<OnlyOnBlocks>,
    vis: Option<OnlyOnBlocks>,
    only: Option<OnlyOnBlocks>,
    skip: Option<Skip>,
    #[darling(flatten)]
    method: MethodArgs,
}

/// Reads `#[cache_fn(…)]`: what a block around the function would say, and what the function itself says. Errors go to
/// `errors`.
pub(crate) fn of_function(
    options: TokenStream,
    errors: &mut Vec<Error>,
) -> (BlockArgs, MethodArgs) {
    let before = errors.len();
    let args: FnArgs = read(options, errors);
    if errors.len() == before {
        errors.extend(cacheability::errors_alone(&args.method));
    }
    let block = BlockArgs {
        cache: args.cache,
        handle: args.handle,
        cluster: args.cluster,
        krate: args.krate,
        skip: args.skip,
        ..BlockArgs::default()
    };
    contradictions(&args.method, "keep one of them", errors);
    errors.extend(listed(block.skip.as_ref().map(|skip| &skip.0)));
    errors.extend(soft_timeout_alone(
        args.method.soft_timeout.as_ref(),
        args.method.stale.as_ref(),
    ));
    (block, args.method)
}

/// Reads `#[cache_impl(…)]`. Errors go to `errors`.
pub(crate) fn of_block(options: TokenStream, errors: &mut Vec<Error>) -> BlockArgs {
    let args: BlockArgs = read(options, errors);
    contradiction(args.single, args.multiple, errors);
    nones(args.cache_none, args.ttl_none, errors);
    errors.extend(soft_timeout_alone(
        args.soft_timeout.as_ref(),
        args.stale.as_ref(),
    ));
    errors.extend(args.tags.as_ref().and_then(|tags| tags.error.clone()));
    errors.extend(listed(args.only.as_ref().map(|only| &only.0)));
    errors.extend(listed(args.skip.as_ref().map(|skip| &skip.0)));
    if let (Some(only), Some(_)) = (&args.only, args.by_default) {
        errors.push(Error::new_spanned(
            &only.0.option,
            "`only` names the methods that are cached, and `default = \"nocache\"` asks for `#[cache]` on each; keep one of \
             them",
        ));
    }
    args
}

/// Reads `#[cache]` and `#[cache(…)]`. Errors go to `errors`.
pub(crate) fn of_method(meta: &Meta, errors: &mut Vec<Error>) -> MethodArgs {
    match meta {
        Meta::Path(_) => MethodArgs::default(),
        Meta::List(list) => {
            let before = errors.len();
            let args: MethodArgs = read(list.tokens.clone(), errors);
            // One mistake, one error: an option that cannot be read is none that is missing.
            if errors.len() == before {
                errors.extend(cacheability::errors_alone(&args));
            }
            contradictions(
                &args,
                "keep one of them, or write `ttl` on the block",
                errors,
            );
            args
        }
        Meta::NameValue(pair) => {
            errors.push(Error::new_spanned(
                &pair.value,
                "write the options in brackets, such as `#[cache(ttl = \"30s\")]`",
            ));
            MethodArgs::default()
        }
    }
}

/// All wrong options are reported, and the right ones count: so what is generated is as near as it
/// can be to what was meant, and no further errors follow.
fn read<T: FromMeta + Default>(options: TokenStream, errors: &mut Vec<Error>) -> T {
    let list = match NestedMeta::parse_meta_list(options) {
        Ok(list) => list,
        Err(error) => {
            errors.push(error);
            return T::default();
        }
    };
    let named = list.into_iter().filter_map(|option| match option {
        NestedMeta::Meta(meta) => Some(NestedMeta::Meta(meta)),
        NestedMeta::NameValueInvalidExpr(pair) => {
            Some(NestedMeta::Meta(Meta::NameValue(MetaNameValue {
                path: pair.path,
                eq_token: pair.eq_token,
                value: Expr::Verbatim(pair.value),
            })))
        }
        NestedMeta::Lit(value) => {
            errors.push(Error::new_spanned(
                value,
                "an option needs a name in front of its value, such as `policy = \"lru_t\"`",
            ));
            None
        }
    });
    let mut named: Vec<_> = named.collect();
    T::from_list(&named).unwrap_or_else(|error| {
        errors.push(error.into());
        let mut seen = HashSet::new();
        named.retain(|option| {
            let is_right = T::from_list(std::slice::from_ref(option)).is_ok();
            is_right && seen.insert(name(option))
        });
        T::from_list(&named).unwrap_or_default()
    })
}

fn name(option: &NestedMeta) -> Option<Path> {
    match option {
        NestedMeta::Meta(meta) => Some(meta.path().clone()),
        _ => None,
    }
}

fn contradictions(args: &MethodArgs, both_ttls: &str, errors: &mut Vec<Error>) {
    errors.extend(args.tags.as_ref().and_then(|tags| tags.error.clone()));
    contradiction(args.single, args.multiple, errors);
    nones(args.cache_none, args.ttl_none, errors);
    if let (Some(ttl), Some(_)) = (&args.ttl, &args.ttl_fn) {
        errors.push(Error::new(
            ttl.1,
            format!("`ttl` and `ttl_fn` contradict each other; {both_ttls}"),
        ));
    }
}

fn listed(names: Option<&Names>) -> Option<Error> {
    names.and_then(|names| names.error.clone())
}

fn contradiction(single: Flag, multiple: Flag, errors: &mut Vec<Error>) {
    if let (Some(_), Some(multiple)) = (single.span(), multiple.span()) {
        errors.push(Error::new(
            multiple,
            "`single` and `multiple` contradict each other; keep one of them",
        ));
    }
}

fn nones(cache_none: Option<CacheNone>, ttl_none: Option<TtlNone>, errors: &mut Vec<Error>) {
    if let (
        Some(CacheNone {
            stores: false,
            span,
        }),
        Some(_),
    ) = (cache_none, ttl_none)
    {
        errors.push(Error::new(
            span,
            "`cache_none = false` stores no `None` that `ttl_none` could be for; keep one of them",
        ));
    }
}
