//! Values that can never be stored: a fault of the method's options and not of the store.

use crate::error::{Error, ErrorKind};
use crate::method::Bound;

/// Whether the value is what is wrong: its next run will fare no better.
pub(crate) fn is_value(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::TooLarge | ErrorKind::Encode)
}

/// Says it once for each method: until something is changed, every call runs.
pub(crate) fn warn(bound: &Bound, error: &Error) {
    if !bound.is_first_unstorable() {
        return;
    }
    let method = bound.site;
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
