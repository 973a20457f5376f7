//! Whoever asks, and what they ask about.

use domain::{
    Refusal, SessionId, TimeStamp,
    node::{NodeCommand, NodeKey},
    session::{Session, SessionCommand},
    user::UserCommand,
};
use eventlog::Metadata;
use serde_json::json;
use uuid::Uuid;

use super::super::fixture::{MODEL, Node, Person};
use crate::Ids;

/// What someone shows: to `/api`, and to `/v1`.
pub(super) struct Keys<'a> {
    pub(super) admin: Option<&'a str>,
    pub(super) client: Option<&'a str>,
}

/// The table's columns.
pub(super) struct Columns(Vec<(String, String)>);

impl Columns {
    pub(super) async fn of(node: &Node) -> Self {
        let mut columns = vec![revoked(node).await, disabled(node).await];
        for person in [&node.root, &node.admin] {
            columns.push((person.admin_key.clone(), token(node, person).await));
        }
        // An auditor may issue nothing: what they hold for `/v1` an admin has let them have.
        node.told(&node.auditor, UserCommand::ChangeRole(domain::user::Role::User)).await;
        let client = token(node, &node.auditor).await;
        node.told(&node.auditor, UserCommand::ChangeRole(domain::user::Role::Auditor)).await;
        columns.push((node.auditor.admin_key.clone(), client));
        for person in [&node.ada, &node.bob] {
            columns.push((person.admin_key.clone(), token(node, person).await));
        }
        Self(columns)
    }

    /// Nobody first.
    pub(super) fn all(&self) -> impl Iterator<Item = Keys<'_>> {
        let held = self.0.iter().map(|(admin, client)| Keys { admin: Some(admin), client: Some(client) });
        std::iter::once(Keys { admin: None, client: None }).chain(held)
    }
}

async fn token(node: &Node, person: &Person) -> String {
    let answered = node.ask("POST", "/api/v1/tokens").by(person).json(json!({"name": "t"})).await_answer();
    answered.await.json()["key"].as_str().unwrap().to_owned()
}

async fn revoked(node: &Node) -> (String, String) {
    let issued = node.ask("POST", "/api/v1/me/admin-keys").by(&node.ada).await_answer().await.json();
    let path = format!("/api/v1/me/admin-keys/{}", issued["id"].as_str().unwrap());
    node.ask("DELETE", &path).by(&node.ada).await_answer().await;
    let made = node.ask("POST", "/api/v1/tokens").by(&node.ada).json(json!({"name": "t"})).await_answer();
    let made = made.await.json();
    let path = format!("/api/v1/tokens/{}", made["id"].as_str().unwrap());
    node.ask("DELETE", &path).by(&node.ada).await_answer().await;
    (issued["key"].as_str().unwrap().to_owned(), made["key"].as_str().unwrap().to_owned())
}

async fn disabled(node: &Node) -> (String, String) {
    let body = json!({"name": "Eve", "login": "eve", "password": "correct horse"});
    let made = node.made("/api/v1/users", body).await;
    let body = json!({"login": "eve", "password": "correct horse"});
    let held = node.ask("POST", "/api/v1/auth/login").json(body).await_answer().await.json();
    let access = held["access_token"].as_str().unwrap().to_owned();
    let body = json!({"name": "t"});
    let token = node.ask("POST", "/api/v1/tokens").bearer(&access).json(body).await_answer().await.json();
    let path = format!("/api/v1/users/{}", made["id"].as_str().unwrap());
    node.ask("PATCH", &path).by(&node.root).json(json!({"status": "disabled"})).await_answer().await;
    (access, token["key"].as_str().unwrap().to_owned())
}

/// Makes what a path names: Ada's, where it is someone's.
pub(super) struct Things<'a>(pub(super) &'a Node);

impl Things<'_> {
    pub(super) async fn path(&self, pattern: &str) -> String {
        let Some((before, rest)) = pattern.split_once('{') else { return pattern.to_owned() };
        let after = rest.split_once('}').unwrap().1;
        format!("{before}{}{after}", self.made(before).await)
    }

    async fn made(&self, of: &str) -> String {
        let node = self.0;
        match of {
            "/api/v1/channels/" => id(&node.channel().await),
            "/api/v1/users/" => id(&node.made("/api/v1/users", json!({"name": "Eve"})).await),
            "/api/v1/accounts/" => node.ada.account_id.to_string(),
            "/api/v1/tokens/" => self.token().await,
            "/api/v1/budgets/" => {
                let holder = json!({"kind": "token", "id": self.token().await});
                let body = json!({"holder": holder, "period": "day", "limit_nanos": 1});
                id(&node.made("/api/v1/budgets", body).await)
            }
            "/api/v1/sessions/" => self.session().await,
            "/api/v1/nodes/" => self.node().await,
            "/api/v1/groups/" => {
                let body = json!({"name": "vip"});
                // It may be there from the one before.
                node.ask("POST", "/api/v1/groups").by(&node.root).json(body).await_answer().await;
                "vip".to_owned()
            }
            "/api/v1/prices/" => {
                let body = json!({"price": {"per_call": 1}});
                let path = format!("/api/v1/prices/{MODEL}");
                node.ask("PUT", &path).by(&node.root).json(body).await_answer().await;
                MODEL.to_owned()
            }
            "/api/v1/models/" | "/v1/models/" => {
                node.channel().await;
                MODEL.to_owned()
            }
            // One's own, which are no business of anyone else's.
            _ => Uuid::from_u128(7).to_string(),
        }
    }

    async fn token(&self) -> String {
        let ask = self.0.ask("POST", "/api/v1/tokens").by(&self.0.ada).json(json!({"name": "t"}));
        id(&ask.await_answer().await.json())
    }

    async fn node(&self) -> String {
        let node = self.0;
        let public_key = NodeKey::new(&hex::encode(node.ids.secret().unwrap())).unwrap();
        let id = public_key.node_id().to_string();
        let (stream, enrol) = (id.clone(), NodeCommand::Enrol { name: "relay".into(), public_key });
        let enrolled = node.log.transact::<_, Refusal, _>(Metadata::default(), move |tx| {
            Box::pin(async move { tx.decide::<domain::node::Node, Refusal>(&stream, enrol).await })
        });
        enrolled.await.unwrap();
        node.caught_up().await;
        id
    }

    async fn session(&self) -> String {
        let node = self.0;
        let id = SessionId(node.ids.uuid()).to_string();
        let user_id = node.ada.user_id;
        let expires_at = TimeStamp::from_micros(i64::MAX);
        let (stream, open) = (id.clone(), SessionCommand::Open { user_id, epoch: 0, expires_at });
        let opened = node.log.transact::<_, Refusal, _>(Metadata::default(), move |tx| {
            Box::pin(async move { tx.decide::<Session, Refusal>(&stream, open).await })
        });
        opened.await.unwrap();
        node.caught_up().await;
        id
    }
}

fn id(made: &serde_json::Value) -> String {
    made["id"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned()
}
