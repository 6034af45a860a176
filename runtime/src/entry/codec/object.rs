//! Values that are read through an object, whatever their format, within [limits](super::limits).
//!
//! The code of a type is compiled once for each deserializer, so here is one for all formats but that
//! of the fast reader. `erased-serde` makes an object of any deserializer. Of a visitor it would make
//! one with 28 methods, of which each is compiled for each visitor; here a visitor has one.
//!
//! Each level of a value passes more functions so. With optimisation that costs little; without, it
//! takes some 12 KiB of the stack, and values of more than about a dozen levels are refused.

pub(crate) mod access;

use std::fmt;
use std::marker::PhantomData;

use erased_serde::Error;
use serde::de::{Deserialize, Deserializer, EnumAccess, Error as _, MapAccess, SeqAccess, Visitor};

use self::access::{EnumVariant, MapElements, ObjectElements, ObjectEnum, SeqElements};
use super::limits::DecodeLimits;

type ObjectResult = Result<(), Error>;

/// Reads the one value of a payload, and keeps it.
pub(crate) type ReadValue<'r> =
    dyn FnMut(&mut dyn erased_serde::Deserializer<'_>) -> Result<(), erased_serde::Error> + 'r;

/// Reads a value within these limits.
pub(super) fn read<'de, T: Deserialize<'de>>(
    limits: &DecodeLimits,
    deserializer: &mut dyn erased_serde::Deserializer<'de>,
) -> Result<T, Error> {
    let depth = 0;
    T::deserialize(ObjectDeserializer {
        inner: deserializer,
        guard: Guard { limits, depth },
    })
}

/// How deep a value is inside of what limits.
#[derive(Clone, Copy)]
struct Guard<'o> {
    limits: &'o DecodeLimits,
    depth: usize,
}

impl Guard<'_> {
    /// What is inside of the value, one level deeper.
    fn below<E: serde::de::Error>(self) -> Result<Self, E> {
        self.limits.check_depth(self.depth)?;
        Ok(Self {
            depth: self.depth + 1,
            ..self
        })
    }
}

/// The deserializer that types see.
struct ObjectDeserializer<'o, 'de> {
    inner: &'o mut dyn erased_serde::Deserializer<'de>,
    guard: Guard<'o>,
}

/// What a type asks its deserializer for.
enum Hint {
    Any,
    Bool,
    I8,
    I16,
    I32,
    I64,
    I128,
    U8,
    U16,
    U32,
    U64,
    U128,
    F32,
    F64,
    Char,
    Str,
    String,
    Bytes,
    ByteBuf,
    Option,
    Unit,
    UnitStruct(&'static str),
    NewtypeStruct(&'static str),
    Seq,
    Tuple(usize),
    TupleStruct(&'static str, usize),
    Map,
    Struct(&'static str, &'static [&'static str]),
    Enum(&'static str, &'static [&'static str]),
    Identifier,
    IgnoredAny,
}

impl<'de> ObjectDeserializer<'_, 'de> {
    fn visit<V: Visitor<'de>>(self, hint: &Hint, visitor: V) -> Result<V::Value, Error> {
        let mut slot = VisitorSlot::new(visitor);
        self.drive(hint, &mut slot)?;
        slot.value.ok_or_else(unread)
    }

    fn drive(self, hint: &Hint, visitor: &mut dyn ObjectVisitor<'de>) -> ObjectResult {
        let guard = self.guard;
        let (inner, visitor) = (self.inner, GuardedVisitor { visitor, guard });
        match *hint {
            Hint::Any => inner.deserialize_any(visitor),
            Hint::Bool => inner.deserialize_bool(visitor),
            Hint::I8 => inner.deserialize_i8(visitor),
            Hint::I16 => inner.deserialize_i16(visitor),
            Hint::I32 => inner.deserialize_i32(visitor),
            Hint::I64 => inner.deserialize_i64(visitor),
            Hint::I128 => inner.deserialize_i128(visitor),
            Hint::U8 => inner.deserialize_u8(visitor),
            Hint::U16 => inner.deserialize_u16(visitor),
            Hint::U32 => inner.deserialize_u32(visitor),
            Hint::U64 => inner.deserialize_u64(visitor),
            Hint::U128 => inner.deserialize_u128(visitor),
            Hint::F32 => inner.deserialize_f32(visitor),
            Hint::F64 => inner.deserialize_f64(visitor),
            Hint::Char => inner.deserialize_char(visitor),
            Hint::Str => inner.deserialize_str(visitor),
            Hint::String => inner.deserialize_string(visitor),
            Hint::Bytes => inner.deserialize_bytes(visitor),
            Hint::ByteBuf => inner.deserialize_byte_buf(visitor),
            Hint::Option => inner.deserialize_option(visitor),
            Hint::Unit => inner.deserialize_unit(visitor),
            Hint::UnitStruct(name) => inner.deserialize_unit_struct(name, visitor),
            Hint::NewtypeStruct(name) => inner.deserialize_newtype_struct(name, visitor),
            Hint::Seq => inner.deserialize_seq(visitor),
            Hint::Tuple(len) => inner.deserialize_tuple(len, visitor),
            Hint::TupleStruct(name, len) => inner.deserialize_tuple_struct(name, len, visitor),
            Hint::Map => inner.deserialize_map(visitor),
            Hint::Struct(name, fields) => inner.deserialize_struct(name, fields, visitor),
            Hint::Enum(name, variants) => inner.deserialize_enum(name, variants, visitor),
            Hint::Identifier => inner.deserialize_identifier(visitor),
            Hint::IgnoredAny => inner.deserialize_ignored_any(visitor),
        }
    }
}

macro_rules! hints {
    ($($method:ident($($name:ident: $type:ty),*) $hint:expr;)*) => {$(
        fn $method<V: Visitor<'de>>(self, $($name: $type,)* visitor: V) -> Result<V::Value, Error> {
            self.visit(&$hint, visitor)
        }
    )*};
}

impl<'de> Deserializer<'de> for ObjectDeserializer<'_, 'de> {
    type Error = Error;

    hints! {
        deserialize_any() Hint::Any;
        deserialize_bool() Hint::Bool;
        deserialize_i8() Hint::I8;
        deserialize_i16() Hint::I16;
        deserialize_i32() Hint::I32;
        deserialize_i64() Hint::I64;
        deserialize_i128() Hint::I128;
        deserialize_u8() Hint::U8;
        deserialize_u16() Hint::U16;
        deserialize_u32() Hint::U32;
        deserialize_u64() Hint::U64;
        deserialize_u128() Hint::U128;
        deserialize_f32() Hint::F32;
        deserialize_f64() Hint::F64;
        deserialize_char() Hint::Char;
        deserialize_str() Hint::Str;
        deserialize_string() Hint::String;
        deserialize_bytes() Hint::Bytes;
        deserialize_byte_buf() Hint::ByteBuf;
        deserialize_option() Hint::Option;
        deserialize_unit() Hint::Unit;
        deserialize_unit_struct(name: &'static str) Hint::UnitStruct(name);
        deserialize_newtype_struct(name: &'static str) Hint::NewtypeStruct(name);
        deserialize_seq() Hint::Seq;
        deserialize_tuple(len: usize) Hint::Tuple(len);
        deserialize_tuple_struct(name: &'static str, len: usize) Hint::TupleStruct(name, len);
        deserialize_map() Hint::Map;
        deserialize_struct(name: &'static str, fields: &'static [&'static str]) Hint::Struct(name, fields);
        deserialize_enum(name: &'static str, variants: &'static [&'static str]) Hint::Enum(name, variants);
        deserialize_identifier() Hint::Identifier;
        deserialize_ignored_any() Hint::IgnoredAny;
    }

    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

/// What a format gives a visitor. As the fast reader does, it gives numbers at their widest; to visitors
/// that want them in another form, serde's own defaults do the same.
enum ObjectItem<'o, 'de> {
    Bool(bool),
    I64(i64),
    I128(i128),
    U64(u64),
    U128(u128),
    F64(f64),
    Char(char),
    Str(&'o str),
    Bytes(&'o [u8]),
    None,
    Unit,
    Some(ObjectDeserializer<'o, 'de>),
    NewtypeStruct(ObjectDeserializer<'o, 'de>),
    Seq(ObjectElements<'o, 'de>),
    Map(ObjectElements<'o, 'de>),
    Enum(ObjectEnum<'o, 'de>),
}

/// A visitor with one method.
trait ObjectVisitor<'de> {
    fn visit(&mut self, item: ObjectItem<'_, 'de>) -> ObjectResult;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result;
}

/// A visitor, and then its value.
struct VisitorSlot<'de, V: Visitor<'de>> {
    visitor: Option<V>,
    value: Option<V::Value>,
    lives: PhantomData<&'de ()>,
}

impl<'de, V: Visitor<'de>> VisitorSlot<'de, V> {
    fn new(visitor: V) -> Self {
        Self {
            visitor: Some(visitor),
            value: None,
            lives: PhantomData,
        }
    }
}

impl<'de, V: Visitor<'de>> ObjectVisitor<'de> for VisitorSlot<'de, V> {
    fn visit(&mut self, item: ObjectItem<'_, 'de>) -> ObjectResult {
        let visitor = self.visitor.take().ok_or_else(unread)?;
        // One place for all results: this is recursive, and the stack is limited.
        let value = match item {
            ObjectItem::Bool(value) => visitor.visit_bool(value),
            ObjectItem::I64(value) => visitor.visit_i64(value),
            ObjectItem::I128(value) => visitor.visit_i128(value),
            ObjectItem::U64(value) => visitor.visit_u64(value),
            ObjectItem::U128(value) => visitor.visit_u128(value),
            ObjectItem::F64(value) => visitor.visit_f64(value),
            ObjectItem::Char(value) => visitor.visit_char(value),
            ObjectItem::Str(value) => visitor.visit_str(value),
            ObjectItem::Bytes(value) => visitor.visit_bytes(value),
            ObjectItem::None => visitor.visit_none(),
            ObjectItem::Unit => visitor.visit_unit(),
            ObjectItem::Some(inner) => visitor.visit_some(inner),
            ObjectItem::NewtypeStruct(inner) => visitor.visit_newtype_struct(inner),
            ObjectItem::Seq(elements) => visitor.visit_seq(elements),
            ObjectItem::Map(elements) => visitor.visit_map(elements),
            ObjectItem::Enum(variant) => visitor.visit_enum(variant),
        };
        self.value = Some(value?);
        Ok(())
    }

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.visitor {
            Some(visitor) => visitor.expecting(f),
            None => f.write_str("one value"),
        }
    }
}

/// The visitor that formats see.
struct GuardedVisitor<'o, 'de> {
    visitor: &'o mut dyn ObjectVisitor<'de>,
    guard: Guard<'o>,
}

macro_rules! scalars {
    ($($method:ident: $type:ty => $item:ident;)*) => {$(
        fn $method<E: serde::de::Error>(self, value: $type) -> Result<(), E> {
            self.visitor.visit(ObjectItem::$item(value)).map_err(inside)
        }
    )*};
}

macro_rules! weighed {
    ($($method:ident: $type:ty => $item:ident;)*) => {$(
        fn $method<E: serde::de::Error>(self, value: $type) -> Result<(), E> {
            self.guard.limits.give(value.len())?;
            self.visitor.visit(ObjectItem::$item(value)).map_err(inside)
        }
    )*};
}

impl<'de> Visitor<'de> for GuardedVisitor<'_, 'de> {
    type Value = ();

    scalars! {
        visit_bool: bool => Bool;
        visit_i64: i64 => I64;
        visit_i128: i128 => I128;
        visit_u64: u64 => U64;
        visit_u128: u128 => U128;
        visit_f64: f64 => F64;
        visit_char: char => Char;
    }

    weighed! {
        visit_str: &str => Str;
        visit_bytes: &[u8] => Bytes;
    }

    fn visit_none<E: serde::de::Error>(self) -> Result<(), E> {
        self.visitor.visit(ObjectItem::None).map_err(inside)
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        self.visitor.visit(ObjectItem::Unit).map_err(inside)
    }

    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<(), D::Error> {
        let guard = self.guard.below()?;
        let inner = &mut <dyn erased_serde::Deserializer<'_>>::erase(inner);
        let item = ObjectItem::Some(ObjectDeserializer { inner, guard });
        self.visitor.visit(item).map_err(inside)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<(), D::Error> {
        let guard = self.guard.below()?;
        let inner = &mut <dyn erased_serde::Deserializer<'_>>::erase(inner);
        let item = ObjectItem::NewtypeStruct(ObjectDeserializer { inner, guard });
        self.visitor.visit(item).map_err(inside)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<(), A::Error> {
        let guard = self.guard.below()?;
        let inner = &mut SeqElements(seq);
        let item = ObjectItem::Seq(ObjectElements { inner, guard });
        self.visitor.visit(item).map_err(inside)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        let guard = self.guard.below()?;
        let inner = &mut MapElements(map);
        let item = ObjectItem::Map(ObjectElements { inner, guard });
        self.visitor.visit(item).map_err(inside)
    }

    fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<(), A::Error> {
        let guard = self.guard.below()?;
        let inner = &mut EnumVariant::<'_, A>::Unknown(Some(data));
        let item = ObjectItem::Enum(ObjectEnum { inner, guard });
        self.visitor.visit(item).map_err(inside)
    }

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.visitor.expecting(f)
    }
}

/// An error inside of a value. Without its text: formats quote what they are given, so it would double with
/// each level.
#[cold]
fn inside<From, E: serde::de::Error>(_: From) -> E {
    E::custom("what is inside cannot be read")
}

/// A format that has not read what it was asked for, or twice.
#[cold]
fn unread() -> Error {
    Error::custom("the format does not read one value where one is wanted")
}

#[cfg(test)]
mod tests {
    use crate::entry::codec::cbor;

    /// Formats quote the error of what is inside of a value.
    #[test]
    fn the_text_of_an_error_does_not_grow_with_the_depth_of_its_value() {
        #[derive(Debug, serde::Deserialize)]
        #[allow(dead_code)]
        struct Deep(Vec<Deep>);
        for depth in [2, 20] {
            // A tag, so that ciborium reads it, around a text where a list is wanted.
            let bytes = [vec![0xc1], vec![0x81; depth], vec![0x61, b'x']].concat();
            let error = cbor::decode::<Deep>(&bytes).unwrap_err().to_string();
            assert!(error.len() < 200, "{depth} levels: {} bytes", error.len());
        }
    }
}
