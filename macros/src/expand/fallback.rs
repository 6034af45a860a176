//! What is emitted when there can be no wrapper: the user's own code, so that it still compiles.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::{Error, ItemFn, ItemImpl};

use crate::ast;

/// The item as it was, without the attributes that only the block's attribute understands.
pub(crate) fn item(item: TokenStream) -> TokenStream {
    match syn::parse2::<ItemImpl>(item.clone()) {
        Ok(mut block) => {
            ast::strip(&mut block);
            quote!(#block)
        }
        Err(_) => item,
    }
}

/// A helper attribute outside of a block.
pub(crate) fn outside(name: &str, item: &TokenStream) -> TokenStream {
    let error = Error::new(
        Span::call_site(),
        format!(
            "`#[{name}]` only has a meaning inside an `impl` block marked `#[cache_impl]`; \
             mark the block, or remove this attribute"
        ),
    )
    .to_compile_error();
    quote!(#error #item)
}

/// The function as it was, without the attributes that only we understand. What has been refused is not left for the
/// compiler to refuse again.
pub(crate) fn function(item: TokenStream) -> TokenStream {
    match syn::parse2::<ItemFn>(item.clone()) {
        Ok(mut function) => {
            ast::strip_function(&mut function);
            function.sig.variadic = None;
            ast::box_recursion(&function.sig.ident, &mut function.block);
            quote!(#function)
        }
        Err(_) => item,
    }
}
