//! Lists, tuples, structs and maps.

use serde::ser;
use serde::ser::Serialize;

use super::{BREAK, Canonical, MAP, SerializeResult, Unfit};

/// Everything that is written in the order it comes in, up to a break code.
pub(crate) struct Sequence<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> Sequence<'a> {
    pub(super) fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out }
    }

    fn push<T: Serialize + ?Sized>(&mut self, value: &T) -> SerializeResult {
        value.serialize(Canonical::new(self.out))
    }

    fn push_named<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> SerializeResult {
        Canonical::new(self.out).text(name);
        self.push(value)
    }

    #[allow(clippy::unnecessary_wraps)] // serde's traits want a `Result`
    fn close(self) -> SerializeResult {
        self.out.push(BREAK);
        Ok(())
    }
}

macro_rules! sequence {
    ($($trait:ident $method:ident),*) => {$(
        impl ser::$trait for Sequence<'_> {
            type Ok = ();
            type Error = Unfit;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> SerializeResult {
                self.push(value)
            }

            fn end(self) -> SerializeResult {
                self.close()
            }
        }
    )*};
}
sequence!(
    SerializeSeq serialize_element,
    SerializeTuple serialize_element,
    SerializeTupleStruct serialize_field,
    SerializeTupleVariant serialize_field
);

macro_rules! named_sequence {
    ($($trait:ident),*) => {$(
        impl ser::$trait for Sequence<'_> {
            type Ok = ();
            type Error = Unfit;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> SerializeResult {
                self.push_named(name, value)
            }

            fn end(self) -> SerializeResult {
                self.close()
            }
        }
    )*};
}
named_sequence!(SerializeStruct, SerializeStructVariant);

/// Collects the entries of a map after the output, and sorts them when the map ends.
pub(crate) struct SortedMap<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
    /// Where the key and the value of each entry begin.
    entries: Vec<(usize, usize)>,
}

impl<'a> SortedMap<'a> {
    pub(super) fn new(out: &'a mut Vec<u8>) -> Self {
        Self {
            start: out.len(),
            out,
            entries: Vec::new(),
        }
    }
}

impl ser::SerializeMap for SortedMap<'_> {
    type Ok = ();
    type Error = Unfit;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> SerializeResult {
        let at = self.out.len();
        self.entries.push((at, at));
        key.serialize(Canonical::new(self.out))
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> SerializeResult {
        let at = self.out.len();
        let entry = self.entries.last_mut().ok_or(Unfit::VALUE_WITHOUT_KEY)?;
        entry.1 = at;
        value.serialize(Canonical::new(self.out))
    }

    fn end(self) -> SerializeResult {
        let written = self.out.split_off(self.start);
        let ends = self
            .entries
            .iter()
            .skip(1)
            .map(|entry| entry.0)
            .chain([self.start + written.len()]);
        let mut entries: Vec<_> = self.entries.iter().zip(ends).collect();
        let bytes = |from: usize, to: usize| &written[from - self.start..to - self.start];
        // By key and then by value: duplicate keys, which some map types allow, sort as well.
        entries.sort_by_key(|&(&(key, value), end)| (bytes(key, value), bytes(value, end)));
        self.out.push(MAP);
        for (&(key, _), end) in entries {
            self.out.extend_from_slice(bytes(key, end));
        }
        self.out.push(BREAK);
        Ok(())
    }
}
