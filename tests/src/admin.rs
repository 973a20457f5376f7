//! An admin at the REST interface.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{
    Http, Response,
    http::{Failure, request},
    wait,
};

const PAGE: usize = 500;
const PAGES_MAX: usize = 1_000;
/// How long until a setting is in force, at most.
const REACHED_MAX: Duration = Duration::from_secs(15);

/// Whoever holds the admin key.
#[derive(Clone, Debug)]
pub struct Admin {
    http: Http,
    base_url: String,
    key: String,
}

/// A token as it was issued: its key is told only once.
#[derive(Clone, Debug)]
pub struct IssuedToken {
    pub id: String,
    pub key: String,
    pub limit_account_id: String,
}

impl IssuedToken {
    /// As the answer says that issued it.
    pub fn of(view: &Value) -> Self {
        Self {
            id: text(&view["id"]),
            key: text(&view["key"]),
            limit_account_id: view["limit_account_id"].as_str().unwrap_or_default().to_owned(),
        }
    }
}

impl Admin {
    /// An admin of the gateway at `base_url`.
    pub fn new(base_url: String, key: &str) -> Self {
        Self { http: Http::default(), base_url, key: key.to_owned() }
    }

    /// Whoever signs in with that at the gateway at `base_url`; none where they are not let in.
    pub async fn signed_in(base_url: String, login: &str, password: &str) -> Option<Self> {
        let body = json!({ "login": login, "password": password });
        let stranger = Self::new(base_url, "");
        let answer = stranger.send(Method::POST, "/auth/login", Some(&body)).await.expect("an answer");
        let token = answer.json()["access_token"].as_str().map(str::to_owned)?;
        Some(Self { key: token, ..stranger })
    }

    /// Sends what may fail, under `/api/v1`.
    pub async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Response, Failure> {
        let body = body.map(|body| Bytes::from(body.to_string()));
        let url = format!("{}/api/v1{path}", self.base_url);
        self.http.exchange(request(method, &url, &self.key, body)).await
    }

    /// Creates one thing, in a trace.
    pub async fn create_in_trace(&self, parent: &str, path: &str, body: &Value) {
        let url = format!("{}/api/v1{path}", self.base_url);
        let mut ask = request(Method::POST, &url, &self.key, Some(body.to_string().into()));
        ask.headers_mut().insert("traceparent", parent.parse().expect("a header's value"));
        let answer = self.http.exchange(ask).await.expect("an answer");
        assert!(answer.status.is_success(), "{}", String::from_utf8_lossy(&answer.body));
    }

    /// Sends what must succeed with `status`, waits until it is in force, and gives the answer.
    pub async fn must(&self, method: Method, path: &str, body: Option<&Value>, status: StatusCode) -> Value {
        let asked = format!("{method} {path} {}", body.unwrap_or(&Value::Null));
        let answer = self.send(method, path, body).await.expect("an answer");
        assert_eq!(answer.status, status, "{asked}: {}", String::from_utf8_lossy(&answer.body));
        if let Some(position) = answer.header("veloera-position") {
            self.reached(position).await;
        }
        if answer.body.is_empty() { Value::Null } else { answer.json() }
    }

    /// Waits until the gateway's read models have come as far as `position`.
    async fn reached(&self, position: &str) {
        let ask = || {
            let mut ask = request(Method::GET, &format!("{}/api/v1/me", self.base_url), &self.key, None);
            let position = position.try_into().expect("a header's value");
            ask.headers_mut().insert("if-position-at-least", position);
            ask
        };
        wait::until(&format!("the position {position}"), REACHED_MAX, async || {
            let answer = self.http.exchange(ask()).await.ok()?;
            (answer.status == StatusCode::OK).then_some(())
        })
        .await;
    }

    /// Reads one thing.
    pub async fn get(&self, path: &str) -> Value {
        self.must(Method::GET, path, None, StatusCode::OK).await
    }

    /// Creates one thing.
    pub async fn create(&self, path: &str, body: Value) -> Value {
        self.must(Method::POST, path, Some(&body), StatusCode::CREATED).await
    }

    /// Deletes one thing.
    pub async fn delete(&self, path: &str) {
        self.must(Method::DELETE, path, None, StatusCode::NO_CONTENT).await;
    }

    /// Makes a channel to an OpenAI-compatible provider.
    pub async fn channel(&self, base_url: &str, models: &[&str], priority: i32) -> String {
        let body = json!({
            "name": format!("channel {priority}"), "provider": "openai_compatible", "base_url": base_url,
            "keys": ["sk-provider"], "models": models, "groups": ["default"], "priority": priority, "weight": 1
        });
        text(&self.create("/channels", body).await["id"])
    }

    /// Deletes every channel there is, the demonstration's too: no call finds a way the test does not know of.
    pub async fn delete_channels(&self) {
        for channel in self.list("/channels").await {
            self.delete(&format!("/channels/{}", text(&channel["id"]))).await;
        }
    }

    /// Issues a token: without a quota it is limited by its owner's account alone.
    pub async fn token(&self, name: &str, quota_nanos: Option<u64>) -> IssuedToken {
        let mut body = json!({ "name": name });
        if let Some(nanos) = quota_nanos {
            body["quota_nanos"] = nanos.into();
        }
        IssuedToken::of(&self.create("/tokens", body).await)
    }

    /// Pays into an account.
    pub async fn deposit(&self, account_id: &str, amount_nanos: u64) {
        let body = json!({ "amount_nanos": amount_nanos, "reason": "for the test" });
        self.create(&format!("/accounts/{account_id}/deposits"), body).await;
    }

    /// The account that the admin's own tokens spend from.
    pub async fn own_account(&self) -> String {
        text(&self.get("/me").await["account_id"])
    }

    /// Everything on a paged list.
    pub async fn list(&self, path: &str) -> Vec<Value> {
        let joint = if path.contains('?') { '&' } else { '?' };
        let mut all = Vec::new();
        let mut cursor = String::new();
        for _ in 0..PAGES_MAX {
            let page = self.get(&format!("{path}{joint}limit={PAGE}{cursor}")).await;
            all.extend(page["items"].as_array().expect("a list has items").iter().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return all,
            }
        }
        panic!("{path} does not end");
    }
}

/// A field that must be text.
pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}
