//! Providers that do everything wrong: what their client hears, and what it pays.

use domain::account::{Deduction, Flag};
use serde_json::json;
use tests::{
    FakeProvider, Launch, Received, Reply, World,
    client::{chat, streamed_chat},
    price::{self, MODEL},
    provider::{Answer, Break, usage},
};

/// What becomes of a call.
#[derive(Clone, Copy)]
struct Case {
    /// What the provider does.
    does: &'static str,
    /// What the client hears, whole and streamed: a status and a code, or an answer.
    heard: (u16, &'static str),
    /// What it pays; nothing at all where no charge stands.
    charge: Option<(u64, &'static [Flag])>,
}

const COUNTED: &[Flag] = &[Flag::Counted];
const UNANSWERED: &[Flag] = &[Flag::Unanswered];
const TIMEOUT: (u16, &str) = (504, "upstream_timeout");
const BROKEN: (u16, &str) = (502, "upstream_error");
const LIMITED: (u16, &str) = (429, "rate_limit_exceeded");
const WELL: (u16, &str) = (200, "");
const FAIR: u64 = price::INPUT_NANOS * 20 + price::OUTPUT_NANOS * 3;
/// Five bytes and a message in; fifteen bytes out.
const BY_COUNT: u64 = price::INPUT_NANOS * 11 + price::OUTPUT_NANOS * 6;

const fn case(
    does: &'static str,
    heard: (u16, &'static str),
    charge: Option<(u64, &'static [Flag])>,
) -> Case {
    Case { does, heard, charge }
}

const CASES: [Case; 19] = [
    case("hangs", TIMEOUT, Some((0, UNANSWERED))),
    case("resets", BROKEN, Some((0, UNANSWERED))),
    case("begins", TIMEOUT, Some((0, UNANSWERED))),
    case("json", BROKEN, Some((0, UNANSWERED))),
    case("types", BROKEN, Some((0, UNANSWERED))),
    case("array", BROKEN, Some((0, UNANSWERED))),
    case("utf-8", BROKEN, Some((0, UNANSWERED))),
    case("empty", BROKEN, Some((0, UNANSWERED))),
    case("line", BROKEN, Some((0, UNANSWERED))),
    case("500", BROKEN, Some((0, UNANSWERED))),
    case("429", LIMITED, None),
    case("later", LIMITED, None),
    case("402", BROKEN, None),
    case("404", BROKEN, None),
    case("400", (400, "invalid_request"), None),
    case("untold", WELL, Some((BY_COUNT, COUNTED))),
    case("zeroed", WELL, Some((0, &[]))),
    case("minus", WELL, Some((0, &[]))),
    case("twice", WELL, Some((FAIR, &[]))),
];

fn act(request: &Received) -> Reply {
    let raw = |body: &'static [u8]| Reply::Raw { content_type: "application/json", body: body.into() };
    let answer = Answer::words(3, 20, 3);
    match request.text().as_str() {
        "hangs" => Reply::Silence,
        "resets" => Reply::HangUp,
        "begins" => Reply::Answer(answer.breaking(Break::StallAfter(0))),
        "json" => raw(b"data: {\"choices\":[{\n\n"),
        "types" => raw(b"data: 7\n\n"),
        "array" => raw(b"[]"),
        "utf-8" => raw(b"data: {\"choices\":[],\"x\":\"\xff\"}\n\n"),
        "empty" => raw(b""),
        "line" => Reply::Raw { content_type: "text/event-stream", body: vec![b'a'; 10_000_000].into() },
        "later" => Reply::Status { status: 429, retry_after: Some(7) },
        "untold" => Reply::Answer(answer.telling(Vec::new())),
        "zeroed" => Reply::Answer(answer.telling(vec![usage(0, 0)])),
        "minus" => {
            Reply::Answer(answer.telling(vec![json!({ "prompt_tokens": -5, "completion_tokens": -7 })]))
        }
        "twice" => Reply::Answer(answer.telling(vec![usage(20, 3), usage(20, 3)])),
        status => Reply::status(status.parse().unwrap()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_provider_does_its_client_hears_what_it_was_and_pays_what_is_due() {
    let launch = Launch::default().set("FIRST_BYTE_TIMEOUT_MS", 700).set("IDLE_TIMEOUT_MS", 700);
    let world = World::launched(launch, act).await;
    let admin = world.admin();
    let mut due = Vec::new();
    for case in CASES {
        for body in [chat(MODEL, case.does), streamed_chat(MODEL, case.does)] {
            let answer = world.api().chat(&body).await.unwrap();
            let (status, code) = case.heard;
            assert_eq!(answer.status.as_u16(), status, "{}: {answer:?}", case.does);
            if status != 200 {
                assert_eq!(answer.json()["error"]["code"], code, "{}: {answer:?}", case.does);
            }
            assert_eq!(answer.header("retry-after"), (case.does == "later").then_some("7"), "{}", case.does);
            due.extend(case.charge.map(|charge| (case.does, charge)));
            // What rests is another test's.
            admin.delete_channels().await;
            admin.channel(&world.provider.base_url(), &[MODEL], 0).await;
        }
    }
    let charges = world.charges(due.len()).await;
    for ((does, (nanos, flags)), Deduction { amount_nanos, flags: found, .. }) in due.iter().zip(&charges) {
        assert_eq!((amount_nanos.get(), found.as_slice()), (*nanos, *flags), "{does}");
    }
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_listens_the_client_hears_so_and_nothing_stands_in_the_ledger() {
    let world = World::start(act).await;
    let admin = world.admin();
    admin.delete_channels().await;
    let gone = FakeProvider::deciding(act).await.base_url();
    admin.channel(&gone, &[MODEL], 0).await;
    for body in [chat(MODEL, "Hello"), streamed_chat(MODEL, "Hello")] {
        let answer = world.api().chat(&body).await.unwrap();
        assert_eq!(
            (answer.status.as_u16(), &answer.json()["error"]["code"]),
            (502, &json!("upstream_error"))
        );
    }
    admin.channel(&world.provider.base_url(), &[MODEL], 0).await;
    assert_eq!(world.api().chat(&chat(MODEL, "twice")).await.unwrap().status, 200);
    world.charges(1).await;
    world.close().await;
}
