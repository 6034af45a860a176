//! The function around a block, if any. Macros know the path of its module; a function around it shows
//! only in the compiler's names of types.

use std::any::type_name;

#[derive(Debug, Clone, Copy)]
pub(super) struct Enclosing {
    in_module: &'static str,
    type_name: fn() -> &'static str,
}

impl Enclosing {
    /// `T` is a type in the block, and `in_module` what it is called if it stands in the module itself.
    pub(super) const fn of<T>(in_module: &'static str) -> Self {
        Self {
            in_module,
            type_name: type_name::<T>,
        }
    }

    /// The compiler's name of the type, if it is inside a function.
    pub(super) fn function(self) -> Option<&'static str> {
        let name = (self.type_name)();
        // Each writes raw identifiers in its own way.
        let is_in_module = name.replace("r#", "") == self.in_module.replace("r#", "");
        (!is_in_module).then_some(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Global;

    mod r#mod {
        pub(super) struct Raw;
        pub(super) const PATH: &str = concat!(module_path!(), "::Raw");
    }

    #[test]
    fn a_function_is_distinguished_from_a_module() {
        struct Local;
        let global = Enclosing::of::<Global>(concat!(module_path!(), "::Global"));
        assert_eq!(global.function(), None);
        assert_eq!(Enclosing::of::<r#mod::Raw>(r#mod::PATH).function(), None);
        let local = Enclosing::of::<Local>(concat!(module_path!(), "::Local"));
        let name = local.function().unwrap();
        assert!(
            name.contains("a_function_is_distinguished_from_a_module::"),
            "{name}"
        );
    }
}
