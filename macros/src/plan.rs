//! **Plan**: what is made of each method of a block, and everything that is wrong with it.
//!
//! Imports [`valid`](crate::valid) and what is below it: rules for one method stand there, and which of them apply is
//! decided here, as are rules between methods. Start at [`Plan::new`].

mod batch;
mod invalidation;
mod named;
mod siblings;

use std::ops::Deref;

use syn::{Error, Ident, ImplItem};

use crate::args::{self, MethodArgs};
use crate::ast::{self, Block, EntryPoint, Helpers, Method, Writes};
use crate::valid;
pub(crate) use batch::BatchPlan;

/// A block, with what becomes of its methods.
#[derive(Debug)]
pub(crate) struct Plan<'a> {
    pub(crate) block: Block<'a>,
    pub(crate) methods: Vec<MethodPlan<'a>>,
    /// The names of methods that other blocks add to the wrapper.
    pub(crate) joined: Vec<String>,
}

#[derive(Debug)]
pub(crate) struct MethodPlan<'a> {
    method: Method<'a>,
    pub(crate) kind: Kind,
    /// It is cached item by item.
    pub(crate) batch: Option<BatchPlan>,
}

#[derive(Debug)]
pub(crate) enum Kind {
    Cached(Box<MethodArgs>),
    /// Handed through; what it says of entries is done after a success.
    Delegated(Writes),
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
        match block.entry_point {
            EntryPoint::Wrapper => {
                valid::own_type(&block)?;
                errors.extend(valid::wrapper(&block).err());
                errors.extend(valid::handle_of_wrapper(&block));
            }
            _ => errors.extend(valid::options_in_place(&block)),
        }
        errors.extend(valid::tags_of_block(&block));
        let mut methods = Vec::new();
        for item in &block.item.items {
            match item {
                ImplItem::Fn(item) => methods.push(method(&block, Method::new(item), errors)),
                ImplItem::Const(_) | ImplItem::Type(_) => {}
                other => errors.push(valid::unknown_item(other, &block.wrapper_name())),
            }
        }
        let mut plan = Self {
            block,
            methods,
            joined: Vec::new(),
        };
        errors.extend(siblings::collisions(&mut plan));
        plan.resolve_shares(errors);
        errors.extend(plan.names_given_twice());
        errors.extend(plan.wrong_invalidations());
        plan.check_lists(errors);
        plan.check_refreshes(errors);
        errors.extend(plan.self_key_of_nothing());
        if errors.is_empty() && !plan.methods.iter().any(MethodPlan::is_cached) {
            errors.push(valid::nothing_cached(&plan.block));
        }
        Ok(plan)
    }

    /// A function is cached, whatever its name says: the attribute stands on it alone, and so is meant.
    pub(crate) fn of_function(
        block: Block<'a>,
        args: MethodArgs,
        errors: &mut Vec<Error>,
    ) -> Result<Self, Error> {
        let Some(ImplItem::Fn(item)) = block.item.items.first() else {
            unreachable!("the block was made around a function");
        };
        let mut method = Method::of_function(item);
        method.skip(block.args.skip.as_ref());
        valid::no_late_helpers(item)?;
        for attribute in &item.attrs {
            if let Some(name) = ast::helper(attribute.path()) {
                errors.push(valid::helper_on_function(attribute, name));
            }
        }
        let before = errors.len();
        errors.extend(valid::arguments(item, true));
        errors.extend(valid::unknown_arguments(&block, &[&method]));
        valid::cached(&block, &method, None, true, errors);
        errors.extend(valid::cache_expression(&block, &method).err());
        let batch = options(&block, &method, &args, before, errors);
        errors.extend(valid::unboxed_recursion(&method));
        if errors.len() == before {
            errors.extend(valid::unknown_shared(&args, false, true));
            errors.extend(valid::keyed(&method, args.version.is_some()));
        }
        let kind = if errors.len() > before {
            Kind::Refused
        } else {
            Kind::Cached(Box::new(args))
        };
        let methods = vec![MethodPlan {
            method,
            kind,
            batch,
        }];
        Ok(Self {
            block,
            methods,
            joined: Vec::new(),
        })
    }

    /// The methods of one name: several where `#[cfg]` chooses between them.
    pub(crate) fn named(&self, name: &Ident) -> impl Iterator<Item = &MethodPlan<'a>> {
        self.methods
            .iter()
            .filter(move |method| method.name() == name)
    }

    /// Names in `only` and `skip` that nothing here has. Without the right list an argument may be in the key that is not
    /// to be: nothing is cached then, so that there is one error.
    fn check_lists(&mut self, errors: &mut Vec<Error>) {
        let all: Vec<&Method<'a>> = self.methods.iter().map(|method| &method.method).collect();
        errors.extend(valid::unknown_methods(&self.block, &all));
        let may_skip = |kind: &Kind| matches!(kind, Kind::Cached(_) | Kind::Refused);
        let cached = self.methods.iter().filter(|method| may_skip(&method.kind));
        let cached: Vec<&Method<'a>> = cached.map(|method| &method.method).collect();
        let unknown = valid::unknown_arguments(&self.block, &cached);
        let skip = self.block.args.skip.as_ref();
        if !unknown.is_empty() || skip.is_some_and(|skip| skip.0.is_wrong()) {
            for method in self.methods.iter_mut().filter(|method| method.is_cached()) {
                method.kind = Kind::Refused;
            }
        }
        errors.extend(unknown);
    }

    /// `self_key` in place, where nothing that is cached has a `self`.
    fn self_key_of_nothing(&self) -> Option<Error> {
        let uses = |method: &MethodPlan<'_>| match method.kind {
            Kind::Cached(_) => method.has_self(),
            Kind::Refused => true,
            _ => false,
        };
        let is_in_place = self.block.entry_point == EntryPoint::InPlace;
        (is_in_place && !self.methods.iter().any(uses))
            .then(|| valid::self_key_without_methods(&self.block))?
    }

    /// What is wrong with the block for refreshes that outlive calls.
    fn check_refreshes(&mut self, errors: &mut Vec<Error>) {
        let refreshed = self.methods.iter().find_map(|method| match &method.kind {
            Kind::Cached(args) => {
                let outlives =
                    method.batch.is_none() && args::outlives_calls(&self.block.args, args);
                outlives.then_some((method, args))
            }
            _ => None,
        });
        let error = refreshed.and_then(|(method, args)| {
            valid::refreshed_owner(&self.block, args)
                .or_else(|| valid::outlived(&self.block))
                .or_else(|| valid::refreshed_in_place(&self.block, method))
        });
        if let Some(error) = error {
            errors.push(error);
            self.forget_refreshes();
        }
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
    let found = match block.entry_point {
        EntryPoint::Wrapper => kind(block, &method, errors),
        EntryPoint::InPlace | EntryPoint::Function => kind_in_place(block, &method, errors),
    };
    let (kind, batch) = found.unwrap_or_else(|error| {
        errors.push(error);
        (Kind::Refused, None)
    });
    let kind = if errors.len() > before {
        Kind::Refused
    } else {
        kind
    };
    MethodPlan {
        method,
        kind,
        batch,
    }
}

/// What becomes of a method, and how it is split if it is a batch.
type Decision = (Kind, Option<BatchPlan>);

fn kind(
    block: &Block<'_>,
    method: &Method<'_>,
    errors: &mut Vec<Error>,
) -> Result<Decision, Error> {
    let item = method.item;
    valid::no_late_helpers(item)?;
    let helpers = Helpers::new(item)?;
    valid::marked(block, method, &helpers)?;
    let is_delegated = helpers.nocache.is_some()
        || !block.is_cached_by_default() && !is_marked(block, method, &helpers);
    let receiver = item.sig.receiver();
    errors.extend(valid::arguments(item, receiver.is_some() && !is_delegated));
    if block.trait_.is_some() {
        valid::forwardable(method, &block.wrapper_name())?;
    }
    let Some(receiver) = receiver else {
        valid::only_methods(block, method)?;
        helpers.without_effect(
            "a wrapper caches methods with `&self` only; remove this attribute, or cache the block in place, with its \
             associated functions: `#[cache_impl(cache = …)]`",
        )?;
        let is_wanted = block.trait_.is_some();
        let kind = if is_wanted {
            Kind::Associated
        } else {
            Kind::Omitted
        };
        return Ok((kind, None));
    };
    valid::skip_on_receiver(receiver)?;
    if is_delegated {
        let is_lent = block.owns_value() && (method.takes_mut() || method.takes_value());
        if !valid::is_shared(receiver) && !is_lent {
            valid::omittable(block, method, receiver)?;
            helpers.without_effect(
                "a method that needs more than `&self` is not in the wrapper; remove this attribute",
            )?;
            return Ok((Kind::Omitted, None));
        }
        let writes = helpers.writes()?.unwrap_or_default();
        errors.extend(valid::writes(block, &writes, method));
        return Ok((Kind::Delegated(writes), None));
    }
    Ok(cached(block, method, &helpers, errors))
}

/// In place a method that is not cached stays as it is.
fn kind_in_place(
    block: &Block<'_>,
    method: &Method<'_>,
    errors: &mut Vec<Error>,
) -> Result<Decision, Error> {
    let item = method.item;
    valid::no_late_helpers(item)?;
    let helpers = Helpers::new(item)?;
    valid::marked(block, method, &helpers)?;
    let is_cached = is_marked(block, method, &helpers)
        || helpers.nocache.is_none()
            && block.is_cached_by_default()
            && !valid::is_constructor(method);
    errors.extend(valid::arguments(item, is_cached));
    if let Some(receiver) = item.sig.receiver() {
        valid::skip_on_receiver(receiver)?;
    }
    if !is_cached {
        let Some(writes) = helpers.writes()? else {
            return Ok((Kind::Omitted, None));
        };
        valid::cache_expression(block, method)?;
        errors.extend(valid::writes(block, &writes, method));
        return Ok((Kind::Delegated(writes), None));
    }
    let before = errors.len();
    let found = cached(block, method, &helpers, errors);
    if errors.len() == before {
        valid::cache_expression(block, method)?;
        valid::self_in_key(block, method)?;
        errors.extend(valid::unboxed_recursion(method));
    }
    Ok(found)
}

fn cached(
    block: &Block<'_>,
    method: &Method<'_>,
    helpers: &Helpers<'_>,
    errors: &mut Vec<Error>,
) -> Decision {
    let before = errors.len();
    let receiver = method.item.sig.receiver();
    let is_marked = is_marked(block, method, helpers);
    valid::cached(block, method, receiver, is_marked, errors);
    let writes = helpers.invalidates.or(helpers.updates);
    errors.extend(writes.map(valid::writes_on_cached));
    let args = helpers
        .cache
        .map(|cache| args::of_method(&cache.meta, errors))
        .unwrap_or_default();
    let batch = options(block, method, &args, before, errors);
    (Kind::Cached(Box::new(args)), batch)
}

/// What is wrong with the options of a method; how it is split if it is a batch. `before` there were so many errors:
/// one mistake, one error.
fn options(
    block: &Block<'_>,
    method: &Method<'_>,
    args: &MethodArgs,
    before: usize,
    errors: &mut Vec<Error>,
) -> Option<BatchPlan> {
    errors.extend(valid::options(&block.args, args));
    errors.extend(valid::fallible(method, args));
    errors.extend(valid::tags(block, method, args));
    errors.extend(valid::label(method, args));
    if args.batch.is_none() && args.shares.is_none() {
        errors.extend(valid::owned(block, method, args));
        return None;
    }
    if errors.len() > before {
        return None;
    }
    let batch = valid::batch(block, method, args, errors)?;
    Some(BatchPlan {
        batch,
        shares: None,
    })
}

/// Whether someone has said that a method is to be cached.
fn is_marked(block: &Block<'_>, method: &Method<'_>, helpers: &Helpers<'_>) -> bool {
    helpers.cache.is_some() || block.names(method.name())
}
