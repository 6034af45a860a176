//! What a caller wants to read, and how long it can wait.

use std::sync::Arc;

use crate::deadline::Timeout;
use crate::key::digest::Field;
use crate::store::Pair;

#[derive(Clone, Copy)]
pub(crate) struct Query<'a> {
    pub(crate) pair: &'a Arc<Pair>,
    pub(crate) field: Field,
    pub(crate) wait: Timeout,
}
