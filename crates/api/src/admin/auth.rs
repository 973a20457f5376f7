//! Signing in, staying, signing out.

mod body;
mod session;

use std::sync::Arc;

use axum::{extract::State, response::Response};
use domain::{
    login::LoginName,
    session::{Session, SessionCommand, SessionEnd},
    user::UserStatus,
};
use projections::users::UserRow;

use self::body::{LoginBody, RefreshBody, SignedInView};
use crate::{
    Edge,
    dispatch::{Answer, By, transact},
    extract::Write,
    password::Secret,
    person,
    problem::{Code, Denial, Problem},
    sign_in::{
        Guesser,
        jwt::{Claims, Use},
    },
    subject,
};

/// Signs in: a pair of tokens for a name and a password.
///
/// The access token is sent as `Authorization: Bearer …` and lasts minutes; the refresh token is changed for a new
/// pair, once.
#[utoipa::path(post, path = "/api/v1/auth/login", tag = "auth", request_body = LoginBody,
    responses((status = 200, description = "Signed in", body = SignedInView)))]
pub(crate) async fn login(
    State(edge): State<Arc<Edge>>,
    Write { body, intent }: Write<LoginBody>,
) -> Result<Response, Problem> {
    let claim = LoginName::new(&body.login).map(|name| person::claim_of(edge.log.sealer(), &name));
    let user = claim.as_ref().ok().and_then(|claim| edge.directory.user(edge.directory.login(claim)?));
    let guesser = Guesser::new(claim.unwrap_or_default(), intent.ip);
    let user = known(&edge, &guesser, user, body.password).await?;
    if user.status == UserStatus::Disabled {
        return Err(Problem::new(Code::Forbidden, "this user is disabled; ask an admin"));
    }
    session::open(&edge, &user, &intent).await
}

/// The user whose password this is, once the guesser may guess.
pub(crate) async fn known(
    edge: &Edge,
    guesser: &Guesser,
    user: Option<Arc<UserRow>>,
    password: Secret,
) -> Result<Arc<UserRow>, Problem> {
    edge.sign_in.guesses.begin(guesser, edge.clock.now()).map_err(|seconds| {
        let told = format!("too many attempts; try again in {seconds} s");
        Problem::new(Code::TooManyAttempts, told).for_seconds(seconds)
    })?;
    let hash = match &user {
        Some(user) => hash_of(edge, user).await?,
        None => None,
    };
    // Who is not known is checked all the same, so that it takes as long.
    let opens = edge.sign_in.opens(password, hash).await?;
    let Some(user) = user.filter(|_| opens) else {
        tracing::info!(?guesser, "a sign-in failed");
        return Err(Problem::new(Code::InvalidCredentials, "there is no such name with this password"));
    };
    edge.sign_in.guesses.was_right(guesser);
    Ok(user)
}

async fn hash_of(edge: &Edge, user: &UserRow) -> Result<Option<String>, Problem> {
    let Some(sealed) = &user.password else { return Ok(None) };
    let (reader, subject) = (edge.log.reader(), subject::of(user.user_id));
    let opened = reader.open_for(edge.log.sealer(), &subject, subject::PASSWORD, sealed).await?;
    Ok(opened.and_then(|hash| String::from_utf8(hash).ok()))
}

/// Changes a refresh token for a new pair; shown again later, it ends the session, for then it was copied.
#[utoipa::path(post, path = "/api/v1/auth/refresh", tag = "auth", request_body = RefreshBody,
    responses((status = 200, description = "The new pair", body = SignedInView)))]
pub(crate) async fn refresh(
    State(edge): State<Arc<Edge>>,
    Write { body, intent }: Write<RefreshBody>,
) -> Result<Response, Problem> {
    let claims = shown(&edge, &body)?;
    if !claims.holds(Use::Refresh, edge.clock.now()) {
        return Err(Problem::new(Code::SessionEnded, "the session has ended; sign in again"));
    }
    session::refresh(&edge, claims, &intent).await
}

/// Ends the session of a refresh token.
#[utoipa::path(post, path = "/api/v1/auth/logout", tag = "auth", request_body = RefreshBody,
    responses((status = 204, description = "Signed out")))]
pub(crate) async fn logout(
    State(edge): State<Arc<Edge>>,
    Write { body, intent }: Write<RefreshBody>,
) -> Result<Response, Problem> {
    let claims = shown(&edge, &body)?;
    let id = claims.session_id.to_string();
    let ended = transact(&edge, By::intent(claims.user_id.prefixed(), &intent), move |tx| {
        Box::pin(async move {
            let end = SessionCommand::End(SessionEnd::SignedOut);
            tx.decide::<Session, Denial>(&id, end).await?;
            Ok(Answer::gone())
        })
    });
    let (answer, positions) = ended.await?;
    Ok(answer.at(positions))
}

/// What a refresh token says, however old it is.
fn shown(edge: &Edge, body: &RefreshBody) -> Result<Claims, Problem> {
    let claims = Claims::read(&body.refresh_token.0, edge.log.sealer());
    claims
        .filter(|claims| claims.good_for == Use::Refresh)
        .ok_or_else(|| Problem::new(Code::Unauthenticated, "the refresh token is none of ours"))
}
