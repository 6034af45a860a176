//! A `serde` serializer whose bytes are canonical and injective.
//!
//! The output is CBOR, with three deviations from what a CBOR library writes, each so that
//! different values never share bytes: `Some(x)` is wrapped in an array, the kinds of the serde
//! data model are distinguished by tags (a `char` from a string, a tuple from a list, `u8` from
//! `u64`), and the entries of maps are sorted by the bytes of their keys. Lists, maps and structs
//! end in a break code, so a length that an implementation announces wrongly does no harm.

pub(crate) mod compound;

use std::fmt;

use serde::ser;
use serde::ser::Serialize;

use self::compound::{Sequence, SortedMap};

/// The tags that distinguish kinds; any number above 255 is free for that in CBOR.
#[derive(Clone, Copy)]
enum Kind {
    Signed = 1,
    Char = 2,
    Big = 3,
    UnitStruct = 4,
    Newtype = 5,
    Tuple = 6,
    TupleStruct = 7,
    Struct = 8,
    Variant = 9,
}

const ARRAY: u8 = 0x9f;
const MAP: u8 = 0xbf;
const BREAK: u8 = 0xff;

pub(crate) struct Canonical<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> Canonical<'a> {
    pub(crate) fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out }
    }

    fn kind(&mut self, kind: Kind) {
        self.out.extend_from_slice(&[0xd9, 0x01, kind as u8]);
    }

    fn named(&mut self, kind: Kind, name: &str) {
        self.kind(kind);
        self.text(name);
    }

    fn text(&mut self, text: &str) {
        self.head(3, text.len() as u64);
        self.out.extend_from_slice(text.as_bytes());
    }

    /// A CBOR head: major type and argument, in the shortest form.
    fn head(&mut self, major: u8, argument: u64) {
        let major = major << 5;
        let bytes = argument.to_be_bytes();
        let (info, skipped) = match argument {
            0..=23 => {
                self.out.push(major + bytes[7]);
                return;
            }
            24..=0xff => (24, 7),
            0x100..=0xffff => (25, 6),
            0x1_0000..=0xffff_ffff => (26, 4),
            _ => (27, 0),
        };
        self.out.push(major + info);
        self.out.extend_from_slice(&bytes[skipped..]);
    }

    /// An integer in the width of its type, which distinguishes `1u8` from `1u64`.
    fn fixed(&mut self, initial: u8, bytes: &[u8]) {
        self.out.push(initial);
        self.out.extend_from_slice(bytes);
    }

    fn signed(&mut self, initial: u8, bytes: &[u8]) {
        self.kind(Kind::Signed);
        self.fixed(initial, bytes);
    }

    fn big(&mut self, sign: u8, bytes: &[u8]) {
        self.kind(Kind::Big);
        self.fixed(sign, bytes);
    }

    fn variant(&mut self, name: &str, index: u32, variant: &str) {
        self.named(Kind::Variant, name);
        self.head(0, u64::from(index));
        self.text(variant);
    }

    fn open(mut self, kind: Option<(Kind, &str)>, bracket: u8) -> Sequence<'a> {
        if let Some((kind, name)) = kind {
            self.named(kind, name);
        }
        self.out.push(bracket);
        Sequence::new(self.out)
    }
}

type SerializeResult = Result<(), Unfit>;

impl<'a> ser::Serializer for Canonical<'a> {
    type Ok = ();
    type Error = Unfit;
    type SerializeSeq = Sequence<'a>;
    type SerializeTuple = Sequence<'a>;
    type SerializeTupleStruct = Sequence<'a>;
    type SerializeTupleVariant = Sequence<'a>;
    type SerializeMap = SortedMap<'a>;
    type SerializeStruct = Sequence<'a>;
    type SerializeStructVariant = Sequence<'a>;

    fn is_human_readable(&self) -> bool {
        false
    }

    fn serialize_bool(self, v: bool) -> SerializeResult {
        self.out.push(if v { 0xf5 } else { 0xf4 });
        Ok(())
    }

    fn serialize_u8(mut self, v: u8) -> SerializeResult {
        self.fixed(0x18, &[v]);
        Ok(())
    }

    fn serialize_u16(mut self, v: u16) -> SerializeResult {
        self.fixed(0x19, &v.to_be_bytes());
        Ok(())
    }

    fn serialize_u32(mut self, v: u32) -> SerializeResult {
        self.fixed(0x1a, &v.to_be_bytes());
        Ok(())
    }

    fn serialize_u64(mut self, v: u64) -> SerializeResult {
        self.fixed(0x1b, &v.to_be_bytes());
        Ok(())
    }

    fn serialize_u128(mut self, v: u128) -> SerializeResult {
        self.big(0x50, &v.to_be_bytes());
        Ok(())
    }

    // CBOR writes a negative number n as -1 - n, which is `!n`, under major type 1.
    fn serialize_i8(mut self, v: i8) -> SerializeResult {
        self.signed(
            if v < 0 { 0x38 } else { 0x18 },
            &(if v < 0 { !v } else { v }).to_be_bytes(),
        );
        Ok(())
    }

    fn serialize_i16(mut self, v: i16) -> SerializeResult {
        self.signed(
            if v < 0 { 0x39 } else { 0x19 },
            &(if v < 0 { !v } else { v }).to_be_bytes(),
        );
        Ok(())
    }

    fn serialize_i32(mut self, v: i32) -> SerializeResult {
        self.signed(
            if v < 0 { 0x3a } else { 0x1a },
            &(if v < 0 { !v } else { v }).to_be_bytes(),
        );
        Ok(())
    }

    fn serialize_i64(mut self, v: i64) -> SerializeResult {
        self.signed(
            if v < 0 { 0x3b } else { 0x1b },
            &(if v < 0 { !v } else { v }).to_be_bytes(),
        );
        Ok(())
    }

    fn serialize_i128(mut self, v: i128) -> SerializeResult {
        self.kind(Kind::Signed);
        self.big(0x50, &v.to_be_bytes());
        Ok(())
    }

    fn serialize_f32(mut self, v: f32) -> SerializeResult {
        let v = if v.is_nan() { f32::NAN } else { v };
        self.fixed(0xfa, &v.to_be_bytes());
        Ok(())
    }

    fn serialize_f64(mut self, v: f64) -> SerializeResult {
        let v = if v.is_nan() { f64::NAN } else { v };
        self.fixed(0xfb, &v.to_be_bytes());
        Ok(())
    }

    fn serialize_char(mut self, v: char) -> SerializeResult {
        self.kind(Kind::Char);
        self.head(0, u64::from(u32::from(v)));
        Ok(())
    }

    fn serialize_str(mut self, v: &str) -> SerializeResult {
        self.text(v);
        Ok(())
    }

    fn serialize_bytes(mut self, v: &[u8]) -> SerializeResult {
        self.head(2, v.len() as u64);
        self.out.extend_from_slice(v);
        Ok(())
    }

    fn serialize_none(self) -> SerializeResult {
        self.out.push(0xf6);
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> SerializeResult {
        self.out.push(0x81);
        value.serialize(self)
    }

    fn serialize_unit(self) -> SerializeResult {
        self.out.push(0xf7);
        Ok(())
    }

    fn serialize_unit_struct(mut self, name: &'static str) -> SerializeResult {
        self.named(Kind::UnitStruct, name);
        Ok(())
    }

    fn serialize_unit_variant(
        mut self,
        name: &'static str,
        index: u32,
        variant: &'static str,
    ) -> SerializeResult {
        self.variant(name, index, variant);
        self.out.push(0xf7);
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        mut self,
        name: &'static str,
        value: &T,
    ) -> SerializeResult {
        self.named(Kind::Newtype, name);
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        mut self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> SerializeResult {
        self.variant(name, index, variant);
        self.out.push(0x81);
        value.serialize(self)
    }

    fn serialize_seq(self, _len: Option<usize>) -> Result<Sequence<'a>, Unfit> {
        Ok(self.open(None, ARRAY))
    }

    fn serialize_tuple(mut self, _len: usize) -> Result<Sequence<'a>, Unfit> {
        self.kind(Kind::Tuple);
        Ok(self.open(None, ARRAY))
    }

    fn serialize_tuple_struct(
        self,
        name: &'static str,
        _len: usize,
    ) -> Result<Sequence<'a>, Unfit> {
        Ok(self.open(Some((Kind::TupleStruct, name)), ARRAY))
    }

    fn serialize_tuple_variant(
        mut self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Sequence<'a>, Unfit> {
        self.variant(name, index, variant);
        Ok(self.open(None, ARRAY))
    }

    fn serialize_map(self, _len: Option<usize>) -> Result<SortedMap<'a>, Unfit> {
        Ok(SortedMap::new(self.out))
    }

    fn serialize_struct(self, name: &'static str, _len: usize) -> Result<Sequence<'a>, Unfit> {
        Ok(self.open(Some((Kind::Struct, name)), MAP))
    }

    fn serialize_struct_variant(
        mut self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Sequence<'a>, Unfit> {
        self.variant(name, index, variant);
        Ok(self.open(None, MAP))
    }
}

/// Why a value cannot be a key: the error of its own `Serialize`.
pub(crate) struct Unfit(std::borrow::Cow<'static, str>);

impl Unfit {
    const VALUE_WITHOUT_KEY: Self = Self(std::borrow::Cow::Borrowed(
        "a map wrote a value without a key",
    ));
}

// It may quote the value.
impl fmt::Debug for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Unfit(..)")
    }
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unfit {}

impl ser::Error for Unfit {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string().into())
    }
}
