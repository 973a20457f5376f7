//! Sessions: begun, gone on with.

use std::sync::Arc;

use axum::response::Response;
use domain::{
    SessionId, TimeStamp, UserId,
    session::{Session, SessionCommand, SessionEnd, SessionEvent, SessionRefusal},
    user::{User, UserStatus},
};
use eventlog::{Fault, Heads, Tx};
use projections::{sessions::SessionRow, users::UserRow};

use super::body::{SignedInView, TokenType};
use crate::{
    Edge,
    dispatch::{Answer, By, transact},
    extract::Intent,
    problem::{Code, Denial, Problem},
    sign_in::jwt::{Claims, Use, seconds},
};

/// How long an access token lasts.
const ACCESS_SECONDS: u32 = 15 * 60;
/// How long a session lasts at most: thirty days.
const SESSION_MS_MAX: u64 = 30 * 24 * 60 * 60 * 1_000;
/// The most sessions of one user: the oldest makes room.
pub(super) const SESSIONS_MAX: usize = 32;

/// Begins a session, unless the user has changed since they were known.
pub(super) async fn open(edge: &Edge, user: &UserRow, intent: &Intent) -> Result<Response, Problem> {
    let (user_id, epoch, now) = (user.user_id, user.epoch, edge.clock.now());
    let session_id = SessionId(edge.ids.uuid());
    let expires_at = now.plus_ms(SESSION_MS_MAX);
    let crowded = in_the_way(&edge.directory.sessions_of(user_id), epoch, now);
    let opened = transact(edge, By::intent(user_id.prefixed(), intent), move |tx| {
        Box::pin(async move {
            is_at(tx, user_id, epoch).await?;
            for id in crowded {
                let end = SessionCommand::End(SessionEnd::Crowded);
                tx.decide::<Session, Denial>(&id.to_string(), end).await?;
            }
            let open = SessionCommand::Open { user_id, epoch, expires_at };
            tx.decide::<Session, Denial>(&session_id.to_string(), open).await
        })
    });
    let (_, positions) = opened.await?;
    let held = Held { user_id, session_id, generation: 0, expires_at };
    held.answer(edge, positions)
}

/// Which sessions go so that one more fits: those that are over, and the oldest.
fn in_the_way(sessions: &[Arc<SessionRow>], epoch: u32, now: TimeStamp) -> Vec<SessionId> {
    let is_over = |row: &SessionRow| row.epoch != epoch || row.expires_at <= now;
    let (over, open): (Vec<_>, Vec<_>) = sessions.iter().partition(|row| is_over(row));
    let too_many = (open.len() + 1).saturating_sub(SESSIONS_MAX);
    over.into_iter().chain(open.into_iter().take(too_many)).map(|row| row.session_id).collect()
}

/// Goes on with a session, or ends it where what was shown had been used up.
pub(super) async fn refresh(edge: &Edge, claims: Claims, intent: &Intent) -> Result<Response, Problem> {
    let Claims { user_id, session_id, generation, .. } = claims;
    let refreshed = transact(edge, By::intent(user_id.prefixed(), intent), move |tx| {
        Box::pin(async move {
            let id = session_id.to_string();
            let (Session::Open(stay), _) = tx.load::<Session>(&id).await? else {
                return Err(Fault::Refused(SessionRefusal::Ended.into()));
            };
            is_at(tx, user_id, stay.epoch).await?;
            let refresh = SessionCommand::Refresh { generation, at: tx.now() };
            let events = tx.decide::<Session, Denial>(&id, refresh).await?;
            Ok((events, stay.expires_at))
        })
    });
    let ((events, expires_at), positions) = refreshed.await?;
    if let Some(SessionEvent::Refreshed { generation, .. }) = events.first() {
        return Held { user_id, session_id, generation: *generation, expires_at }.answer(edge, positions);
    }
    tracing::warn!(%user_id, %session_id, "a refresh token was shown twice: its session is ended");
    let told = "this refresh token had been used before, so the session was ended; sign in again";
    Err(Problem::new(Code::SessionEnded, told).at(positions))
}

/// Whether the user may be signed in, and no end of all sessions has come since `epoch`.
async fn is_at(tx: &mut Tx, user_id: UserId, epoch: u32) -> Result<(), Fault<Denial>> {
    match tx.load::<User>(&user_id.to_string()).await?.0 {
        User::Present(profile) if profile.epoch == epoch && profile.status == UserStatus::Enabled => Ok(()),
        _ => Err(Fault::Refused(SessionRefusal::Ended.into())),
    }
}

/// What someone holds of a session.
struct Held {
    user_id: UserId,
    session_id: SessionId,
    generation: u32,
    expires_at: TimeStamp,
}

impl Held {
    fn answer(&self, edge: &Edge, positions: Heads) -> Result<Response, Problem> {
        let now = seconds(edge.clock.now());
        let signed = |good_for, expires_at| {
            let Self { user_id, session_id, generation, .. } = *self;
            Claims { good_for, user_id, session_id, generation, issued_at: now, expires_at }
                .signed(edge.log.sealer())
        };
        let view = SignedInView {
            access_token: signed(Use::Access, now + i64::from(ACCESS_SECONDS))?,
            token_type: TokenType::Bearer,
            expires_in: ACCESS_SECONDS,
            refresh_token: signed(Use::Refresh, seconds(self.expires_at))?,
            session_expires_at: self.expires_at,
        };
        Ok(Answer::unversioned(&view)?.at(positions))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use domain::{SessionId, TimeStamp, UserId};
    use projections::sessions::SessionRow;
    use uuid::Uuid;

    use super::{SESSIONS_MAX, in_the_way};

    fn row(n: usize, epoch: u32, expires_at: i64) -> Arc<SessionRow> {
        Arc::new(SessionRow {
            session_id: SessionId(Uuid::from_u128(n as u128)),
            user_id: UserId(Uuid::nil()),
            epoch,
            refreshed_at: None,
            expires_at: TimeStamp::from_micros(expires_at),
        })
    }

    #[test]
    fn what_is_over_goes_and_of_too_many_the_oldest() {
        let now = TimeStamp::from_micros(10);
        let few = [row(0, 1, 20), row(1, 0, 20), row(2, 1, 10)];
        let ids = |rows: &[usize]| rows.iter().map(|n| row(*n, 0, 0).session_id).collect::<Vec<_>>();
        assert_eq!(in_the_way(&few, 1, now), ids(&[1, 2]));
        let many: Vec<_> = (0..=SESSIONS_MAX).map(|n| row(n, 1, 20)).collect();
        assert_eq!(in_the_way(&many, 1, now), ids(&[0, 1]));
    }
}
