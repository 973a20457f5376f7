//! The first start: a link that works once, with which whoever runs the node becomes its root.

mod page;

use std::sync::Arc;

use axum::{
    Form,
    extract::State,
    response::{IntoResponse, Response},
};
use domain::{
    AccountId, AdminKeyId, GroupName, UserId,
    account::Limit,
    login::LoginName,
    user::{Role, User, UserCommand},
};
use parking_lot::Mutex;
use serde::Deserialize;

use crate::{
    Edge,
    dispatch::{By, transact},
    extract::Query,
    key,
    password::Secret,
    person::{NewLogin, NewPerson},
    problem::{Denial, Problem},
};

/// The path of the page.
pub(crate) const SETUP_PATH: &str = "/setup";

/// Whether the first root is still to be made, and with which secret.
pub struct Setup(Mutex<Option<String>>);

impl Setup {
    /// There is a root already.
    pub const fn done() -> Self {
        Self(Mutex::new(None))
    }

    /// Open to whoever knows the secret; answers also with the path that holds it.
    pub fn open(secret: &[u8; 32]) -> (Self, String) {
        let secret = hex::encode(secret);
        let path = format!("{SETUP_PATH}?secret={secret}");
        (Self(Mutex::new(Some(secret))), path)
    }

    /// Whether this is the secret. It is looked at by its hash, so that how long that takes tells nothing of it.
    fn knows(&self, shown: &str) -> bool {
        self.0.lock().as_ref().is_some_and(|secret| key::hash(secret) == key::hash(shown))
    }

    /// Takes the secret, so that of two who show it at once one comes too late.
    fn begin(&self, shown: &str) -> Option<Turn<'_>> {
        if !self.knows(shown) {
            return None;
        }
        self.0.lock().take().map(|secret| Turn { setup: self, secret: Some(secret) })
    }
}

/// A try at it, which puts the secret back where it comes to nothing.
struct Turn<'a> {
    setup: &'a Setup,
    secret: Option<String>,
}

impl Turn<'_> {
    fn succeeded(mut self) {
        self.secret = None;
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if let Some(secret) = self.secret.take() {
            *self.setup.0.lock() = Some(secret);
        }
    }
}

/// What the link holds.
#[derive(Deserialize)]
pub(crate) struct LinkQuery {
    #[serde(default)]
    secret: String,
}

/// What is filled in.
#[derive(Debug, Deserialize)]
pub(crate) struct RootForm {
    name: String,
    login: String,
    password: Secret,
}

/// The form.
pub(crate) async fn form(State(edge): State<Arc<Edge>>, Query(link): Query<LinkQuery>) -> Response {
    if is_open(&edge) && edge.setup.knows(&link.secret) { page::form("") } else { page::closed() }
}

/// Makes the first root.
pub(crate) async fn make(
    State(edge): State<Arc<Edge>>,
    Query(link): Query<LinkQuery>,
    Form(filled): Form<RootForm>,
) -> Response {
    let turn = edge.setup.begin(&link.secret).filter(|_| is_open(&edge));
    let Some(turn) = turn else { return page::closed() };
    match root(&edge, filled).await {
        Ok(admin_key) => {
            turn.succeeded();
            page::done(&admin_key)
        }
        Err(problem) if problem.is_of_the_asker() => page::form(problem.detail()),
        Err(problem) => problem.into_response(),
    }
}

/// A root that was made in another way closes it too.
fn is_open(edge: &Edge) -> bool {
    !edge.directory.has_root()
}

async fn root(edge: &Edge, filled: RootForm) -> Result<String, Problem> {
    let name = LoginName::new(&filled.login).map_err(|error| Denial::Value(error.to_string()))?;
    let password_hash = Some(edge.sign_in.hash(filled.password, edge.ids.secret()?).await?);
    let person = NewPerson {
        user_id: UserId(edge.ids.uuid()),
        account_id: AccountId(edge.ids.uuid()),
        role: Role::Root,
        group: GroupName::default_group(),
        name: filled.name,
        limit: Limit::Unlimited,
        login: Some(NewLogin { name, password_hash }),
    };
    let (text, key) = key::admin_key(&edge.ids.secret()?);
    let key_id = AdminKeyId(edge.ids.uuid());
    let made = transact(edge, By::only("setup".into()), move |tx| {
        Box::pin(async move {
            let id = person.user_id.to_string();
            person.make::<Denial>(tx).await?;
            tx.decide::<User, Denial>(&id, UserCommand::IssueAdminKey { key_id, key }).await?;
            Ok(())
        })
    });
    made.await?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::Setup;

    #[test]
    fn a_secret_is_used_once_and_comes_back_where_nothing_came_of_it() {
        let (setup, path) = Setup::open(&[7; 32]);
        let secret = path.split_once('=').unwrap().1;
        assert!(setup.begin("other").is_none());
        let turn = setup.begin(secret).unwrap();
        assert!(setup.begin(secret).is_none(), "one at a time");
        drop(turn);
        setup.begin(secret).unwrap().succeeded();
        assert!(setup.begin(secret).is_none());
        assert!(Setup::done().begin("").is_none());
    }
}
