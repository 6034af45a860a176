//! What is emitted when something is wrong: the user's own code, so that it still compiles, and
//! the errors.

use proc_macro2::TokenStream;
use quote::quote;

use crate::ast;

/// The item as it was, without the attributes that only the block's attribute understands.
pub(crate) fn item(item: TokenStream, errors: &TokenStream) -> TokenStream {
    let clean = match syn::parse2::<syn::ItemImpl>(item.clone()) {
        Ok(mut block) => {
            ast::strip(&mut block);
            quote!(#block)
        }
        Err(_) => item,
    };
    quote!(#clean #errors)
}

/// A helper attribute outside of a block.
pub(crate) fn outside(name: &str, item: TokenStream) -> TokenStream {
    let error = syn::Error::new(
        proc_macro2::Span::call_site(),
        format!(
            "`#[{name}]` only has a meaning inside an `impl` block marked `#[cache_impl]`; \
             mark the block, or remove this attribute"
        ),
    )
    .to_compile_error();
    quote!(#error #item)
}
