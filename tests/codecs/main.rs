//! Codecs under random values, which proptest makes up. The library's own files are compiled here once more: so what
//! users compile for an example does not include proptest.

mod cbor;
mod yaml;

/// The files, as the library has them.
#[path = "../../runtime/src/entry/codec"]
#[allow(dead_code)] // what only other codecs use
mod codec {
    pub(crate) mod cbor;
    pub(crate) mod error;
    pub(crate) mod limits;
    pub(crate) mod object;

    pub(crate) mod yaml {
        pub(crate) mod block;
    }
}

/// Where they look for each other.
mod entry {
    pub(crate) use crate::codec;
}
