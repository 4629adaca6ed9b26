//! The OpenRPC document, from the types of the table. <https://spec.open-rpc.org>

use super::context::Context;
use super::envelope::Failure;
use super::methods;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use veche_protocol::core::event::Event;

/// Version of the specification that the document follows.
const OPENRPC: &str = "1.3.2";

/// The document that `rpc.discover` returns.
#[must_use]
pub fn document() -> Value {
    let mut docs = Docs::new();
    methods::describe(&mut docs);
    docs.finish()
}

/// Collects what the methods say of themselves.
pub(super) struct Docs {
    methods: Vec<Value>,
    /// For params, which are read.
    read: SchemaGenerator,
    /// For results and events, which are written.
    written: SchemaGenerator,
}

impl Docs {
    fn new() -> Self {
        // OpenRPC speaks JSON Schema draft 7 and keeps shared schemas in its components.
        let settings = || SchemaSettings::draft07().with(|settings| "/components/schemas".clone_into(settings.definitions_path.to_mut()));
        Self {
            methods: Vec::new(),
            read: settings().for_deserialize().into_generator(),
            written: settings().for_serialize().into_generator(),
        }
    }

    /// Adds a method. The function is not called: its type says what the method takes and returns.
    pub(super) fn method<P, R, F>(&mut self, name: &str, summary: &str, _function: F)
    where
        P: JsonSchema,
        R: JsonSchema,
        F: AsyncFn(&Context, P) -> Result<R, Failure>,
    {
        let takes = P::json_schema(&mut self.read);
        let required: Vec<&str> = takes.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        let params: Vec<Value> = takes
            .get("properties")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .map(|(field, schema)| param(field, required.contains(&field.as_str()), schema))
            .collect();
        let result = self.written.subschema_for::<R>();
        self.methods.push(json!({
            "name": name,
            "summary": summary.trim(),
            "paramStructure": "by-name",
            "params": params,
            "result": { "name": "result", "schema": result },
        }));
    }

    fn finish(mut self) -> Value {
        let event = self.written.subschema_for::<Event>();
        let mut schemas = self.read.take_definitions(true);
        schemas.extend(self.written.take_definitions(true));
        json!({
            "openrpc": OPENRPC,
            "info": {
                "title": "Veche node",
                "version": env!("CARGO_PKG_VERSION"),
                "license": { "name": env!("CARGO_PKG_LICENSE") },
                "description": "One JSON object a line. Ids are opaque strings, times are Unix milliseconds, binary data is base64. \
                    An error has a sentence in `message`, a stable name in `data.kind`, and the field at fault, where it is one, in `data.field`. \
                    Requests take effect in the order in which they are sent and are answered in the order in which they are done.",
            },
            "methods": self.methods,
            "x-notifications": [{
                "name": "event",
                "summary": "Something happened; sent after `events.subscribe`.",
                "params": event,
            }],
            "components": { "schemas": schemas },
        })
    }
}

/// A content descriptor of OpenRPC.
fn param(name: &str, required: bool, schema: &Value) -> Value {
    let mut schema = schema.clone();
    let description = schema.as_object_mut().and_then(|schema: &mut Map<String, Value>| schema.remove("description"));
    json!({ "name": name, "description": description, "required": required, "schema": schema })
}

/// The kinds of events, as their type says.
pub(super) fn event_kinds() -> BTreeSet<String> {
    let schema: Schema = SchemaSettings::draft07().for_serialize().into_generator().into_root_schema_for::<Event>();
    let variants = schema.get("oneOf").and_then(Value::as_array).into_iter().flatten();
    variants.filter_map(|variant| variant.pointer("/properties/kind/const")?.as_str()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Schemas of params and of results share one list. A type whose optional fields are required when written would be two things
    /// under one name.
    #[test]
    fn a_name_means_the_same_in_params_and_in_results() {
        let mut docs = Docs::new();
        methods::describe(&mut docs);
        let written = docs.written.take_definitions(true);
        for (name, schema) in docs.read.take_definitions(true) {
            assert!(written.get(&name).is_none_or(|other| *other == schema), "{name}");
        }
    }

    #[test]
    fn a_method_says_what_it_takes_and_returns() {
        let document = document();
        let methods = document["methods"].as_array().unwrap();
        let send = methods.iter().find(|method| method["name"] == "message.send").unwrap();
        let params: Vec<(&str, bool)> =
            send["params"].as_array().unwrap().iter().map(|p| (p["name"].as_str().unwrap(), p["required"] == true)).collect();
        assert_eq!(params, [("chat_id", true), ("reply_to", false), ("text", true)]);
        assert_eq!(send["result"]["schema"]["$ref"], "#/components/schemas/Sent");
        assert_eq!(document["components"]["schemas"]["Sent"]["required"], json!(["message_id"]));
    }

    #[test]
    fn the_document_in_the_repository_is_the_one_that_the_code_makes() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/openrpc.json");
        let made = document();
        let kept: Value = std::fs::read_to_string(path).ok().and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        if made != kept {
            if std::env::var_os("VECHE_UPDATE").is_some() {
                std::fs::write(path, format!("{made:#}\n")).unwrap();
                return;
            }
            panic!("docs/openrpc.json is not what the types say; run this test with VECHE_UPDATE=1 and look at the difference");
        }
    }

    #[test]
    fn every_reference_of_the_document_leads_somewhere_and_everything_is_described() {
        let document = document();
        let mut references = Vec::new();
        collect(&document, &mut references);
        assert!(references.len() > 20, "shared types are written once");
        for reference in references {
            assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
        }
        let methods = document["methods"].as_array().unwrap();
        assert!(methods.iter().all(|method| method["summary"].as_str().is_some_and(|summary| summary.ends_with('.'))));
        for method in methods {
            for param in method["params"].as_array().unwrap() {
                assert!(param["description"].is_string(), "{} {}", method["name"], param["name"]);
            }
        }
        assert!(event_kinds().contains("message.received"));
    }

    fn collect(value: &Value, references: &mut Vec<String>) {
        match value {
            Value::Object(object) => {
                references.extend(object.get("$ref").and_then(Value::as_str).map(str::to_owned));
                object.values().for_each(|value| collect(value, references));
            }
            Value::Array(items) => items.iter().for_each(|value| collect(value, references)),
            _ => {}
        }
    }
}
