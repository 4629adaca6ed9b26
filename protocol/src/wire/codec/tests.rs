//! Each way in which bytes can be wrong is refused by its own error, and nothing panics.

use super::*;
use crate::wire::entry::{Entry, EntryHeader};
use crate::wire::hello::{HelloFrame, Tags};
use crate::wire::identity::{LanHello, Signed};
use crate::wire::shapes;
use proptest::prelude::*;

fn refused<M: Wire + std::fmt::Debug>(bytes: &[u8]) -> WireError {
    decode::<M>(bytes, 1 << 20).unwrap_err()
}

fn header() -> EntryHeader {
    EntryHeader { v: 1, seq: 300, hlc: 7, auth: vec![vec![1; 16], vec![2; 16]], ..EntryHeader::default() }
}

#[test]
fn what_was_encoded_is_decoded() {
    assert_eq!(decode::<EntryHeader>(&encode(&header()), 1000), Ok(header()));
    assert_eq!(decode::<EntryHeader>(&[], 0), Ok(EntryHeader::default()));
}

#[test]
fn size_comes_first() {
    assert_eq!(decode::<Signed>(&[0xff; 11], 10), Err(WireError::TooLong { len: 11, max: 10 }));
}

#[test]
fn every_cut_inside_a_field_is_refused() {
    let bytes = encode(&Signed { payload: vec![1; 20], sig: vec![2; 64] });
    for cut in 1..bytes.len() {
        let result = decode::<Signed>(&bytes[..cut], 1000);
        // The only place where a shorter message is whole is between its two fields.
        assert_eq!(result.is_ok(), cut == 22, "cut at {cut}: {result:?}");
    }
}

#[test]
fn a_field_says_one_thing() {
    let (one, two) = (encode(&Signed { payload: vec![1], sig: vec![] }), encode(&Signed { payload: vec![2], sig: vec![] }));
    assert_eq!(refused::<Signed>(&[one, two].concat()), WireError::Twice { message: "Signed", field: "payload" });
    let nonce = [0x0a, 0];
    let stranger = [0x22, 0];
    assert_eq!(refused::<HelloFrame>(&[nonce, stranger].concat()), WireError::Twice { message: "HelloFrame", field: "stranger" });
    let header = [0x0a, 0];
    assert_eq!(refused::<Entry>(&[header, header].concat()), WireError::Twice { message: "Entry", field: "header" });
}

#[test]
fn repeated_fields_are_counted_before_they_are_built() {
    let many = Tags { tags: vec![vec![]; 513] };
    assert_eq!(refused::<Tags>(&encode(&many)), WireError::TooMany { message: "Tags", field: "tags", max: 512 });
    let long = Tags { tags: vec![vec![0; 17]] };
    assert_eq!(refused::<Tags>(&encode(&long)), WireError::FieldTooLong { message: "Tags", field: "tags", max: 16 });
}

#[test]
fn values_fit_their_types() {
    // v = 2^32 would be cut to 0 by the parser, gone = 2 would be read as true.
    assert_eq!(refused::<EntryHeader>(&[0x08, 0x80, 0x80, 0x80, 0x80, 0x10]), WireError::OutOfRange { message: "EntryHeader", field: "v" });
    assert_eq!(refused::<LanHello>(&[0x38, 2]), WireError::OutOfRange { message: "LanHello", field: "gone" });
    assert_eq!(refused::<LanHello>(&[0x2a, 1, 0xff]), WireError::NotText { message: "LanHello", field: "login" });
    // hlc is fixed64, given as a varint; v is a varint, given as bytes.
    assert_eq!(refused::<EntryHeader>(&[0x40, 1]), WireError::WrongType { message: "EntryHeader", field: "hlc" });
    assert_eq!(refused::<EntryHeader>(&[0x0a, 0]), WireError::WrongType { message: "EntryHeader", field: "v" });
}

#[test]
fn unknown_fields_pass_if_they_are_well_formed() {
    let known = encode(&header());
    for unknown in [&[0xf8, 0x07, 5][..], &[0xfa, 0x07, 2, 1, 1], &[0xf9, 0x07, 1, 2, 3, 4, 5, 6, 7, 8], &[0xfd, 0x07, 1, 2, 3, 4]] {
        assert_eq!(decode::<EntryHeader>(&[&known, unknown].concat(), 1000), Ok(header()));
        assert!(decode::<EntryHeader>(&[&known, &unknown[..unknown.len() - 1]].concat(), 1000).is_err());
    }
    let bad_key = WireError::BadKey { message: "EntryHeader" };
    // Groups, field 0, a varint of more than 64 bits, a key of more than 32.
    assert_eq!(refused::<EntryHeader>(&[0xfb, 0x07]), bad_key);
    assert_eq!(refused::<EntryHeader>(&[0x00, 0x00]), bad_key);
    assert_eq!(refused::<EntryHeader>(&[0x28, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02]), bad_key);
    assert_eq!(refused::<EntryHeader>(&[0xff, 0xff, 0xff, 0xff, 0xff, 0x0f, 0]), bad_key);
}

#[test]
fn nesting_has_an_end() {
    static LOOP: Shape = Shape { name: "Loop", fields: &[Field { tag: 1, name: "inner", kind: Kind::Msg(&LOOP), count: Count::Once }] };
    let nest =
        |levels: usize| (0..levels).fold(Vec::new(), |inner: Vec<u8>, _| [vec![0x0a, u8::try_from(inner.len()).unwrap()], inner].concat());
    assert_eq!(scan(&LOOP, &nest(limits::DEPTH - 1), 1), Ok(()));
    assert_eq!(scan(&LOOP, &nest(limits::DEPTH), 1), Err(WireError::TooDeep));
}

#[test]
fn shapes_fit_the_scanner() {
    fn depth(shape: &Shape) -> usize {
        let inner = shape.fields.iter().map(|f| if let Kind::Msg(inner) = f.kind { depth(inner) } else { 0 });
        1 + inner.max().unwrap_or(0)
    }
    for shape in shapes::all() {
        assert!(shape.fields.len() <= FIELDS, "{}", shape.name);
        assert!(depth(shape) <= limits::DEPTH, "{}", shape.name);
    }
}

/// Bytes of a message in which every known field is set once, repeated ones twice.
fn filled(shape: &Shape, choice: u32) -> Vec<u8> {
    let mut out = Vec::new();
    for field in shape.fields {
        if field.count == Count::Choice && field.tag != choice {
            continue;
        }
        for n in 1..=if matches!(field.count, Count::Many(_)) { 2_u8 } else { 1 } {
            let (wire, value) = match field.kind {
                Kind::U32 | Kind::U64 | Kind::Bool => (0, vec![1]),
                Kind::Fixed64 => (1, vec![n; 8]),
                Kind::Bytes(_) | Kind::Text(_) => (2, vec![1, b'a' + n]),
                Kind::Msg(inner) => {
                    let first = inner.fields.iter().find(|f| f.count == Count::Choice).map_or(0, |f| f.tag);
                    let inner = filled(inner, first);
                    let mut bytes = Vec::new();
                    prost::encoding::encode_varint(inner.len() as u64, &mut bytes);
                    (2, [bytes, inner].concat())
                }
            };
            prost::encoding::encode_varint(u64::from(field.tag << 3 | wire), &mut out);
            out.extend(value);
        }
    }
    out
}

#[test]
fn structs_and_shapes_agree_on_every_field() {
    for shape in shapes::all() {
        let choices: Vec<u32> = shape.fields.iter().filter(|f| f.count == Count::Choice).map(|f| f.tag).collect();
        for choice in if choices.is_empty() { vec![0] } else { choices } {
            let bytes = filled(shape, choice);
            // A field that the struct does not know would be dropped, one of another type would fail or change.
            assert_eq!(shapes::recode(shape.name, &bytes).as_ref(), Ok(&Some(bytes)), "{} with choice {choice}", shape.name);
        }
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic_and_the_parser_takes_what_the_scanner_passes(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        for shape in shapes::all() {
            let result = shapes::recode(shape.name, &bytes);
            let malformed = matches!(result, Err(WireError::Malformed { .. }));
            prop_assert!(!malformed, "{} passed the scan and not the parser", shape.name);
        }
    }

    #[test]
    fn changed_bytes_never_panic(which in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), to in any::<u8>()) {
        let all: Vec<_> = shapes::all().collect();
        let shape = all[which.index(all.len())];
        let choice = shape.fields.iter().find(|f| f.count == Count::Choice).map_or(0, |f| f.tag);
        let mut bytes = filled(shape, choice);
        if !bytes.is_empty() {
            let at = at.index(bytes.len());
            bytes[at] = to;
        }
        let malformed = matches!(shapes::recode(shape.name, &bytes), Err(WireError::Malformed { .. }));
        prop_assert!(!malformed);
    }
}
