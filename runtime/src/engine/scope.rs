//! Modes and statistics that hold for one future or one closure.
//!
//! A scope is a list of frames in a thread-local cell. A future in a scope puts its frames there
//! while it is polled and takes them away after, so tasks on one thread do not see each other's,
//! whatever the runtime is.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tracing::Span;

use super::transaction::TransactionScope;
use crate::key::digest::{Field, FieldSet};
use crate::key::tags::TagIds;
use crate::method::bound::BoundMethod;
use crate::stats::{Counters, Event, Stats};

/// What cached calls may do with the store; both by default.
///
/// | | `read: true` | `read: false` |
/// |---|---|---|
/// | **`write: true`** | normal | always runs the method, stores the result |
/// | **`write: false`** | answers from the cache, stores nothing | as if there were no cache |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Mode {
    /// Whether calls look the result up.
    pub read: bool,
    /// Whether calls store what the method returned.
    pub write: bool,
}

impl Mode {
    /// As if there were no cache.
    pub(crate) const OFF: Self = Self {
        read: false,
        write: false,
    };
}

impl Default for Mode {
    fn default() -> Self {
        Self {
            read: true,
            write: true,
        }
    }
}

pub(crate) enum Frame {
    Mode(Mode),
    Stats(Box<Counters>),
    /// The method of this field is executing.
    Executing(Field),
    /// A batch method is executing for these fields.
    ExecutingAll(FieldSet),
    /// Invalidations wait for a commit.
    Transaction(Arc<TransactionScope>),
}

struct Node {
    cache: u64,
    frame: Frame,
    outer: Option<Arc<Node>>,
}

type Frames = Option<Arc<Node>>;

thread_local! {
    static FRAMES: RefCell<Frames> = const { RefCell::new(None) };
}

/// The mode that the innermost scope of this cache asks for.
#[inline]
pub(crate) fn mode(cache: u64) -> Mode {
    let mut mode = None;
    each(cache, |frame| match frame {
        Frame::Mode(inner) if mode.is_none() => mode = Some(*inner),
        _ => {}
    });
    mode.unwrap_or_default()
}

/// Whether this task is inside an execution for this field.
pub(crate) fn is_executing(cache: u64, field: Field) -> bool {
    let mut found = false;
    each(cache, |frame| {
        found |= match frame {
            Frame::Executing(outer) => *outer == field,
            Frame::ExecutingAll(outer) => outer.contains(&field),
            Frame::Mode(_) | Frame::Stats(_) | Frame::Transaction(_) => false,
        };
    });
    found
}

/// Whether this task is inside an execution of any method of this cache.
pub(crate) fn is_inside_execution(cache: u64) -> bool {
    let mut found = false;
    each(cache, |frame| {
        found |= matches!(frame, Frame::Executing(_) | Frame::ExecutingAll(_));
    });
    found
}

/// The innermost transaction of this cache that this task is inside of.
pub(crate) fn transaction(cache: u64) -> Option<Arc<TransactionScope>> {
    let mut innermost = None;
    each(cache, |frame| match frame {
        Frame::Transaction(transaction) if innermost.is_none() => {
            innermost = Some(transaction.clone());
        }
        _ => {}
    });
    innermost
}

/// Whether this task is inside a transaction that invalidates this entry.
#[inline]
pub(crate) fn is_invalidated(cache: u64, bound: &BoundMethod, field: Field, tags: &TagIds) -> bool {
    let mut found = false;
    each(cache, |frame| {
        if let Frame::Transaction(transaction) = frame {
            found |= transaction.contains(bound, field, tags);
        }
    });
    found
}

/// Counts an event in every statistics scope of this cache that is open here.
#[inline]
pub(crate) fn count(cache: u64, event: Event, n: u64) {
    each(cache, |frame| {
        if let Frame::Stats(counters) = frame {
            counters.add(event, n);
        }
    });
}

/// Counts a hit in all of them, and the time that it has saved.
#[inline]
pub(crate) fn count_hit(cache: u64, cost_us: u32) {
    each(cache, |frame| {
        if let Frame::Stats(counters) = frame {
            counters.add(Event::hit, 1);
            counters.add(Event::saved_us, cost_us.into());
        }
    });
}

#[inline]
fn each(cache: u64, mut visit: impl FnMut(&Frame)) {
    FRAMES.with_borrow(|frames| {
        let mut node = frames;
        while let Some(here) = node {
            if here.cache == cache {
                visit(&here.frame);
            }
            node = &here.outer;
        }
    });
}

/// One more frame, to be entered by one future or closure.
pub(crate) struct Scope(Arc<Node>);

impl Scope {
    pub(crate) fn new(cache: u64, frame: Frame) -> Self {
        Self(Arc::new(Node {
            cache,
            frame,
            outer: FRAMES.with_borrow(Clone::clone),
        }))
    }

    /// Is entered until the guard is dropped.
    pub(crate) fn enter(&self) -> ScopeGuard {
        ScopeGuard {
            outside: FRAMES.replace(Some(self.0.clone())),
        }
    }

    pub(crate) fn run<F: Future + Unpin>(&self, future: F) -> InScope<'_, F> {
        InScope {
            scope: Some(self),
            span: None,
            future,
        }
    }

    pub(crate) fn stats(&self) -> Stats {
        match &self.0.frame {
            Frame::Stats(counters) => counters.snapshot(),
            Frame::Mode(_)
            | Frame::Executing(_)
            | Frame::ExecutingAll(_)
            | Frame::Transaction(_) => Stats::default(),
        }
    }
}

/// Puts back what was there, also when a panic passes through.
pub(crate) struct ScopeGuard {
    outside: Frames,
}

impl Drop for ScopeGuard {
    fn drop(&mut self) {
        FRAMES.set(self.outside.take());
    }
}

/// A future that is polled in a scope and a span, if there are any.
pub(crate) struct InScope<'a, F> {
    pub(crate) scope: Option<&'a Scope>,
    pub(crate) span: Option<&'a Span>,
    pub(crate) future: F,
}

impl<F: Future + Unpin> Future for InScope<'_, F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let _scope = self.scope.map(Scope::enter);
        let _span = self.span.map(Span::enter);
        Pin::new(&mut self.future).poll(context)
    }
}
