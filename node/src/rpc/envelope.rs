//! What a line of JSON-RPC says: requests in, answers and notifications out. <https://www.jsonrpc.org/specification>

use super::lines::MAX_LINE;
use super::strict::{self, BadParams};
use crate::handle::NodeError;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use veche_protocol::core::command::CommandError;

/// Requests in one batch: as many as a conversation works on at a time, and then some.
pub(super) const MAX_BATCH: usize = 128;

/// The code of everything that the node itself refuses; `data.kind` tells what. Outside the range that the specification keeps.
const REFUSED: i32 = 1;
const PARSE_ERROR: i32 = -32700;
const INVALID_REQUEST: i32 = -32600;
const METHOD_NOT_FOUND: i32 = -32601;
const INVALID_PARAMS: i32 = -32602;
const INTERNAL_ERROR: i32 = -32603;

/// What one line asks.
#[derive(Debug)]
pub(super) enum Incoming {
    /// One request, or why it is none.
    Single(Result<Request, Refusal>),
    /// Several, answered together.
    Batch(Vec<Result<Request, Refusal>>),
}

/// A request. Without an id it is a notification: it is done and not answered.
#[derive(Debug, PartialEq)]
pub(super) struct Request {
    pub(super) id: Option<Value>,
    pub(super) method: String,
    pub(super) params: Option<Value>,
}

/// Something that is not a request, and the id it came with if that much could be read.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) id: Value,
    pub(super) failure: Failure,
}

/// The error object of JSON-RPC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    /// For programs that know only the specification.
    pub(super) code: i32,
    /// A sentence for a person.
    pub(super) message: String,
    /// For programs that know this node: a stable name.
    pub(super) kind: &'static str,
    /// The field of the params that is at fault.
    pub(super) field: Option<String>,
}

impl Failure {
    fn new(code: i32, kind: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), kind, field: None }
    }

    fn into_value(self) -> Value {
        let field = self.field.map(|field| ("field".to_owned(), Value::from(field)));
        let data: Value = [("kind".to_owned(), Value::from(self.kind))].into_iter().chain(field).collect();
        object([("code", self.code.into()), ("message", self.message.into()), ("data", data)])
    }

    /// A line over the bound.
    pub(super) fn too_long() -> Self {
        let sentence = format!("The line is longer than {MAX_LINE} bytes and was not read. Send less at once.");
        Self::new(INVALID_REQUEST, "line_too_long", sentence)
    }

    /// A method that does not exist.
    pub(super) fn unknown_method(method: &str) -> Self {
        let shown: String = method.chars().take(80).collect();
        Self::new(METHOD_NOT_FOUND, "method_not_found", format!("There is no method `{shown}`. Ask rpc.discover for those that exist."))
    }

    /// A field with a value that makes no sense.
    pub(super) fn field(field: &str, why: &str) -> Self {
        Self::bad_value(field, format!("The field `{field}` cannot be used: {why}."))
    }

    /// The same, where somebody else has the sentence.
    pub(super) fn bad_value(field: &str, sentence: String) -> Self {
        BadParams { field: Some(field.to_owned()), sentence }.into()
    }

    /// The node answered something that does not belong to the question.
    pub(super) fn unexpected() -> Self {
        let sentence = "The node gave an answer that does not belong to this request. Please report this as a bug.";
        Self::new(INTERNAL_ERROR, "internal", sentence)
    }

    fn invalid_request(why: impl Into<String>) -> Self {
        Self::new(INVALID_REQUEST, "invalid_request", why)
    }
}

impl From<BadParams> for Failure {
    fn from(bad: BadParams) -> Self {
        let mut failure = Self::new(INVALID_PARAMS, "invalid_params", bad.sentence);
        failure.field = bad.field;
        failure
    }
}

impl From<NodeError> for Failure {
    fn from(error: NodeError) -> Self {
        let (code, field) = match &error {
            NodeError::Command(CommandError::Invalid { field, .. }) => (INVALID_PARAMS, Some((*field).to_owned())),
            _ => (REFUSED, None),
        };
        Self { code, message: error.to_string(), kind: error.kind(), field }
    }
}

impl From<CommandError> for Failure {
    fn from(error: CommandError) -> Self {
        NodeError::Command(error).into()
    }
}

/// Reads a line.
///
/// # Errors
/// It is no JSON, or a batch of none or too many.
pub(super) fn read(line: &[u8]) -> Result<Incoming, Failure> {
    let value = strict::parse(line).map_err(|why| Failure::new(PARSE_ERROR, "parse_error", format!("The line is not JSON: {why}.")))?;
    match value {
        Value::Array(items) if items.is_empty() => Err(Failure::invalid_request("The batch is empty.")),
        Value::Array(items) if items.len() > MAX_BATCH => {
            let sentence = format!("The batch has {} requests; {MAX_BATCH} are the most.", items.len());
            Err(Failure::invalid_request(sentence))
        }
        Value::Array(items) => Ok(Incoming::Batch(items.into_iter().map(request).collect())),
        single => Ok(Incoming::Single(request(single))),
    }
}

fn request(value: Value) -> Result<Request, Refusal> {
    let Value::Object(mut members) = value else {
        return Err(Refusal { id: Value::Null, failure: Failure::invalid_request("A request is a JSON object.") });
    };
    let id = members.remove("id");
    let usable = id.as_ref().is_none_or(|id| id.is_string() || id.is_number() || id.is_null());
    let refuse = |why: String| Refusal { id: id.clone().filter(|_| usable).unwrap_or_default(), failure: Failure::invalid_request(why) };
    if !usable {
        return Err(refuse("The `id` of a request is a string, a number or null.".into()));
    }
    if members.remove("jsonrpc") != Some(Value::from("2.0")) {
        return Err(refuse("A request has `\"jsonrpc\": \"2.0\"`.".into()));
    }
    let Some(Value::String(method)) = members.remove("method") else {
        return Err(refuse("A request names its `method` in a string.".into()));
    };
    let params = members.remove("params");
    if let Some(other) = members.keys().next() {
        return Err(refuse(format!("A request has no member `{other}`: `jsonrpc`, `id`, `method` and `params` are all.")));
    }
    Ok(Request { id, method, params })
}

/// Reads the params of a method.
///
/// # Errors
/// They are not an object, or a field is at fault.
pub(super) fn params<T: DeserializeOwned>(params: Option<Value>) -> Result<T, Failure> {
    let map = match params {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(map)) => map,
        // What libraries send for "no params".
        Some(Value::Array(items)) if items.is_empty() => Map::new(),
        Some(_) => {
            let sentence = "Params are given by name, as a JSON object.".to_owned();
            return Err(BadParams { field: None, sentence }.into());
        }
    };
    Ok(strict::fields(map)?)
}

/// The answer to a request.
pub(super) fn answer(id: Value, result: Result<Value, Failure>) -> Value {
    let outcome = match result {
        Ok(value) => ("result", value),
        Err(failure) => ("error", failure.into_value()),
    };
    object([("jsonrpc", "2.0".into()), ("id", id), outcome])
}

/// The notification that carries an event.
pub(super) fn event(params: Value) -> Value {
    object([("jsonrpc", "2.0".into()), ("method", "event".into()), ("params", params)])
}

/// A value as a line, with its end. JSON text has no line ends inside.
pub(super) fn line(value: &Value) -> String {
    format!("{value}\n")
}

fn object<const N: usize>(members: [(&str, Value); N]) -> Value {
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// A result as JSON.
///
/// # Errors
/// It cannot be said in JSON, which none of our types are: a broken invariant.
pub(super) fn to_value(value: &impl serde::Serialize) -> Result<Value, Failure> {
    serde_json::to_value(value).map_err(|_| Failure::unexpected())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn arbitrary_lines_are_requests_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = read(&bytes);
        }

        /// Nearly requests: the members that there are, with values of every kind.
        #[test]
        fn arbitrary_members_are_requests_or_refused(
            line in r#"\{("jsonrpc":("2\.0"|"1\.0"|2|null),)?("id":(1|-1|"a"|null|\[\]|1e999),)?("method":("node\.version"|7|null|"")),?("params":(\{\}|\[\]|null|\{"a":\{"a":\[1\]\}\}))?\}?"#
        ) {
            let _ = read(line.as_bytes());
        }
    }
}
