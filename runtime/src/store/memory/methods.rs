//! The epochs of a pair's methods, and the builds that may have stored: as in lua/shared/epoch.lua.

use crate::entry::header::{self, Epoch};
use crate::key::digest::{Build, Digests, Field};
use crate::store::method_state::{MOST_BUILDS, new_epoch};

/// The states of the methods of one pair.
#[derive(Default)]
pub(super) struct MethodStates(Digests<KnownMethod>);

struct KnownMethod {
    epoch: Epoch,
    builds: Vec<Build>,
}

impl MethodStates {
    pub(super) fn epoch(&self, method: u64) -> Option<Epoch> {
        self.0.get(&method).map(|state| state.epoch)
    }

    /// Whether an entry has the epoch of its method.
    pub(super) fn has_current(&self, entry: &[u8]) -> bool {
        let epoch = header::method_of(entry).and_then(|method| self.epoch(method));
        header::is_of_epoch(entry, epoch)
    }

    /// Has invalidations reach what this build stores. Returns the epoch that it stores in; `None` if there are too many
    /// builds, so that a new epoch has to begin.
    pub(super) fn register(&mut self, method: u64, build: Build) -> Option<Epoch> {
        let state = self.0.entry(method).or_insert_with(|| KnownMethod {
            epoch: new_epoch(),
            builds: Vec::new(),
        });
        if !state.builds.contains(&build) {
            if state.builds.len() >= MOST_BUILDS {
                state.builds.clear();
                return None;
            }
            state.builds.push(build);
        }
        Some(state.epoch)
    }

    /// The fields of a call in every build.
    pub(super) fn fields(&self, method: u64, field: Field) -> Vec<Field> {
        let state = self.0.get(&method);
        let builds = state.map_or(&[][..], |state| &state.builds);
        let others = builds.iter().map(|build| field.of_build(*build));
        let others = others.filter(|other| *other != field);
        std::iter::once(field).chain(others).collect()
    }

    pub(super) fn begin_epoch(&mut self, method: u64) {
        if let Some(state) = self.0.get_mut(&method) {
            state.epoch = new_epoch();
        }
    }
}
