//! Whatever ciborium writes, the fast reader and ciborium read as the same value.

use std::collections::{BTreeMap, HashMap};

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use crate::codec::cbor::{FLAT, decode, decode_slowly, encode, read, scan};

#[derive(Debug, Clone, Serialize, Deserialize)]
enum Kind {
    Unit,
    Newtype(i64),
    Tuple(u8, String),
    Struct { x: f64, deep: Option<Box<Kind>> },
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Number(i64),
    Float(f64),
    Text(String),
    Many(Vec<Untagged>),
    Map { a: u8, b: Option<bool> },
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "type")]
enum Internal {
    One { n: u64 },
    Two { text: String, f: f32 },
    Three,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "t", content = "c")]
enum Adjacent {
    One(u64),
    Two { x: i8 },
    Three,
}

#[derive(Debug, Clone)]
struct Bytes(Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Bytes;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("bytes")
            }
            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Bytes, E> {
                Ok(Bytes(bytes.to_vec()))
            }
        }
        deserializer.deserialize_byte_buf(Visitor)
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Unit;

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Newtype(Option<u16>);

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Flat {
    id: u32,
    #[serde(flatten)]
    rest: BTreeMap<String, i64>,
}

type Numbers = (
    (u8, u16, u32, u64),
    (i8, i16, i32, i64),
    (u128, i128),
    (f32, f64),
);

/// One check: the value goes out by ciborium and comes back by both readers.
fn same<T: Serialize + serde::de::DeserializeOwned + std::fmt::Debug>(value: &T) {
    let mut bytes = Vec::new();
    encode(value, &mut bytes).unwrap();
    let again = |read: Option<T>| {
        read.map(|value| {
            let mut bytes = Vec::new();
            encode(&value, &mut bytes).unwrap();
            bytes
        })
    };
    let slow = again(decode_slowly(&bytes).ok());
    let fast = again(read::decode(&bytes, FLAT));
    // As bytes, which tell one NaN from another. Where the fast one refuses, ciborium is asked.
    assert!(fast.is_none() || fast == slow, "{value:?} is {bytes:x?}");
    assert_eq!(again(decode(&bytes).ok()), slow, "{value:?} is {bytes:x?}");
}

fn text() -> impl Strategy<Value = String> {
    vec(any::<char>(), 0..40).prop_map(|chars| chars.into_iter().collect())
}

/// Floats that fit a half, a single, or only a double, and those that are no numbers.
fn float() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<u64>().prop_map(f64::from_bits),
        any::<f32>().prop_map(f64::from),
        any::<i16>().prop_map(|n| f64::from(n) / 8.0),
    ]
}

fn kind() -> impl Strategy<Value = Kind> {
    let leaf = prop_oneof![
        Just(Kind::Unit),
        any::<i64>().prop_map(Kind::Newtype),
        (any::<u8>(), text()).prop_map(|(n, t)| Kind::Tuple(n, t)),
    ];
    leaf.prop_recursive(4, 8, 2, |inner| {
        (float(), proptest::option::of(inner.prop_map(Box::new)))
            .prop_map(|(x, deep)| Kind::Struct { x, deep })
    })
}

fn untagged() -> impl Strategy<Value = Untagged> {
    let leaf = prop_oneof![
        any::<i64>().prop_map(Untagged::Number),
        float().prop_map(Untagged::Float),
        text().prop_map(Untagged::Text),
        (any::<u8>(), any::<Option<bool>>()).prop_map(|(a, b)| Untagged::Map { a, b }),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| vec(inner, 0..4).prop_map(Untagged::Many))
}

fn value() -> impl Strategy<Value = ciborium::Value> {
    let leaf = prop_oneof![
        Just(ciborium::Value::Null),
        any::<bool>().prop_map(ciborium::Value::Bool),
        any::<i64>().prop_map(ciborium::Value::from),
        any::<u64>().prop_map(ciborium::Value::from),
        float().prop_map(ciborium::Value::Float),
        text().prop_map(ciborium::Value::Text),
        vec(any::<u8>(), 0..40).prop_map(ciborium::Value::Bytes),
    ];
    leaf.prop_recursive(4, 24, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(ciborium::Value::Array),
            vec((inner.clone(), inner.clone()), 0..4).prop_map(ciborium::Value::Map),
            (any::<u16>(), inner)
                .prop_map(|(tag, inner)| ciborium::Value::Tag(u64::from(tag), Box::new(inner))),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn numbers(integers: Numbers, float in float(), options: (Option<u64>, Option<Option<i8>>)) {
        same(&integers);
        same(&float);
        same(&options);
    }

    #[test]
    fn texts_and_bytes(text in text(), c: char, bytes: std::vec::Vec<u8>, long in 0usize..9000) {
        same(&(text.clone(), c, Bytes(bytes.clone()), bytes));
        same(&text.repeat(1 + long / (1 + text.len())));
        same(&((), Unit, [(); 3], true, Newtype(Some(3)), Newtype(None)));
    }

    #[test]
    fn enums(kind in kind(), untagged in untagged(), n: u64, f: f32, text in text(), x: i8) {
        same(&kind);
        same(&untagged);
        same(&[Internal::One { n }, Internal::Two { text, f }, Internal::Three]);
        same(&[Adjacent::One(n), Adjacent::Two { x }, Adjacent::Three]);
        same(&Ok::<u64, String>(n));
    }

    #[test]
    fn maps(rest in btree_map(text(), any::<i64>(), 0..8), id: u32, keys: HashMap<i16, Option<u8>>) {
        same(&Flat { id, rest: rest.clone() });
        // One key: the order of several is not defined.
        same(&keys.into_iter().take(1).collect::<HashMap<_, _>>());
    }

    #[test]
    fn any_value(value in value()) {
        same(&value);
    }

    #[test]
    fn arbitrary_bytes(bytes: std::vec::Vec<u8>) {
        let _ = decode::<ciborium::Value>(&bytes);
        let _ = decode::<Kind>(&bytes);
        let _ = decode::<Untagged>(&bytes);
    }
}

type Read = (
    u64,
    String,
    f64,
    bool,
    Option<i32>,
    Option<u8>,
    Vec<String>,
    Kind,
);

#[test]
fn usual_values_take_the_fast_way() {
    let mut bytes = Vec::new();
    let value = (
        7u64,
        "name",
        1.5f64,
        true,
        Some(-3i32),
        None::<u8>,
        vec!["a", "b"],
        Kind::Unit,
    );
    encode(&value, &mut bytes).unwrap();
    assert!(read::decode::<Read>(&bytes, FLAT).is_some());
}

/// Lists, maps, tags and what is in them, cut and changed at random: shapes that decoders stumble over.
fn nearly_cbor() -> impl Strategy<Value = Vec<u8>> {
    let heads = prop::sample::select(vec![
        0x81, 0x82, 0x98, 0x9b, 0x9f, 0xa1, 0xb8, 0xbb, 0xbf, 0xc1, 0x61, 0x41, 0x5f, 0x7f, 0xf6,
        0xff,
    ]);
    vec(prop_oneof![heads, any::<u8>()], 0..200)
}

proptest! {
    /// What is taken without a scan is what a scan would have let through, and means the same.
    #[test]
    fn nothing_is_taken_that_the_scan_would_refuse(bytes in nearly_cbor()) {
        if let Some(value) = read::decode::<ciborium::Value>(&bytes, FLAT) {
            prop_assert!(scan(&bytes).is_ok());
            let slow = decode_slowly::<ciborium::Value>(&bytes).ok();
            prop_assert_eq!(format!("{:?}", Some(value)), format!("{slow:?}"));
        }
    }
}

#[derive(Debug, Deserialize)]
struct Endless(Option<Box<Endless>>);

#[derive(Debug)]
struct Nothing;

impl<'de> Deserialize<'de> for Nothing {
    fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Ok(Self)
    }
}

#[test]
fn neither_depth_nor_a_length_beyond_the_end_is_taken() {
    let nest = |head: u8, n: usize| [vec![head; n], vec![0x80]].concat();
    for head in [0x81, 0x9f] {
        let levels = |n| read::decode::<ciborium::Value>(&nest(head, n), FLAT).is_some();
        assert_eq!((levels(FLAT - 1), levels(FLAT)), (head == 0x81, false));
    }
    for head in [
        0x82, 0x98, 0x9b, 0xa1, 0xb8, 0xbb, 0x62, 0x42, 0x5f, 0x7f, 0xc1,
    ] {
        let bytes = [head, 0x01, 0x01];
        assert!(
            read::decode::<ciborium::Value>(&bytes[..2], FLAT).is_none(),
            "{head:x}"
        );
    }
    // Elements that take no bytes are believed to be as many as there are bytes, and no more.
    let endless = [0x9b, 0, 0, 0xff, 0, 0, 0, 0, 0, 0x01];
    assert!(decode::<Vec<Nothing>>(&endless).is_err());
    // A type that takes no bytes to nest.
    assert!(decode::<Endless>(&[0x01]).is_err());
    assert!(matches!(decode(&[0xf6]), Ok(Endless(None))));
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Lenient {
    #[serde(deserialize_with = "lenient")]
    kind: Option<Known>,
    inner: Option<Box<Lenient>>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Around(Lenient);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Known {
    One,
}

#[allow(clippy::unnecessary_wraps)] // as `deserialize_with` wants it
fn lenient<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Known>, D::Error> {
    Ok(Known::deserialize(deserializer).ok())
}

#[test]
fn errors_of_the_fast_reader_are_final() {
    let known = |inner| Lenient {
        kind: Some(Known::One),
        inner,
    };
    let write = |value: &dyn erased_serde::Serialize| {
        let mut bytes = Vec::new();
        encode(&value, &mut bytes).unwrap();
        bytes
    };
    // Where the levels of the fast way end, and at each one before.
    for depth in 0..FLAT {
        let nested = (0..depth).fold(known(None), |inner, _| known(Some(Box::new(inner))));
        assert_eq!(
            decode::<Lenient>(&write(&nested)).unwrap(),
            nested,
            "{depth}"
        );
        let around = Around(nested);
        assert_eq!(
            decode::<Around>(&write(&around)).unwrap(),
            around,
            "{depth}"
        );
    }
    // What a later version of the type has written, many times.
    let later = (
        vec![BTreeMap::from([("kind", Some("Three")), ("inner", None)]); 40],
        known(None),
    );
    let (unknown, one) = decode::<(Vec<Lenient>, Lenient)>(&write(&later)).unwrap();
    assert!(unknown.iter().all(|item| item.kind.is_none()));
    assert_eq!(one, known(None));
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Now {
    #[serde(alias = "was")]
    first: u8,
    #[serde(default)]
    second: Option<u8>,
    third: Vec<u8>,
}

#[test]
fn fields_are_known_by_name_in_any_order_with_others_between_them() {
    let text = |name: &str| ciborium::Value::Text(name.into());
    let list = || ciborium::Value::Array(vec![7.into()]);
    let maps = [
        vec![("first", 1.into()), ("second", 2.into()), ("third", list())],
        vec![("third", list()), ("second", 2.into()), ("first", 1.into())],
        vec![
            ("other", list()),
            ("third", list()),
            ("what", text("is it")),
            ("was", 1.into()),
        ],
    ];
    for (at, map) in maps.into_iter().enumerate() {
        let map = map.into_iter().map(|(name, value)| (text(name), value));
        let mut bytes = Vec::new();
        encode(&ciborium::Value::Map(map.collect()), &mut bytes).unwrap();
        let read = read::decode::<Now>(&bytes, FLAT).unwrap();
        let second = (at < 2).then_some(2);
        assert_eq!(
            read,
            Now {
                first: 1,
                second,
                third: vec![7]
            }
        );
    }
    let twice = b"\xa3\x65first\x01\x65first\x02\x65third\x80";
    assert!(decode::<Now>(twice).is_err());
}
