//! What a batch method returns: one item for each id, in a map or by position; and how an item relates to
//! the value of a method that shares the entry.

use std::borrow::Borrow;
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, Hash};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use super::return_type::ReturnType;

/// What a batch method returns for ids of the type `K`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be split into one value for each id",
    label = "a batch returns a map from its ids, or one value for each of them by position",
    note = "return `HashMap<K, V>` or `BTreeMap<K, V>` with the ids of the argument as keys, `Vec<T>` or `Vec<Option<T>>`, or a \
            `Result` of one of these"
)]
pub trait BatchReturn<K: ?Sized>: Sized {
    /// What a call for one id would return.
    type Item;

    /// Whether there is an item for each id, in their order.
    const IS_BY_POSITION: bool;

    /// The items of these ids.
    ///
    /// # Errors
    /// The number of items is not that of the ids: the returned value as it is.
    fn split(self, ids: &[&K]) -> Result<Split<Self::Item>, Self>;

    /// The returned value with these items.
    fn join<'k>(items: impl Iterator<Item = (&'k K, Self::Item)>) -> Self
    where
        K: 'k;
}

/// The items of a returned value.
#[derive(Debug)]
pub struct Split<I> {
    /// In the order of the ids.
    pub items: Vec<I>,
    /// How many there were of ids that were not asked for.
    pub strangers: usize,
}

/// A key of a map that a batch method returns for ids of the type `K`.
#[diagnostic::on_unimplemented(
    message = "the keys of the returned map are of the type `{Self}`, and the ids of the batch of the type `{K}`",
    label = "this map has other keys than the ids",
    note = "let the map have the type of the ids as keys (`String` for `&str`), or change the type of the ids"
)]
pub trait MapKey<K: ?Sized>: Borrow<K> {
    /// The key of an id.
    fn of(id: &K) -> Self;
}

#[diagnostic::do_not_recommend]
impl<K: Clone> MapKey<K> for K {
    fn of(id: &K) -> Self {
        id.clone()
    }
}

macro_rules! owned_keys {
    ($([$($param:ident)?] $id:ty => $key:ty;)*) => {$(
        #[diagnostic::do_not_recommend]
        impl$(<$param: Clone>)? MapKey<$id> for $key {
            fn of(id: &$id) -> Self {
                id.to_owned()
            }
        }
    )*};
}
owned_keys! {
    [] str => String;
    [T] [T] => Vec<T>;
    [] Path => PathBuf;
}

#[diagnostic::do_not_recommend]
impl<Q, K, V, H> BatchReturn<Q> for HashMap<K, V, H>
where
    Q: Eq + Hash + ?Sized,
    K: MapKey<Q> + Eq + Hash,
    H: BuildHasher + Default,
{
    type Item = Option<V>;
    const IS_BY_POSITION: bool = false;

    fn split(mut self, ids: &[&Q]) -> Result<Split<Option<V>>, Self> {
        let items = ids.iter().map(|id| self.remove(*id)).collect();
        Ok(Split {
            items,
            strangers: self.len(),
        })
    }

    fn join<'k>(items: impl Iterator<Item = (&'k Q, Option<V>)>) -> Self
    where
        Q: 'k,
    {
        let there = items.filter_map(|(id, item)| Some((K::of(id), item?)));
        there.collect()
    }
}

#[diagnostic::do_not_recommend]
impl<Q, K, V> BatchReturn<Q> for BTreeMap<K, V>
where
    Q: Ord + ?Sized,
    K: MapKey<Q> + Ord,
{
    type Item = Option<V>;
    const IS_BY_POSITION: bool = false;

    fn split(mut self, ids: &[&Q]) -> Result<Split<Option<V>>, Self> {
        let items = ids.iter().map(|id| self.remove(*id)).collect();
        Ok(Split {
            items,
            strangers: self.len(),
        })
    }

    fn join<'k>(items: impl Iterator<Item = (&'k Q, Option<V>)>) -> Self
    where
        Q: 'k,
    {
        let there = items.filter_map(|(id, item)| Some((K::of(id), item?)));
        there.collect()
    }
}

#[diagnostic::do_not_recommend]
impl<Q: ?Sized, T> BatchReturn<Q> for Vec<T> {
    type Item = T;
    const IS_BY_POSITION: bool = true;

    fn split(self, ids: &[&Q]) -> Result<Split<T>, Self> {
        if self.len() != ids.len() {
            return Err(self);
        }
        Ok(Split {
            items: self,
            strangers: 0,
        })
    }

    fn join<'k>(items: impl Iterator<Item = (&'k Q, T)>) -> Self
    where
        Q: 'k,
    {
        items.map(|(_, item)| item).collect()
    }
}

/// The item of a batch method that returns `R`, for ids of the type `K`.
pub type ItemOf<S, R, K> = <<S as ReturnType<R>>::Stored as BatchReturn<K>>::Item;

/// A value that is the item `I` of a batch method which shares its entry.
#[diagnostic::on_unimplemented(
    message = "the method that `shares` names stores `{Self}`, and the items of this batch are `{I}`",
    label = "the values of the two methods differ, so they cannot share entries",
    note = "of a method that returns `T` or `Option<T>`, a batch returns `HashMap<K, T>` or by position the same as the method; or \
            leave `shares` out"
)]
pub trait StoredItem<I>: Sized {
    /// What is stored of an item.
    ///
    /// # Errors
    /// Not an error: an item of which nothing is stored.
    fn into_stored(item: I) -> Result<Self, I>;

    /// The same by reference.
    fn stored_in(item: &I) -> Option<&Self>;

    /// The item.
    fn into_item(self) -> I;
}

#[diagnostic::do_not_recommend]
impl<T> StoredItem<T> for T {
    fn into_stored(item: T) -> Result<T, T> {
        Ok(item)
    }

    fn stored_in(item: &T) -> Option<&T> {
        Some(item)
    }

    fn into_item(self) -> T {
        self
    }
}

#[diagnostic::do_not_recommend]
impl<T> StoredItem<Option<T>> for T {
    fn into_stored(item: Option<T>) -> Result<T, Option<T>> {
        item.ok_or(None)
    }

    fn stored_in(item: &Option<T>) -> Option<&T> {
        item.as_ref()
    }

    fn into_item(self) -> Option<T> {
        Some(self)
    }
}

#[diagnostic::do_not_recommend]
impl<T, E> StoredItem<Result<T, E>> for T {
    fn into_stored(item: Result<T, E>) -> Result<T, Result<T, E>> {
        item.map_err(Err)
    }

    fn stored_in(item: &Result<T, E>) -> Option<&T> {
        item.as_ref().ok()
    }

    fn into_item(self) -> Result<T, E> {
        Ok(self)
    }
}

/// How the items of a batch method relate to what another method stores, whose return type is `S` of `R`.
#[derive(Debug)]
pub struct SharedReturn<S, R>(PhantomData<fn() -> (S, R)>);

impl<S, R, I> ReturnType<I> for SharedReturn<S, R>
where
    S: ReturnType<R>,
    S::Stored: StoredItem<I>,
{
    type Stored = S::Stored;

    fn into_stored(item: I) -> Result<S::Stored, I> {
        S::Stored::into_stored(item)
    }

    fn stored_in(item: &I) -> Option<&S::Stored> {
        S::Stored::stored_in(item)
    }

    fn from_stored(stored: S::Stored) -> I {
        stored.into_item()
    }
}

/// Names the method whose entries are shared, by its return type.
pub fn shared_with<R, S: ReturnType<R>>(_return_type: S) -> SharedReturn<S, R> {
    SharedReturn(PhantomData)
}

/// The type of an id, which another method takes as `K`.
#[diagnostic::on_unimplemented(
    message = "the method that `shares` names takes an id of the type `{K}`, and the ids of this batch are of the type `{Self}`",
    label = "the types of the ids differ, so they cannot share entries",
    note = "let both take the same type, or leave `shares` out"
)]
pub trait SameId<K: ?Sized> {}

macro_rules! same_ids {
    ($([$($param:ident)?] $one:ty, $other:ty;)*) => {$(
        impl$(<$param>)? SameId<$one> for $other {}
        impl$(<$param>)? SameId<$other> for $one {}
    )*};
}
impl<T: ?Sized> SameId<T> for T {}
same_ids! {
    [] str, String;
    [T] [T], Vec<T>;
    [] Path, PathBuf;
}

/// Refuses ids that the other method does not take.
pub const fn same_id<Id: SameId<K> + ?Sized, K: ?Sized>() {}
