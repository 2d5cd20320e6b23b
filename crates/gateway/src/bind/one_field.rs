//! A JSON object of one entry whose value is still to be read.
//!
//! prost-reflect reads messages, not single fields. This gives it a message with just one, so that a field is read by the same rules
//! wherever it comes from.

use serde::Deserializer;
use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, MapAccess, Visitor};
use serde::forward_to_deserialize_any;

/// `{name: value}`
#[derive(Debug)]
pub(super) struct OneField<'n, D> {
    name: Option<&'n str>,
    value: Option<D>,
}

impl<'n, D> OneField<'n, D> {
    pub(super) fn new(name: &'n str, value: D) -> Self {
        Self { name: Some(name), value: Some(value) }
    }
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for OneField<'_, D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        visitor.visit_map(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de, D: Deserializer<'de>> MapAccess<'de> for OneField<'_, D> {
    type Error = D::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, D::Error> {
        self.name.take().map(|name| seed.deserialize(StrDeserializer::new(name))).transpose()
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, D::Error> {
        let value = self
            .value
            .take()
            .ok_or_else(|| serde::de::Error::custom("the value was read already"))?;
        seed.deserialize(value)
    }
}
