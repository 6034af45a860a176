//! Reads what ciborium wrote, in place.
//!
//! It takes what values are usually made of, and leaves the rest (tags, texts in parts, integers
//! beyond 64 bits) to ciborium: anything else ends the reading, without a reason. Lengths are
//! trusted only as far as the payload can hold them, and nesting is limited.

pub(crate) mod access;

use half::f16;
use serde::de::{Deserializer, Visitor};
use serde::{Deserialize, de};

use self::access::{Elements, Variant, name, utf8};
use super::FLAT;
use crate::entry::codec::limits::{DEPTH, StackLimit};

/// Elements for which room is made before they are there.
const ANNOUNCED: usize = 256;

const NULL: u8 = 0xf6;
const BREAK: u8 = 0xff;

/// The value that is the whole payload and nests no deeper than so many levels.
pub(crate) fn decode<'de, T: Deserialize<'de>>(payload: &'de [u8], levels: usize) -> Option<T> {
    let mut reader = Reader {
        rest: payload,
        levels,
        stack: StackLimit::here(),
        is_odd: false,
    };
    let value = T::deserialize(&mut reader).ok()?;
    (reader.rest.is_empty() && !reader.is_odd).then_some(value)
}

/// Something that is left to ciborium.
#[derive(Debug, thiserror::Error)]
#[error("a value that only ciborium may know how to read")]
struct Odd;

impl de::Error for Odd {
    fn custom<T: std::fmt::Display>(_: T) -> Self {
        Self
    }
}

struct Reader<'de> {
    rest: &'de [u8],
    /// How many more there may be.
    levels: usize,
    stack: StackLimit,
    /// Whether anything was: a type that recovers from an error must not recover from ours.
    is_odd: bool,
}

/// An item, but for what is in a list or a map: of those `None` if they end with a break.
enum Item<'de> {
    Unsigned(u64),
    Signed(i64),
    Bytes(&'de [u8]),
    Text(&'de [u8]),
    List(Option<usize>),
    Map(Option<usize>),
    Bool(bool),
    Null,
    Float(f64),
}

impl<'de> Reader<'de> {
    fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    #[inline]
    fn item(&mut self) -> Result<Item<'de>, Odd> {
        let (&first, rest) = self.rest.split_first().ok_or(Odd)?;
        self.rest = rest;
        let info = first & 31;
        Ok(match first >> 5 {
            0 => Item::Unsigned(self.argument(info)?),
            1 => Item::Signed(!i64::try_from(self.argument(info)?).map_err(|_| Odd)?),
            2 => Item::Bytes(self.slice(info)?),
            3 => Item::Text(self.slice(info)?),
            4 => Item::List(self.length(info, 1)?),
            5 => Item::Map(self.length(info, 2)?),
            7 => match info {
                20 => Item::Bool(false),
                21 => Item::Bool(true),
                22 => Item::Null,
                25 => Item::Float(f16::from_be_bytes(self.bytes()?).to_f64()),
                26 => Item::Float(f64::from(f32::from_be_bytes(self.bytes()?))),
                27 => Item::Float(f64::from_be_bytes(self.bytes()?)),
                _ => return Err(Odd),
            },
            _ => return Err(Odd),
        })
    }

    #[inline]
    fn argument(&mut self, info: u8) -> Result<u64, Odd> {
        Ok(match info {
            0..=23 => u64::from(info),
            24 => u64::from(u8::from_be_bytes(self.bytes()?)),
            25 => u64::from(u16::from_be_bytes(self.bytes()?)),
            26 => u64::from(u32::from_be_bytes(self.bytes()?)),
            27 => u64::from_be_bytes(self.bytes()?),
            _ => return Err(Odd),
        })
    }

    #[inline]
    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], Odd> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or(Odd)?;
        self.rest = rest;
        Ok(*bytes)
    }

    #[inline]
    fn slice(&mut self, info: u8) -> Result<&'de [u8], Odd> {
        let len = usize::try_from(self.argument(info)?).map_err(|_| Odd)?;
        let (slice, rest) = self.rest.split_at_checked(len).ok_or(Odd)?;
        self.rest = rest;
        Ok(slice)
    }

    /// How many elements follow, each of so many bytes or more.
    #[inline]
    fn length(&mut self, info: u8, least: usize) -> Result<Option<usize>, Odd> {
        if info == 31 {
            return Ok(None);
        }
        let len = usize::try_from(self.argument(info)?).map_err(|_| Odd)?;
        (len <= self.rest.len() / least)
            .then_some(Some(len))
            .ok_or(Odd)
    }

    #[inline]
    fn text(&mut self) -> Result<&'de [u8], Odd> {
        let (&first, rest) = self.rest.split_first().ok_or(Odd)?;
        if first >> 5 != 3 {
            return Err(Odd);
        }
        self.rest = rest;
        self.slice(first & 31)
    }

    /// Goes one level deeper.
    #[inline]
    fn below<T>(&mut self, inside: impl FnOnce(&mut Self) -> Result<T, Odd>) -> Result<T, Odd> {
        self.levels = self.levels.checked_sub(1).ok_or(Odd)?;
        if self.levels < DEPTH - FLAT && self.stack.is_used_up() {
            return Err(Odd);
        }
        let value = inside(self);
        self.levels += 1;
        value
    }

    /// Records whether it failed.
    #[inline]
    fn noting<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Odd>) -> Result<T, Odd> {
        let read = read(self);
        self.is_odd |= read.is_err();
        read
    }

    /// The elements of a list or a map.
    #[inline]
    fn elements<T>(
        &mut self,
        left: Option<usize>,
        names: &'static [&'static str],
        visit: impl FnOnce(&mut Elements<'_, 'de>) -> Result<T, Odd>,
    ) -> Result<T, Odd> {
        self.below(|reader| {
            let mut elements = Elements {
                reader,
                left,
                names,
                next: 0,
            };
            let value = visit(&mut elements)?;
            if elements.more()? {
                Err(Odd)
            } else {
                Ok(value)
            }
        })
    }
}

impl<'de> Reader<'de> {
    #[inline]
    fn integer<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Odd> {
        match self.item()? {
            Item::Unsigned(n) => visitor.visit_u64(n),
            Item::Signed(n) => visitor.visit_i64(n),
            _ => Err(Odd),
        }
    }

    #[inline]
    fn float<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Odd> {
        match self.item()? {
            Item::Float(float) => visitor.visit_f64(float),
            _ => Err(Odd),
        }
    }

    #[inline]
    fn string<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Odd> {
        visitor.visit_borrowed_str(utf8(self.text()?)?)
    }

    fn byte_string<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Odd> {
        match self.item()? {
            Item::Bytes(bytes) => visitor.visit_borrowed_bytes(bytes),
            _ => Err(Odd),
        }
    }
}

macro_rules! read {
    ($($way:ident: $($method:ident)*;)*) => {$($(
        #[inline]
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Odd> {
            self.noting(|reader| reader.$way(visitor))
        }
    )*)*};
}

impl<'de> Deserializer<'de> for &mut Reader<'de> {
    type Error = Odd;

    fn is_human_readable(&self) -> bool {
        false
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Odd> {
        self.noting(|reader| match reader.item()? {
            Item::Unsigned(n) => visitor.visit_u64(n),
            Item::Signed(n) => visitor.visit_i64(n),
            Item::Bytes(bytes) => visitor.visit_borrowed_bytes(bytes),
            Item::Text(text) => visitor.visit_borrowed_str(utf8(text)?),
            Item::List(left) => reader.elements(left, &[], |list| visitor.visit_seq(list)),
            Item::Map(left) => reader.elements(left, &[], |map| visitor.visit_map(map)),
            Item::Bool(is) => visitor.visit_bool(is),
            Item::Null => visitor.visit_none(),
            Item::Float(float) => visitor.visit_f64(float),
        })
    }

    read! {
        integer: deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
            deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128;
        float: deserialize_f32 deserialize_f64;
        string: deserialize_char deserialize_str deserialize_string deserialize_identifier;
        byte_string: deserialize_bytes deserialize_byte_buf;
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Odd> {
        self.noting(|reader| match reader.item()? {
            Item::Bool(is) => visitor.visit_bool(is),
            _ => Err(Odd),
        })
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Odd> {
        self.noting(|reader| match reader.item()? {
            Item::Null => visitor.visit_unit(),
            _ => Err(Odd),
        })
    }

    #[inline]
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Odd> {
        self.noting(|reader| {
            if reader.peek() == Some(NULL) {
                let _: [u8; 1] = reader.bytes()?;
                return visitor.visit_none();
            }
            reader.below(|below| visitor.visit_some(below))
        })
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Odd> {
        self.deserialize_unit(visitor)
    }

    #[inline]
    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Odd> {
        self.noting(|reader| reader.below(|below| visitor.visit_newtype_struct(below)))
    }

    #[inline]
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Odd> {
        self.noting(|reader| match reader.item()? {
            Item::List(left) => reader.elements(left, &[], |list| visitor.visit_seq(list)),
            _ => Err(Odd),
        })
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Odd> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Odd> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Odd> {
        self.deserialize_struct("", &[], visitor)
    }

    #[inline]
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Odd> {
        self.noting(|reader| match reader.item()? {
            Item::Map(left) => reader.elements(left, fields, |map| visitor.visit_map(map)),
            _ => Err(Odd),
        })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Odd> {
        self.noting(|reader| {
            let (text, has_content) = match reader.item()? {
                Item::Text(text) => (text, false),
                Item::Map(Some(1)) => (reader.text()?, true),
                _ => return Err(Odd),
            };
            let name = name(text, variants, &mut 0)?;
            reader.below(|reader| {
                visitor.visit_enum(Variant {
                    reader,
                    name,
                    has_content,
                })
            })
        })
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Odd> {
        self.deserialize_any(visitor)
    }
}
