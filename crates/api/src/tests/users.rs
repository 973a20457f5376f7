//! Users: made, changed, ended, and who may do that to whom.

use serde_json::{Value, json};

use super::fixture::{Answered, Node, Person, node};

async fn make(node: &Node, by: &Person, body: Value) -> Answered {
    node.ask("POST", "/api/v1/users").by(by).json(body).await_answer().await
}

async fn patch(node: &Node, by: &Person, id: &str, body: Value) -> Answered {
    node.ask("PATCH", &format!("/api/v1/users/{id}")).by(by).json(body).await_answer().await
}

#[tokio::test]
async fn a_user_is_read_as_they_were_made_and_changed() {
    let node = node().await;
    node.made("/api/v1/groups", json!({"name": "vip", "ratio_millionths": 800_000})).await;
    let body = json!({"name": "Ada", "login": "Ada", "group": "vip", "limit": {"credit_nanos": 7}});
    let made = node.made("/api/v1/users", body).await;
    assert_eq!(
        ["name", "login", "role", "group", "status"].map(|field| made[field].as_str().unwrap()),
        ["Ada", "ada", "user", "vip", "enabled"]
    );
    let id = made["id"].as_str().unwrap();
    let read = node.ask("GET", &format!("/api/v1/users/{id}")).by(&node.auditor).await_answer().await;
    assert_eq!((read.json(), read.header("etag")), (made.clone(), "\"2\""));
    let account = format!("/api/v1/accounts/{}", made["account_id"].as_str().unwrap());
    let account = node.ask("GET", &account).by(&node.root).await_answer().await.json();
    assert_eq!(account["limit"], json!({"credit_nanos": 7}));
    assert_eq!(account["owner"], json!({"kind": "user", "id": id}));
    let body = json!({"name": "Ada L.", "login": "lovelace", "group": "default", "role": "auditor"});
    let changed = patch(&node, &node.root, id, body).await.json();
    assert_eq!(
        ["name", "login", "role", "group"].map(|field| changed[field].as_str().unwrap()),
        ["Ada L.", "lovelace", "auditor", "default"]
    );
}

#[tokio::test]
async fn users_are_found_by_what_they_are() {
    let node = node().await;
    node.made("/api/v1/users", json!({"name": "Eve", "login": "eve"})).await;
    let count = async |query: &str| {
        let answered =
            node.ask("GET", &format!("/api/v1/users?{query}")).by(&node.admin).await_answer().await;
        answered.json()["items"].as_array().unwrap().len()
    };
    for (query, expected) in [
        ("", 6),
        ("role=user", 3),
        ("role=root", 1),
        ("login=EVE", 1),
        ("login=mallory", 0),
        ("login=no%20name", 0),
        ("group=vip", 0),
        ("status=disabled", 0),
        ("limit=2", 2),
    ] {
        assert_eq!(count(query).await, expected, "{query}");
    }
}

#[tokio::test]
async fn a_sign_in_name_is_one_persons_until_they_are_gone() {
    let node = node().await;
    let made = make(&node, &node.root, json!({"name": "A", "login": "ada"})).await.json();
    let id = made["id"].as_str().unwrap();
    let taken = make(&node, &node.root, json!({"name": "B", "login": "ADA"})).await;
    assert_eq!((taken.status.as_u16(), taken.code().as_str()), (409, "name_taken"));
    assert_eq!(patch(&node, &node.root, id, json!({"login": "lovelace"})).await.status, 200);
    let other = make(&node, &node.root, json!({"name": "B", "login": "ada"})).await;
    assert_eq!(other.status, 201, "what was given back is free");
    let gone = node.ask("DELETE", &format!("/api/v1/users/{id}")).by(&node.root).await_answer().await;
    assert_eq!(gone.status, 204);
    assert_eq!(make(&node, &node.root, json!({"name": "C", "login": "lovelace"})).await.status, 201);
}

#[tokio::test]
async fn whoever_is_ended_is_gone_with_their_name_and_their_account_is_closed() {
    let node = node().await;
    let path = format!("/api/v1/users/{}", node.ada.user_id);
    for _ in 0..2 {
        let gone = node.ask("DELETE", &path).by(&node.root).await_answer().await;
        assert_eq!(gone.status, 204, "{gone:?}");
    }
    assert_eq!(node.ask("GET", &path).by(&node.root).await_answer().await.status, 404);
    assert_eq!(node.ask("GET", "/api/v1/me").by(&node.ada).await_answer().await.status, 401);
    let account = format!("/api/v1/accounts/{}", node.ada.account_id);
    assert_eq!(node.ask("GET", &account).by(&node.root).await_answer().await.json()["status"], "closed");
    let created = node.log.reader().stream(domain::Log::Control, &format!("user:{}", node.ada.user_id)).await;
    let domain::user::UserEvent::Created { name, .. } = eventlog::decode(&created.unwrap()[0]).unwrap()
    else {
        panic!("a user begins otherwise")
    };
    let subject = crate::subject::of(node.ada.user_id);
    let opened = node.log.reader().open_for(node.log.sealer(), &subject, crate::subject::NAME, &name).await;
    assert_eq!(opened.unwrap(), None, "nothing opens what was sealed for them");
}

#[tokio::test]
async fn nobody_raises_anyone_above_their_own_reach() {
    let node = node().await;
    let ada = node.ada.user_id.to_string();
    for role in ["root", "admin"] {
        let made = make(&node, &node.admin, json!({"name": "E", "role": role})).await;
        assert_eq!((made.status.as_u16(), made.code().as_str()), (403, "forbidden"), "{role}");
        let raised = patch(&node, &node.admin, &ada, json!({"role": role})).await;
        assert_eq!(raised.code(), "forbidden", "{role}");
        assert_eq!(make(&node, &node.root, json!({"name": "E", "role": role})).await.status, 201, "{role}");
    }
    assert_eq!(make(&node, &node.admin, json!({"name": "E", "role": "auditor"})).await.status, 201);
    for (method, what, body) in [
        ("PATCH", "", json!({"status": "disabled"})),
        ("PATCH", "", json!({"name": "mine"})),
        ("PUT", "/password", json!({"password": "a new password"})),
        ("DELETE", "", json!({})),
    ] {
        let path = format!("/api/v1/users/{}{what}", node.root.user_id);
        let answered = node.ask(method, &path).by(&node.admin).json(body).await_answer().await;
        assert_eq!(answered.code(), "forbidden", "{method} {what}: {answered:?}");
    }
}

#[tokio::test]
async fn nobody_takes_their_own_access_away() {
    let node = node().await;
    let root = node.root.user_id.to_string();
    for body in [json!({"status": "disabled"}), json!({"role": "user"})] {
        assert_eq!(patch(&node, &node.root, &root, body).await.code(), "forbidden");
    }
    let path = format!("/api/v1/users/{root}");
    assert_eq!(node.ask("DELETE", &path).by(&node.root).await_answer().await.code(), "forbidden");
    assert_eq!(
        patch(&node, &node.root, &root, json!({"name": "Root", "status": "enabled"})).await.status,
        200
    );
}

#[tokio::test]
async fn a_password_opens_only_with_a_name_and_may_not_be_short() {
    let node = node().await;
    for body in [
        json!({"name": "A", "password": "long enough"}),
        json!({"name": "A", "login": "a", "password": "short"}),
        json!({"name": "", "login": "a"}),
        json!({"name": "A", "login": "a b"}),
        json!({"name": "A", "group": "nowhere"}),
    ] {
        let answered = make(&node, &node.root, body.clone()).await;
        assert_eq!((answered.status.as_u16(), answered.code().as_str()), (422, "invalid_value"), "{body}");
    }
    let path = format!("/api/v1/users/{}/password", node.ada.user_id);
    let put = node.ask("PUT", &path).by(&node.root).json(json!({"password": "long enough"}));
    let answered = put.await_answer().await;
    assert_eq!((answered.status.as_u16(), answered.code().as_str()), (409, "not_allowed"), "{answered:?}");
}

#[tokio::test]
async fn an_admin_key_admits_its_owner_until_it_is_revoked() {
    let node = node().await;
    let keys = "/api/v1/me/admin-keys";
    let issued = node.ask("POST", keys).by(&node.ada).await_answer().await;
    assert_eq!(issued.status, 201, "{issued:?}");
    let (key, id) = (issued.json()["key"].clone(), issued.json()["id"].clone());
    let me = async || node.ask("GET", "/api/v1/me").bearer(key.as_str().unwrap()).await_answer().await;
    assert_eq!(me().await.json()["id"], node.ada.user_id.to_string());
    let listed = node.ask("GET", keys).by(&node.ada).await_answer().await.json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 2);
    assert!(!listed.to_string().contains(key.as_str().unwrap()));
    let path = format!("{keys}/{}", id.as_str().unwrap());
    assert_eq!(node.ask("DELETE", &path).by(&node.ada).await_answer().await.status, 204);
    assert_eq!(me().await.status, 401);
}
