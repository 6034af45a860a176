//! Whatever the encoder writes is the kind of YAML that is let through.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use crate::codec::yaml::block::scan;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Node {
    Nothing,
    Text(String),
    List(Vec<Node>),
    Map(BTreeMap<String, Node>),
    Pair(String, Option<u8>),
    Named { text: String, empty: Vec<u8> },
}

fn text() -> impl Strategy<Value = String> {
    let part = prop::sample::select(vec![
        "a", " ", "\n", ":", ": ", "- ", "-", "[", "]", "{", "}", "'", "\"", "|", ">", "!", "&",
        "*", "#", " #", "\t", "\r", "\\", "?", ",", "%", "---", "...", "0", "~", "ü", "\u{2028}",
        "\u{85}", "\0",
    ]);
    prop_oneof![
        prop::collection::vec(part, 0..8).prop_map(|parts| parts.concat()),
        ".{0,20}",
        Just("x".repeat(200)),
    ]
}

fn node() -> impl Strategy<Value = Node> {
    let leaf = prop_oneof![
        Just(Node::Nothing),
        text().prop_map(Node::Text),
        (text(), any::<Option<u8>>()).prop_map(|(text, n)| Node::Pair(text, n)),
        (text(), prop::collection::vec(any::<u8>(), 0..3))
            .prop_map(|(text, empty)| Node::Named { text, empty }),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Node::List),
            prop::collection::btree_map(text(), inner, 0..4).prop_map(Node::Map),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_the_encoder_writes_passes(node in node()) {
        let text = serde_norway::to_string(&node).unwrap();
        prop_assert_eq!(scan(&text), Ok(()), "{}", text);
    }
}
