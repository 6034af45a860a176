//! The value that every contender caches.

use serde::{Deserialize, Serialize};

/// Eight fields, about 170 bytes in CBOR.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Product {
    pub id: u64,
    pub name: String,
    pub description: String,
    pub price_cents: u64,
    pub stock: u32,
    pub rating: f64,
    pub tags: Vec<String>,
    pub active: bool,
}

impl Product {
    pub fn new(id: u64) -> Self {
        Self {
            id,
            name: "Desk lamp, brushed steel".into(),
            description: "Adjustable arm, warm white".into(),
            price_cents: 12_900,
            stock: 417,
            rating: 4.6,
            tags: vec!["lighting".into(), "office".into()],
            active: true,
        }
    }

    /// What a hand-written cache would store.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        ciborium::into_writer(self, &mut bytes).unwrap();
        bytes
    }
}
