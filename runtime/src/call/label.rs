//! The label of a call, from the arguments to the entry.
//!
//! It is made just before the method takes the arguments, so that a hit makes none.

use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use super::steps::Steps;
use crate::entry::label::{Label, LabelFailure};
use crate::method::bound::BoundMethod;

/// Where the label of a call waits for its entry.
#[doc(hidden)]
pub struct LabelSlot {
    /// Whether the call may store its value.
    is_wanted: AtomicBool,
    made: OnceLock<Result<Label, LabelFailure>>,
}

#[doc(hidden)]
impl LabelSlot {
    #[allow(clippy::new_without_default)] // generated code alone makes them
    pub const fn new() -> Self {
        Self {
            is_wanted: AtomicBool::new(false),
            made: OnceLock::new(),
        }
    }

    /// Makes the label, if the call may store its value.
    pub fn fill(&self, show: &dyn Fn(&mut dyn fmt::Write) -> fmt::Result) {
        if self.is_wanted.load(Ordering::Relaxed) {
            self.made.get_or_init(|| Label::of(show));
        }
    }
}

impl LabelSlot {
    pub(crate) fn want(&self) {
        self.is_wanted.store(true, Ordering::Relaxed);
    }

    /// The label that was made; none if an argument could not be shown, which is logged once for each method.
    pub(crate) fn label(&self, method: &BoundMethod) -> Label {
        match self.made.get() {
            Some(Ok(label)) => label.clone(),
            Some(Err(LabelFailure)) => {
                if method.is_first_unlabeled() {
                    tracing::warn!(
                        method = &*method.site,
                        "redis-func-cache: a `Display` or `Debug` that `label` asks for failed or panicked; such entries \
                         have no label"
                    );
                }
                Label::NONE
            }
            None => Label::NONE,
        }
    }
}

impl Steps<'_> {
    /// What is stored for the call has the label that its execution made.
    pub(crate) fn label(&mut self, slot: Option<&LabelSlot>) {
        if let (Ok(attempt), Some(slot)) = (&mut self.0, slot) {
            attempt.call.label = slot.label(&attempt.call.method);
        }
    }
}

// It shows arguments, which are not for logs.
impl fmt::Debug for LabelSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LabelSlot").finish_non_exhaustive()
    }
}
