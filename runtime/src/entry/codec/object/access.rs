//! What is inside of a value that is read through an object: elements, and variants of enums.

use erased_serde::Error;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor,
};

use super::{Guard, GuardedVisitor, ObjectDeserializer, ObjectResult, VisitorSlot, inside, unread};
use crate::entry::codec::limits::ANNOUNCED;

/// A seed with one method.
pub(super) trait ObjectSeed<'de> {
    fn read(&mut self, deserializer: ObjectDeserializer<'_, 'de>) -> ObjectResult;
}

/// A seed, and then its value.
struct SeedSlot<'de, S: DeserializeSeed<'de>> {
    seed: Option<S>,
    value: Option<S::Value>,
}

impl<'de, S: DeserializeSeed<'de>> SeedSlot<'de, S> {
    fn new(seed: S) -> Self {
        Self {
            seed: Some(seed),
            value: None,
        }
    }
}

impl<'de, S: DeserializeSeed<'de>> ObjectSeed<'de> for SeedSlot<'de, S> {
    fn read(&mut self, deserializer: ObjectDeserializer<'_, 'de>) -> ObjectResult {
        let seed = self.seed.take().ok_or_else(unread)?;
        self.value = Some(seed.deserialize(deserializer)?);
        Ok(())
    }
}

/// The seed that formats see.
pub(super) struct GuardedSeed<'o, 'de> {
    seed: &'o mut dyn ObjectSeed<'de>,
    guard: Guard<'o>,
}

impl<'de> DeserializeSeed<'de> for GuardedSeed<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let guard = self.guard;
        let inner = &mut <dyn erased_serde::Deserializer<'_>>::erase(deserializer);
        let read = self.seed.read(ObjectDeserializer { inner, guard });
        read.map_err(inside)
    }
}

/// Elements of a list, or keys and values of a map.
pub(super) trait ObjectAccess<'de> {
    /// Whether there was another element, or key.
    fn next(&mut self, seed: GuardedSeed<'_, 'de>) -> Result<bool, Error>;
    fn value(&mut self, seed: GuardedSeed<'_, 'de>) -> ObjectResult;
    fn size_hint(&self) -> Option<usize>;
}

pub(super) struct SeqElements<A>(pub(super) A);
pub(super) struct MapElements<A>(pub(super) A);

impl<'de, A: SeqAccess<'de>> ObjectAccess<'de> for SeqElements<A> {
    fn next(&mut self, seed: GuardedSeed<'_, 'de>) -> Result<bool, Error> {
        let next = self.0.next_element_seed(seed).map_err(inside)?;
        Ok(next.is_some())
    }

    fn value(&mut self, _: GuardedSeed<'_, 'de>) -> ObjectResult {
        Err(unread())
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

impl<'de, A: MapAccess<'de>> ObjectAccess<'de> for MapElements<A> {
    fn next(&mut self, seed: GuardedSeed<'_, 'de>) -> Result<bool, Error> {
        let next = self.0.next_key_seed(seed).map_err(inside)?;
        Ok(next.is_some())
    }

    fn value(&mut self, seed: GuardedSeed<'_, 'de>) -> ObjectResult {
        self.0.next_value_seed(seed).map_err(inside)
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

/// The elements that types see.
pub(super) struct ObjectElements<'o, 'de> {
    pub(super) inner: &'o mut dyn ObjectAccess<'de>,
    pub(super) guard: Guard<'o>,
}

impl<'de> ObjectElements<'_, 'de> {
    fn next(&mut self, seed: &mut dyn ObjectSeed<'de>) -> Result<bool, Error> {
        let guard = self.guard;
        guard.limits.give::<Error>(1)?;
        self.inner.next(GuardedSeed { seed, guard })
    }

    fn value(&mut self, seed: &mut dyn ObjectSeed<'de>) -> ObjectResult {
        let guard = self.guard;
        self.inner.value(GuardedSeed { seed, guard })
    }

    fn announced(&self) -> Option<usize> {
        self.inner.size_hint().map(|n| n.min(ANNOUNCED))
    }
}

impl<'de> SeqAccess<'de> for ObjectElements<'_, 'de> {
    type Error = Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Error> {
        let mut slot = SeedSlot::new(seed);
        self.next(&mut slot)?;
        Ok(slot.value)
    }

    fn size_hint(&self) -> Option<usize> {
        self.announced()
    }
}

impl<'de> MapAccess<'de> for ObjectElements<'_, 'de> {
    type Error = Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Error> {
        let mut slot = SeedSlot::new(seed);
        self.next(&mut slot)?;
        Ok(slot.value)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Error> {
        let mut slot = SeedSlot::new(seed);
        self.value(&mut slot)?;
        slot.value.ok_or_else(unread)
    }

    fn size_hint(&self) -> Option<usize> {
        self.announced()
    }
}

/// An enum, of which first the variant is asked for, then what is in it.
pub(super) trait VariantOfEnum<'de> {
    fn variant(&mut self, seed: GuardedSeed<'_, 'de>) -> ObjectResult;
    fn unit(&mut self) -> ObjectResult;
    fn newtype(&mut self, seed: GuardedSeed<'_, 'de>) -> ObjectResult;
    fn tuple(&mut self, len: usize, visitor: GuardedVisitor<'_, 'de>) -> ObjectResult;
    fn fields(
        &mut self,
        fields: &'static [&'static str],
        visitor: GuardedVisitor<'_, 'de>,
    ) -> ObjectResult;
}

pub(super) enum EnumVariant<'de, A: EnumAccess<'de>> {
    Unknown(Option<A>),
    Known(Option<A::Variant>),
}

impl<'de, A: EnumAccess<'de>> EnumVariant<'de, A> {
    fn known(&mut self) -> Result<A::Variant, Error> {
        match self {
            Self::Known(variant) => variant.take(),
            Self::Unknown(_) => None,
        }
        .ok_or_else(unread)
    }
}

impl<'de, A: EnumAccess<'de>> VariantOfEnum<'de> for EnumVariant<'de, A> {
    fn variant(&mut self, seed: GuardedSeed<'_, 'de>) -> ObjectResult {
        let Self::Unknown(data) = self else {
            return Err(unread());
        };
        let data = data.take().ok_or_else(unread)?;
        let ((), variant) = data.variant_seed(seed).map_err(inside)?;
        *self = Self::Known(Some(variant));
        Ok(())
    }

    fn unit(&mut self) -> ObjectResult {
        self.known()?.unit_variant().map_err(inside)
    }

    fn newtype(&mut self, seed: GuardedSeed<'_, 'de>) -> ObjectResult {
        let variant = self.known()?;
        variant.newtype_variant_seed(seed).map_err(inside)
    }

    fn tuple(&mut self, len: usize, visitor: GuardedVisitor<'_, 'de>) -> ObjectResult {
        let variant = self.known()?;
        variant.tuple_variant(len, visitor).map_err(inside)
    }

    fn fields(
        &mut self,
        fields: &'static [&'static str],
        visitor: GuardedVisitor<'_, 'de>,
    ) -> ObjectResult {
        let variant = self.known()?;
        variant.struct_variant(fields, visitor).map_err(inside)
    }
}

/// The enum that types see.
pub(super) struct ObjectEnum<'o, 'de> {
    pub(super) inner: &'o mut dyn VariantOfEnum<'de>,
    pub(super) guard: Guard<'o>,
}

impl<'de> EnumAccess<'de> for ObjectEnum<'_, 'de> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Error> {
        let mut slot = SeedSlot::new(seed);
        let guard = self.guard;
        self.inner.variant(GuardedSeed {
            seed: &mut slot,
            guard,
        })?;
        Ok((slot.value.ok_or_else(unread)?, self))
    }
}

impl<'de> VariantAccess<'de> for ObjectEnum<'_, 'de> {
    type Error = Error;

    fn unit_variant(self) -> ObjectResult {
        self.inner.unit()
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Error> {
        let mut slot = SeedSlot::new(seed);
        let guard = self.guard;
        self.inner.newtype(GuardedSeed {
            seed: &mut slot,
            guard,
        })?;
        slot.value.ok_or_else(unread)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Error> {
        let mut slot = VisitorSlot::new(visitor);
        let guard = self.guard;
        let visitor = GuardedVisitor {
            visitor: &mut slot,
            guard,
        };
        self.inner.tuple(len, visitor)?;
        slot.value.ok_or_else(unread)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let mut slot = VisitorSlot::new(visitor);
        let guard = self.guard;
        let visitor = GuardedVisitor {
            visitor: &mut slot,
            guard,
        };
        self.inner.fields(fields, visitor)?;
        slot.value.ok_or_else(unread)
    }
}
