//! What is in lists, maps and enums.

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer as _, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor,
};

use super::{ANNOUNCED, BREAK, Odd, Reader};

pub(super) fn utf8(text: &[u8]) -> Result<&str, Odd> {
    std::str::from_utf8(text).map_err(|_| Odd)
}

/// One of these names, or any other text. Most texts are the name that is `next`.
#[inline]
pub(super) fn name<'de>(
    text: &'de [u8],
    names: &'static [&'static str],
    next: &mut usize,
) -> Result<&'de str, Odd> {
    let found = match names.get(*next) {
        Some(name) if is_same(name.as_bytes(), text) => Some(*next),
        _ => names.iter().position(|name| name.as_bytes() == text),
    };
    match found {
        Some(at) => {
            *next = at + 1;
            Ok(names[at])
        }
        None => utf8(text),
    }
}

/// Equality without a call, for texts as short as names are.
#[inline]
fn is_same(a: &[u8], b: &[u8]) -> bool {
    fn ends<const N: usize>(a: &[u8], b: &[u8]) -> bool {
        a.first_chunk::<N>() == b.first_chunk::<N>() && a.last_chunk::<N>() == b.last_chunk::<N>()
    }
    a.len() == b.len()
        && match a.len() {
            0..=3 => a.iter().eq(b),
            4..=8 => ends::<4>(a, b),
            9..=16 => ends::<8>(a, b),
            _ => a == b,
        }
}

pub(super) struct Elements<'r, 'de> {
    pub(super) reader: &'r mut Reader<'de>,
    pub(super) left: Option<usize>,
    /// What keys are called where that is known.
    pub(super) names: &'static [&'static str],
    pub(super) next: usize,
}

impl Elements<'_, '_> {
    #[inline]
    pub(super) fn more(&mut self) -> Result<bool, Odd> {
        match &mut self.left {
            Some(0) => Ok(false),
            Some(left) => {
                *left -= 1;
                Ok(true)
            }
            None if self.reader.peek() == Some(BREAK) => {
                let _: [u8; 1] = self.reader.bytes()?;
                self.left = Some(0);
                Ok(false)
            }
            None => Ok(true),
        }
    }

    fn hint(&self) -> Option<usize> {
        self.left.map(|left| left.min(ANNOUNCED))
    }
}

impl<'de> SeqAccess<'de> for &mut Elements<'_, 'de> {
    type Error = Odd;

    #[inline]
    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Odd> {
        if !self.more()? {
            return Ok(None);
        }
        seed.deserialize(&mut *self.reader).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        self.hint()
    }
}

impl<'de> MapAccess<'de> for &mut Elements<'_, 'de> {
    type Error = Odd;

    #[inline]
    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Odd> {
        if !self.more()? {
            return Ok(None);
        }
        if self.names.is_empty() {
            return seed.deserialize(&mut *self.reader).map(Some);
        }
        let (names, next) = (self.names, &mut self.next);
        self.reader.noting(|reader| {
            let name = name(reader.text()?, names, next)?;
            seed.deserialize(BorrowedStrDeserializer::new(name))
                .map(Some)
        })
    }

    #[inline]
    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Odd> {
        seed.deserialize(&mut *self.reader)
    }

    fn size_hint(&self) -> Option<usize> {
        self.hint()
    }
}

/// The variant of an enum, whose content follows unless it is a name and nothing else.
pub(super) struct Variant<'r, 'de> {
    pub(super) reader: &'r mut Reader<'de>,
    pub(super) name: &'de str,
    pub(super) has_content: bool,
}

impl<'de> EnumAccess<'de> for Variant<'_, 'de> {
    type Error = Odd;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Odd> {
        let name = BorrowedStrDeserializer::new(self.name);
        Ok((seed.deserialize(name)?, self))
    }
}

impl<'r, 'de> Variant<'r, 'de> {
    fn content(self) -> Result<&'r mut Reader<'de>, Odd> {
        self.has_content.then_some(self.reader).ok_or(Odd)
    }
}

impl<'de> VariantAccess<'de> for Variant<'_, 'de> {
    type Error = Odd;

    fn unit_variant(self) -> Result<(), Odd> {
        if self.has_content { Err(Odd) } else { Ok(()) }
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Odd> {
        seed.deserialize(self.content()?)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Odd> {
        self.content()?.deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Odd> {
        self.content()?.deserialize_struct("", fields, visitor)
    }
}
