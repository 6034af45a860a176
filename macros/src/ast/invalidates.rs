//! The calls in `#[invalidates(…)]` and `#[updates(…)]`: whose entries they name, and by which values.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens as _;
use syn::ext::IdentExt as _;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::visit::{self, Visit};
use syn::{
    Attribute, Error, Expr, ExprCall, ExprPath, Ident, Macro, Meta, Path, PathArguments, Token,
    Type, TypePath,
};

use crate::args::Tag;

/// A call that names entries: `find(id)`, `each find(ids)`, `search(..)`, `Orders::of(id)` or `crate::rates::rate(code)`.
#[derive(Debug)]
pub(crate) struct Invalidates {
    pub(crate) owner: Owner,
    pub(crate) method: Ident,
    /// Behind its name: `::<User>`.
    pub(crate) turbofish: PathArguments,
    /// `None` for all entries of the method.
    pub(crate) args: Option<Punctuated<Expr, Token![,]>>,
    /// One entry for each element of an argument.
    pub(crate) each: bool,
    /// What the method returns, where an argument names that.
    pub(crate) ok: Option<Ident>,
}

/// Whose method a call names.
#[derive(Debug)]
pub(crate) enum Owner {
    /// The block's own, or that of another block of the same wrapper.
    Block,
    Type(Type),
    /// A function, by this path.
    Function(Path),
}

/// What a method that writes does to entries.
#[derive(Debug, Default)]
pub(crate) struct Writes {
    pub(crate) invalidates: Vec<Invalidates>,
    /// Entries that are to hold what it returns.
    pub(crate) updates: Vec<Invalidates>,
    /// Tags whose entries it drops.
    pub(crate) tags: Vec<InvalidatedTag>,
}

/// `tag(user = id)` in `#[invalidates(…)]`.
#[derive(Debug)]
pub(crate) struct InvalidatedTag {
    pub(crate) tag: Tag,
    /// What the method returns, where the value names that.
    pub(crate) ok: Option<Ident>,
}

impl Writes {
    pub(crate) fn is_empty(&self) -> bool {
        self.invalidates.is_empty() && self.updates.is_empty() && self.tags.is_empty()
    }
}

/// Reads `#[invalidates(find(id), search(..))]`.
pub(super) fn invalidates(
    attribute: &Attribute,
) -> Result<(Vec<Invalidates>, Vec<InvalidatedTag>), Error> {
    let form =
        "write the calls whose entries are to go, such as `#[invalidates(find(id), search(..))]`";
    let (mut named, mut tags) = (Vec::new(), Vec::new());
    for call in parse(attribute, form)? {
        match tag(&call)? {
            Some(found) => tags.extend(found),
            None => named.push(invalidated(call)?),
        }
    }
    Ok((named, tags))
}

/// The tags of `tag(user = id, tenant = ok.tenant)`. A method may have that name: its arguments have none.
fn tag(
    InvalidatedCall { each, call }: &InvalidatedCall,
) -> Result<Option<Vec<InvalidatedTag>>, Error> {
    let Expr::Call(ExprCall { func, args, .. }) = call else {
        return Ok(None);
    };
    let is_tag = matches!(&**func, Expr::Path(path) if path.path.is_ident("tag"));
    if !is_tag || !matches!(args.first(), Some(Expr::Assign(_))) {
        return Ok(None);
    }
    if let Some(each) = each {
        return Err(Error::new_spanned(
            each,
            "`each` names entries by a list, and a tag has one value; write a tag for each value, or `each` and a method",
        ));
    }
    let tags = args.iter().map(|argument| {
        let tag: Tag = syn::parse2(argument.to_token_stream())?;
        let ok = names_ok(&tag.value);
        Ok(InvalidatedTag { tag, ok })
    });
    tags.collect::<Result<_, Error>>().map(Some)
}

/// Reads `#[updates(find(id))]`.
pub(super) fn updates(attribute: &Attribute) -> Result<Vec<Invalidates>, Error> {
    let form = "write the calls whose entries are to hold what the method returns, such as `#[updates(find(id))]`";
    let calls = parse(attribute, form)?;
    let entry = |call| match tag(&call)? {
        Some(_) => Err(Error::new_spanned(
            &call.call,
            "`updates` stores what the method returns as one entry, and a tag is one of many; write `#[invalidates(tag(…))]`",
        )),
        None => invalidated(call),
    };
    calls.into_iter().map(entry).collect()
}

fn parse(
    attribute: &Attribute,
    form: &str,
) -> Result<Punctuated<InvalidatedCall, Token![,]>, Error> {
    let Meta::List(list) = &attribute.meta else {
        return Err(Error::new_spanned(attribute, form));
    };
    let calls = list.parse_args_with(Punctuated::<InvalidatedCall, Token![,]>::parse_terminated)?;
    if calls.is_empty() {
        return Err(Error::new_spanned(attribute, form));
    }
    Ok(calls)
}

/// A call, perhaps with `each` in front of it.
struct InvalidatedCall {
    each: Option<Ident>,
    call: Expr,
}

impl Parse for InvalidatedCall {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let has_each = input
            .fork()
            .parse::<Ident>()
            .is_ok_and(|first| first == "each");
        let is_in_front = has_each && (input.peek2(Ident::peek_any) || input.peek2(Token![<]));
        let each = is_in_front.then(|| input.parse()).transpose()?;
        let call = input.parse()?;
        Ok(Self { each, call })
    }
}

fn invalidated(InvalidatedCall { each, call }: InvalidatedCall) -> Result<Invalidates, Error> {
    let wrong = |call: &Expr| {
        Error::new_spanned(
            call,
            "expected a call of a cached method or function, such as `find(id)`, `find(..)` for all of its entries, \
             `Orders::of(id)`, or `crate::rates::rate(code)`",
        )
    };
    let (args, path) = match &call {
        Expr::Call(ExprCall { func, args, .. }) => match &**func {
            Expr::Path(path) => (args, path),
            _ => return Err(wrong(&call)),
        },
        _ => return Err(wrong(&call)),
    };
    let (owner, method, turbofish) = named(path).ok_or_else(|| wrong(&call))?;
    let is_all = match args.first() {
        Some(Expr::Range(range)) => range.start.is_none() && range.end.is_none(),
        _ => false,
    };
    let args = (!(is_all && args.len() == 1)).then(|| args.clone());
    if let Some(each) = each
        .as_ref()
        .filter(|_| args.as_ref().is_none_or(Punctuated::is_empty))
    {
        return Err(Error::new_spanned(
            each,
            format!(
                "`each` needs a list, and drops one entry for each of its elements, such as `each {method}(ids)`"
            ),
        ));
    }
    let ok = args.iter().flatten().find_map(names_ok);
    Ok(Invalidates {
        owner,
        method,
        turbofish,
        args,
        each: each.is_some(),
        ok,
    })
}

/// Modules are written in small letters and types are not: so a path says whether it ends in a method or a function.
fn named(call: &ExprPath) -> Option<(Owner, Ident, PathArguments)> {
    let mut path = call.path.clone();
    let last = path.segments.pop()?;
    let owner = if let Some(qself) = &call.qself {
        Owner::Type((*qself.ty).clone())
    } else {
        match path.segments.last() {
            None if path.leading_colon.is_some() => return None,
            None => Owner::Block,
            Some(_) if path.is_ident("Self") => Owner::Block,
            Some(before) if is_type(before) => {
                path.segments.pop_punct();
                Owner::Type(Type::Path(TypePath {
                    attrs: Vec::new(),
                    qself: None,
                    path,
                }))
            }
            Some(_) => {
                let name = syn::PathSegment::from(last.ident.clone());
                path.segments.push_value(name);
                Owner::Function(path)
            }
        }
    };
    if matches!(owner, Owner::Block) && !last.arguments.is_none() {
        return None;
    }
    Some((owner, last.ident, last.arguments))
}

fn is_type(segment: &syn::PathSegment) -> bool {
    let name = segment.ident.unraw().to_string();
    !segment.arguments.is_none() || name.starts_with(char::is_uppercase)
}

/// `ok` in an expression.
pub(crate) fn names_ok(expr: &Expr) -> Option<Ident> {
    names_variable(expr, |name| name == "ok")
}

/// A variable in an expression, also inside of a macro call.
pub(crate) fn names_variable(expr: &Expr, is_wanted: impl Fn(&Ident) -> bool) -> Option<Ident> {
    struct Search<F>(F, Option<Ident>);
    impl<F: Fn(&Ident) -> bool> Visit<'_> for Search<F> {
        fn visit_expr_path(&mut self, path: &ExprPath) {
            let found = path.path.get_ident().filter(|name| (self.0)(name));
            self.1 = self.1.take().or_else(|| found.cloned());
            visit::visit_expr_path(self, path);
        }

        fn visit_macro(&mut self, called: &Macro) {
            let found = in_tokens(called.tokens.clone(), &self.0);
            self.1 = self.1.take().or(found);
        }
    }
    let mut search = Search(is_wanted, None);
    search.visit_expr(expr);
    search.1
}

/// A name of its own: not `x.ok`, `x::ok` or `ok::x`.
fn in_tokens(tokens: TokenStream, is_wanted: &impl Fn(&Ident) -> bool) -> Option<Ident> {
    let tokens: Vec<_> = tokens.into_iter().collect();
    let is = |at: Option<usize>, wanted: &[char]| {
        let token = at.and_then(|at| tokens.get(at));
        matches!(token, Some(TokenTree::Punct(punct)) if wanted.contains(&punct.as_char()))
    };
    tokens
        .iter()
        .enumerate()
        .find_map(|(at, token)| match token {
            TokenTree::Group(group) => in_tokens(group.stream(), is_wanted),
            TokenTree::Ident(ident)
                if is_wanted(ident)
                    && !is(at.checked_sub(1), &['.', ':'])
                    && !is(Some(at + 1), &[':']) =>
            {
                Some(ident.clone())
            }
            _ => None,
        })
}
