//! What a client process does, and whose entries that removes.

use serde::{Deserialize, Serialize};

use crate::history::{Method, Question};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Op {
    Call,
    Peek,
    Put,
    /// Of a value that was read under a token.
    PutIfCurrent,
    Refresh,
    Invalidate,
    /// Of every question of the method.
    InvalidateAll,
    /// Of every question of the same group, of all methods.
    InvalidateTag,
    /// Of every question.
    Purge,
    /// By a method that declares the questions of the same key, of all methods.
    Write,
    /// By a method that declares the tag of a group.
    WriteGroup,
    /// The same as a write, and its value answers `Keep`.
    Update,
    /// A transaction that writes, reads, and commits.
    Commit,
    /// One that does not commit.
    RollBack,
}

/// Whose entries an operation removes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Whose {
    Question(Question),
    Key(u32),
    Method(Method),
    Group(u32),
    Cache,
}

impl Whose {
    pub fn all_with(question: Question) -> [Self; 5] {
        [
            Self::Question(question),
            Self::Key(question.key),
            Self::Method(question.method),
            Self::Group(question.group()),
            Self::Cache,
        ]
    }
}

impl Op {
    pub fn removes(self, of: Question) -> Option<Whose> {
        match self {
            Self::Invalidate => Some(Whose::Question(of)),
            Self::InvalidateAll => Some(Whose::Method(of.method)),
            Self::InvalidateTag | Self::WriteGroup => Some(Whose::Group(of.group())),
            Self::Purge => Some(Whose::Cache),
            Self::Write | Self::Update | Self::Commit => Some(Whose::Key(of.key)),
            Self::Call
            | Self::Peek
            | Self::Put
            | Self::PutIfCurrent
            | Self::Refresh
            | Self::RollBack => None,
        }
    }

    /// Whether its invalidations are sent again where the store is unavailable.
    pub fn is_declared(self) -> bool {
        matches!(
            self,
            Self::Write | Self::WriteGroup | Self::Update | Self::Commit
        )
    }

    pub fn is_transaction(self) -> bool {
        matches!(self, Self::Commit | Self::RollBack)
    }

    pub fn may_be_cancelled(self) -> bool {
        self.is_declared() || self.is_transaction() || matches!(self, Self::Call | Self::Refresh)
    }

    /// Whether an operation that is asked of one question removes the entry of another.
    pub fn concerns(self, of: Question, other: Question) -> bool {
        let whose = self.removes(of);
        whose.is_some_and(|whose| Whose::all_with(other).contains(&whose))
    }
}
