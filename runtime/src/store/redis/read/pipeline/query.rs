//! What a caller wants to read, and how long it can wait.

use std::sync::Arc;

use crate::deadline::Timeout;
use crate::key::digest::Field;
use crate::key::tags::TagIds;
use crate::store::{EntryOf, Pair};

#[derive(Clone, Copy)]
pub(crate) struct Query<'a> {
    pub(crate) pair: &'a Arc<Pair>,
    pub(crate) field: Field,
    pub(crate) tags: &'a TagIds,
    pub(crate) wait: Timeout,
}

impl<'a> Query<'a> {
    pub(crate) fn new(pair: &'a Arc<Pair>, wanted: &'a EntryOf, wait: Timeout) -> Self {
        Self {
            pair,
            field: wanted.field,
            tags: &wanted.tags,
            wait,
        }
    }
}
