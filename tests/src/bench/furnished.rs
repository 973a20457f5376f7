//! A control log with as many tokens as a large installation has, written as its own rules decide.

use std::sync::Arc;

use domain::{
    AccountId, Aggregate, ApiTokenId, Log, UserId,
    account::AccountRefusal,
    api_token::{ApiToken, ApiTokenCommand, ApiTokenSpec, HashedKey},
};
use eventlog::{Database, Inline, Metadata, NewEvent, StreamAppend, stream_name};
use ledger::accounts::Accounts;
use projections::{Calls, ControlModels};
use uuid::Uuid;

use super::log;

/// How many tokens are issued in one transaction.
const ISSUED_AT_ONCE: u128 = 1_000;

/// Issues so many tokens of that user, whom no process serves meanwhile. Nobody has their keys.
pub(super) async fn with_tokens(database: Database, tokens: u128, user_id: UserId, account_id: AccountId) {
    let components = vec![Calls::COMPONENT, Accounts.component()];
    let (log, appender) = log::open(database, Arc::new(ControlModels), components).await;
    let mut next = 0;
    while next < tokens {
        let until = tokens.min(next + ISSUED_AT_ONCE);
        let appends: Vec<StreamAppend> =
            (next..until).map(|number| issued(number, user_id, account_id)).collect();
        let appended = log.transact::<_, AccountRefusal, _>(Metadata::default(), |tx| {
            Box::pin(async move { Ok(tx.append(appends).await?) })
        });
        appended.await.expect("tokens are issued");
        next = until;
    }
    log::close(log, appender).await;
}

fn issued(number: u128, user_id: UserId, account_id: AccountId) -> StreamAppend {
    let spec = ApiTokenSpec {
        name: format!("token {number}"),
        user_id,
        account_id,
        limit_account_id: None,
        models: None,
        allowed_ips: None,
        expires_at: None,
        group: None,
        limits: None,
    };
    // Spread as hashes are.
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    let key = HashedKey { sha256: format!("{mixed:032x}{number:032x}"), hint: "none".into() };
    let events = ApiToken::default()
        .decide(ApiTokenCommand::Issue { spec: Box::new(spec), key })
        .expect("nothing is against it");
    let events = events.iter().map(|event| NewEvent::of(event).expect("an event can be written")).collect();
    let id = ApiTokenId(Uuid::from_u128((11 << 64) + number));
    let stream = stream_name(ApiToken::KIND, &id.to_string());
    StreamAppend { log: Log::Control, stream, expected: Some(0), events, trace: None }
}
