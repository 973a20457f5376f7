//! The load: clients that call one after another until the gateway dies under them.

use std::time::Duration;

use domain::account::Deduction;
use futures_util::future::join_all;
use rand::{Rng, rngs::StdRng};
use tests::{
    ApiClient, End, IssuedToken, Received, Reply,
    client::{chat, streamed_chat},
    price::MODEL,
    provider::Answer,
};
use tokio::time::sleep;

/// Which client, and the number of its call.
pub(crate) type CallKey = (usize, u64);

/// So many tokens more of input each call has than the one before: more than the gateway's own count adds.
const STRIDE: u64 = 32;
/// The gateway counts a token for so many bytes.
const BYTES_PER_TOKEN: u64 = 3;
const UNSERVED: u16 = 503;
const SPENT: u16 = 429;
/// How long a client waits that was not served.
const BACK_OFF: Duration = Duration::from_millis(25);
/// And one that has nothing left to spend.
const SPENT_BACK_OFF: Duration = Duration::from_millis(250);

/// What a call does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Whole,
    Streamed,
    /// Streamed, and its client leaves in the middle.
    Leaving,
    /// The provider refuses it and bills nothing.
    Refused,
    /// The provider hangs up: nobody knows what it bills. It bills nothing.
    HungUp,
}

/// What its client saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The whole answer, to its end.
    Whole,
    /// An error.
    Refused,
    /// No reservation was to be had, since the database was down and what was leased was used up: not sent to anyone.
    Unserved,
    /// The account is spent: not sent to anyone.
    Spent,
    /// What it wanted to see.
    Left,
    /// The connection broke: the gateway died.
    Broken,
}

/// One client, through all rounds.
pub(crate) struct Client {
    token: IssuedToken,
    numbers: StdRng,
    calls: u64,
}

impl Kind {
    fn draw(numbers: &mut StdRng) -> Self {
        match numbers.random_range(0..20) {
            0..8 => Self::Whole,
            8..15 => Self::Streamed,
            15..17 => Self::Leaving,
            17..19 => Self::Refused,
            _ => Self::HungUp,
        }
    }
}

impl Client {
    pub(crate) fn new(token: IssuedToken, numbers: StdRng) -> Self {
        Self { token, numbers, calls: 0 }
    }

    /// Calls one after another until it has seen what it should.
    async fn work(
        &mut self,
        index: usize,
        base_url: String,
        is_last: impl Fn(Outcome) -> bool,
    ) -> Vec<(CallKey, (Kind, Outcome))> {
        let api = ApiClient::new(base_url, &self.token.key);
        let mut seen = Vec::new();
        loop {
            self.calls += 1;
            let kind = Kind::draw(&mut self.numbers);
            let text = marked(kind, index, self.calls);
            let outcome = call(&api, kind, &text).await;
            seen.push(((index, self.calls), (kind, outcome)));
            if is_last(outcome) {
                return seen;
            }
            match outcome {
                Outcome::Unserved | Outcome::Broken => sleep(BACK_OFF).await,
                Outcome::Spent => sleep(SPENT_BACK_OFF).await,
                Outcome::Whole | Outcome::Refused | Outcome::Left => {}
            }
        }
    }
}

/// Lets all clients work, each at one of these gateways in turn, until it has seen what `is_last` says.
pub(crate) fn at_work<'c, L: Fn(Outcome) -> bool + Copy + 'c>(
    gateways: &[String],
    clients: &'c mut [Client],
    is_last: L,
) -> impl Future<Output = Vec<(CallKey, (Kind, Outcome))>> + use<'c, L> {
    let at = gateways.iter().cycle().cloned();
    let work: Vec<_> = clients
        .iter_mut()
        .zip(at)
        .enumerate()
        .map(|(index, (client, base_url))| client.work(index, base_url, is_last))
        .collect();
    async move { join_all(work).await.into_iter().flatten().collect() }
}

/// A text that names its call, and whose length does.
fn marked(kind: Kind, index: usize, number: u64) -> String {
    let length = usize::try_from(number * STRIDE * BYTES_PER_TOKEN).expect("a short text");
    let mut text = format!("{kind:?} {index} {number} ");
    // No width of a format, which ends at 65 535: a fast gateway is asked more often than that.
    text.extend(std::iter::repeat_n('.', length.saturating_sub(text.len())));
    text
}

/// The call that a text names.
pub(crate) fn key_in(text: &str) -> CallKey {
    let mut words = text.split(' ').skip(1);
    let mut next = || words.next().expect("a marked text");
    (next().parse().expect("a client"), next().parse().expect("a number"))
}

/// Whose token a charge is for.
pub(crate) fn client_of(clients: &[Client], charge: &Deduction) -> usize {
    let token = charge.token_id.to_string();
    let index = clients.iter().position(|client| client.token.id == token);
    index.unwrap_or_else(|| panic!("of no client: {charge:#?}"))
}

/// The call that a charge is for.
pub(crate) fn key_of(clients: &[Client], charge: &Deduction) -> CallKey {
    (client_of(clients, charge), charge.usage.input_tokens / STRIDE)
}

/// The provider: a bill of its own for each call.
pub(crate) fn answer(request: &Received) -> Reply {
    let text = request.text();
    let (_, number) = key_in(&text);
    let words = 3 + usize::try_from(number * 7 % 90).expect("a small number");
    let answer = Answer::words(words, number * STRIDE, words as u64).paced(Duration::from_millis(3));
    match text.split(' ').next() {
        Some("Refused") => Reply::status(400),
        Some("HungUp") => Reply::HangUp,
        _ => Reply::Answer(answer),
    }
}

async fn call(api: &ApiClient, kind: Kind, text: &str) -> Outcome {
    match kind {
        Kind::Whole | Kind::Refused | Kind::HungUp => whole(api, kind, text).await,
        Kind::Streamed => match api.stream(&streamed_chat(MODEL, text)).await {
            Ok(stream) if stream.end == End::Done => Outcome::Whole,
            Ok(stream) if stream.status == UNSERVED => Outcome::Unserved,
            Ok(stream) if stream.status == SPENT => Outcome::Spent,
            // It was told, in the stream, that there is no more to be had.
            Ok(stream) if stream.end == End::Error => Outcome::Refused,
            Ok(stream) => {
                assert_eq!(stream.status, 200, "{stream:?}");
                Outcome::Broken
            }
            Err(_) => Outcome::Broken,
        },
        Kind::Leaving => {
            let Ok(mut stream) = api.open(&streamed_chat(MODEL, text)).await else { return Outcome::Broken };
            if stream.status == UNSERVED {
                return Outcome::Unserved;
            }
            if stream.status == SPENT {
                return Outcome::Spent;
            }
            assert_eq!(stream.status, 200);
            for _ in 0..3 {
                if stream.next().await.is_err() {
                    return Outcome::Broken;
                }
            }
            Outcome::Left
        }
    }
}

async fn whole(api: &ApiClient, kind: Kind, text: &str) -> Outcome {
    let Ok(answer) = api.chat(&chat(MODEL, text)).await else { return Outcome::Broken };
    if answer.status == UNSERVED {
        return Outcome::Unserved;
    }
    if answer.status == SPENT {
        return Outcome::Spent;
    }
    let expected = match kind {
        Kind::Refused => 400,
        Kind::HungUp => 502,
        Kind::Whole | Kind::Streamed | Kind::Leaving => 200,
    };
    assert_eq!(answer.status, expected, "{kind:?}: {answer:?}");
    if answer.status == 200 { Outcome::Whole } else { Outcome::Refused }
}
