//! Elements of a list in `each find(ids)`, as the handles of a method take them.

/// An element of a list as a handle takes it: by reference, or as a copy.
#[doc(hidden)]
pub fn pass<'e, E: ?Sized, P: PassedElement<'e, E>>(element: &'e E) -> P {
    P::of(element)
}

/// What handles may take of an element of the type `E`.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "an element of this list is of the type `{E}`, and the method takes `{Self}`",
    label = "`each` passes an element by reference, or clones it",
    note = "name a list of what the method takes, such as `each find(users.iter().map(|user| user.id))`"
)]
pub trait PassedElement<'e, E: ?Sized> {
    fn of(element: &'e E) -> Self;
}

#[diagnostic::do_not_recommend]
impl<'e, E: ?Sized> PassedElement<'e, E> for &'e E {
    fn of(element: &'e E) -> Self {
        element
    }
}

#[diagnostic::do_not_recommend]
impl<'e, E: Clone> PassedElement<'e, E> for E {
    fn of(element: &'e E) -> Self {
        element.clone()
    }
}

// Elements that are references themselves.
#[diagnostic::do_not_recommend]
impl<'e, T: Clone> PassedElement<'e, &T> for T {
    fn of(element: &'e &T) -> Self {
        (*element).clone()
    }
}

macro_rules! unsized_elements {
    ($([$($param:ident)?] $owned:ty => $lent:ty;)*) => {$(
        #[diagnostic::do_not_recommend]
        impl<'e $(, $param)?> PassedElement<'e, $owned> for &'e $lent {
            fn of(element: &'e $owned) -> Self {
                element
            }
        }

        #[diagnostic::do_not_recommend]
        impl<'x $(, $param)?> PassedElement<'_, &'x $owned> for &'x $lent {
            fn of(element: &&'x $owned) -> Self {
                element
            }
        }

        #[diagnostic::do_not_recommend]
        impl<'e $(, $param: Clone)?> PassedElement<'e, &$lent> for $owned {
            fn of(element: &'e &$lent) -> Self {
                (*element).to_owned()
            }
        }
    )*};
}
unsized_elements! {
    [] String => str;
    [T] Vec<T> => [T];
    [] std::path::PathBuf => std::path::Path;
}
