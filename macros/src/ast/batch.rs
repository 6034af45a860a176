//! The argument of a batch method, whose elements are cached one by one, and what the method returns of each.

use syn::Type;

use crate::types;

/// How a method takes its ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BatchForm {
    /// `&[K]`
    Slice,
    /// `Vec<K>`
    Vec,
    /// `&Vec<K>`
    VecReference,
}

/// The argument that is split.
#[derive(Debug, Clone)]
pub(crate) struct Batch {
    /// Its place among the arguments.
    pub(crate) argument: usize,
    pub(crate) form: BatchForm,
    /// What it holds.
    pub(crate) element: Type,
    /// The same behind its references: `str` of `&[&str]`.
    pub(crate) id: Type,
    pub(crate) references: usize,
}

impl Batch {
    /// `None` for an argument that is neither a slice nor a `Vec`.
    pub(crate) fn new(argument: usize, ty: &Type) -> Option<Self> {
        let (form, element) = split(ty)?;
        let (mut id, mut references) = (types::peel(element), 0);
        while let Type::Reference(reference) = id {
            (id, references) = (types::peel(&reference.elem), references + 1);
        }
        Some(Self {
            argument,
            form,
            element: element.clone(),
            id: id.clone(),
            references,
        })
    }
}

fn split(ty: &Type) -> Option<(BatchForm, &Type)> {
    match types::peel(ty) {
        Type::Reference(reference) if reference.mutability.is_none() => {
            match types::peel(&reference.elem) {
                Type::Slice(slice) => Some((BatchForm::Slice, &slice.elem)),
                other => Some((BatchForm::VecReference, of_vec(other)?)),
            }
        }
        other => Some((BatchForm::Vec, of_vec(other)?)),
    }
}

fn of_vec(ty: &Type) -> Option<&Type> {
    let segment = types::last_segment(ty).filter(|segment| segment.ident == "Vec")?;
    types::arguments(segment).first().copied()
}

/// What a batch method is seen to return for each id.
#[derive(Debug)]
pub(crate) enum BatchItem<'a> {
    /// A value, or nothing: a map from ids.
    Mapped(&'a Type),
    /// By position.
    Positioned(&'a Type),
}

impl<'a> BatchItem<'a> {
    /// `None` where only the compiler knows: behind an alias.
    pub(crate) fn of(returned: &'a Type) -> Option<Self> {
        let mut segment = types::last_segment(returned)?;
        // An alias of `Result`, which the compiler sees through, is one by its name here.
        if segment.ident.to_string().ends_with("Result") {
            segment = types::last_segment(types::arguments(segment).first().copied()?)?;
        }
        let arguments = types::arguments(segment);
        match (segment.ident.to_string().as_str(), &arguments[..]) {
            ("HashMap" | "BTreeMap", [_, value, ..]) => Some(Self::Mapped(value)),
            ("Vec", [item]) => Some(Self::Positioned(item)),
            _ => None,
        }
    }

    /// The type that a call for one id would return.
    pub(crate) fn ty(&self) -> Type {
        match self {
            Self::Mapped(value) => syn::parse_quote!(::core::option::Option<#value>),
            Self::Positioned(item) => (*item).clone(),
        }
    }
}
