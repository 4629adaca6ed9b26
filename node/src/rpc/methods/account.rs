//! `account.*`: making, restoring, showing, protecting and deleting the own account.

use super::{Done, Nothing};
use crate::handle::{NewAccount, Protection};
use crate::rpc::context::Context;
use crate::rpc::envelope::Failure;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::timeout;
use veche_protocol::core::command::{Command, ProfilePatch};
use veche_protocol::ids::AccountId;
use veche_protocol::view::{AccountView, Status};

/// How long a new account's tag is waited for: a few times what the slow hash behind it takes on an old machine.
const TAG_PATIENCE: Duration = Duration::from_secs(20);

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Create {
    /// Login, by which others find this account.
    login: String,
    /// Display name.
    name: String,
    /// Seals the stored data. Asked for whenever the node starts.
    passphrase: Option<String>,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Created {
    /// Account key.
    account_id: AccountId,
    /// Login as it is written.
    login: String,
    /// Six characters that tell this account from others with the same login.
    tag: Option<String>,
    /// Twelve words from which the account can be restored. Write them down.
    recovery_phrase: String,
}

pub(super) async fn create(context: &Context, params: Create) -> Result<Created, Failure> {
    let account = context.node().create_account(params.login, params.name, params.passphrase).await?;
    created(context, account).await
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Restore {
    /// The twelve words.
    recovery_phrase: String,
    /// Login as it was.
    login: String,
    /// Display name; the login if absent.
    name: Option<String>,
    /// Seals the stored data. Asked for whenever the node starts.
    passphrase: Option<String>,
}

pub(super) async fn restore(context: &Context, params: Restore) -> Result<Created, Failure> {
    let name = params.name.unwrap_or_else(|| params.login.clone());
    let account = context.node().restore_account(params.recovery_phrase, params.login, name, params.passphrase).await?;
    created(context, account).await
}

/// The tag takes a slow hash; a caller wants it together with the rest.
async fn created(context: &Context, new: NewAccount) -> Result<Created, Failure> {
    let mut snapshots = context.node().snapshots();
    let with_tag = snapshots.wait_for(|snapshot| snapshot.account.as_ref().is_some_and(|account| account.tag.is_some()));
    // Without a tag in time the answer is still right: it has none yet.
    let _ = timeout(TAG_PATIENCE, with_tag).await;
    let account = own(context).await?;
    Ok(Created { account_id: new.account, login: account.login, tag: account.tag, recovery_phrase: new.words })
}

async fn own(context: &Context) -> Result<AccountView, Failure> {
    let account = context.state().await?.account.as_deref().cloned();
    account.ok_or_else(|| veche_protocol::core::command::CommandError::NoAccount.into())
}

pub(super) async fn show(context: &Context, _: Nothing) -> Result<AccountView, Failure> {
    own(context).await
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Update {
    /// Display name.
    name: Option<String>,
    /// About me.
    info: Option<String>,
    /// What contacts are told.
    status: Option<Status>,
    /// A line of own words beside it.
    status_text: Option<String>,
}

pub(super) async fn update(context: &Context, params: Update) -> Result<Done, Failure> {
    let Update { name, info, status, status_text } = params;
    context.perform(Command::UpdateProfile(ProfilePatch { name, info, status, status_text })).await
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Delete {
    /// The login of the account, as a sign that it is meant.
    confirm: String,
}

pub(super) async fn delete(context: &Context, params: Delete) -> Result<Done, Failure> {
    if params.confirm != own(context).await?.login {
        return Err(Failure::field("confirm", "repeat the login of the account that is to be deleted"));
    }
    context.perform(Command::DeleteAccount).await
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Unlock {
    /// The passphrase of this profile.
    passphrase: String,
}

pub(super) async fn unlock(context: &Context, params: Unlock) -> Result<Done, Failure> {
    context.node().unlock(params.passphrase).await?;
    Ok(Done {})
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SetPassphrase {
    /// The new passphrase; absent or null for none.
    passphrase: Option<String>,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Protected {
    /// How the key of the stored data is kept.
    protection: Protection,
}

pub(super) async fn set_passphrase(context: &Context, params: SetPassphrase) -> Result<Protected, Failure> {
    let protection = context.node().set_passphrase(params.passphrase).await?;
    Ok(Protected { protection })
}

pub(super) async fn protection(context: &Context, _: Nothing) -> Result<Protected, Failure> {
    let protection = context.node().protection().await?;
    Ok(Protected { protection })
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Words {
    /// The twelve words.
    recovery_phrase: String,
}

pub(super) async fn words(context: &Context, _: Nothing) -> Result<Words, Failure> {
    let recovery_phrase = context.node().recovery_words().await?;
    Ok(Words { recovery_phrase })
}

pub(super) async fn confirm_words(context: &Context, _: Nothing) -> Result<Done, Failure> {
    context.perform(Command::ConfirmWords).await
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Backup {
    /// File, on the machine of the node.
    path: PathBuf,
    /// Seals the backup.
    passphrase: String,
}

pub(super) async fn export(context: &Context, params: Backup) -> Result<Done, Failure> {
    context.node().export(params.path, params.passphrase).await?;
    Ok(Done {})
}

pub(super) async fn import(context: &Context, params: Backup) -> Result<Created, Failure> {
    let account = context.node().import(params.path, params.passphrase).await?;
    created(context, account).await
}
