//! The typed handles on entries: one function for each cached method.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{Generics, Ident, Type, TypeImplTrait};

use super::attributes::{cfgs, lint_levels};
use super::context::Context;
use super::fragment::{self, is_generic};
use super::{argument, cacheability, returned, wrapper};
use crate::ast::{CallStyle, Environment, Method};
use crate::plan::MethodPlan;
use crate::types::{self, Namer};
use crate::{generics, names};

/// `refresh` is given the skipped arguments one by one, and is written for up to this many.
const MOST_SKIPPED: usize = 6;

// Output
//     impl<'a> CachedUserRepoEntry<'a> {
//         pub fn find(self, id: u64) -> EntryHandle<'a, ReturnTypeOf<true>, Result<User, DbError>, Ready<impl Future>> { … }
//     }
pub(super) fn handles(context: &Context<'_>) -> TokenStream {
    let methods = context.plan.methods.iter();
    let cached = methods.filter(|method| method.is_cached());
    let handles: Vec<_> = cached.map(|method| Handle::new(context, method)).collect();
    let functions = handles.iter().map(Handle::function);
    let runners = handles.iter().filter_map(Handle::runner);
    let generics = wrapper::with_entry_lifetime(context);
    let (impl_generics, _, where_clause) = generics.split_for_impl();
    let lifetime = names::entry_lifetime();
    let entries = context.entries_type(&quote!(#lifetime));
    let lints = context.lints();
    quote! {
        #lints
        impl #impl_generics #entries #where_clause { #(#functions)* }
        #(#runners)*
    }
}

/// One method's function on the handles' type.
struct Handle<'a> {
    context: &'a Context<'a>,
    method: &'a MethodPlan<'a>,
    keyed: Vec<(&'a Ident, Type)>,
    /// What `refresh` is given; `None` where it could not be called.
    skipped: Option<Vec<(&'a Ident, Type)>>,
    /// Those that the wrapper does not have.
    generics: Generics,
    returned: Type,
    /// The same, where a lifetime may be left out of it.
    spelled: TokenStream,
}

impl<'a> Handle<'a> {
    fn new(context: &'a Context<'a>, method: &'a MethodPlan<'a>) -> Self {
        let lifetime = names::entry_lifetime();
        let returned = types::with_lifetime(&fragment::returned(context, method), &lifetime, true);
        let mut named = Namer::new("'__");
        let keyed = typed(context, method, false, &mut named);
        let mut with_skipped = named.clone();
        let skipped = typed(context, method, true, &mut with_skipped);
        // A handle that only looks at an entry does not know the type behind an `impl Trait`.
        let is_nameable = with_skipped.types.len() == named.types.len();
        let skipped = Some(skipped).filter(|skipped| is_nameable && skipped.len() <= MOST_SKIPPED);
        if skipped.is_some() {
            named = with_skipped;
        }
        Self {
            generics: own_generics(context, method, &named, &returned),
            spelled: returned::spelled(context, &returned),
            context,
            method,
            keyed,
            skipped,
            returned,
        }
    }

    fn function(&self) -> TokenStream {
        let Context { krate, private, .. } = self.context;
        let name = self.method.name();
        let vis = if self.context.block.trait_.is_some() {
            &self.context.vis
        } else {
            &self.method.item.vis
        };
        let (returned, shape) = (&self.spelled, self.shape());
        let (run, run_type) = self.run();
        let condition = cacheability::of_handle(self.context, self.method, &shape);
        let handle = match self.method.style {
            CallStyle::Sync => quote!(BlockingEntryHandle),
            CallStyle::Async | CallStyle::Future => quote!(EntryHandle),
        };
        let methods = self.context.methods_type();
        let (core, core_field) = (names::local("__core"), &self.context.core);
        let (call, wrapper_field) = (names::local("__call"), names::wrapper_field());
        let inner = quote!(#core.inner());
        let writer = fragment::lending_key_writer(self.context, self.method, &inner);
        let takes = argument::takes(self.context, self.method);
        let proof = self.proof(&shape);
        let arguments = self.keyed.iter().map(|(ident, ty)| quote!(#ident: #ty));
        let (generics, _, where_clause) = self.generics.split_for_impl();
        let lifetime = names::entry_lifetime();
        let cfgs = cfgs(&self.method.item.attrs);
        let levels = lint_levels(&self.method.item.attrs);
        let docs = format!("The entry of one call of `{name}`.");
        quote! {
            #(#cfgs)*
            #(#levels)*
            #[doc = #docs]
            #vis fn #name #generics (self, #(#arguments),*)
                -> #krate::#handle<#lifetime, #shape, #returned, #run_type>
            #where_clause
            {
                #proof
                #takes
                let #core = &self.#wrapper_field.#core_field;
                let #call = #private::Call::of_entry(#core.engine(), <#methods>::#name(), #writer);
                #krate::#handle::new(#call, #run)#condition
            }
        }
    }

    // Output, where the name has decided
    //     named_as::<ReturnTypeOf<true>, _>(shape);
    fn proof(&self, shape: &TokenStream) -> Option<TokenStream> {
        let private = &self.context.private;
        let found = fragment::shape(self.context, self.method);
        let (first, last) = types::ends(&self.method.returned);
        let argument = quote_spanned!(last=> (#found));
        is_generic(self.context, self.method, &self.returned)
            .then(|| quote_spanned!(first=> #private::named_as::<#shape, _> #argument;))
    }

    /// The shape of the result as a type. Where a type parameter is in it, stable Rust cannot
    /// compute with it, so the name `…Result` decides.
    fn shape(&self) -> TokenStream {
        let private = &self.context.private;
        let returned = &self.returned;
        if is_generic(self.context, self.method, returned) {
            let is_result = types::last_segment(returned)
                .is_some_and(|last| last.ident.to_string().ends_with("Result"));
            return quote!(#private::ReturnTypeOf<#is_result>);
        }
        let fixed = types::with_lifetime(returned, &syn::parse_quote!('static), false);
        quote! {
            #private::ReturnTypeOf<{
                use #private::PlainProbe as _;
                <#private::Probe<#fixed>>::IS_RESULT
            }>
        }
    }

    /// What `refresh` runs, and its type.
    fn run(&self) -> (TokenStream, TokenStream) {
        let private = &self.context.private;
        let (core, returned) = (names::local("__core"), &self.spelled);
        let path = fragment::path(self.context, self.method);
        let lends = argument::lends(self.context, self.method);
        let arguments = self.method.args.iter().map(|argument| &argument.ident);
        let call = quote!(#path(#core.inner(), #(#arguments),*));
        let Some(skipped) = &self.skipped else {
            return (quote!(()), quote!(()));
        };
        let (names, types): (Vec<_>, Vec<_>) = skipped.iter().cloned().unzip();
        match (self.method.style, skipped.is_empty()) {
            (CallStyle::Sync, true) => (
                quote!(#private::Ready(move || { #lends #call })),
                quote!(#private::Ready<impl ::core::ops::FnOnce() -> #returned>),
            ),
            (CallStyle::Sync, false) => (
                quote!(#private::Needs(move |#(#names: #types),*| { #lends #call }, ::core::marker::PhantomData)),
                quote!(#private::Needs<(#(#types,)*), impl ::core::ops::FnOnce(#(#types),*) -> #returned>),
            ),
            (_, true) => (
                quote!(#private::Ready(async move { #lends #call.await })),
                quote!(#private::Ready<impl ::core::future::Future<Output = #returned>>),
            ),
            (_, false) => {
                let (runner, run_type) = (self.runner_name(), self.runner_type());
                let keyed = self.keyed.iter().map(|(ident, _)| ident);
                let field = names::wrapper_field();
                let run = quote! {
                    #private::Needs(
                        #runner(self.#field, (#(#keyed,)*), ::core::marker::PhantomData),
                        ::core::marker::PhantomData,
                    )
                };
                (run, quote!(#private::Needs<(#(#types,)*), #run_type>))
            }
        }
    }

    // A future that needs more arguments gets a type with a name, through which the compiler
    // still sees whether the user's future is `Send`.
    //
    // Output
    //     pub struct CachedUserRepoRefresh_search<W, K, P>(W, K, PhantomData<fn() -> P>);
    //     impl Run<(&Ctx,), R> for CachedUserRepoRefresh_search<&CachedUserRepo, (&str,), ()> {
    //         async fn run(self, (ctx,): (&Ctx,)) -> R { <UserRepo>::search(inner, ctx, self.1.0).await }
    //     }
    fn runner(&self) -> Option<TokenStream> {
        let skipped = self.skipped.as_ref()?;
        if self.method.style == CallStyle::Sync || skipped.is_empty() {
            return None;
        }
        let Context {
            private, vis, core, ..
        } = self.context;
        let (runner, run_type) = (self.runner_name(), self.runner_type());
        let (names, types): (Vec<_>, Vec<_>) = skipped.iter().cloned().unzip();
        let keyed = self.keyed.iter().map(|(ident, _)| ident);
        let path = fragment::path(self.context, self.method);
        let lends = argument::lends(self.context, self.method);
        let arguments = self.method.args.iter().map(|argument| &argument.ident);
        let returned = &self.spelled;
        let generics = wrapper::with_entry_lifetime(self.context);
        let generics = generics::join(generics, &self.generics);
        let (impl_generics, _, where_clause) = generics.split_for_impl();
        let cfgs = cfgs(&self.method.item.attrs);
        let levels = lint_levels(&self.method.item.attrs);
        let (this, lints) = (names::local("__wrapper"), self.context.lints());
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
                    #path(#this.#core.inner(), #(#arguments),*).await
                }
            }
        })
    }

    fn runner_type(&self) -> TokenStream {
        let (runner, wrapper) = (self.runner_name(), self.context.wrapper_type());
        let lifetime = names::entry_lifetime();
        let env = Environment::of(&self.generics);
        let keyed = self.keyed.iter().map(|(ident, ty)| {
            let mut arguments = self.method.args.iter();
            let argument = arguments.find(|argument| argument.ident == **ident);
            let argument = argument.expect("it is one of the method's");
            argument::taken_type(self.method, argument, ty, &env)
        });
        // Its arguments need not mention all of the method's type parameters.
        let parameters = self.generics.type_params().map(|param| &param.ident);
        quote!(#runner<&#lifetime #wrapper, (#(#keyed,)*), (#(#parameters,)*)>)
    }

    fn runner_name(&self) -> Ident {
        names::runner(&self.context.wrapper, self.method.name())
    }
}

/// The arguments that are skipped, or those that are not, each with a name.
fn typed<'a>(
    context: &Context<'_>,
    method: &'a Method<'_>,
    skipped: bool,
    named: &mut Namer,
) -> Vec<(&'a Ident, Type)> {
    let arguments = method.args.iter();
    let wanted = arguments.filter(|argument| argument.skipped == skipped);
    wanted
        .map(|argument| (&argument.ident, named.ty(&context.ty.ty(argument.ty))))
        .collect()
}

/// The generics that the wrapper does not have: the trait's, the method's, and what got a name.
fn own_generics(
    context: &Context<'_>,
    method: &Method<'_>,
    named: &Namer,
    returned: &Type,
) -> Generics {
    let generics = context.ty.generics(&method.item.sig.generics);
    let mut generics = generics::join(context.of_trait.clone(), &generics);
    // What is returned may borrow from the wrapper.
    let entry = names::entry_lifetime();
    let borrowed = types::lifetimes(returned);
    let lifetimes = generics.lifetimes().map(|param| param.lifetime.clone());
    for lifetime in lifetimes.collect::<Vec<_>>() {
        if borrowed.contains(&lifetime.ident) {
            let clause = generics.make_where_clause();
            clause.predicates.push(syn::parse_quote!(#entry: #lifetime));
        }
    }
    for (at, lifetime) in named.lifetimes.iter().enumerate() {
        generics.params.insert(at, syn::parse_quote!(#lifetime));
    }
    for (ident, TypeImplTrait { bounds, .. }) in &named.types {
        generics.params.push(syn::parse_quote!(#ident: #bounds));
    }
    generics
}
