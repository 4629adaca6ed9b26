//! `contact.*`: asking, answering, naming, verifying and shutting out people.

use super::{Done, Nothing, Person};
use crate::rpc::context::Context;
use crate::rpc::envelope::Failure;
use data_encoding::BASE64;
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};
use qrcode::{Color, QrCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use veche_protocol::core::command::{Command, CommandError, Reply, Target};
use veche_protocol::ids::{AccountId, SpaceId};
use veche_protocol::view::{PersonView, RequestView};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Ask {
    /// Whom: somebody who is nearby or known.
    account_id: Option<AccountId>,
    /// Whom: by their contact link.
    link: Option<String>,
    /// A word along the way.
    #[serde(default)]
    text: String,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Contact {
    /// The person's account key, to be used as `account_id`.
    contact_id: AccountId,
    /// The conversation, once both agreed.
    chat_id: Option<SpaceId>,
}

pub(super) async fn request(context: &Context, params: Ask) -> Result<Contact, Failure> {
    let target = match (params.account_id, params.link) {
        (Some(account), None) => Target::Account(account),
        (None, Some(link)) => Target::Link(link),
        (None, None) => return Err(Failure::field("account_id", "either it or `link` says who is asked")),
        (Some(_), Some(_)) => return Err(Failure::field("link", "`account_id` says already who is asked")),
    };
    contact(context, Command::RequestContact { target, text: params.text }).await
}

async fn contact(context: &Context, command: Command) -> Result<Contact, Failure> {
    match context.command(command).await? {
        Reply::Contact { account, chat } => Ok(Contact { contact_id: account, chat_id: chat }),
        _ => Err(Failure::unexpected()),
    }
}

pub(super) async fn requests(context: &Context, _: Nothing) -> Result<Vec<RequestView>, Failure> {
    Ok(context.state().await?.requests.iter().map(|request| request.as_ref().clone()).collect())
}

pub(super) async fn accept(context: &Context, params: Person) -> Result<Contact, Failure> {
    contact(context, Command::AcceptRequest(params.account_id)).await
}

pub(super) async fn decline(context: &Context, params: Person) -> Result<Done, Failure> {
    context.perform(Command::DeclineRequest(params.account_id)).await
}

pub(super) async fn block(context: &Context, params: Person) -> Result<Done, Failure> {
    context.perform(Command::Block(params.account_id)).await
}

pub(super) async fn unblock(context: &Context, params: Person) -> Result<Done, Failure> {
    context.perform(Command::Unblock(params.account_id)).await
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Rename {
    /// Who; `contact_id` is understood too.
    #[serde(alias = "contact_id")]
    account_id: AccountId,
    /// The own name for them; empty returns to theirs.
    name: String,
}

pub(super) async fn rename(context: &Context, params: Rename) -> Result<Done, Failure> {
    context.perform(Command::RenameContact(params.account_id, params.name)).await
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Verify {
    /// Who; `contact_id` is understood too.
    #[serde(alias = "contact_id")]
    account_id: AccountId,
    /// Sixty digits; spaces do not matter.
    safety_number: String,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Verified {
    /// Whether the numbers are the same.
    verified: bool,
}

pub(super) async fn verify(context: &Context, params: Verify) -> Result<Verified, Failure> {
    match context.command(Command::VerifyContact(params.account_id, params.safety_number)).await? {
        Reply::Verified(verified) => Ok(Verified { verified }),
        _ => Err(Failure::unexpected()),
    }
}

#[derive(Serialize, JsonSchema)]
pub(super) struct SafetyNumber {
    /// Sixty digits.
    safety_number: String,
}

pub(super) async fn safety_number(context: &Context, params: Person) -> Result<SafetyNumber, Failure> {
    match context.command(Command::SafetyNumber(params.account_id)).await? {
        Reply::SafetyNumber(safety_number) => Ok(SafetyNumber { safety_number }),
        _ => Err(Failure::unexpected()),
    }
}

pub(super) async fn list(context: &Context, _: Nothing) -> Result<Vec<PersonView>, Failure> {
    Ok(context.state().await?.people.iter().map(|person| person.as_ref().clone()).collect())
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Link {
    /// Text of the link.
    link: String,
    /// The same as a QR code: a PNG image, base64.
    qr_png: String,
}

pub(super) async fn link(context: &Context, _: Nothing) -> Result<Link, Failure> {
    link_from(context, Command::ContactLink).await
}

pub(super) async fn renew_link(context: &Context, _: Nothing) -> Result<Link, Failure> {
    link_from(context, Command::RenewContactLink).await
}

async fn link_from(context: &Context, command: Command) -> Result<Link, Failure> {
    let Reply::Link(link) = context.command(command).await? else { return Err(Failure::unexpected()) };
    let qr_png = BASE64.encode(&qr_png(&link).ok_or_else(Failure::unexpected)?);
    Ok(Link { link, qr_png })
}

/// Width of one module of the QR code, pixels: a phone reads it off a screen at arm's length.
const MODULE: usize = 6;
/// Light border of a QR code, modules: ISO/IEC 18004 asks for four.
const QUIET: usize = 4;

/// A QR code as a PNG image; `None` if the text is too long for one.
fn qr_png(text: &str) -> Option<Vec<u8>> {
    let code = QrCode::new(text).ok()?;
    let modules = code.width().checked_add(2 * QUIET)?;
    let width = modules.checked_mul(MODULE)?;
    let dark = |at: usize| at.checked_sub(QUIET).filter(|at| *at < code.width());
    let mut pixels = Vec::with_capacity(width.checked_mul(width)?);
    for y in 0..width {
        for x in 0..width {
            let module = dark(x / MODULE).zip(dark(y / MODULE));
            let is_dark = module.is_some_and(|at| code[at] == Color::Dark);
            pixels.push(if is_dark { 0 } else { u8::MAX });
        }
    }
    let side = u32::try_from(width).ok()?;
    let mut png = Vec::new();
    PngEncoder::new(&mut png).write_image(&pixels, side, side, ExtendedColorType::L8).ok()?;
    Some(png)
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Inspect {
    /// Text of a contact link.
    link: String,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Inspected {
    /// Whose link it is.
    account_id: AccountId,
    /// Their login, where the link says it.
    login: Option<String>,
    /// Whether it is the own link.
    own: bool,
}

pub(super) async fn inspect(context: &Context, params: Inspect) -> Result<Inspected, Failure> {
    match context.command(Command::InspectLink(params.link)).await? {
        Reply::LinkInfo { account, login, own } => Ok(Inspected { account_id: account, login, own }),
        _ => Err(Failure::unexpected()),
    }
}

/// The person behind a conversation.
pub(super) fn of_chat(state: &veche_protocol::view::Snapshot, chat: SpaceId) -> Result<AccountId, CommandError> {
    state.chat(chat).map(|chat| chat.account_id).ok_or(CommandError::UnknownChat)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_qr_code_is_a_square_picture_with_a_light_border() {
        let png = qr_png("veche:c/example").unwrap();
        let picture = image::load_from_memory(&png).unwrap().into_luma8();
        assert_eq!(picture.width(), picture.height());
        let border = u32::try_from(QUIET * MODULE).unwrap();
        assert_eq!(picture.get_pixel(border - 1, border - 1).0, [255]);
        assert_eq!(picture.get_pixel(border, border).0, [0], "the corner of the finder pattern is dark");
    }

    #[test]
    fn a_text_too_long_for_a_qr_code_is_refused() {
        assert!(qr_png(&"x".repeat(8000)).is_none());
    }
}
