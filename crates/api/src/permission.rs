//! Who may do what. A permission is an extractor: a handler cannot be reached without one.

use std::{marker::PhantomData, sync::Arc};

use axum::{
    extract::FromRequestParts,
    http::{header, request::Parts},
};
use domain::{
    SessionId, UserId,
    user::{Role, UserStatus},
};
use projections::users::UserRow;

use crate::{
    Edge,
    key::{self, ADMIN_PREFIX},
    problem::{Code, Problem},
    sign_in::jwt::{Claims, Use},
};

/// What there is to do something with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resource {
    Me,
    Sessions,
    Users,
    Groups,
    Channels,
    Tokens,
    Accounts,
    Budgets,
    Calls,
    Models,
    Prices,
    Settings,
    Events,
    Nodes,
}

/// What is done with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Read,
    List,
    Write,
}

/// How far a permission goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// What is one's own; the rest does not exist.
    Own,
    /// Everything.
    All,
}

/// What a role may do: the one table.
pub(crate) const fn permission(role: Role, resource: Resource, action: Action) -> Option<Reach> {
    match (role, resource, action) {
        (Role::Root | Role::Admin, _, _) => Some(Reach::All),
        (Role::Auditor, _, Action::Read | Action::List) => Some(Reach::All),
        // Their password and their sessions are everyone's own affair.
        (Role::Auditor, Resource::Me | Resource::Sessions, Action::Write) => Some(Reach::Own),
        (Role::Auditor, _, Action::Write) => None,
        (Role::User, Resource::Calls | Resource::Models, Action::Read | Action::List)
        | (Role::User, Resource::Me | Resource::Sessions | Resource::Tokens, _)
        | (Role::User, Resource::Accounts, Action::Read) => Some(Reach::Own),
        (Role::User, _, _) => None,
    }
}

/// A permission as a type.
pub(crate) trait Permission: Send + Sync + 'static {
    const RESOURCE: Resource;
    const ACTION: Action;
}

macro_rules! permissions {
    ($($name:ident = $resource:ident, $action:ident;)*) => {$(
        pub(crate) struct $name;
        impl Permission for $name {
            const RESOURCE: Resource = Resource::$resource;
            const ACTION: Action = Action::$action;
        }
    )*};
}

permissions! {
    ReadMe = Me, Read;
    WriteMe = Me, Write;
    ReadSessions = Sessions, Read;
    WriteSessions = Sessions, Write;
    ReadUsers = Users, Read;
    WriteUsers = Users, Write;
    ReadGroups = Groups, Read;
    WriteGroups = Groups, Write;
    ReadChannels = Channels, Read;
    WriteChannels = Channels, Write;
    ReadTokens = Tokens, Read;
    WriteTokens = Tokens, Write;
    ReadAccounts = Accounts, Read;
    ListAccounts = Accounts, List;
    WriteAccounts = Accounts, Write;
    ReadBudgets = Budgets, Read;
    WriteBudgets = Budgets, Write;
    ReadCalls = Calls, Read;
    ReadModels = Models, Read;
    ReadPrices = Prices, Read;
    WritePrices = Prices, Write;
    ReadSettings = Settings, Read;
    WriteSettings = Settings, Write;
    ReadEvents = Events, Read;
    ReadNodes = Nodes, Read;
    WriteNodes = Nodes, Write;
}

/// Whoever asks, with how far their permission goes.
#[derive(Clone, Debug)]
pub(crate) struct Actor {
    pub(crate) user: Arc<UserRow>,
    pub(crate) reach: Reach,
    pub(crate) credential: Credential,
}

/// What someone shows to be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Credential {
    /// The hash of an admin key.
    AdminKey([u8; 32]),
    /// An access token of this session.
    Session(SessionId),
}

impl Credential {
    /// What the request holds, if that can be a credential at all.
    fn read(parts: &Parts, edge: &Edge) -> Option<Self> {
        let text = bearer(parts.headers.get(header::AUTHORIZATION)?.to_str().ok()?)?;
        if text.starts_with(ADMIN_PREFIX) {
            return Some(Self::AdminKey(key::hash(text)));
        }
        let claims = Claims::read(text, edge.log.sealer())?;
        claims.holds(Use::Access, edge.clock.now()).then_some(Self::Session(claims.session_id))
    }

    /// The enabled user whom it stands for, as of now.
    fn user(self, edge: &Edge) -> Option<Arc<UserRow>> {
        let directory = &edge.directory;
        let user = match self {
            Self::AdminKey(hash) => directory.user(directory.admin_key(&hash)?.0)?,
            Self::Session(id) => {
                let session = directory.session(id)?;
                let user = directory.user(session.user_id)?;
                let is_open = session.epoch == user.epoch && edge.clock.now() < session.expires_at;
                is_open.then_some(user)?
            }
        };
        (user.status == UserStatus::Enabled).then_some(user)
    }
}

impl Actor {
    /// Whether they may still do what they came for: what takes long asks again.
    pub(crate) fn still_may<P: Permission>(&self, edge: &Edge) -> bool {
        let user = self.credential.user(edge);
        user.is_some_and(|user| permission(user.role, P::RESOURCE, P::ACTION) == Some(self.reach))
    }

    /// The name under which events remember them.
    pub(crate) fn name(&self) -> String {
        self.user.user_id.prefixed()
    }

    /// Whether what belongs to this user exists for them.
    pub(crate) fn sees(&self, owner: UserId) -> bool {
        self.reach == Reach::All || self.user.user_id == owner
    }

    /// Themselves.
    pub(crate) fn id(&self) -> UserId {
        self.user.user_id
    }

    /// The only user whose things exist for them, if there is one.
    pub(crate) fn only(&self) -> Option<UserId> {
        match self.reach {
            Reach::Own => Some(self.user.user_id),
            Reach::All => None,
        }
    }
}

/// The permission `P`, held by whoever asks.
pub(crate) struct Can<P> {
    pub(crate) actor: Actor,
    permission: PhantomData<P>,
}

impl<P: Permission> FromRequestParts<Arc<Edge>> for Can<P> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, edge: &Arc<Edge>) -> Result<Self, Problem> {
        let known =
            Credential::read(parts, edge).and_then(|credential| Some((credential, credential.user(edge)?)));
        let (credential, user) = known.ok_or_else(|| {
            Problem::new(
                Code::Unauthenticated,
                "send `Authorization: Bearer …` with an admin key or an access token that is in use",
            )
        })?;
        match permission(user.role, P::RESOURCE, P::ACTION) {
            Some(reach) => Ok(Self { actor: Actor { user, reach, credential }, permission: PhantomData }),
            None => Err(Problem::new(Code::Forbidden, "your role does not allow this")),
        }
    }
}

/// The credential in an `Authorization` header of the scheme `Bearer`.
pub(crate) fn bearer(text: &str) -> Option<&str> {
    let (scheme, key) = text.trim().split_once([' ', '\t'])?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}

#[cfg(test)]
mod tests {
    use domain::user::Role;

    use super::{Action, Reach, Resource, bearer, permission};

    #[test]
    fn an_auditor_reads_everything_and_changes_nothing() {
        for resource in [Resource::Channels, Resource::Tokens, Resource::Accounts, Resource::Events] {
            assert_eq!(permission(Role::Auditor, resource, Action::Read), Some(Reach::All));
            assert_eq!(permission(Role::Auditor, resource, Action::Write), None);
        }
    }

    #[test]
    fn a_user_reaches_only_what_is_their_own_and_no_money() {
        assert_eq!(permission(Role::User, Resource::Tokens, Action::Write), Some(Reach::Own));
        assert_eq!(permission(Role::User, Resource::Accounts, Action::Write), None);
        assert_eq!(permission(Role::User, Resource::Accounts, Action::List), None);
        assert_eq!(permission(Role::User, Resource::Channels, Action::Read), None);
        assert_eq!(permission(Role::User, Resource::Events, Action::Read), None);
    }

    #[test]
    fn the_scheme_may_be_spelled_in_any_case() {
        assert_eq!(bearer("bearer  vk-1 "), Some("vk-1"));
        assert_eq!(bearer("Bearer\tvk-1"), Some("vk-1"));
        assert_eq!(bearer("Basic vk-1"), None);
        assert_eq!(bearer("vk-1"), None);
    }
}
