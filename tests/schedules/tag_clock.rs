//! Every order of steps of two processes and of one that invalidates a tag, on one pair and the index of tags: a model
//! of them, small enough to try them all. What must not happen is a call that is answered with a value from before an
//! invalidation that had returned when the call began.
//!
//! The loss of the control key, of the entry and of the index are steps like any other. The rules of the model are those of
//! the scripts and of `store/redis/write/tags.rs`; each is broken in turn, and the search has to notice.

use std::collections::{HashSet, VecDeque};

/// A rule that is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Broken {
    Nothing,
    LookupOfAnyStamp,
    PutOfAnyStamp,
    /// A claim counts where a tag was invalidated since its lookup.
    ClaimAfterStamp,
    /// A process does not add its pair to the index.
    NotIndexed,
    /// It does so once, and not in each epoch.
    IndexedOnce,
    /// The pair is added when the value has been computed.
    IndexedLate,
    /// An index that was lost during the scan counts as complete.
    CompletesALostIndex,
    /// An index without a mark counts as complete.
    NoScan,
    /// A stamp is forgotten, and the clock does not say so.
    ForgetsWithoutTrace,
    /// The clock begins again where the key was lost, in the same epoch.
    EpochsRepeat,
}

/// What the control key holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Control {
    epoch: u8,
    clock: u8,
    stamp: u8,
    forgotten: u8,
    lease: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Entry {
    version: u8,
    epoch: u8,
    began: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
struct Index {
    has_pair: bool,
    is_complete: bool,
    /// A scan is under way, and has left its field.
    has_scan: bool,
}

/// How far a call has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Call {
    Idle,
    Missed(Control),
    Granted { epoch: u8, began: u8 },
    Indexed { epoch: u8, began: u8 },
    Computed { epoch: u8, began: u8, version: u8 },
}

/// How far an invalidation has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Writer {
    Idle,
    Wrote,
    Scans { was_listed: bool },
    Scanned { was_listed: bool, found: bool },
    Stamps { pair: bool },
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct World {
    row: u8,
    /// What calls that begin now must see.
    floor: u8,
    control: Option<Control>,
    entry: Option<Entry>,
    index: Index,
    epochs: u8,
    calls: [Call; 2],
    indexed_in: [Option<u8>; 2],
    writer: Writer,
    losses: u8,
}

const WRITES: u8 = 2;
const LOSSES: u8 = 2;

/// A value from before an invalidation.
#[derive(Debug)]
struct Breach;

type Steps = Vec<Result<World, Breach>>;

impl World {
    fn new() -> Self {
        Self {
            row: 0,
            floor: 0,
            control: None,
            entry: None,
            index: Index::default(),
            epochs: 0,
            calls: [Call::Idle; 2],
            indexed_in: [None; 2],
            writer: Writer::Idle,
            losses: 0,
        }
    }

    fn steps(&self, broken: Broken) -> Steps {
        let mut steps: Steps = (0..2).map(|at| self.call(at, broken)).collect();
        steps.extend(self.invalidation(broken));
        if self.losses < LOSSES {
            steps.extend(self.losses(broken).into_iter().map(Ok));
        }
        steps
    }

    fn served(&self, entry: Entry) -> Result<(), Breach> {
        if entry.version < self.floor {
            return Err(Breach);
        }
        Ok(())
    }

    /// Whether an entry counts, by what was read of the control key.
    fn is_current(entry: Entry, control: Control, broken: Broken) -> bool {
        let is_in_time = entry.began >= control.stamp.max(control.forgotten);
        entry.epoch == control.epoch && (is_in_time || broken == Broken::LookupOfAnyStamp)
    }

    /// The script `begin`: an entry, or the lease.
    fn begin(mut self, at: usize, broken: Broken) -> Result<Self, Breach> {
        if self.control.is_none() {
            if broken != Broken::EpochsRepeat || self.epochs == 0 {
                self.epochs += 1;
            }
            self.control = Some(Control {
                epoch: self.epochs,
                clock: 0,
                stamp: 0,
                forgotten: 0,
                lease: None,
            });
        }
        let control = self.control.as_mut().expect("it has just been made");
        if let Some(entry) = self.entry
            && Self::is_current(entry, *control, broken)
        {
            self.served(entry)?;
            self.calls[at] = Call::Idle;
            return Ok(self);
        }
        control.lease = Some(at);
        self.calls[at] = Call::Granted {
            epoch: control.epoch,
            began: control.clock,
        };
        Ok(self)
    }

    fn call(&self, at: usize, broken: Broken) -> Result<Self, Breach> {
        let mut next = self.clone();
        match self.calls[at] {
            Call::Idle => match (self.control, self.entry) {
                (Some(control), Some(entry)) if Self::is_current(entry, control, broken) => {
                    self.served(entry)?;
                }
                (Some(control), _) => next.calls[at] = Call::Missed(control),
                (None, _) => return next.begin(at, broken),
            },
            Call::Missed(seen) => {
                let is_known = |control: &Control| {
                    let has_moved = control.clock != seen.clock;
                    control.epoch == seen.epoch && (!has_moved || broken == Broken::ClaimAfterStamp)
                };
                let Some(control) = next.control.as_mut().filter(|control| is_known(control))
                else {
                    return next.begin(at, broken);
                };
                // By what the lookup has seen. All that have joined the flight by now are given it, too.
                if let Some(entry) = self.entry
                    && Self::is_current(entry, seen, broken)
                {
                    self.served(entry)?;
                    next.calls[at] = Call::Idle;
                    return Ok(next);
                }
                control.lease = Some(at);
                next.calls[at] = Call::Granted {
                    epoch: seen.epoch,
                    began: seen.clock,
                };
            }
            Call::Granted { epoch, began } => {
                let is_late = broken == Broken::IndexedLate;
                if !is_late {
                    next.add_to_index(at, epoch, broken);
                }
                next.calls[at] = Call::Indexed { epoch, began };
            }
            Call::Indexed { epoch, began } => {
                let version = self.row;
                next.calls[at] = Call::Computed {
                    epoch,
                    began,
                    version,
                };
            }
            Call::Computed {
                epoch,
                began,
                version,
            } => {
                if broken == Broken::IndexedLate {
                    next.add_to_index(at, epoch, broken);
                }
                next.calls[at] = Call::Idle;
                if let Some(control) = &mut next.control
                    && control.lease == Some(at)
                    && control.epoch == epoch
                {
                    control.lease = None;
                    let last = control.stamp.max(control.forgotten);
                    if began >= last || broken == Broken::PutOfAnyStamp {
                        let entry = Entry {
                            version,
                            epoch,
                            began,
                        };
                        next.entry = Some(entry);
                        // Followers that joined before the put are given it.
                        self.served(entry)?;
                    }
                }
            }
        }
        Ok(next)
    }

    fn add_to_index(&mut self, at: usize, epoch: u8, broken: Broken) {
        let is_known = match broken {
            Broken::NotIndexed => true,
            Broken::IndexedOnce => self.indexed_in[at].is_some(),
            _ => self.indexed_in[at] == Some(epoch),
        };
        if !is_known {
            self.index.has_pair = true;
            self.indexed_in[at] = Some(epoch);
        }
    }

    fn invalidation(&self, broken: Broken) -> Option<Result<Self, Breach>> {
        let mut next = self.clone();
        next.writer = match self.writer {
            Writer::Idle if self.row == WRITES => return None,
            Writer::Idle => {
                next.row += 1;
                Writer::Wrote
            }
            Writer::Wrote => {
                let was_listed = self.index.has_pair;
                if self.index.is_complete || broken == Broken::NoScan {
                    Writer::Stamps { pair: was_listed }
                } else {
                    next.index.has_scan = true;
                    Writer::Scans { was_listed }
                }
            }
            Writer::Scans { was_listed } => {
                let found = self.control.is_some() || self.entry.is_some();
                Writer::Scanned { was_listed, found }
            }
            Writer::Scanned { was_listed, found } => {
                next.index.has_pair |= found;
                let is_whole = next.index.has_scan || broken == Broken::CompletesALostIndex;
                next.index.is_complete |= is_whole;
                next.index.has_scan = false;
                Writer::Stamps {
                    pair: was_listed || found,
                }
            }
            Writer::Stamps { pair } => {
                if let Some(control) = next.control.as_mut().filter(|_| pair) {
                    control.clock += 1;
                    control.stamp = control.clock;
                }
                next.floor = self.row;
                Writer::Idle
            }
        };
        Some(Ok(next))
    }

    fn losses(&self, broken: Broken) -> Vec<Self> {
        let mut lost = Vec::new();
        let mut lose = |change: &dyn Fn(&mut Self)| {
            let mut next = self.clone();
            next.losses += 1;
            change(&mut next);
            if next != *self {
                lost.push(next);
            }
        };
        lose(&|next| next.control = None);
        lose(&|next| next.entry = None);
        lose(&|next| next.index = Index::default());
        // So many other tags that the stamp of this one is forgotten.
        lose(&|next| {
            if let Some(control) = &mut next.control {
                control.clock += 1;
                control.stamp = 0;
                if broken != Broken::ForgetsWithoutTrace {
                    control.forgotten = control.clock;
                }
            }
        });
        lost
    }
}

/// Tries all orders of steps; returns how many worlds there are, or `None` after a breach.
fn search(broken: Broken) -> Option<usize> {
    let start = World::new();
    let mut known = HashSet::from([start.clone()]);
    let mut waiting = VecDeque::from([start]);
    while let Some(world) = waiting.pop_front() {
        for next in world.steps(broken) {
            let next = next.ok()?;
            if known.insert(next.clone()) {
                waiting.push_back(next);
            }
        }
    }
    Some(known.len())
}

#[test]
fn no_call_is_answered_with_a_value_from_before_a_tag_was_invalidated() {
    let worlds = search(Broken::Nothing).expect("no breach");
    assert!(worlds > 10_000, "{worlds}");
    println!("{worlds} worlds");
}

#[test]
fn each_rule_of_tags_is_needed() {
    for broken in [
        Broken::LookupOfAnyStamp,
        Broken::PutOfAnyStamp,
        Broken::ClaimAfterStamp,
        Broken::NotIndexed,
        Broken::IndexedOnce,
        Broken::IndexedLate,
        Broken::CompletesALostIndex,
        Broken::NoScan,
        Broken::ForgetsWithoutTrace,
        Broken::EpochsRepeat,
    ] {
        assert!(search(broken).is_none(), "{broken:?} is not noticed");
    }
}
