//! What read pipelines know of their store.

use std::fmt;
use std::sync::{Arc, Weak};

use super::request::Hits;
use crate::store::redis::connection::target::Target;
use crate::store::redis::health::endpoint::Endpoint;
use crate::store::{Clock, Pair};

#[derive(Clone)]
pub(crate) struct PipelineContext {
    pub(crate) target: Arc<Target>,
    pub(crate) clock: Clock,
    /// Whose breaker hears of replies.
    pub(crate) endpoint: Arc<Endpoint>,
    pub(crate) sink: Weak<dyn ReplySink>,
}

/// What the store hears of replies: a call for each batch, not for each read.
pub(crate) trait ReplySink: Send + Sync {
    /// The hits on one pair.
    fn record_hits(&self, pair: &Arc<Pair>, now_us: u64, hits: Hits<'_>);

    /// A node does not serve the slot that it was asked for.
    fn moved(&self);
}

impl fmt::Debug for PipelineContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PipelineContext")
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}
