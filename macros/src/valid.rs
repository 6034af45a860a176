//! **Valid**: the rules for blocks, methods and arguments: what is refused, and what to write instead.
//!
//! Imports [`ast`](crate::ast), [`args`](crate::args), and the helpers below them. Which rules apply to a method is
//! decided by the next stage; start at [`cached`], the rules for a method that is to be cached.

mod argument;
mod batch;
mod block;
mod callable;
mod each;
mod error;
mod in_place;
mod invalidation;
mod label;
mod listed;
mod name;
mod receiver;
mod refresh;
mod returned;
mod sharing;
mod tags;

use syn::{Attribute, Error, Receiver};

use crate::ast::{self, Block, Method};
use error::{at, leave_out};

pub(crate) use argument::{arguments, no_late_helpers};
pub(crate) use batch::batch;
pub(crate) use block::{
    block, forwardable, named_twice, not_a_block, nothing_cached, own_type, unknown_item, wrapper,
};
pub(crate) use each::list_of_each;
pub(crate) use in_place::{
    cache_expression, function, handle_of_wrapper, helper_on_function, is_constructor, keyed,
    not_a_function, options_in_place, refreshed_in_place, self_in_key, self_key_without_methods,
    unboxed_recursion, without_cache,
};
pub(crate) use invalidation::{no_entries, used_with_ok, writes};
pub(crate) use label::label;
pub(crate) use listed::{marked, only_methods, unknown_arguments, unknown_methods};
pub(crate) use receiver::{is_shared, omittable, skip_on_receiver};
pub(crate) use refresh::{options, outlived, owned, refreshed_owner};
pub(crate) use returned::{fallible, nothing};
pub(crate) use sharing::{sharing, unknown_shared};
pub(crate) use tags::{tags, tags_of_block};

/// The rules for a method that is to be cached. Every broken one is reported.
pub(crate) fn cached(
    block: &Block<'_>,
    method: &Method<'_>,
    receiver: Option<&Receiver>,
    is_meant: bool,
    errors: &mut Vec<Error>,
) {
    let before = errors.len();
    errors.extend(receiver.and_then(|receiver| receiver::shared(block, method, receiver).err()));
    errors.extend(signature(method).err());
    errors.extend(listed::said_twice(block, method));
    let arguments = method.args.iter();
    errors.extend(arguments.filter_map(|one| argument::key_of_keyed(method, one).err()));
    let keyed = method.args.iter().filter(|one| one.is_keyed_itself());
    errors.extend(keyed.filter_map(|argument| {
        callable::not_callable(method, argument)
            .and_then(|()| argument::in_key(method, argument))
            .and_then(|()| argument::given_in_place(block, method, argument))
            .err()
    }));
    // One mistake, one error: the name is only checked where the rest fits.
    if errors.len() == before {
        let wrong = returned::storable(method).and_then(|()| {
            if is_meant {
                Ok(())
            } else {
                name::only_reads(method)
            }
        });
        errors.extend(wrong.err());
    }
}

pub(crate) fn writes_on_cached(attribute: &Attribute) -> Error {
    let name = ast::helper(attribute.path()).unwrap_or_default();
    at(
        attribute,
        format!("`#[{name}]` belongs on a method that is not cached; add `#[nocache]`"),
    )
}

fn signature(method: &Method<'_>) -> Result<(), Error> {
    let (signature, leave_out) = (&method.item.sig, leave_out(method));
    if let syn::Safety::Unsafe(unsafety) = &signature.safety {
        return Err(at(
            unsafety,
            format!(
                "`unsafe fn` cannot be cached: a hit would not run the checks its caller promised; {leave_out}"
            ),
        ));
    }
    if let Some(constness) = &signature.constness {
        return Err(at(
            constness,
            format!("`const fn` cannot be cached; remove `const`, or {leave_out}"),
        ));
    }
    if let Some(abi) = &signature.abi {
        return Err(at(
            abi,
            format!("`extern fn` cannot be cached; {leave_out}"),
        ));
    }
    match &method.item.modifiers.defaultness {
        Some(defaultness) => Err(at(
            defaultness,
            "`default fn` cannot be cached; remove `default`",
        )),
        None => Ok(()),
    }
}
