//! Arguments become keys: different values never share bytes, equal ones always do.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, Hasher};

use proptest::prelude::*;
use redis_func_cache::private::canonical_bytes;
use serde::ser::{SerializeMap as _, Serializer};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Named {
    a: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    b: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    c: Option<u8>,
}

/// As many shapes of the serde data model as there are.
#[derive(Debug, Clone, PartialEq, Serialize)]
enum Tree {
    Unit,
    Bool(bool),
    U8(u8),
    I64(i64),
    U64(u64),
    Wide(u128, i128),
    Char(char),
    Text(String),
    #[serde(with = "as_bytes")]
    Bytes(Vec<u8>),
    Option(Option<Box<Tree>>),
    List(Vec<Tree>),
    Pair(Box<(Tree, Tree)>),
    Map(BTreeMap<String, Tree>),
    Struct {
        x: Box<Tree>,
        y: Named,
    },
}

/// The same without a mark: only what serde's methods tell distinguishes the kinds.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
enum Bare {
    Bool(bool),
    U8(u8),
    U64(u64),
    I8(i8),
    I64(i64),
    U128(u128),
    I128(i128),
    Char(char),
    Text(String),
    List(Vec<Bare>),
    Pair(Box<(Bare, Bare)>),
    Map(BTreeMap<String, Bare>),
    Some(Option<Box<Bare>>),
}

mod as_bytes {
    pub(super) fn serialize<S: serde::Serializer>(
        bytes: &[u8],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(bytes)
    }
}

fn named() -> impl Strategy<Value = Named> {
    let small = || prop::option::of(0..3u8);
    (small(), small(), small()).prop_map(|(a, b, c)| Named { a, b, c })
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-c]{0,3}", ".{0,4}"]
}

fn tree() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        Just(Tree::Unit),
        any::<bool>().prop_map(Tree::Bool),
        (0..3u8).prop_map(Tree::U8),
        (-2..3i64).prop_map(Tree::I64),
        prop_oneof![0..3u64, any::<u64>()].prop_map(Tree::U64),
        (0..2u128, -1..2i128).prop_map(|(a, b)| Tree::Wide(a, b)),
        any::<char>().prop_map(Tree::Char),
        text().prop_map(Tree::Text),
        prop::collection::vec(any::<u8>(), 0..4).prop_map(Tree::Bytes),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::option::of(inner.clone()).prop_map(|tree| Tree::Option(tree.map(Box::new))),
            prop::collection::vec(inner.clone(), 0..4).prop_map(Tree::List),
            (inner.clone(), inner.clone()).prop_map(|pair| Tree::Pair(Box::new(pair))),
            prop::collection::btree_map("[a-c]{0,2}", inner.clone(), 0..4).prop_map(Tree::Map),
            (inner, named()).prop_map(|(x, y)| Tree::Struct { x: Box::new(x), y }),
        ]
    })
}

fn bare() -> impl Strategy<Value = Bare> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Bare::Bool),
        (0..3u8).prop_map(Bare::U8),
        (0..3u64).prop_map(Bare::U64),
        (-1..3i8).prop_map(Bare::I8),
        (-1..3i64).prop_map(Bare::I64),
        (0..3u128).prop_map(Bare::U128),
        (-1..3i128).prop_map(Bare::I128),
        prop_oneof![Just('a'), any::<char>()].prop_map(Bare::Char),
        text().prop_map(Bare::Text),
    ];
    leaf.prop_recursive(3, 16, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Bare::List),
            (inner.clone(), inner.clone()).prop_map(|pair| Bare::Pair(Box::new(pair))),
            prop::collection::btree_map("[a-c]{0,1}", inner.clone(), 0..3).prop_map(Bare::Map),
            prop::option::of(inner).prop_map(|bare| Bare::Some(bare.map(Box::new))),
        ]
    })
}

/// A map that is written in the order in which it stands here.
struct Ordered<'a, T>(&'a [(String, T)]);

impl<T: Serialize> Serialize for Ordered<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (key, value) in self.0 {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

fn bytes<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    canonical_bytes(value).unwrap()
}

/// More than proptest's own 256, as each is cheap.
fn config() -> ProptestConfig {
    ProptestConfig {
        cases: support::cases(2_000),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn different_values_never_share_bytes(a in tree(), b in tree()) {
        prop_assert_eq!(a == b, bytes(&a) == bytes(&b));
    }

    #[test]
    fn values_without_a_type_tag_never_share_bytes(a in bare(), b in bare()) {
        prop_assert_eq!(a == b, bytes(&a) == bytes(&b));
    }

    #[test]
    fn no_value_is_a_prefix_of_another(a in tree(), b in tree()) {
        // Arguments stand one behind the other without a separator.
        prop_assert!(a == b || !bytes(&a).starts_with(&bytes(&b)));
    }

    #[test]
    fn adjacent_arguments_cannot_be_confused(a in (text(), text()), b in (text(), text())) {
        let joined = |(x, y): &(String, String)| [bytes(x), bytes(y)].concat();
        prop_assert_eq!(a == b, joined(&a) == joined(&b));
    }

    #[test]
    fn the_order_of_a_map_does_not_matter(
        entries in prop::collection::btree_map("[a-d]{0,3}", tree(), 0..6),
        seed in any::<u64>(),
    ) {
        let sorted: Vec<_> = entries.into_iter().collect();
        let mut shuffled = sorted.clone();
        let hasher = std::hash::RandomState::new();
        shuffled.sort_by_cached_key(|(key, _)| {
            let mut hash = hasher.build_hasher();
            hash.write_u64(seed);
            hash.write(key.as_bytes());
            hash.finish()
        });
        prop_assert_eq!(bytes(&Ordered(&sorted)), bytes(&Ordered(&shuffled)));
    }
}

#[test]
fn equal_hash_maps_have_equal_bytes_at_any_depth() {
    let map = || -> HashMap<u32, HashMap<String, u8>> {
        (0..50)
            .map(|i| (i, (0..20).map(|j| (format!("k{j}"), j)).collect()))
            .collect()
    };
    assert_eq!(bytes(&map()), bytes(&map()));
}

#[test]
fn borrowed_and_owned_are_the_same_key() {
    assert_eq!(bytes("abc"), bytes(&"abc".to_owned()));
    assert_eq!(bytes(&[1u8, 2][..]), bytes(&vec![1u8, 2]));
    assert_eq!(bytes(&Some("x")), bytes(&Some("x".to_owned())));
}

#[test]
fn the_traps_of_other_encoders_are_closed() {
    assert_ne!(bytes(&None::<()>), bytes(&Some(())));
    assert_ne!(bytes(&None::<Option<u8>>), bytes(&Some(None::<u8>)));
    assert_ne!(bytes(&()), bytes(&None::<u8>));
    assert_ne!(bytes(&0.0f64), bytes(&-0.0f64));
    assert_eq!(bytes(&f64::NAN), bytes(&-f64::NAN));
    assert_ne!(bytes("é"), bytes("e\u{301}"));
}

#[test]
fn a_value_that_cannot_be_written_is_an_error() {
    struct Broken;
    impl Serialize for Broken {
        fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("not today"))
        }
    }
    assert_eq!(canonical_bytes(&Broken), Err("not today".to_owned()));
}
