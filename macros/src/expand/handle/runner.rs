//! What `refresh` runs where it is given the arguments that are not in the key.

use proc_macro2::TokenStream;
use quote::quote;
use syn::Ident;

use super::super::attributes::{cfgs, lint_levels};
use super::super::context::Context;
use super::super::{argument, entries, original};
use super::Handle;
use crate::ast::{CallStyle, EntryPoint, Environment};
use crate::{generics, names};

impl Handle<'_> {
    // A future that needs more arguments gets a type with a name, through which the compiler
    // still sees whether the user's future is `Send`.
    //
    // Output
    //     pub struct CachedUserRepoRefresh_search<W, K, P>(W, K, PhantomData<fn() -> P>);
    //     impl Run<(&Ctx,), R> for CachedUserRepoRefresh_search<&CachedUserRepo, (&str,), ()> {
    //         async fn run(self, (ctx,): (&Ctx,)) -> R { <UserRepo>::search(inner, ctx, self.1.0).await }
    //     }
    pub(super) fn runner(&self) -> Option<TokenStream> {
        let skipped = self.skipped.as_ref()?;
        if self.method.style == CallStyle::Sync || skipped.is_empty() {
            return None;
        }
        let Context { private, vis, .. } = self.context;
        let (runner, run_type) = (self.runner_name(), self.runner_type());
        let (names, types): (Vec<_>, Vec<_>) = skipped.iter().cloned().unzip();
        let keyed = self.keyed.iter().map(|(ident, _)| ident);
        let this = names::local("__value");
        let receiver = match self.context.entry_point() {
            EntryPoint::Wrapper => {
                let core = &self.context.core;
                Some(quote!(#this.#core.inner()))
            }
            _ if self.method.has_self() => Some(quote!(#this)),
            _ => None,
        };
        let call = original::call(self.context, self.method, receiver.as_ref());
        let lends = argument::lends(self.context, self.method);
        let returned = &self.spelled;
        let generics = if self.method.has_self() {
            entries::with_entry_lifetime(self.context)
        } else {
            self.context.own.clone()
        };
        let generics = generics::join(generics, &self.generics);
        let (impl_generics, _, where_clause) = generics.split_for_impl();
        let cfgs = cfgs(&self.method.item.attrs);
        let levels = lint_levels(&self.method.item.attrs);
        let lints = self.context.lints();
        Some(quote! {
            #(#cfgs)*
            #[doc(hidden)]
            #lints
            #vis struct #runner<W, K, P>(W, K, ::core::marker::PhantomData<fn() -> P>);

            #(#cfgs)*
            #(#levels)*
            #lints
            impl #impl_generics #private::Run<(#(#types,)*), #returned> for #run_type #where_clause {
                async fn run(self, (#(#names,)*): (#(#types,)*)) -> #returned {
                    let #this = self.0;
                    let (#(#keyed,)*) = self.1;
                    #lends
                    #call.await
                }
            }
        })
    }

    /// What the method is called on, as a runner holds it.
    pub(super) fn value(&self) -> TokenStream {
        let this = names::this_field();
        match self.context.entry_point() {
            EntryPoint::Wrapper => {
                let field = names::wrapper_field();
                quote!(self.#field)
            }
            _ if self.method.has_self() => quote!(self.#this),
            _ => quote!(::core::marker::PhantomData),
        }
    }

    pub(super) fn runner_type(&self) -> TokenStream {
        let (runner, ty) = (self.runner_name(), &self.context.ty.ty);
        let lifetime = &self.lifetime;
        let value = match self.context.entry_point() {
            EntryPoint::Wrapper => {
                let wrapper = self.context.wrapper_type();
                quote!(&#lifetime #wrapper)
            }
            _ if self.method.has_self() => quote!(&#lifetime #ty),
            _ => quote!(::core::marker::PhantomData<fn() -> #ty>),
        };
        let env = Environment::of(&self.generics);
        let keyed = self
            .keyed
            .iter()
            .map(|(ident, ty)| argument::taken_type(self.context, self.method, ident, ty, &env));
        // Its arguments need not mention all of the method's type parameters.
        let parameters = self.generics.type_params().map(|param| &param.ident);
        quote!(#runner<#value, (#(#keyed,)*), (#(#parameters,)*)>)
    }

    pub(super) fn runner_name(&self) -> Ident {
        names::runner(&self.context.wrapper, self.method.name())
    }
}
