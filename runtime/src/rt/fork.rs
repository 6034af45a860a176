//! Forks: a child process has none of its parent's threads, and locks that they held are never
//! given back. So each process makes its own copy of what threads share, when it first needs it. A
//! handler that counts forks tells a child from its parent, without a system call.

use std::fmt;
use std::sync::OnceLock;

use forkguard::Guard;

/// One value for each process. What the parent had stays as it was, and is not touched any more:
/// even to drop it might take its locks, or close what the parent still uses.
pub(crate) struct PerProcess<T>(ProcessNode<T>);

struct ProcessNode<T> {
    /// Of the process that made the value; `None` where the system takes no handler.
    process: Option<Guard>,
    value: T,
    child: OnceLock<Box<ProcessNode<T>>>,
}

impl<T> PerProcess<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(ProcessNode::new(value))
    }

    /// The value of this process; a child makes its own from what its parent had.
    #[inline]
    pub(crate) fn get(&self, renew: impl Fn(&T) -> T) -> &T {
        if self.0.is_of_this_process() {
            return &self.0.value;
        }
        self.of_child(renew)
    }

    #[cold]
    fn of_child(&self, renew: impl Fn(&T) -> T) -> &T {
        let mut node = &self.0;
        while !node.is_of_this_process() {
            node = node
                .child
                .get_or_init(|| Box::new(ProcessNode::new(renew(&node.value))));
        }
        &node.value
    }
}

impl<T> ProcessNode<T> {
    fn new(value: T) -> Self {
        Self {
            process: Guard::try_new().ok(),
            value,
            child: OnceLock::new(),
        }
    }

    #[inline]
    fn is_of_this_process(&self) -> bool {
        // Asked, a guard forgets that there was a fork; a copy of it may.
        let process = self.process.clone();
        process.is_none_or(|mut process| !process.detected_fork())
    }
}

impl<T: Default> PerProcess<T> {
    /// The value of this process, made from nothing.
    pub(crate) fn get_or_default(&self) -> &T {
        self.get(|_| T::default())
    }
}

impl<T: Default> Default for PerProcess<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> fmt::Debug for PerProcess<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PerProcess").finish_non_exhaustive()
    }
}
