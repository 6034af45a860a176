//! What the bounds of a type say of its conversion.

use quote::{ToTokens as _, quote};
use syn::{
    AssocType, Constraint, GenericArgument, Generics, Ident, PathArguments, PathSegment, Signature,
    TraitBound, Type, TypeParamBound, WherePredicate,
};

use super::{Form, Obstacle};
use crate::types;

/// Traits that say nothing of a value.
const MARKERS: [&str; 6] = [
    "Send",
    "Sync",
    "Unpin",
    "Sized",
    "UnwindSafe",
    "RefUnwindSafe",
];

/// Traits of the standard library that show of a value what its conversion shows, and its type.
const KNOWN: [&str; 17] = [
    "Any",
    "Borrow",
    "Clone",
    "Copy",
    "Debug",
    "Default",
    "Deref",
    "Display",
    "Eq",
    "Error",
    "Hash",
    "Ord",
    "PartialEq",
    "PartialOrd",
    "ToOwned",
    "TryInto",
    "DoubleEndedIterator",
];

/// What the iterator of a `Vec` can do.
const ITERATORS: [&str; 4] = [
    "DoubleEndedIterator",
    "ExactSizeIterator",
    "FusedIterator",
    "Clone",
];

/// Type parameters and what is said of them.
#[derive(Debug)]
pub(crate) struct Environment(Vec<Parameter>);

#[derive(Debug)]
struct Parameter {
    name: Ident,
    bounds: Vec<TypeParamBound>,
    /// Of `Name::Item` and `Name::IntoIter`.
    of_items: Vec<TypeParamBound>,
    of_iterator: Vec<TypeParamBound>,
}

/// A conversion, as far as one type says.
pub(super) struct FoundConversion {
    pub(super) form: Form,
    /// The argument itself has to be passed on.
    pub(super) keeps: bool,
    /// Its type is in the key.
    pub(super) counts: bool,
    pub(super) is_clone: bool,
    pub(super) parameters: Vec<Ident>,
}

impl Environment {
    /// The type parameters of a method.
    pub(crate) fn of(generics: &Generics) -> Self {
        let mut all: Vec<_> = generics
            .type_params()
            .map(|param| Parameter {
                name: param.ident.clone(),
                bounds: param.bounds.iter().cloned().collect(),
                of_items: Vec::new(),
                of_iterator: Vec::new(),
            })
            .collect();
        for predicate in generics
            .where_clause
            .iter()
            .flat_map(|clause| &clause.predicates)
        {
            let WherePredicate::Type(predicate) = predicate else {
                continue;
            };
            let Some((name, associated)) = subject(&predicate.bounded_ty) else {
                continue;
            };
            let Some(parameter) = all.iter_mut().find(|parameter| parameter.name == *name) else {
                continue;
            };
            let place = match associated.map(ToString::to_string).as_deref() {
                None => &mut parameter.bounds,
                Some("Item") => &mut parameter.of_items,
                Some("IntoIter") => &mut parameter.of_iterator,
                Some(_) => continue,
            };
            place.extend(predicate.bounds.iter().cloned());
        }
        Self(all)
    }

    /// The form of an argument of this type.
    pub(crate) fn form(&self, ty: &Type) -> Option<Form> {
        self.resolve(ty).ok().flatten().map(|found| found.form)
    }

    pub(super) fn resolve(&self, ty: &Type) -> Result<Option<FoundConversion>, Obstacle> {
        match types::peel(ty) {
            Type::Reference(reference) if reference.mutability.is_none() => {
                let found = self.any(&reference.elem)?;
                let found =
                    found.filter(|found| matches!(found.form, Form::Borrowed(_) | Form::Text));
                Ok(found.map(|found| found.map(Form::Lent)))
            }
            ty => match types::option(ty) {
                Some(inner) => Ok(self.any(inner)?.map(|found| found.map(Form::Optional))),
                None => self.any(ty),
            },
        }
    }

    /// Of an `impl Trait`, or of a parameter.
    fn any(&self, ty: &Type) -> Result<Option<FoundConversion>, Obstacle> {
        let ty = types::peel(ty);
        if let Type::ImplTrait(found) = ty {
            let bounds = found.bounds.iter();
            return self.of_bounds(ty, bounds, &[], &[]);
        }
        let Some(parameter) = self.parameter(ty) else {
            return Ok(None);
        };
        // It may be `Serialize` by another of its bounds: the compiler knows.
        let found = self.of_bounds(
            ty,
            parameter.bounds.iter(),
            &parameter.of_items,
            &parameter.of_iterator,
        );
        let mut found = found.ok().flatten();
        if let Some(found) = &mut found {
            found.parameters.push(parameter.name.clone());
        }
        Ok(found)
    }

    fn parameter(&self, ty: &Type) -> Option<&Parameter> {
        let Type::Path(path) = ty else {
            return None;
        };
        let name = path.path.get_ident().filter(|_| path.qself.is_none())?;
        self.0.iter().find(|parameter| parameter.name == *name)
    }

    fn of_bounds<'b>(
        &self,
        ty: &Type,
        bounds: impl Iterator<Item = &'b TypeParamBound>,
        of_items: &[TypeParamBound],
        of_iterator: &[TypeParamBound],
    ) -> Result<Option<FoundConversion>, Obstacle> {
        let mut conversions: Vec<FoundConversion> = Vec::new();
        let (mut has_lifetime, mut has_further, mut is_clone) = (false, false, false);
        let mut shows = None;
        for bound in bounds {
            let bound = match bound {
                TypeParamBound::Lifetime(_) => {
                    has_lifetime = true;
                    continue;
                }
                TypeParamBound::Trait(bound) => bound,
                _ => return Ok(None),
            };
            let Some(last) = bound.path.segments.last() else {
                continue;
            };
            let name = last.ident.to_string();
            if is_relaxed(bound) || MARKERS.contains(&name.as_str()) {
                continue;
            }
            if let Some(found) = self.conversion(ty, last, of_items, of_iterator)? {
                conversions.push(found);
            } else if name == "Serialize" || name == "KeyPart" {
                return Ok(None);
            } else if KNOWN.contains(&name.as_str()) {
                has_further = true;
                is_clone |= name == "Clone" || name == "Copy";
            } else {
                shows = Some(last.ident.clone());
            }
        }
        // What borrows comes first: it leaves the argument as it is.
        conversions.sort_by_key(|found| found.form.consumes());
        has_further |= conversions.len() > 1;
        let Some(mut found) = conversions.into_iter().next() else {
            return Ok(None);
        };
        if let Some(shows) = shows {
            return Err(Obstacle::Shows(shows));
        }
        let is_original =
            has_lifetime || matches!(&found.form, Form::Borrowed(ty) if !is_its_own(ty));
        found.keeps |= has_further || is_original && found.form.borrows();
        found.counts |= has_further;
        found.is_clone = is_clone && !matches!(&found.form, Form::Items { form: Some(_), .. });
        Ok(Some(found))
    }

    /// What one bound converts to.
    fn conversion(
        &self,
        ty: &Type,
        bound: &PathSegment,
        of_items: &[TypeParamBound],
        of_iterator: &[TypeParamBound],
    ) -> Result<Option<FoundConversion>, Obstacle> {
        let target = || types::arguments(bound).first().map(|ty| (*ty).clone());
        let form = match bound.ident.to_string().as_str() {
            "AsRef" => target().map(Form::Borrowed),
            "Into" => target().map(Form::Into),
            "ToString" => Some(Form::Text),
            "IntoIterator" => return self.items(ty, bound, of_items, of_iterator),
            _ => None,
        };
        Ok(form.map(FoundConversion::of))
    }

    /// `IntoIterator<Item = T>`, `IntoIterator<Item: AsRef<str>>`, or what a `where` says of the items.
    fn items(
        &self,
        ty: &Type,
        bound: &PathSegment,
        of_items: &[TypeParamBound],
        of_iterator: &[TypeParamBound],
    ) -> Result<Option<FoundConversion>, Obstacle> {
        let (mut item, mut bounds) = (None, of_items.to_vec());
        let mut of_iterator = of_iterator.to_vec();
        if let PathArguments::AngleBracketed(arguments) = &bound.arguments {
            for argument in &arguments.args {
                match argument {
                    GenericArgument::AssocType(AssocType { ident, ty, .. }) if ident == "Item" => {
                        item = Some(ty.clone());
                    }
                    GenericArgument::Constraint(Constraint {
                        ident,
                        bounds: more,
                        ..
                    }) => {
                        let place = if ident == "Item" {
                            &mut bounds
                        } else {
                            &mut of_iterator
                        };
                        place.extend(more.iter().cloned());
                    }
                    _ => return Ok(None),
                }
            }
        }
        let can_all = of_iterator.iter().all(|bound| match bound {
            TypeParamBound::Trait(bound) => bound.path.segments.last().is_some_and(|last| {
                let name = last.ident.to_string();
                ITERATORS.contains(&name.as_str()) || MARKERS.contains(&name.as_str())
            }),
            _ => true,
        });
        if !can_all {
            return Ok(None);
        }
        let (item, inner) = match item {
            Some(item) => {
                let inner = self.any(&item)?;
                (item, inner)
            }
            None => {
                let item: Type = syn::parse_quote!(<#ty as ::core::iter::IntoIterator>::Item);
                match self.of_bounds(&item, bounds.iter(), &[], &[])? {
                    Some(inner) => (item, Some(inner)),
                    None => return Ok(None),
                }
            }
        };
        let Some(inner) = inner else {
            return Ok(Some(FoundConversion::of(Form::Items { item, form: None })));
        };
        Ok(Some(FoundConversion {
            keeps: inner.keeps,
            counts: inner.counts,
            parameters: inner.parameters,
            ..FoundConversion::of(Form::Items {
                item,
                form: Some(Box::new(inner.form)),
            })
        }))
    }

    /// How often the declarations name a parameter that is only converted: once itself, once for each bound of its own,
    /// and as the item of another that is converted.
    pub(super) fn own_occurrences(&self, signature: &Signature, parameter: &Ident) -> usize {
        let generics = &signature.generics;
        let clauses = generics
            .where_clause
            .iter()
            .flat_map(|clause| &clause.predicates);
        let subjects = clauses.filter(|predicate| match predicate {
            WherePredicate::Type(predicate) => {
                subject(&predicate.bounded_ty).is_some_and(|(name, _)| name == parameter)
            }
            _ => false,
        });
        let as_items = self.0.iter().filter(|other| {
            other.name != *parameter && other.bounds.iter().any(|bound| is_item(bound, parameter))
        });
        1 + subjects.count() + as_items.count()
    }
}

impl FoundConversion {
    fn of(form: Form) -> Self {
        Self {
            form,
            keeps: false,
            counts: false,
            is_clone: false,
            parameters: Vec::new(),
        }
    }

    fn map(self, wrap: fn(Box<Form>) -> Form) -> Self {
        Self {
            form: wrap(Box::new(self.form)),
            ..self
        }
    }
}

/// Whether `&U` is an `AsRef<U>`, as far as names say.
fn is_its_own(ty: &Type) -> bool {
    let is_named = types::last_segment(ty).is_some_and(|last| {
        ["str", "Path", "OsStr", "CStr", "Vec"]
            .iter()
            .any(|name| last.ident == name)
    });
    is_named || matches!(types::peel(ty), Type::Slice(_))
}

/// `S` of a bound on `S` itself, `S` and `Item` of one on `S::Item`.
fn subject(ty: &Type) -> Option<(&Ident, Option<&Ident>)> {
    let Type::Path(path) = types::peel(ty) else {
        return None;
    };
    let segments: Vec<_> = path.path.segments.iter().collect();
    match &segments[..] {
        [name] if path.qself.is_none() => Some((&name.ident, None)),
        [name, associated] if path.qself.is_none() => Some((&name.ident, Some(&associated.ident))),
        _ => None,
    }
}

/// `IntoIterator<Item = S>`
fn is_item(bound: &TypeParamBound, parameter: &Ident) -> bool {
    let text = quote!(IntoIterator<Item = #parameter>).to_string();
    match bound {
        TypeParamBound::Trait(bound) => {
            let last = bound.path.segments.last();
            last.is_some_and(|last| last.to_token_stream().to_string() == text)
        }
        _ => false,
    }
}

/// `?Sized`
fn is_relaxed(bound: &TraitBound) -> bool {
    bound.maybe.is_some()
}
