use proc_macro2::TokenStream;
use quote::quote;
use syn::{GenericParam, Generics, Ident, Lifetime, Type, TypeImplTrait};

use super::{Context, cfgs, is_generic, lints, method, wrapper};
use crate::ast::{How, Kind, Method};
use crate::names;
use crate::types::{self, Named};

/// `refresh` is given the skipped arguments one by one, and is written for up to this many.
const MOST_SKIPPED: usize = 6;

// Output
//     impl<'a> CachedUserRepoEntry<'a> {
//         pub fn find(self, id: u64) -> EntryHandle<'a, Shape, Result<User, DbError>, Ready<impl Future>> { … }
//     }
pub(super) fn handles(context: &Context<'_>) -> TokenStream {
    let cached = context
        .block
        .methods
        .iter()
        .filter(|method| matches!(method.kind, Kind::Cached(_)));
    let handles: Vec<_> = cached
        .filter_map(|method| Handle::new(context, method))
        .collect();
    let functions = handles.iter().map(Handle::function);
    let runners = handles.iter().filter_map(Handle::runner);
    let generics = wrapper::with_entry_lifetime(context);
    let (impl_generics, _, where_clause) = generics.split_for_impl();
    let lifetime = names::entry_lifetime();
    let entries = entries_path(context, &lifetime);
    let lints = lints();
    quote! {
        #lints
        impl #impl_generics #entries #where_clause { #(#functions)* }
        #(#runners)*
    }
}

/// The handles' type: as another block may have named it.
fn entries_path(context: &Context<'_>, lifetime: &Lifetime) -> TokenStream {
    let Some(wrapper) = context
        .block
        .args
        .wrapper
        .as_ref()
        .filter(|_| context.block.extends())
    else {
        return wrapper::entries_type(context, &quote!(#lifetime));
    };
    let mut path = wrapper.0.clone();
    let last = path.segments.last_mut().expect("a path has a segment");
    let given = std::mem::replace(&mut last.arguments, syn::PathArguments::None);
    last.ident = context.entries.clone();
    match given {
        syn::PathArguments::AngleBracketed(given) => {
            let given = given.args.iter();
            quote!(#path<#lifetime, #(#given),*>)
        }
        _ => {
            let leading = path.segments.iter().take(path.segments.len() - 1);
            let leading: Vec<_> = leading.collect();
            let entries = wrapper::entries_type(context, &quote!(#lifetime));
            quote!(#(#leading::)* #entries)
        }
    }
}

/// One method's function on the handles' type.
struct Handle<'a> {
    context: &'a Context<'a>,
    method: &'a Method<'a>,
    keyed: Vec<(&'a Ident, Type)>,
    skipped: Vec<(&'a Ident, Type)>,
    /// The method's own generics, with a name for all that has none.
    generics: Generics,
    returned: Type,
}

impl<'a> Handle<'a> {
    /// `None` where the type of the result needs a lifetime of the call.
    fn new(context: &'a Context<'a>, method: &'a Method<'a>) -> Option<Self> {
        let lifetime = names::entry_lifetime();
        let returned = types::with_lifetime(&method::returned(context, method), &lifetime, true);
        let own: Vec<_> = method
            .item
            .sig
            .generics
            .lifetimes()
            .map(|param| param.lifetime.ident.clone())
            .collect();
        if types::lifetimes(&returned)
            .iter()
            .any(|ident| own.contains(ident))
        {
            return None;
        }
        let mut named = Named::default();
        let mut keyed = Vec::new();
        let mut skipped = Vec::new();
        for argument in &method.args {
            let ty = named.ty(&context.ty.ty(argument.ty));
            let place = if argument.skipped {
                &mut skipped
            } else {
                &mut keyed
            };
            place.push((&argument.ident, ty));
        }
        if skipped.len() > MOST_SKIPPED {
            return None;
        }
        let generics = own_generics(context, method, &named);
        Some(Self {
            context,
            method,
            keyed,
            skipped,
            generics,
            returned,
        })
    }

    fn function(&self) -> TokenStream {
        let Context { krate, private, .. } = self.context;
        let name = self.method.name();
        let vis = if self.context.block.trait_.is_some() {
            &self.context.vis
        } else {
            &self.method.item.vis
        };
        let (returned, shape) = (&self.returned, self.shape());
        let (run, run_type) = self.run();
        let handle = match self.method.how {
            How::Sync => quote!(BlockingEntryHandle),
            How::Async | How::Future => quote!(EntryHandle),
        };
        let declaration = names::declaration(name, &self.context.site_of(name));
        let wrapper = self.context.wrapper_type();
        let (core, field) = (names::local("__core"), &self.context.core);
        let call = names::local("__call");
        let writer = method::key_writer(self.context, self.method, &quote!(#core.inner()));
        let arguments = self.keyed.iter().map(|(ident, ty)| quote!(#ident: #ty));
        let (generics, _, where_clause) = self.generics.split_for_impl();
        let lifetime = names::entry_lifetime();
        let cfgs = cfgs(&self.method.item.attrs);
        let docs = format!("The entry of one call of `{name}`.");
        quote! {
            #(#cfgs)*
            #[doc = #docs]
            #vis fn #name #generics (self, #(#arguments),*)
                -> #krate::#handle<#lifetime, #shape, #returned, #run_type>
            #where_clause
            {
                let #core = &self.wrapper.#field;
                let #call = #private::Call::of_entry(#core.cache(), <#wrapper>::#declaration(), #writer);
                #krate::#handle::new(#call, #run)
            }
        }
    }

    /// The shape of the result as a type. Where a type parameter is in it, stable Rust cannot
    /// compute with it, and the name `…Result` has to tell.
    fn shape(&self) -> TokenStream {
        let private = &self.context.private;
        let returned = &self.returned;
        if is_generic(self.context, self.method, returned) {
            let is_result = types::last_segment(returned)
                .is_some_and(|last| last.ident.to_string().ends_with("Result"));
            return quote!(#private::ShapeOf<#is_result>);
        }
        let fixed = types::with_lifetime(returned, &syn::parse_quote!('static), false);
        quote! {
            #private::ShapeOf<{
                use #private::PlainProbe as _;
                <#private::Probe<#fixed>>::IS_RESULT
            }>
        }
    }

    /// What `refresh` runs, and its type.
    fn run(&self) -> (TokenStream, TokenStream) {
        let private = &self.context.private;
        let (core, returned) = (names::local("__core"), &self.returned);
        let path = method::path(self.context, self.method);
        let arguments = self.method.args.iter().map(|argument| &argument.ident);
        let call = quote!(#path(#core.inner(), #(#arguments),*));
        let skipped: Vec<_> = self.skipped.iter().map(|(_, ty)| ty).collect();
        let names: Vec<_> = self.skipped.iter().map(|(ident, _)| ident).collect();
        match (self.method.how, skipped.is_empty()) {
            (How::Sync, true) => (
                quote!(#private::Ready(move || #call)),
                quote!(#private::Ready<impl ::core::ops::FnOnce() -> #returned>),
            ),
            (How::Sync, false) => (
                quote!(#private::Needs(move |#(#names: #skipped),*| #call, ::core::marker::PhantomData)),
                quote!(#private::Needs<(#(#skipped,)*), impl ::core::ops::FnOnce(#(#skipped),*) -> #returned>),
            ),
            (_, true) => (
                quote!(#private::Ready(async move { #call.await })),
                quote!(#private::Ready<impl ::core::future::Future<Output = #returned>>),
            ),
            (_, false) => self.run_by_runner(),
        }
    }

    /// A future that needs more arguments gets a type with a name, through which the compiler
    /// still sees whether the user's future is `Send`.
    fn run_by_runner(&self) -> (TokenStream, TokenStream) {
        let private = &self.context.private;
        let runner = self.runner_name();
        let lifetime = names::entry_lifetime();
        let wrapper = self.context.wrapper_type();
        let keyed: Vec<_> = self.keyed.iter().map(|(ident, _)| ident).collect();
        let keyed_types: Vec<_> = self.keyed.iter().map(|(_, ty)| ty).collect();
        let skipped: Vec<_> = self.skipped.iter().map(|(_, ty)| ty).collect();
        let parameters = self.parameters();
        let of = quote!(#runner<&#lifetime #wrapper, (#(#keyed_types,)*), (#(#parameters,)*)>);
        (
            quote! {
                #private::Needs(
                    #runner(self.wrapper, (#(#keyed,)*), ::core::marker::PhantomData),
                    ::core::marker::PhantomData,
                )
            },
            quote!(#private::Needs<(#(#skipped,)*), #of>),
        )
    }

    // Output
    //     pub struct RunsSearch<W, K, P>(W, K, PhantomData<fn() -> P>);
    //     impl Run<(&Ctx,), R> for RunsSearch<&CachedUserRepo, (&str,), ()> {
    //         async fn run(self, (ctx,): (&Ctx,)) -> R { <UserRepo>::search(inner, ctx, self.1.0).await }
    //     }
    fn runner(&self) -> Option<TokenStream> {
        if self.method.how == How::Sync || self.skipped.is_empty() {
            return None;
        }
        let Context {
            private, vis, core, ..
        } = self.context;
        let runner = self.runner_name();
        let (_, run_type) = self.run_by_runner();
        let keyed: Vec<_> = self.keyed.iter().map(|(ident, _)| ident).collect();
        let skipped: Vec<_> = self.skipped.iter().map(|(ident, _)| ident).collect();
        let skipped_types: Vec<_> = self.skipped.iter().map(|(_, ty)| ty).collect();
        let path = method::path(self.context, self.method);
        let arguments = self.method.args.iter().map(|argument| &argument.ident);
        let returned = &self.returned;
        let generics = self.all_generics();
        let (impl_generics, _, where_clause) = generics.split_for_impl();
        let lifetime = names::entry_lifetime();
        let wrapper = self.context.wrapper_type();
        let keyed_types: Vec<_> = self.keyed.iter().map(|(_, ty)| ty).collect();
        let parameters = self.parameters();
        let cfgs = cfgs(&self.method.item.attrs);
        let (this, lints) = (names::local("__wrapper"), lints());
        let _ = run_type;
        Some(quote! {
            #(#cfgs)*
            #[doc(hidden)]
            #[allow(non_camel_case_types, missing_debug_implementations)]
            #lints
            #vis struct #runner<W, K, P>(W, K, ::core::marker::PhantomData<fn() -> P>);

            #(#cfgs)*
            #lints
            impl #impl_generics #private::Run<(#(#skipped_types,)*), #returned>
                for #runner<&#lifetime #wrapper, (#(#keyed_types,)*), (#(#parameters,)*)>
            #where_clause
            {
                async fn run(self, (#(#skipped,)*): (#(#skipped_types,)*)) -> #returned {
                    let #this = self.0;
                    let (#(#keyed,)*) = self.1;
                    #path(#this.#core.inner(), #(#arguments),*).await
                }
            }
        })
    }

    fn runner_name(&self) -> Ident {
        let name = self.method.name();
        names::runner(name, &self.context.site_of(name))
    }

    /// The method's type parameters, which its arguments need not mention.
    fn parameters(&self) -> Vec<Ident> {
        self.generics
            .type_params()
            .map(|param| param.ident.clone())
            .collect()
    }

    /// The lifetime of the handle, the block's generics, the method's.
    fn all_generics(&self) -> Generics {
        let mut all = wrapper::with_entry_lifetime(self.context);
        let (lifetimes, others): (Vec<_>, Vec<_>) = self
            .generics
            .params
            .iter()
            .cloned()
            .partition(|param| matches!(param, GenericParam::Lifetime(_)));
        for (at, lifetime) in lifetimes.into_iter().enumerate() {
            all.params.insert(at + 1, lifetime);
        }
        all.params.extend(others);
        if let Some(clause) = &self.generics.where_clause {
            all.make_where_clause()
                .predicates
                .extend(clause.predicates.iter().cloned());
        }
        all
    }
}

/// The method's generics and what was named anew.
fn own_generics(context: &Context<'_>, method: &Method<'_>, named: &Named) -> Generics {
    let mut generics = context.ty.generics(&method.item.sig.generics);
    for (at, lifetime) in named.lifetimes.iter().enumerate() {
        generics.params.insert(at, syn::parse_quote!(#lifetime));
    }
    for (ident, TypeImplTrait { bounds, .. }) in &named.types {
        generics.params.push(syn::parse_quote!(#ident: #bounds));
    }
    generics
}
