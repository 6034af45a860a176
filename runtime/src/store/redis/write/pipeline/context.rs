//! What a write pipeline knows of its store.

use std::fmt;
use std::sync::{Arc, Weak};

use super::puts::QueuedPut;
use crate::error::Error;
use crate::key::digest::Field;
use crate::store::redis::connection::target::Target;
use crate::store::redis::script::PolicyScripts;
use crate::store::{Pair, Token};

#[derive(Clone)]
pub(crate) struct WriteContext {
    pub(crate) target: Arc<Target>,
    pub(crate) sink: Weak<dyn WriteSink>,
}

/// What the script of some puts is given besides them.
pub(crate) struct PutsOptions {
    pub(crate) scripts: Arc<PolicyScripts>,
    pub(crate) sweeps: bool,
    pub(crate) field_ttl: bool,
    /// The hits that are not recorded yet, as arguments.
    pub(crate) touches: Vec<Vec<u8>>,
}

/// What the store does for a write pipeline, and hears of replies: a call for each request, not for each caller.
pub(crate) trait WriteSink: Send + Sync {
    /// Before puts of a pair are sent. `None` while hits on it are on their way by another connection:
    /// they are recorded first.
    fn begin_puts(&self, pair: &Arc<Pair>, puts: &[QueuedPut]) -> Option<PutsOptions>;

    /// The next put of the pair is to sweep as well.
    fn sweep_again(&self, pair: &Pair);

    /// No caller wants the lease any more.
    fn release(&self, pair: &Arc<Pair>, field: Field, token: Token);

    /// The put goes another way: the connection is lost.
    fn put_elsewhere(&self, put: QueuedPut);

    /// A request was answered in good time.
    fn answered(&self, pair: &Pair);

    /// A node does not serve the slot of a request.
    fn moved(&self);

    /// A request failed, for all of its callers.
    fn failed(&self, pair: &Arc<Pair>, error: &Error);
}

impl fmt::Debug for WriteContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteContext")
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}
