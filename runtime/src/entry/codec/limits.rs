//! A guard around any deserializer: how deep it may nest, how much of the stack it may use, and how
//! much it may give out, whatever the bytes say.
//!
//! Formats and their crates bound some of this, each in its own way: Postcard no depth, YAML an
//! alias but not what it stands for. Here is one bound for all, also for codecs of users.

use std::cell::Cell;
use std::fmt;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};

/// Deeper values are refused.
pub(super) const DEPTH: usize = 128;
/// Decoders are recursive, and the size of a level depends on the user's type: so the stack is
/// measured as well. A thread of 256 KiB has room for this, and for what is around it.
const STACK: usize = 160 << 10;
/// Each element or byte that is given out, for a byte of the payload: above one because a struct
/// may have fields that take no bytes.
const GIVEN_PER_BYTE: usize = 16;
/// Elements that take no bytes at all, such as those of a `Vec<()>`.
const GIVEN_FOR_NOTHING: usize = 64 << 10;
/// Elements for which room is made before they are there.
const ANNOUNCED: usize = 1024;

/// What one decoding may use.
pub(super) struct DecodeLimits {
    left: Cell<usize>,
    stack: usize,
}

impl DecodeLimits {
    pub(super) fn of(payload: &[u8]) -> Self {
        let given = payload.len().saturating_mul(GIVEN_PER_BYTE);
        Self::giving(given.saturating_add(GIVEN_FOR_NOTHING))
    }

    fn giving(left: usize) -> Self {
        let here = 0u8;
        Self {
            left: Cell::new(left),
            stack: std::ptr::from_ref(&here).addr(),
        }
    }

    /// Reads a value within these limits. Through an object, so that the code for a type is compiled
    /// once and not for each format.
    pub(super) fn read<'de, T: Deserialize<'de>>(
        &self,
        deserializer: &mut dyn erased_serde::Deserializer<'de>,
    ) -> Result<T, erased_serde::Error> {
        T::deserialize(LimitedDeserializer {
            inner: deserializer,
            guard: self,
            depth: 0,
        })
    }

    fn give<E: Error>(&self, n: usize) -> Result<(), E> {
        match self.left.get().checked_sub(n) {
            Some(left) => {
                self.left.set(left);
                Ok(())
            }
            None => Err(E::custom("the payload asks for more than it can hold")),
        }
    }

    fn check_depth<E: Error>(&self, depth: usize) -> Result<(), E> {
        let here = 0u8;
        let used = std::ptr::from_ref(&here).addr().abs_diff(self.stack);
        if depth >= DEPTH || used > STACK {
            return Err(E::custom("the value is nested too deep"));
        }
        Ok(())
    }
}

/// A value that is read inside a guard, for decoders that take a type and no deserializer. Nothing
/// bounds what they give out but the payload itself.
pub(super) struct Inside<T>(pub(super) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Inside<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut object = <dyn erased_serde::Deserializer<'_>>::erase(deserializer);
        let value = DecodeLimits::giving(usize::MAX).read(&mut object);
        value.map(Self).map_err(D::Error::custom)
    }
}

/// Something of serde's, inside the guard.
pub(super) struct LimitedDeserializer<'f, X> {
    inner: X,
    guard: &'f DecodeLimits,
    depth: usize,
}

impl<'f, X> LimitedDeserializer<'f, X> {
    fn beside<Y>(&self, inner: Y) -> LimitedDeserializer<'f, Y> {
        LimitedDeserializer {
            inner,
            guard: self.guard,
            depth: self.depth,
        }
    }

    /// What is inside this visitor's value, one level deeper.
    fn below<Y, E: Error>(&self, inner: Y) -> Result<LimitedDeserializer<'f, Y>, E> {
        self.guard.check_depth(self.depth)?;
        Ok(LimitedDeserializer {
            inner,
            guard: self.guard,
            depth: self.depth + 1,
        })
    }

    fn split(self) -> (X, LimitedDeserializer<'f, ()>) {
        let rest = self.beside(());
        (self.inner, rest)
    }
}

macro_rules! forward {
    ($($method:ident($($name:ident: $type:ty),*);)*) => {$(
        fn $method<V: Visitor<'de>>(self, $($name: $type,)* visitor: V) -> Result<V::Value, D::Error> {
            let visitor = self.beside(visitor);
            self.inner.$method($($name,)* visitor)
        }
    )*};
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for LimitedDeserializer<'_, D> {
    type Error = D::Error;

    forward! {
        deserialize_any();
        deserialize_bool();
        deserialize_i8();
        deserialize_i16();
        deserialize_i32();
        deserialize_i64();
        deserialize_i128();
        deserialize_u8();
        deserialize_u16();
        deserialize_u32();
        deserialize_u64();
        deserialize_u128();
        deserialize_f32();
        deserialize_f64();
        deserialize_char();
        deserialize_str();
        deserialize_string();
        deserialize_bytes();
        deserialize_byte_buf();
        deserialize_option();
        deserialize_unit();
        deserialize_unit_struct(name: &'static str);
        deserialize_newtype_struct(name: &'static str);
        deserialize_seq();
        deserialize_tuple(len: usize);
        deserialize_tuple_struct(name: &'static str, len: usize);
        deserialize_map();
        deserialize_struct(name: &'static str, fields: &'static [&'static str]);
        deserialize_enum(name: &'static str, variants: &'static [&'static str]);
        deserialize_identifier();
        deserialize_ignored_any();
    }

    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

macro_rules! scalars {
    ($($method:ident: $type:ty;)*) => {$(
        fn $method<E: Error>(self, value: $type) -> Result<V::Value, E> {
            self.inner.$method(value)
        }
    )*};
}

macro_rules! weighed {
    ($($method:ident: $type:ty;)*) => {$(
        fn $method<E: Error>(self, value: $type) -> Result<V::Value, E> {
            self.guard.give(value.len())?;
            self.inner.$method(value)
        }
    )*};
}

impl<'de, V: Visitor<'de>> Visitor<'de> for LimitedDeserializer<'_, V> {
    type Value = V::Value;

    scalars! {
        visit_bool: bool;
        visit_i8: i8;
        visit_i16: i16;
        visit_i32: i32;
        visit_i64: i64;
        visit_i128: i128;
        visit_u8: u8;
        visit_u16: u16;
        visit_u32: u32;
        visit_u64: u64;
        visit_u128: u128;
        visit_f32: f32;
        visit_f64: f64;
        visit_char: char;
    }

    weighed! {
        visit_str: &str;
        visit_borrowed_str: &'de str;
        visit_string: String;
        visit_bytes: &[u8];
        visit_borrowed_bytes: &'de [u8];
        visit_byte_buf: Vec<u8>;
    }

    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.inner.visit_none()
    }

    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.inner.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        let below = self.below(inner)?;
        self.inner.visit_some(below)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        let below = self.below(inner)?;
        self.inner.visit_newtype_struct(below)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<V::Value, A::Error> {
        let below = self.below(seq)?;
        self.inner.visit_seq(below)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<V::Value, A::Error> {
        let below = self.below(map)?;
        self.inner.visit_map(below)
    }

    fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<V::Value, A::Error> {
        let below = self.below(data)?;
        self.inner.visit_enum(below)
    }

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(f)
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for LimitedDeserializer<'_, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        let deserializer = self.beside(deserializer);
        self.inner.deserialize(deserializer)
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for LimitedDeserializer<'_, A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, A::Error> {
        self.guard.give(1)?;
        let seed = self.beside(seed);
        self.inner.next_element_seed(seed)
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint().map(|n| n.min(ANNOUNCED))
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for LimitedDeserializer<'_, A> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, A::Error> {
        self.guard.give(1)?;
        let seed = self.beside(seed);
        self.inner.next_key_seed(seed)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        let seed = self.beside(seed);
        self.inner.next_value_seed(seed)
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint().map(|n| n.min(ANNOUNCED))
    }
}

impl<'de, 'f, A: EnumAccess<'de>> EnumAccess<'de> for LimitedDeserializer<'f, A> {
    type Error = A::Error;
    type Variant = LimitedDeserializer<'f, A::Variant>;

    fn variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<(S::Value, Self::Variant), A::Error> {
        let seed = self.beside(seed);
        let (inner, rest) = self.split();
        let (value, variant) = inner.variant_seed(seed)?;
        Ok((value, rest.beside(variant)))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for LimitedDeserializer<'_, A> {
    type Error = A::Error;

    fn unit_variant(self) -> Result<(), A::Error> {
        self.inner.unit_variant()
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, A::Error> {
        let seed = self.beside(seed);
        self.inner.newtype_variant_seed(seed)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, A::Error> {
        let visitor = self.beside(visitor);
        self.inner.tuple_variant(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        let visitor = self.beside(visitor);
        self.inner.struct_variant(fields, visitor)
    }
}
