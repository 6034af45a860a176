//! The typed handles on entries: one function for each cached method.

mod runner;

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Generics, Ident, Lifetime, Type, TypeImplTrait};

use super::access::Access;
use super::attributes::{cfgs, lint_levels};
use super::context::Context;
use super::fragment::{self, is_generic};
use super::{argument, batch, cacheability, entries, label, original, returned, tags};
use crate::args::MethodArgs;
use crate::ast::{CallStyle, EntryPoint, Method};
use crate::plan::Kind;
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
    let cached: Vec<_> = methods
        .filter_map(|method| match &method.kind {
            Kind::Cached(args) => Some((method, &**args)),
            _ => None,
        })
        .collect();
    // A handle of a batch method takes one id.
    let items = cached.iter().map(|(method, _)| {
        let of_one = |found| batch::of_one(context, method, found);
        method.batch.as_ref().map(of_one)
    });
    let items: Vec<_> = items.collect();
    let of_one = cached.iter().zip(&items).map(|((method, _), item)| {
        let item = item.as_ref();
        item.map(|item| batch::as_method(context, method, item))
    });
    let of_one: Vec<_> = of_one.collect();
    let handles = cached
        .iter()
        .zip(&of_one)
        .map(|((method, args), of_one)| match of_one {
            Some(of_one) => {
                let entry = batch::entry_of(context, method, of_one);
                let shared = method.batch.as_ref();
                let shared = shared.and_then(|batch| context.plan.shared(batch));
                let entry_args = shared.map_or(*args, |(_, args)| args);
                Handle::new(context, of_one, args, (entry, entry_args))
            }
            None => Handle::new(context, method, args, (method, args)),
        });
    let handles: Vec<_> = handles.collect();
    let runners = handles.iter().filter_map(Handle::runner);
    let lints = context.lints();
    let with_entry_lifetime = entries::with_entry_lifetime(context);
    let lifetime = names::entry_lifetime();
    let block = |ty: &TokenStream, generics: &Generics, functions: Vec<TokenStream>| {
        let (impl_generics, _, where_clause) = generics.split_for_impl();
        (!functions.is_empty()).then(|| {
            quote! {
                #lints
                impl #impl_generics #ty #where_clause { #(#functions)* }
            }
        })
    };
    let functions = |of_self: bool| {
        let wanted = handles
            .iter()
            .filter(move |handle| handle.method.has_self() == of_self);
        wanted.map(Handle::function).collect::<Vec<_>>()
    };
    let blocks = match context.entry_point() {
        EntryPoint::Wrapper => {
            let entries = context.entries_type(&quote!(#lifetime));
            vec![block(&entries, &with_entry_lifetime, functions(true))]
        }
        EntryPoint::InPlace => {
            let entries_of = names::entries_of(&context.wrapper);
            let (_, of_arguments, _) = with_entry_lifetime.split_for_impl();
            let (_, arguments, _) = context.own.split_for_impl();
            let entries = &context.entries;
            vec![
                block(
                    &quote!(#entries_of #of_arguments),
                    &with_entry_lifetime,
                    functions(true),
                ),
                block(&quote!(#entries #arguments), &context.own, functions(false)),
            ]
        }
        EntryPoint::Function => {
            let ty = context.methods_type();
            vec![block(&ty, &Generics::default(), functions(false))]
        }
    };
    quote!(#(#blocks)* #(#runners)*)
}

/// One method's function on the handles' type.
struct Handle<'a> {
    context: &'a Context<'a>,
    method: &'a Method<'a>,
    args: &'a MethodArgs,
    /// What its entry is an entry of.
    entry: &'a Method<'a>,
    access: Access,
    /// Of the value that the handle is made by.
    lifetime: Lifetime,
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
    fn new(
        context: &'a Context<'a>,
        method: &'a Method<'a>,
        args: &'a MethodArgs,
        (entry, entry_args): (&'a Method<'a>, &'a MethodArgs),
    ) -> Self {
        let lifetime = if method.has_self() {
            names::entry_lifetime()
        } else {
            syn::parse_quote!('static)
        };
        let returned = types::with_lifetime(&fragment::returned(context, method), &lifetime, true);
        let mut named = Namer::new("'__");
        let keyed = typed(context, method, false, &mut named);
        let mut with_skipped = named.clone();
        let skipped = typed(context, method, true, &mut with_skipped);
        // A handle that only looks at an entry does not know the type behind an `impl Trait`.
        let is_nameable = with_skipped.types.len() == named.types.len();
        // In place a trait's method has no other name by which it could be run.
        let is_runnable =
            context.entry_point() != EntryPoint::InPlace || context.block.trait_.is_none();
        // Nor is there more than shared access to a value, by which a handle holds it. And what would run for an id of
        // a batch is the batch.
        let is_runnable = is_runnable && !method.takes_mut() && args.batch.is_none();
        let skipped = Some(skipped)
            .filter(|skipped| is_nameable && is_runnable && skipped.len() <= MOST_SKIPPED);
        if skipped.is_some() {
            named = with_skipped;
        }
        Self {
            generics: own_generics(context, method, &named, &returned, &lifetime),
            spelled: returned::spelled(context, &returned, &lifetime),
            access: Access::of_handle(context, method),
            lifetime,
            context,
            method,
            args: entry_args,
            entry,
            keyed,
            skipped,
            returned,
        }
    }

    fn function(&self) -> TokenStream {
        let Context { krate, private, .. } = self.context;
        let (entry, name) = (names::entry_function(), self.method.name());
        let vis = if self.context.block.trait_.is_some() {
            &self.context.vis
        } else {
            &self.method.item.vis
        };
        let (returned, shape) = (&self.spelled, self.shape());
        let (run, run_type) = self.run();
        // It is for `refresh`, and for `#[updates]`.
        let condition = cacheability::of_handle(self.context, self.entry, self.args, &shape);
        let handle = match self.method.style {
            CallStyle::Sync => quote!(BlockingEntryHandle),
            CallStyle::Async | CallStyle::Future => quote!(EntryHandle),
        };
        let declaration = self.context.declaration(self.method);
        let call = names::local("__call");
        let Access {
            prelude, engine, ..
        } = &self.access;
        let writer = fragment::lending_key_writer(self.context, self.entry, &self.access.this());
        let tags = tags::of_handle(self.context, self.entry, self.args, &self.access.this());
        let (slot, labeled) = (
            label::made(self.context, self.args),
            label::of_call(self.args),
        );
        let label = label::of_handle(self.context, self.entry, self.args);
        let takes = argument::takes(self.context, self.method);
        let proof = returned::named(self.context, self.method, &shape);
        let arguments = self.keyed.iter().map(|(ident, ty)| quote!(#ident: #ty));
        let (generics, _, where_clause) = self.generics.split_for_impl();
        let lifetime = &self.lifetime;
        let signature = match self.context.entry_point() {
            EntryPoint::Function => quote!(#entry #generics(#(#arguments),*)),
            EntryPoint::Wrapper | EntryPoint::InPlace => {
                quote!(#name #generics(self, #(#arguments),*))
            }
        };
        let cfgs = cfgs(&self.method.item.attrs);
        let levels = lint_levels(&self.method.item.attrs);
        let docs = format!("The entry of one call of `{name}`.");
        quote! {
            #(#cfgs)*
            #(#levels)*
            #[doc = #docs]
            #vis fn #signature
                -> #krate::#handle<#lifetime, #shape, #returned, #run_type>
            #where_clause
            {
                #proof
                #takes
                #prelude
                #slot
                let #call = #private::Call::of_entry(#engine, #declaration(), #writer) #tags #labeled;
                #label
                #krate::#handle::new(#call, #run)#condition
            }
        }
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
        let (run, run_type) = self.run_method();
        let errors = cacheability::errors(self.context, self.method, self.args);
        let Some(errors) = errors.filter(|_| self.skipped.is_some()) else {
            return (run, run_type);
        };
        let (private, spelled) = (&self.context.private, &self.spelled);
        let returned = names::local("__returned");
        (
            quote! {
                #private::WithErrors(#run, |#returned| #private::error_to_store(#returned, #errors))
            },
            quote!(#private::WithErrors<#spelled, #run_type>),
        )
    }

    fn run_method(&self) -> (TokenStream, TokenStream) {
        let private = &self.context.private;
        let returned = &self.spelled;
        let Some(skipped) = &self.skipped else {
            return (quote!(()), quote!(()));
        };
        let call = original::call(self.context, self.method, self.access.receiver.as_ref());
        let lends = argument::lends(self.context, self.method);
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
                let value = self.value();
                let run = quote! {
                    #private::Needs(
                        #runner(#value, (#(#keyed,)*), ::core::marker::PhantomData),
                        ::core::marker::PhantomData,
                    )
                };
                (run, quote!(#private::Needs<(#(#types,)*), #run_type>))
            }
        }
    }
}

/// The arguments that are skipped, or those that are not, each with a name.
pub(super) fn typed<'a>(
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
pub(super) fn own_generics(
    context: &Context<'_>,
    method: &Method<'_>,
    named: &Namer,
    returned: &Type,
    entry: &Lifetime,
) -> Generics {
    let generics = context.ty.generics(&method.item.sig.generics);
    let mut generics = generics::join(context.of_trait.clone(), &generics);
    // What is returned may borrow from the wrapper.
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
