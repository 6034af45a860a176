//! Attributes that say nothing of what a method computes.

use syn::visit_mut::{self, VisitMut};
use syn::{Attribute, ImplItemFn, Meta, PatType, Receiver};

use super::conditions;

/// Removes every attribute, at any depth, that does not choose what is compiled.
pub(super) struct Strip;

impl VisitMut for Strip {
    fn visit_attributes_mut(&mut self, attributes: &mut Vec<Attribute>) {
        attributes.retain(conditions::chooses);
    }

    fn visit_impl_item_fn_mut(&mut self, method: &mut ImplItemFn) {
        method.attrs.clear();
        visit_mut::visit_impl_item_fn_mut(self, method);
    }

    fn visit_pat_type_mut(&mut self, argument: &mut PatType) {
        // It says what the key is made of.
        argument
            .attrs
            .retain_mut(|attribute| match &mut attribute.meta {
                Meta::List(list)
                    if list
                        .path
                        .segments
                        .last()
                        .is_some_and(|last| last.ident == "cache_key") =>
                {
                    list.path = syn::parse_quote!(cache_key);
                    true
                }
                _ => false,
            });
        let keys = std::mem::take(&mut argument.attrs);
        visit_mut::visit_pat_type_mut(self, argument);
        argument.attrs = keys;
    }

    fn visit_receiver_mut(&mut self, receiver: &mut Receiver) {
        receiver.attrs.clear();
        visit_mut::visit_receiver_mut(self, receiver);
    }
}
