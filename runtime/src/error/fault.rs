//! What an error says about the endpoint that it came from: the circuit breakers listen to it.

/// What an error says about the endpoint that it came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It was not asked, or is just being connected to.
    Nothing,
    /// It answered: what is wrong is the data, the script or the topology.
    Answered,
    /// A node of a cluster answered that it does not serve the slot, or not all of it.
    Moved,
    Failed,
    /// The next call will fare no better.
    Refused,
    /// It still answers reads.
    RefusesWrites,
    /// It refuses writes because another one is the primary now.
    IsReplica,
    /// Its answer is none to what was asked, so those that follow may not be either.
    Garbled,
}
