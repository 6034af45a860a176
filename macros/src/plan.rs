//! **Plan**: what is made of each method of a block, and everything that is wrong with it.
//!
//! Imports [`valid`](crate::valid) and what is below it: rules for one method stand there, and which of them apply is
//! decided here, as are rules between methods. Start at [`Plan::new`].

mod siblings;

use std::ops::Deref;

use syn::{Error, Ident, ImplItem};

use crate::args::{self, MethodArgs};
use crate::ast::{self, Block, Helpers, Invalidates, Method};
use crate::valid;

/// A block, with what becomes of its methods.
#[derive(Debug)]
pub(crate) struct Plan<'a> {
    pub(crate) block: Block<'a>,
    pub(crate) methods: Vec<MethodPlan<'a>>,
}

#[derive(Debug)]
pub(crate) struct MethodPlan<'a> {
    method: Method<'a>,
    pub(crate) kind: Kind,
}

#[derive(Debug)]
pub(crate) enum Kind {
    Cached(Box<MethodArgs>),
    /// Handed through; the entries of these calls are dropped after a success.
    Delegated(Vec<Invalidates>),
    /// Not in the wrapper.
    Omitted,
    /// No receiver, in a trait: the trait wants it.
    Associated,
    /// In the wrapper for the sake of its callers: what is wrong with it has been reported.
    Refused,
}

impl<'a> Deref for MethodPlan<'a> {
    type Target = Method<'a>;

    fn deref(&self) -> &Method<'a> {
        &self.method
    }
}

impl MethodPlan<'_> {
    pub(crate) fn is_cached(&self) -> bool {
        matches!(self.kind, Kind::Cached(_))
    }
}

impl<'a> Plan<'a> {
    /// Decides about each method. What is wrong with single methods or options goes to `errors`; an
    /// error that leaves nothing to work with is returned.
    pub(crate) fn new(block: Block<'a>, errors: &mut Vec<Error>) -> Result<Self, Error> {
        valid::own_type(&block)?;
        errors.extend(valid::wrapper(&block).err());
        let mut methods = Vec::new();
        for item in &block.item.items {
            match item {
                ImplItem::Fn(item) => methods.push(method(&block, Method::new(item), errors)),
                ImplItem::Const(_) | ImplItem::Type(_) => {}
                other => errors.push(valid::unknown_item(other, &block.wrapper_name())),
            }
        }
        let mut plan = Self { block, methods };
        errors.extend(siblings::collisions(&mut plan));
        errors.extend(plan.wrong_invalidations());
        errors.extend(plan.unknown_names());
        if plan.outlives_calls()
            && let Some(error) = valid::outlived(&plan.block)
        {
            errors.push(error);
            plan.forget_refreshes();
        }
        if errors.is_empty() && !plan.methods.iter().any(MethodPlan::is_cached) {
            errors.push(valid::nothing_cached(&plan.block));
        }
        Ok(plan)
    }

    /// The methods of one name: several where `#[cfg]` chooses between them.
    pub(crate) fn named(&self, name: &Ident) -> impl Iterator<Item = &MethodPlan<'a>> {
        self.methods
            .iter()
            .filter(move |method| method.name() == name)
    }

    /// Calls in `#[invalidates]` that name a method of this block which has no entries. Methods that
    /// are not here may be in another block: those the compiler looks up.
    fn wrong_invalidations(&self) -> Vec<Error> {
        let calls = self.methods.iter().flat_map(|method| match &method.kind {
            Kind::Delegated(calls) => &calls[..],
            _ => &[],
        });
        let is_wrong = |call: &&Invalidates| {
            let mut named = self.named(&call.method).peekable();
            let mut has_entries =
                |method: &MethodPlan<'_>| matches!(method.kind, Kind::Cached(_) | Kind::Refused);
            named.peek().is_some() && !named.any(&mut has_entries)
        };
        calls.filter(is_wrong).map(valid::no_entries).collect()
    }

    /// Names in `only` and `skip` that nothing here has.
    fn unknown_names(&self) -> Vec<Error> {
        let all: Vec<&Method<'a>> = self.methods.iter().map(|method| &method.method).collect();
        let mut errors = valid::unknown_methods(&self.block, &all);
        let may_skip = |kind: &Kind| matches!(kind, Kind::Cached(_) | Kind::Refused);
        let cached = self.methods.iter().filter(|method| may_skip(&method.kind));
        let cached: Vec<&Method<'a>> = cached.map(|method| &method.method).collect();
        errors.extend(valid::unknown_arguments(&self.block, &cached));
        errors
    }

    /// Whether the refresh of a method outlives calls.
    fn outlives_calls(&self) -> bool {
        self.methods.iter().any(|method| match &method.kind {
            Kind::Cached(args) => args::outlives_calls(&self.block.args, args),
            _ => false,
        })
    }

    /// One mistake, one error: without `stale` and `early` nothing outlives a call.
    fn forget_refreshes(&mut self) {
        (self.block.args.stale, self.block.args.early) = (None, None);
        for method in &mut self.methods {
            if let Kind::Cached(args) = &mut method.kind {
                (args.stale, args.early) = (None, None);
            }
        }
    }
}

fn method<'a>(
    block: &Block<'a>,
    mut method: Method<'a>,
    errors: &mut Vec<Error>,
) -> MethodPlan<'a> {
    method.skip(block.args.skip.as_ref());
    let before = errors.len();
    let found = kind(block, &method, errors);
    let kind = found.unwrap_or_else(|error| {
        errors.push(error);
        Kind::Refused
    });
    let kind = if errors.len() > before {
        Kind::Refused
    } else {
        kind
    };
    MethodPlan { method, kind }
}

fn kind(block: &Block<'_>, method: &Method<'_>, errors: &mut Vec<Error>) -> Result<Kind, Error> {
    let item = method.item;
    valid::no_late_helpers(item)?;
    let helpers = Helpers::new(item)?;
    valid::marked(block, method, &helpers)?;
    let is_marked = helpers.cache.is_some() || block.names(method.name());
    let is_delegated = helpers.nocache.is_some() || !block.is_cached_by_default() && !is_marked;
    let receiver = item.sig.receiver();
    errors.extend(valid::arguments(item, receiver.is_some() && !is_delegated));
    if block.trait_.is_some() {
        valid::forwardable(method, &block.wrapper_name())?;
    }
    let Some(receiver) = receiver else {
        valid::only_methods(block, method)?;
        helpers.without_effect("an associated function without `self` is never cached")?;
        let is_wanted = block.trait_.is_some();
        return Ok(if is_wanted {
            Kind::Associated
        } else {
            Kind::Omitted
        });
    };
    valid::skip_on_receiver(receiver)?;
    if is_delegated {
        if !valid::is_shared(receiver) {
            valid::omittable(block, method, receiver)?;
            helpers
                .without_effect("a method that needs more than `&self` is not in the wrapper")?;
            return Ok(Kind::Omitted);
        }
        let calls = helpers.invalidates.map(ast::invalidates).transpose()?;
        return Ok(Kind::Delegated(calls.unwrap_or_default()));
    }
    valid::cached(block, method, receiver, is_marked, errors);
    errors.extend(helpers.invalidates.map(valid::invalidates_on_cached));
    let args = helpers
        .cache
        .map(|cache| args::of_method(&cache.meta, errors))
        .unwrap_or_default();
    errors.extend(valid::options(&block.args, &args));
    errors.extend(valid::owned(block, method, &args));
    Ok(Kind::Cached(Box::new(args)))
}
