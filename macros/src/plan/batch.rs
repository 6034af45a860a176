//! Batch methods: which argument is split, and whose entries the items are.

use syn::{Error, Ident};

use super::{Kind, MethodPlan, Plan};
use crate::args::MethodArgs;
use crate::ast::Batch;
use crate::valid;

/// How a method is cached item by item.
#[derive(Debug)]
pub(crate) struct BatchPlan {
    pub(crate) batch: Batch,
    pub(crate) shares: Option<Sharing>,
}

/// The method whose entries the items are.
#[derive(Debug)]
pub(crate) struct Sharing {
    /// Its place in the block.
    method: usize,
    /// The argument that takes one id.
    pub(crate) id: Ident,
}

impl<'a> Plan<'a> {
    /// The method that a batch method shares entries with, and its options.
    pub(crate) fn shared(&self, batch: &BatchPlan) -> Option<(&MethodPlan<'a>, &MethodArgs)> {
        let shared = &self.methods[batch.shares.as_ref()?.method];
        match &shared.kind {
            Kind::Cached(args) => Some((shared, args)),
            _ => None,
        }
    }

    /// Finds the methods that batch methods share entries with. Where there is none, the batch method is not cached.
    pub(super) fn resolve_shares(&mut self, errors: &mut Vec<Error>) {
        for place in 0..self.methods.len() {
            match self.sharing(place) {
                Ok(sharing) => {
                    if let Some(batch) = &mut self.methods[place].batch {
                        batch.shares = sharing;
                    }
                }
                Err(error) => {
                    errors.extend(error);
                    self.methods[place].kind = Kind::Refused;
                }
            }
        }
    }

    /// # Errors
    /// `None` if what is wrong has been reported of the other method.
    fn sharing(&self, place: usize) -> Result<Option<Sharing>, Option<Error>> {
        let method = &self.methods[place];
        let (Some(batch), Kind::Cached(args)) = (&method.batch, &method.kind) else {
            return Ok(None);
        };
        let Some(shares) = &args.shares else {
            return Ok(None);
        };
        let mut named = self.methods.iter().enumerate();
        let named = named.find(|(_, other)| *other.name() == shares.0);
        let unknown = |is_here| valid::unknown_shared(args, is_here, method.is_function);
        let Some((at, shared)) = named else {
            return Err(unknown(false));
        };
        match &shared.kind {
            Kind::Cached(of_shared) => {
                let id = valid::sharing(&batch.batch, method, args, shared, of_shared);
                let id = id.map_err(Some)?.ident.clone();
                Ok(Some(Sharing { method: at, id }))
            }
            Kind::Refused => Err(None),
            _ => Err(unknown(true)),
        }
    }
}
