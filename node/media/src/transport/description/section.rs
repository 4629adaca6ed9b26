//! One section of a description: its codecs, its stream, its direction.

use std::fmt::Write as _;

use super::lines::{Attributes, Media};
use super::{DescriptionRefusal, Kind};
use crate::transport::stack::OPUS_PAYLOAD;

/// Loudness of a packet (RFC 6464).
pub(super) const LOUDNESS: &str = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";

/// A number for each packet of a connection, so that the sender learns which arrived when.
const TRANSPORT_NUMBERS: &str = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";

/// Longest name of a section.
const MAX_NAME_BYTES: usize = 16;

/// Most payload types of a section: all there are in the dynamic ranges.
const MAX_PAYLOADS: usize = 64;

/// Longest list of parameters of a codec.
const MAX_PARAMETERS_BYTES: usize = 200;

/// Feedback that is spoken here. Others are left out, which is how one declines them.
const FEEDBACK: [&str; 4] = ["transport-cc", "nack", "nack pli", "ccm fir"];

/// A codec that both sides have.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Codec {
    payload: u8,
    map: String,
    parameters: Option<String>,
    feedback: Vec<&'static str>,
}

/// A section that was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Section {
    kind: Kind,
    pub(super) name: String,
    codecs: Vec<Codec>,
    extensions: Vec<(u8, &'static str)>,
    /// The number of the stream that the peer sends here.
    pub(super) stream: Option<u32>,
    receives: bool,
    port: u16,
}

impl Section {
    pub(super) fn read(media: &Media<'_>, kind: Kind) -> Result<Self, DescriptionRefusal> {
        use DescriptionRefusal as Refusal;

        let Media { head, attributes } = media;
        let mut words = head.split(' ');
        let mut next = || words.next().unwrap_or_default();
        let (what, protocol) = match kind {
            Kind::Sound => ("audio", "UDP/TLS/RTP/SAVPF"),
            Kind::Picture => ("video", "UDP/TLS/RTP/SAVPF"),
            Kind::Control => ("application", "UDP/DTLS/SCTP"),
        };
        let is_what = next() == what;
        // Port 0 closes a section; which other it is says nothing, as addresses come by themselves.
        let is_open = next().parse().is_ok_and(|port: u16| port != 0);
        if !is_what || !is_open || next() != protocol {
            return Err(Refusal::Sections);
        }
        let formats: Vec<&str> = words.collect();
        if formats.len() > MAX_PAYLOADS {
            return Err(Refusal::Malformed);
        }
        let name = attributes.only("mid").filter(|name| is_name(name)).ok_or(Refusal::Sections)?.to_owned();
        let empty = Self { kind, name, codecs: Vec::new(), extensions: Vec::new(), stream: None, receives: true, port: 0 };
        match kind {
            Kind::Control => {
                let port = attributes.only("sctp-port").and_then(|port| port.parse().ok()).filter(|port| *port != 0);
                let port = port.filter(|_| formats == ["webrtc-datachannel"]).ok_or(Refusal::Sections)?;
                Ok(Self { port, ..empty })
            }
            Kind::Sound | Kind::Picture => {
                if !attributes.has("rtcp-mux") {
                    return Err(Refusal::Sections);
                }
                let codecs = codecs(&formats, attributes, kind)?;
                if codecs.is_empty() {
                    return Err(Refusal::Codec);
                }
                let (sends, receives) = direction(attributes)?;
                let stream = if sends { stream(attributes)? } else { None };
                if kind == Kind::Sound && !(sends && receives && stream.is_some()) {
                    return Err(Refusal::Streams);
                }
                if stream.is_none() && !receives {
                    return Err(Refusal::Streams);
                }
                Ok(Self { codecs, extensions: extensions(attributes)?, stream, receives, ..empty })
            }
        }
    }

    /// Under which number packets carry an extension.
    pub(super) fn extension(&self, name: &str) -> Option<u8> {
        self.extensions.iter().find(|(_, known)| *known == name).map(|(number, _)| *number)
    }

    /// Writes everything but credentials. The peer's stream gets a name of ours.
    pub(super) fn write(&self, index: usize, text: &mut String) {
        self.try_write(index, text).unwrap_or_default();
    }

    fn try_write(&self, index: usize, text: &mut String) -> std::fmt::Result {
        if self.kind == Kind::Control {
            return write!(
                text,
                "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:{}\r\na=sctp-port:{}\r\na=max-message-size:65536\r\n",
                self.name, self.port
            );
        }
        let what = if self.kind == Kind::Sound { "audio" } else { "video" };
        write!(text, "m={what} 9 UDP/TLS/RTP/SAVPF")?;
        for codec in &self.codecs {
            write!(text, " {}", codec.payload)?;
        }
        write!(text, "\r\nc=IN IP4 0.0.0.0\r\na=mid:{}\r\na=rtcp-mux\r\na=rtcp-rsize\r\n", self.name)?;
        for Codec { payload, map, parameters, feedback } in &self.codecs {
            write!(text, "a=rtpmap:{payload} {map}\r\n")?;
            if let Some(parameters) = parameters {
                write!(text, "a=fmtp:{payload} {parameters}\r\n")?;
            }
            for feedback in feedback {
                write!(text, "a=rtcp-fb:{payload} {feedback}\r\n")?;
            }
        }
        for (number, name) in &self.extensions {
            write!(text, "a=extmap:{number} {name}\r\n")?;
        }
        if let Some(stream) = self.stream {
            write!(text, "a=msid:peer peer-{index}\r\na=ssrc:{stream} cname:peer\r\n")?;
        }
        let direction = match (self.stream, self.receives) {
            (Some(_), true) => "sendrecv",
            (Some(_), false) => "sendonly",
            (None, _) => "recvonly",
        };
        write!(text, "a={direction}\r\n")
    }
}

/// The codecs of a section that are known here.
fn codecs(formats: &[&str], attributes: &Attributes<'_>, kind: Kind) -> Result<Vec<Codec>, DescriptionRefusal> {
    let mut codecs: Vec<Codec> = Vec::new();
    for format in formats {
        let payload: u8 = format.parse().ok().filter(|payload| *payload < 128).ok_or(DescriptionRefusal::Malformed)?;
        let of_this = |name: &'static str| {
            attributes
                .values(name)
                .filter_map(move |value| value.split_once(' ').filter(|(number, _)| number == format).map(|(_, rest)| rest))
        };
        let Some(map) = of_this("rtpmap").next() else { continue };
        let known = match kind {
            Kind::Sound => payload == OPUS_PAYLOAD && map.eq_ignore_ascii_case("opus/48000/2"),
            Kind::Picture => payload >= 35 && map.eq_ignore_ascii_case("AV1/90000"),
            Kind::Control => false,
        };
        if !known || codecs.iter().any(|codec| codec.payload == payload) {
            continue;
        }
        let parameters = of_this("fmtp").next().filter(|parameters| parameters.len() <= MAX_PARAMETERS_BYTES).map(str::to_owned);
        let asked: Vec<&str> = of_this("rtcp-fb").collect();
        let feedback = FEEDBACK.into_iter().filter(|known| asked.contains(known)).collect();
        codecs.push(Codec { payload, map: map.to_owned(), parameters, feedback });
    }
    Ok(codecs)
}

/// Whether the peer sends, and whether it receives. A section that is closed for both is refused: the library would never open it
/// again.
fn direction(attributes: &Attributes<'_>) -> Result<(bool, bool), DescriptionRefusal> {
    let set: Vec<&str> = ["sendrecv", "sendonly", "recvonly", "inactive"].into_iter().filter(|name| attributes.has(name)).collect();
    match set.as_slice() {
        [] | ["sendrecv"] => Ok((true, true)),
        ["sendonly"] => Ok((true, false)),
        ["recvonly"] => Ok((false, true)),
        _ => Err(DescriptionRefusal::Sections),
    }
}

/// The first stream of a section; further ones would be retransmissions, which nobody here asks for.
fn stream(attributes: &Attributes<'_>) -> Result<Option<u32>, DescriptionRefusal> {
    let Some(value) = attributes.values("ssrc").next() else { return Ok(None) };
    let number = value.split(' ').next().unwrap_or_default();
    let number: u32 = number.parse().map_err(|_| DescriptionRefusal::Streams)?;
    if number == 0 { Err(DescriptionRefusal::Streams) } else { Ok(Some(number)) }
}

/// The extensions that are known here. Numbers above 14 need the two-byte form (RFC 8285 §4.2), which the library does not send.
fn extensions(attributes: &Attributes<'_>) -> Result<Vec<(u8, &'static str)>, DescriptionRefusal> {
    let mut extensions: Vec<(u8, &'static str)> = Vec::new();
    for value in attributes.values("extmap") {
        let mut words = value.split(' ');
        let (number, name) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let Some(known) = [LOUDNESS, TRANSPORT_NUMBERS].into_iter().find(|known| *known == name) else { continue };
        let number: u8 = number.parse().map_err(|_| DescriptionRefusal::Malformed)?;
        if !(1..=14).contains(&number) || extensions.iter().any(|(taken, name)| *taken == number || *name == known) {
            return Err(DescriptionRefusal::Malformed);
        }
        extensions.push((number, known));
    }
    Ok(extensions)
}

fn is_name(name: &str) -> bool {
    (1..=MAX_NAME_BYTES).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}
