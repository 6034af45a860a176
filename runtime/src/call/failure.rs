//! Trouble with the cache, which a call never returns: it is counted and logged, and the method runs.

use super::attempt::KeyedCall;
use crate::engine::Engine;
use crate::error::{Error, ErrorKind};
use crate::method::bound::BoundMethod;

impl KeyedCall<'_> {
    pub(crate) fn failed(&self, error: &Error) {
        record(self.engine, &self.method, error);
    }
}

/// Counts and logs a failure.
pub(crate) fn record(engine: &Engine, method: &BoundMethod, error: &Error) {
    engine.count_error(method, error.kind());
    if is_unstorable(error) {
        return warn_unstorable(method, error);
    }
    tracing::debug!(method = &*method.site, kind = %error.kind(), %error, "redis-func-cache: the cache failed, the method runs");
}

/// Whether the value is at fault, and not the store: the next one will fare no better.
pub(crate) fn is_unstorable(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::TooLarge | ErrorKind::Encode)
}

/// Warns once for each method: until something is changed, every call runs it.
pub(crate) fn warn_unstorable(bound: &BoundMethod, error: &Error) {
    if !bound.is_first_unstorable() {
        return;
    }
    let method = &*bound.site;
    if error.kind() == ErrorKind::TooLarge {
        tracing::warn!(
            method,
            %error,
            "redis-func-cache: a value of this method is too large to be stored, so calls that return it always \
             run the method; raise `max_entry_bytes` on the builder, return less, or mark the method `#[nocache]`"
        );
    } else {
        tracing::warn!(
            method,
            codec = ?bound.codec,
            %error,
            "redis-func-cache: a value of this method cannot be encoded, so calls that return it always run the \
             method; write `codec = \"…\"` with a codec that knows the type, mend its `Serialize`, or mark the \
             method `#[nocache]`"
        );
    }
}
