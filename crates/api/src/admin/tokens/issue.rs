//! The two answers that show a key, once: issuing a token and rotating its key.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use domain::{
    AccountId, ApiTokenId, Nanos,
    account::{AccountCommand, Limit, Owner},
    api_token::{ApiToken, ApiTokenCommand},
};
use eventlog::{Fault, Tx};
use ledger::accounts;

use super::{
    body::IssueApiTokenBody,
    seen,
    view::{ApiTokenView, IssuedApiTokenView},
};
use crate::{
    Edge,
    dispatch::{Answer, dispatch},
    extract::{Id, Nothing, Write},
    key,
    permission::{Can, WriteTokens},
    problem::{Denial, Problem},
};

/// Issues a token; its key is in this answer and nowhere else.
///
/// With a quota it gets an account of its own that limits it. Its user's account pays all the same.
#[utoipa::path(post, path = "/api/v1/tokens", tag = "tokens", request_body = IssueApiTokenBody,
    responses((status = 201, description = "The token, with its key", body = IssuedApiTokenView)))]
pub(crate) async fn issue(
    State(edge): State<Arc<Edge>>,
    can: Can<WriteTokens>,
    Write { body, intent }: Write<IssueApiTokenBody>,
) -> Result<Response, Problem> {
    let (text, key) = key::api_key(&edge.ids.secret()?);
    let id = ApiTokenId(edge.ids.uuid());
    let quota = body.quota_nanos.map(|amount| (AccountId(edge.ids.uuid()), amount));
    let spec = body.spec(&edge, &can.actor, quota.map(|(account_id, _)| account_id))?;
    let directory = Arc::clone(&edge.directory);
    dispatch(&edge, &can.actor, intent, move |tx| {
        Box::pin(async move {
            let hint = key.hint.clone();
            let command = ApiTokenCommand::Issue { spec: Box::new(spec), key };
            tx.decide::<ApiToken, Denial>(&id.to_string(), command).await?;
            if let Some((account_id, amount)) = quota {
                open(tx, account_id, id, amount).await?;
            }
            let (token, version) = super::view(tx, &directory, id, hint).await?;
            Ok(Answer::created(version, &IssuedApiTokenView { key: text, token })?)
        })
    })
    .await
}

/// Opens the account that limits a token, and pays its quota in.
async fn open(tx: &mut Tx, account_id: AccountId, id: ApiTokenId, quota: Nanos) -> Result<(), Fault<Denial>> {
    let open = AccountCommand::Open { account_id, owner: Owner::Token(id), limit: Limit::Prepaid };
    accounts::decide::<Denial>(tx, account_id, open).await?;
    if !quota.is_zero() {
        let deposit = AccountCommand::Deposit { amount: quota, reason: "the token's quota".into() };
        accounts::decide::<Denial>(tx, account_id, deposit).await?;
    }
    Ok(())
}

/// Puts another key in the place of the token's, which admits nothing from now on.
#[utoipa::path(post, path = "/api/v1/tokens/{id}/rotate", tag = "tokens", params(("id" = uuid::Uuid, Path)),
    responses((status = 200, description = "The token, with its new key", body = IssuedApiTokenView)))]
pub(crate) async fn rotate(
    State(edge): State<Arc<Edge>>,
    can: Can<WriteTokens>,
    Id(id): Id<ApiTokenId>,
    Write { body: Nothing {}, intent }: Write<Nothing>,
) -> Result<Response, Problem> {
    seen(&edge, &can.actor, id).await?;
    let (text, key) = key::api_key(&edge.ids.secret()?);
    let (precondition, directory) = (intent.precondition.clone(), Arc::clone(&edge.directory));
    dispatch(&edge, &can.actor, intent, move |tx| {
        Box::pin(async move {
            precondition.check(tx.load::<ApiToken>(&id.to_string()).await?.1)?;
            let hint = key.hint.clone();
            tx.decide::<ApiToken, Denial>(&id.to_string(), ApiTokenCommand::Rotate(key)).await?;
            let (token, version): (ApiTokenView, u64) = super::view(tx, &directory, id, hint).await?;
            Ok(Answer::ok(version, &IssuedApiTokenView { key: text, token })?)
        })
    })
    .await
}
