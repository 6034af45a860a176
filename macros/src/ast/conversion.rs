//! Arguments that are given in any form and converted to one: `impl AsRef<str>`, `impl Into<T>`, `impl ToString`,
//! `impl IntoIterator<Item = T>`, also behind `Option` or `&`, and as type parameters with a name.
//!
//! What they are converted to is the key, and is what the method is given.

mod bounds;

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Ident, Type};

use super::{Arg, Method};
pub(crate) use bounds::Environment;

/// How an argument becomes a part of the key.
#[derive(Debug)]
pub(crate) struct Conversion {
    pub(crate) form: Form,
    /// The method is given the argument itself: other bounds, or other places, are about its type.
    pub(crate) keeps_source: bool,
    /// The type of the argument is in the key.
    pub(crate) counts_type: bool,
    /// The named type parameters that the conversion replaces, unless it keeps the argument.
    parameters: Vec<Ident>,
}

/// What an argument is converted to.
#[derive(Debug)]
pub(crate) enum Form {
    /// `&U` of an `AsRef<U>`.
    Borrowed(Type),
    /// The `String` of a `ToString`.
    Text,
    /// `T` of an `Into<T>`.
    Into(Type),
    /// A `Vec` of the items of an `IntoIterator`, which may be converted in turn.
    Items { item: Type, form: Option<Box<Form>> },
    /// An `Option` of one of these.
    Optional(Box<Form>),
    /// A reference to an `AsRef` or a `ToString`.
    Lent(Box<Form>),
}

/// Why an argument with such a bound cannot be converted.
#[derive(Debug)]
pub(crate) enum Obstacle {
    /// The conversion consumes it, and other bounds need it.
    NeedsClone,
    /// A trait that shows what the converted value may not.
    Shows(Ident),
}

impl Method<'_> {
    /// How an argument of this method is converted, if it is.
    ///
    /// # Errors
    /// It would be, but for its other bounds.
    pub(crate) fn conversion(&self, argument: &Arg<'_>) -> Result<Option<Conversion>, Obstacle> {
        if !argument.is_keyed_itself() {
            return Ok(None);
        }
        let env = Environment::of(&self.item.sig.generics);
        let Some(found) = env.resolve(argument.ty)? else {
            return Ok(None);
        };
        let is_elsewhere = found
            .parameters
            .iter()
            .any(|name| self.occurs_elsewhere(&env, name));
        let keeps_source = found.keeps || is_elsewhere;
        if keeps_source && found.form.consumes() && !found.is_clone {
            return Err(Obstacle::NeedsClone);
        }
        Ok(Some(Conversion {
            keeps_source,
            counts_type: found.counts || is_elsewhere,
            form: found.form,
            parameters: found.parameters,
        }))
    }

    /// Whether a type parameter stands for what an argument is converted to, and not for what the caller gives.
    pub(crate) fn is_replaced(&self, parameter: &Ident) -> bool {
        let mut converted = self
            .args
            .iter()
            .filter_map(|argument| self.conversion(argument).ok()?);
        converted.any(|found| !found.keeps_source && found.parameters.contains(parameter))
    }

    /// Whether a parameter is in the key by its name.
    pub(crate) fn counts_parameter(&self, parameter: &Ident) -> bool {
        let mut converted = self
            .args
            .iter()
            .filter_map(|argument| self.conversion(argument).ok()?);
        !converted.any(|found| !found.counts_type && found.parameters.contains(parameter))
    }

    /// Whether a parameter occurs in places that its conversion does not replace.
    fn occurs_elsewhere(&self, env: &Environment, parameter: &Ident) -> bool {
        let signature = &self.item.sig;
        let replaced = self.args.iter().filter(|argument| {
            let found = env.resolve(argument.ty).ok().flatten();
            argument.is_keyed_itself()
                && found.is_some_and(|found| found.parameters.contains(parameter))
        });
        let expected: usize = replaced
            .map(|argument| occurrences(argument.ty, parameter))
            .sum();
        let expected = expected + env.own_occurrences(signature, parameter);
        occurrences(signature, parameter) > expected
    }
}

impl Form {
    /// Whether the conversion needs the argument by value.
    pub(crate) fn consumes(&self) -> bool {
        match self {
            Self::Into(_) | Self::Items { .. } => true,
            Self::Borrowed(_) | Self::Text => false,
            Self::Optional(inner) | Self::Lent(inner) => inner.consumes(),
        }
    }

    /// Whether it is borrowed from the argument.
    pub(crate) fn borrows(&self) -> bool {
        match self {
            Self::Borrowed(_) => true,
            Self::Text | Self::Into(_) => false,
            Self::Items { form, .. } => form.as_ref().is_some_and(|form| form.borrows()),
            Self::Optional(inner) | Self::Lent(inner) => inner.borrows(),
        }
    }

    /// The types that become a part of the key.
    pub(crate) fn targets(&self) -> Vec<&Type> {
        match self {
            Self::Borrowed(ty) | Self::Into(ty) => vec![ty],
            Self::Text => Vec::new(),
            Self::Items { item, form: None } => vec![item],
            Self::Items {
                form: Some(inner), ..
            }
            | Self::Optional(inner)
            | Self::Lent(inner) => inner.targets(),
        }
    }
}

fn occurrences(tokens: impl ToTokens, name: &Ident) -> usize {
    fn count(tokens: TokenStream, name: &Ident) -> usize {
        let each = tokens.into_iter().map(|token| match token {
            TokenTree::Ident(ident) => usize::from(ident == *name),
            TokenTree::Group(group) => count(group.stream(), name),
            _ => 0,
        });
        each.sum()
    }
    count(tokens.to_token_stream(), name)
}
