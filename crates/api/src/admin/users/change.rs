//! Changes of users, and who may make them.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use domain::{
    UserId,
    budget::Holder,
    user::{Profile, Role, User, UserCommand, UserRefusal, UserStatus},
};
use eventlog::{Fault, StoreError, Tx};
use projections::Directory;

use super::{
    body::{ChangeUserBody, SetPasswordBody, UserChange},
    view::{Names, UserView},
};
use crate::{
    Edge,
    admin::budgets::Held,
    dispatch::{Answer, dispatch},
    extract::{Id, Write},
    permission::{Actor, Can, WriteUsers},
    person,
    problem::{Denial, Problem},
    subject,
};

/// Changes what the body names, and leaves the rest (a JSON merge patch).
#[utoipa::path(patch, path = "/api/v1/users/{id}", tag = "users", params(("id" = uuid::Uuid, Path)),
    request_body = ChangeUserBody,
    responses((status = 200, description = "The user as they are now", body = UserView)))]
pub(crate) async fn change(
    State(edge): State<Arc<Edge>>,
    can: Can<WriteUsers>,
    Id(id): Id<UserId>,
    Write { body, intent }: Write<ChangeUserBody>,
) -> Result<Response, Problem> {
    let change = body.change(&edge)?;
    let precondition = intent.precondition.clone();
    let (actor, directory) = (can.actor.clone(), Arc::clone(&edge.directory));
    dispatch(&edge, &can.actor, intent, move |tx| {
        Box::pin(async move {
            let (profile, version) = present(tx, id).await?;
            precondition.check(version)?;
            if let Some(role) = change.role.filter(|role| *role != profile.role) {
                may_manage_user(tx, &actor, id, &profile).await?;
                may_manage(tx, &actor, role).await?;
            } else if change.status.is_some_and(|status| status != profile.status) {
                may_manage_user(tx, &actor, id, &profile).await?;
            } else if id != actor.id() {
                may_manage(tx, &actor, profile.role).await?;
            }
            carry_out(tx, id, change).await?;
            let (view, version) = view(tx, &directory, id).await?;
            Ok(Answer::ok(version, &view)?)
        })
    })
    .await
}

/// Sets a user's password, such as when they have forgotten it. Every session of theirs ends.
#[utoipa::path(put, path = "/api/v1/users/{id}/password", tag = "users", params(("id" = uuid::Uuid, Path)),
    request_body = SetPasswordBody, responses((status = 204, description = "It holds from now on")))]
pub(crate) async fn set_password(
    State(edge): State<Arc<Edge>>,
    can: Can<WriteUsers>,
    Id(id): Id<UserId>,
    Write { body, intent }: Write<SetPasswordBody>,
) -> Result<Response, Problem> {
    let hash = edge.sign_in.hash(body.password, edge.ids.secret()?).await?;
    let precondition = intent.precondition.clone();
    let actor = can.actor.clone();
    dispatch(&edge, &can.actor, intent, move |tx| {
        Box::pin(async move {
            let (profile, version) = present(tx, id).await?;
            precondition.check(version)?;
            may_manage(tx, &actor, profile.role).await?;
            person::set_password::<Denial>(tx, id, &hash).await?;
            Ok(Answer::gone())
        })
    })
    .await
}

async fn carry_out(tx: &mut Tx, id: UserId, change: UserChange) -> Result<(), Fault<Denial>> {
    if let Some(login) = &change.login {
        person::claim::<Denial>(tx, id, login).await?;
    }
    let name = match &change.name {
        Some(name) => Some(tx.seal_for(&subject::of(id), subject::NAME, name.as_bytes()).await?),
        None => None,
    };
    let status = change.status.map(|status| match status {
        UserStatus::Enabled => UserCommand::Enable,
        UserStatus::Disabled => UserCommand::Disable,
    });
    let commands = [
        name.map(UserCommand::Rename),
        change.role.map(UserCommand::ChangeRole),
        change.group.map(UserCommand::ChangeGroup),
        status,
    ];
    for command in commands.into_iter().flatten() {
        tx.decide::<User, Denial>(&id.to_string(), command).await?;
    }
    Ok(())
}

/// Whether whoever asks may, as of this transaction, make someone of this role or do something to them.
pub(super) async fn may_manage(tx: &mut Tx, actor: &Actor, role: Role) -> Result<(), Fault<Denial>> {
    let told = Denial::Forbidden("your role does not reach users of that role");
    match tx.load::<User>(&actor.id().to_string()).await?.0 {
        User::Present(own) if own.status == UserStatus::Enabled && own.role.may_manage(role) => Ok(()),
        _ => Err(Fault::Refused(told)),
    }
}

/// The same where access itself is at stake: nobody takes it from themselves, so that whoever can give it back is
/// always left.
pub(super) async fn may_manage_user(
    tx: &mut Tx,
    actor: &Actor,
    id: UserId,
    profile: &Profile,
) -> Result<(), Fault<Denial>> {
    if id == actor.id() {
        let told = "nobody changes their own role, disables or ends themselves: ask another admin";
        return Err(Fault::Refused(Denial::Forbidden(told)));
    }
    may_manage(tx, actor, profile.role).await
}

async fn present(tx: &mut Tx, id: UserId) -> Result<(Box<Profile>, u64), Fault<Denial>> {
    match tx.load::<User>(&id.to_string()).await? {
        (User::Present(profile), version) => Ok((profile, version)),
        (User::Absent | User::Deleted, _) => Err(Fault::Refused(UserRefusal::Unknown.into())),
    }
}

/// The user as the transaction sees them, with their version.
pub(super) async fn view(
    tx: &mut Tx,
    directory: &Arc<Directory>,
    id: UserId,
) -> Result<(UserView, u64), Fault<Denial>> {
    let (profile, version) = present(tx, id).await?;
    let keys = tx.keys_of([subject::of(id)]).await?;
    let names = Names { keys, sealer: tx.sealer().clone() };
    let (now, holder) = (tx.now(), [Holder::User(id)]);
    let held = Held::load(directory, now, tx.connection(), holder).await?;
    Ok((UserView::of_profile(id, &profile, &names, &held).map_err(StoreError::from)?, version))
}
