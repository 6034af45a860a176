//! A function that has a name in place of generated code: its options, and its binding.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, OnceLock};

use super::bound::BoundMethod;
use super::descriptor::Declaration;
use super::options::Options;
use crate::entry::codec::Codec;
use crate::error::Error;
use crate::policy::Policy;
use crate::rt::fork::PerProcess;

/// The options of a function.
#[derive(Debug, Clone)]
pub(crate) struct FunctionOptions {
    /// Those that generated code writes as constants.
    pub(crate) constant: Options,
    pub(crate) policy: Option<Policy>,
    pub(crate) codec: Option<Codec>,
    pub(crate) version: String,
}

/// A function of one cache, with the name and the options that it was built with.
pub(crate) struct Function {
    name: String,
    options: FunctionOptions,
    /// What threads share in a binding is of no use to a child process.
    bound: PerProcess<OnceLock<Result<Arc<BoundMethod>, Error>>>,
}

impl Default for FunctionOptions {
    fn default() -> Self {
        Self {
            constant: Options::NONE,
            policy: None,
            codec: None,
            version: String::new(),
        }
    }
}

impl FunctionOptions {
    /// The names of the options that differ.
    pub(crate) fn differences(&self, other: &Self) -> Vec<&'static str> {
        let (ours, theirs) = (&self.constant, &other.constant);
        // Entries name their codec by its id, and a custom codec has no other name.
        let codec = |options: &Self| options.codec.as_ref().map(Codec::id);
        let rows = [
            ("policy", self.policy == other.policy),
            ("layout", ours.layout == theirs.layout),
            ("cluster", ours.cluster == theirs.cluster),
            ("maxsize", ours.maxsize == theirs.maxsize),
            ("ttl", ours.ttl_ms == theirs.ttl_ms),
            ("ttl_jitter", ours.jitter_permille == theirs.jitter_permille),
            ("stale", ours.stale_ms == theirs.stale_ms),
            (
                "soft_timeout",
                ours.soft_timeout_ms == theirs.soft_timeout_ms,
            ),
            ("early", ours.early == theirs.early),
            ("stampede", ours.stampede == theirs.stampede),
            ("codec", codec(self) == codec(other)),
            ("touch", ours.touch == theirs.touch),
            ("version", self.version == other.version),
        ];
        let differ = rows.into_iter().filter(|(_, is_same)| !is_same);
        differ.map(|(name, _)| name).collect()
    }
}

impl Function {
    pub(crate) fn new(name: String, options: FunctionOptions) -> Self {
        Self {
            name,
            options,
            bound: PerProcess::default(),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn options(&self) -> &FunctionOptions {
        &self.options
    }

    pub(crate) fn declaration(&self) -> Declaration<'_> {
        Declaration {
            site: Cow::Owned(self.name.clone()),
            // A method's path begins with the name of its crate and `::`.
            full_site: Cow::Owned(format!("function \"{}\"", self.name)),
            name: &self.name,
            fingerprint: [0; 20],
            options: &self.options.constant,
            policy: self.options.policy.clone(),
            codec: self.options.codec.clone(),
            version: &self.options.version,
            named_path: None,
        }
    }

    /// The binding in this process, made where there is none.
    #[inline]
    pub(crate) fn bound_or(
        &self,
        bind: impl FnOnce() -> Result<Arc<BoundMethod>, Error>,
    ) -> Result<&Arc<BoundMethod>, Error> {
        let bound = self.bound.get_or_default().get_or_init(bind);
        bound.as_ref().map_err(Error::again)
    }

    /// The binding in this process, if there is one.
    pub(crate) fn bound(&self) -> Option<&Arc<BoundMethod>> {
        self.bound.get_or_default().get()?.as_ref().ok()
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Function")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
