//! `directory.*`: who is there to be asked.

use super::Nothing;
use crate::rpc::context::Context;
use crate::rpc::envelope::Failure;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use veche_protocol::core::command::{Command, Reply};
use veche_protocol::ids::AccountId;
use veche_protocol::view::{NearbyView, Relation, Snapshot};

/// How long a lookup waits for claimants unless told otherwise, milliseconds: people on the local network answer
/// within a second, a directory whose nodes all answer within two, and dead ones cost it up to five.
const DEFAULT_LOOKUP_MS: u64 = 6_000;
/// The longest wait of a lookup, milliseconds.
const MAX_LOOKUP_MS: u64 = 60_000;

/// Somebody who claims a login. Whether it is the right person, people decide.
#[derive(Serialize, JsonSchema)]
pub(super) struct Claimant {
    /// Account key.
    account_id: AccountId,
    /// Login they claim.
    login: String,
    /// Tag of login and key; null while it is being computed.
    tag: Option<String>,
    /// Name they chose.
    name: String,
    /// Whether this account knows them already.
    known: bool,
    /// Whether their safety number was compared.
    verified: bool,
    /// How we stand, where they are known.
    relation: Option<Relation>,
}

impl Claimant {
    fn of(state: &Snapshot, seen: &NearbyView) -> Self {
        let person = state.person(seen.account_id);
        Self {
            account_id: seen.account_id,
            login: seen.login.clone(),
            tag: seen.tag.clone(),
            name: seen.name.clone(),
            known: person.is_some(),
            verified: person.is_some_and(|person| person.verified),
            relation: seen.relation,
        }
    }
}

pub(super) async fn nearby(context: &Context, _: Nothing) -> Result<Vec<Claimant>, Failure> {
    let state = context.state().await?;
    Ok(state.nearby.iter().map(|seen| Claimant::of(&state, seen)).collect())
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Lookup {
    /// The exact login.
    login: String,
    /// Its tag, where known.
    tag: Option<String>,
    /// How long to wait for the directory to be done, or for the first claimant where there is none, milliseconds: 6000 if absent,
    /// 60000 at most.
    timeout_ms: Option<u64>,
}

pub(super) async fn lookup(context: &Context, params: Lookup) -> Result<Vec<Claimant>, Failure> {
    let patience = params.timeout_ms.unwrap_or(DEFAULT_LOOKUP_MS);
    if patience > MAX_LOOKUP_MS {
        return Err(Failure::field("timeout_ms", &format!("{MAX_LOOKUP_MS} is the longest wait")));
    }
    let deadline = Instant::now() + Duration::from_millis(patience);
    // Subscribed before asking, so that nobody can appear in between.
    let mut snapshots = context.node().snapshots();
    loop {
        let state = context.state().await?;
        snapshots.mark_unchanged();
        let command = Command::Lookup { login: params.login.clone(), tag: params.tag.clone() };
        let Reply::Claimants { claimants: found, more, .. } = context.command(command).await? else {
            return Err(Failure::unexpected());
        };
        let later = (more || found.is_empty()) && matches!(timeout_at(deadline, snapshots.changed()).await, Ok(Ok(())));
        if !later {
            return Ok(found.iter().map(|seen| Claimant::of(&state, seen)).collect());
        }
    }
}
