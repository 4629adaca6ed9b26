//! JSON that names nothing twice, and params whose errors name the field.

use serde::de::value::StringDeserializer;
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, Error as _, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, forward_to_deserialize_any};
use serde_json::{Map, Value};
use std::fmt;

/// Reads a JSON text. An object that has a name twice is refused: two readers could take it for two different things.
///
/// # Errors
/// Not UTF-8, not JSON, nested deeper than 128 levels, or a duplicate name.
pub(super) fn parse(text: &[u8]) -> Result<Value, serde_json::Error> {
    serde_json::from_slice::<Strict>(text).map(|strict| strict.0)
}

struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(Strict(item)) = items.next_element()? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some((name, Strict(value))) = members.next_entry::<String, Strict>()? {
            if object.contains_key(&name) {
                return Err(A::Error::custom(format_args!("`{name}` is there twice")));
            }
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}

/// Params that cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadParams {
    /// The field at fault, where it is one.
    pub(super) field: Option<String>,
    /// A sentence.
    pub(super) sentence: String,
}

/// Reads the params of a method out of an object.
///
/// # Errors
/// An unknown, missing or unusable field, named.
pub(super) fn fields<T: DeserializeOwned>(params: Map<String, Value>) -> Result<T, BadParams> {
    T::deserialize(Fields { rest: params.into_iter(), current: None })
}

struct Fields {
    rest: serde_json::map::IntoIter,
    current: Option<(String, Value)>,
}

impl<'de> Deserializer<'de> for Fields {
    type Error = BadParams;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, BadParams> {
        visitor.visit_map(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de> MapAccess<'de> for Fields {
    type Error = BadParams;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, BadParams> {
        let Some((name, value)) = self.rest.next() else { return Ok(None) };
        let key: StringDeserializer<BadParams> = name.clone().into_deserializer();
        self.current = Some((name, value));
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, BadParams> {
        let (name, value) = self.current.take().ok_or_else(|| BadParams::custom("a value without its name"))?;
        seed.deserialize(value)
            .map_err(|why| BadParams { sentence: format!("The field `{name}` cannot be used: {why}."), field: Some(name) })
    }
}

impl serde::de::Error for BadParams {
    fn custom<T: fmt::Display>(what: T) -> Self {
        Self { field: None, sentence: format!("The params cannot be used: {what}.") }
    }

    fn unknown_field(field: &str, known: &'static [&'static str]) -> Self {
        let known = known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let sentence = if known.is_empty() {
            format!("There is no field `{field}`: this method takes none.")
        } else {
            format!("There is no field `{field}`. Known here: {known}.")
        };
        Self { field: Some(field.to_owned()), sentence }
    }

    fn missing_field(field: &'static str) -> Self {
        Self { field: Some(field.to_owned()), sentence: format!("The field `{field}` is missing.") }
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self { field: Some(field.to_owned()), sentence: format!("The field `{field}` is there twice, once under its other name.") }
    }
}

impl fmt::Display for BadParams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

impl std::error::Error for BadParams {}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        #[serde(alias = "label")]
        name: String,
        age: Option<u8>,
    }

    fn read(value: Value) -> Result<Sample, BadParams> {
        let Value::Object(map) = value else { panic!("not an object") };
        fields(map)
    }

    fn complaint(value: Value) -> (Option<String>, String) {
        let bad = read(value).unwrap_err();
        (bad.field, bad.sentence)
    }

    #[test]
    fn good_params_are_read_and_absent_options_are_none() {
        assert_eq!(read(json!({ "name": "a" })), Ok(Sample { name: "a".into(), age: None }));
        assert_eq!(read(json!({ "label": "a", "age": 3 })), Ok(Sample { name: "a".into(), age: Some(3) }));
    }

    #[test]
    fn every_complaint_names_its_field() {
        let (field, sentence) = complaint(json!({ "name": "a", "agee": 3 }));
        assert_eq!((field.as_deref(), sentence.as_str()), (Some("agee"), "There is no field `agee`. Known here: `label`, `name`, `age`."));
        let (field, sentence) = complaint(json!({ "age": 3 }));
        assert_eq!((field.as_deref(), sentence.as_str()), (Some("name"), "The field `name` is missing."));
        let (field, sentence) = complaint(json!({ "name": "a", "age": 300 }));
        assert_eq!(field.as_deref(), Some("age"));
        assert!(sentence.starts_with("The field `age` cannot be used: invalid value: integer `300`"), "{sentence}");
        assert_eq!(complaint(json!({ "name": "a", "label": "b" })).0.as_deref(), Some("name"));
    }

    #[test]
    fn a_name_that_is_there_twice_is_refused_at_any_depth() {
        assert!(parse(br#"{"a":1,"b":{"c":1}}"#).is_ok());
        assert!(parse(br#"{"a":1,"a":1}"#).is_err());
        assert!(parse(br#"[{"b":{"c":1,"c":2}}]"#).is_err());
    }

    #[test]
    fn values_come_through_as_they_are() {
        let text = br#"{"a":[null,true,-1,18446744073709551615,1.5,"\u0416"],"b":{}}"#;
        assert_eq!(parse(text).unwrap(), serde_json::from_slice::<Value>(text).unwrap());
    }
}
