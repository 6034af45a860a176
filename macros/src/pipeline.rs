//! From the tokens of `#[cache_impl]` and `#[cache_fn]` to those that stand in their place, through all stages. Read this first.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Error, Item, ItemFn};

use crate::ast::{self, Block};
use crate::plan::{MethodPlan, Plan};
use crate::{args, expand, valid};

pub(crate) fn cache_impl(options: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Vec::new();
    let expanded = block(options, item.clone(), &mut errors).unwrap_or_else(|error| {
        errors.push(error);
        expand::item_alone(item)
    });
    let errors = errors.iter().map(Error::to_compile_error);
    quote!(#expanded #(#errors)*)
}

pub(crate) fn cache_fn(options: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Vec::new();
    let expanded = function(options, &item, &mut errors).unwrap_or_else(|error| {
        errors.push(error);
        expand::function_alone(item)
    });
    let errors = errors.iter().map(Error::to_compile_error);
    quote!(#expanded #(#errors)*)
}

/// The block and its wrapper, even where something in them is wrong and reported in `errors`: what
/// uses them then compiles, and the errors are those of the block alone.
fn block(
    options: TokenStream,
    item: TokenStream,
    errors: &mut Vec<Error>,
) -> Result<TokenStream, Error> {
    let item = match syn::parse2(item)? {
        Item::Impl(block) => block,
        other => return Err(valid::not_a_block(&other)),
    };
    let args = args::of_block(options, errors);
    valid::block(&item)?;
    let block = Block::new(args, &item)?;
    let plan = Plan::new(block, errors)?;
    let whole = expand::whole(&plan);
    // One mistake, one message.
    let warnings = errors.is_empty().then(|| expand::warnings(&plan));
    Ok(quote!(#whole #warnings))
}

/// The function, and the type beside it: also where options are wrong, so that what uses them compiles.
fn function(
    options: TokenStream,
    item: &TokenStream,
    errors: &mut Vec<Error>,
) -> Result<TokenStream, Error> {
    let function: ItemFn = syn::parse2(item.clone()).map_err(|_| valid::not_a_function(item))?;
    let (of_block, of_method) = args::of_function(options, errors);
    valid::function(&function)?;
    let has_cache = of_block.cache.is_some();
    if !has_cache && errors.is_empty() {
        errors.push(valid::without_cache());
    }
    let around = ast::around(&function, of_block.handle.as_ref());
    let block = Block::of_function(of_block, &around)?;
    let plan = Plan::of_function(block, of_method, errors)?;
    let is_cached = has_cache && plan.methods.iter().any(MethodPlan::is_cached);
    Ok(if is_cached {
        expand::whole(&plan)
    } else {
        expand::function_alone(item.clone())
    })
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
