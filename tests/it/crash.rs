//! `kill -9` at any moment under load: every call that the provider billed is in the ledger exactly once.
//!
//! How a charge is matched with a bill, although a call that died told nobody its id: each of the clients has a
//! token of its own and numbers its calls, and the length of a call's input says its number, in the provider's
//! count and in the gateway's own. So `token_id` and `input_tokens` of a charge name the call, in doubt or not.

pub(crate) mod load;

use std::{
    collections::{BTreeMap, BTreeSet, HashSet, btree_map::Entry},
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use domain::{
    CallId,
    account::{Deduction, Flag},
};
use rand::{Rng, rngs::StdRng};
use tests::{Bill, IssuedToken, Launch, Veloera, World, chance, ledger_facts, price, wait};
use tokio::time::{sleep, timeout};

use self::load::{CallKey, Client, Kind, Outcome, answer, at_work};

const ROUNDS: usize = 10;
const ROUNDS_ON_A_SERVER: usize = 6;
pub(crate) const CLIENTS: usize = 12;
/// When in a round the process is killed.
const KILLED_AFTER_MS: std::ops::Range<u64> = 100..1_200;
/// More than a chunk of the provider's holds.
const CHUNK_TOKENS_MAX: u64 = 10;
/// What each client may spend: more than it does.
pub(crate) const QUOTA_NANOS: u64 = 10_000_000_000;
/// Past this it is not late but dead.
const THROUGH_MAX: Duration = Duration::from_mins(3);
const STILL: Duration = Duration::from_secs(3);
const STILL_MAX: Duration = Duration::from_secs(90);

/// What each call was, and what its client saw of it.
type Calls = BTreeMap<CallKey, (Kind, Outcome)>;

/// What the ledger holds in the end.
struct Charges {
    /// Those with usage, by the call that it names.
    named: BTreeMap<CallKey, Deduction>,
    /// Those that no provider answered, by client: they cost nothing and say no usage.
    unanswered: Vec<(usize, Deduction)>,
    /// How many events that is, and how many of them are in doubt.
    count: (usize, usize),
}

impl Charges {
    fn all(&self) -> impl Iterator<Item = &Deduction> {
        self.named.values().chain(self.unanswered.iter().map(|(_, charge)| charge))
    }
}

/// Gateways under load, of which one or another dies again and again.
pub(crate) struct Trial {
    pub(crate) world: World,
    /// Others that carry calls.
    pub(crate) relays: Vec<Veloera>,
    clients: Vec<Client>,
    calls: Calls,
    /// What these accounts may come to at most, whatever happens.
    pub(crate) bounds: Vec<(String, u64)>,
}

impl Trial {
    pub(crate) async fn start(launch: Launch, seed: u64) -> Self {
        Self::on(World::launched(launch, answer).await, seed).await
    }

    /// The same on a world whose provider gives [`answer`]s.
    pub(crate) async fn on(world: World, seed: u64) -> Self {
        let mut tokens = Vec::new();
        for index in 0..CLIENTS {
            tokens.push(world.token(&format!("client {index}"), Some(QUOTA_NANOS)).await);
        }
        Self::of(world, Vec::new(), tokens, seed)
    }

    /// The same with a client for each of these tokens, in turn at the world's carrier and at these others.
    pub(crate) fn of(world: World, relays: Vec<Veloera>, tokens: Vec<IssuedToken>, seed: u64) -> Self {
        let clients = tokens.into_iter().enumerate();
        let clients =
            clients.map(|(index, token)| Client::new(token, chance::numbers(seed, index + 1))).collect();
        Self { world, relays, clients, calls: Calls::new(), bounds: Vec::new() }
    }

    /// Lets all clients work while `death` comes to pass, and starts the gateway again.
    pub(crate) async fn round(&mut self, death: impl AsyncFnOnce(&mut Veloera)) {
        let until_it_dies = |seen| seen == Outcome::Broken;
        let work = at_work(&[self.world.carrier().url("")], &mut self.clients, until_it_dies);
        let (seen, ()) = tokio::join!(work, death(self.world.carrier_mut()));
        self.calls.extend(seen);
        self.world.carrier_mut().restart().await;
    }

    /// Lets all clients work while `fault` comes to pass and is over, and then until each has its answer again, or is
    /// told that nothing is left. Says what they saw.
    pub(crate) async fn through(
        &mut self,
        fault: impl AsyncFnOnce(&mut World, &mut [Veloera]),
    ) -> Vec<Outcome> {
        let carriers = std::iter::once(self.world.carrier()).chain(&self.relays);
        let urls: Vec<String> = carriers.map(|carrier| carrier.url("")).collect();
        let is_over = AtomicBool::new(false);
        let until_well =
            |seen| is_over.load(Ordering::Relaxed) && matches!(seen, Outcome::Whole | Outcome::Spent);
        let work = timeout(THROUGH_MAX, at_work(&urls, &mut self.clients, &until_well));
        let fault = async {
            fault(&mut self.world, &mut self.relays).await;
            is_over.store(true, Ordering::Relaxed);
        };
        let (seen, ()) = tokio::join!(work, fault);
        let seen = seen.expect("every client is answered again");
        self.calls.extend(seen.iter().copied());
        seen.into_iter().map(|(_, (_, outcome))| outcome).collect()
    }

    /// Compares bills, charges, answers and balances; says how many charges there are, and how many are in doubt.
    pub(crate) async fn check(self, bills_min: usize) -> (usize, usize) {
        let Self { world, relays, clients, calls, bounds } = self;
        for mut relay in relays {
            relay.terminate();
            assert!(relay.ended().await.success(), "a relay node did not end in order");
        }
        let charges = settled(&world, &clients).await;
        check_bills(&world, &charges, bills_min);
        check_charges(&world, &calls, &charges);
        check_clients(&world, &calls, &charges);
        check_balances(&world, &charges).await;
        check_bounds(&world, &bounds).await;
        world.veloera.verified();
        let report = world.close().await;
        let (count, in_doubt) = charges.count;
        println!("{} calls, {count} charges, {in_doubt} of them in doubt", calls.len());
        assert_eq!((&report["charges"], &report["in_doubt"]), (&count.into(), &in_doubt.into()));
        (count, in_doubt)
    }
}

/// No waiting for anything: the moment is what chance decides.
pub(crate) async fn some_time(moments: &mut StdRng) {
    sleep(Duration::from_millis(moments.random_range(KILLED_AFTER_MS))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whenever_it_is_killed_what_was_billed_is_charged_exactly_once() {
    let seed = chance::seed();
    let mut moments = chance::numbers(seed, 0);
    let mut trial = Trial::start(Launch::default(), seed).await;
    for _ in 0..ROUNDS {
        let killed = async |veloera: &mut Veloera| {
            some_time(&mut moments).await;
            veloera.kill();
        };
        trial.round(killed).await;
    }
    let (_, in_doubt) = trial.check(ROUNDS * CLIENTS).await;
    assert!(in_doubt > 0, "it was never killed in the middle of a call");
}

#[tokio::test(flavor = "multi_thread")]
async fn whenever_it_or_its_database_server_is_killed_what_was_billed_is_charged_exactly_once() {
    let seed = chance::seed();
    let mut moments = chance::numbers(seed, 0);
    let server = servers::Postgres::start().await;
    let database = server.database().await;
    let mut trial = Trial::start(Launch::default().on(&database), seed).await;
    for round in 0..ROUNDS_ON_A_SERVER {
        let killed = async |veloera: &mut Veloera| {
            some_time(&mut moments).await;
            if round % 2 == 0 {
                // Calls go on without it, from what is leased; then both are gone at once.
                server.kill().await;
                some_time(&mut moments).await;
            }
            veloera.kill();
            if round % 2 == 0 {
                server.restart().await;
            }
        };
        trial.round(killed).await;
    }
    let (_, in_doubt) = trial.check(ROUNDS_ON_A_SERVER * CLIENTS).await;
    assert!(in_doubt > 0, "it was never killed in the middle of a call");
}

/// All charges, once no more come.
async fn settled(world: &World, clients: &[Client]) -> Charges {
    // On a machine that has much to do a journal may rest for longer than is taken for quiet.
    wait::until("what the journal holds", STILL_MAX, async || {
        let ready = world.api().get("/readyz").await.ok()?.json();
        let mut checks = ready["checks"].as_array()?.iter();
        checks.any(|check| check["detail"] == "0 records to bring home").then_some(())
    })
    .await;
    let admin = world.admin();
    let found =
        wait::until_still("quiet", STILL, STILL_MAX, async || ledger_facts::charges(&admin).await).await;
    let in_doubt = found.iter().filter(|charge| ledger_facts::is_in_doubt(charge)).count();
    let mut charges =
        Charges { named: BTreeMap::new(), unanswered: Vec::new(), count: (found.len(), in_doubt) };
    for charge in whole(found) {
        if charge.flags.contains(&Flag::Unanswered) {
            charges.unanswered.push((load::client_of(clients, &charge), charge));
            continue;
        }
        let key = load::key_of(clients, &charge);
        let other = charges.named.insert(key, charge);
        assert!(other.is_none(), "{key:?} was charged twice: {other:#?} and {:#?}", charges.named[&key]);
    }
    charges
}

/// One charge for each call: what outlives a lease is charged in parts, each of them once.
fn whole(found: Vec<Deduction>) -> Vec<Deduction> {
    let mut calls: BTreeMap<CallId, Deduction> = BTreeMap::new();
    let mut parts = HashSet::new();
    for part in found {
        assert!(parts.insert((part.call_id, part.part)), "charged twice: {part:#?}");
        match calls.entry(part.call_id) {
            Entry::Vacant(entry) => drop(entry.insert(part)),
            Entry::Occupied(mut entry) => {
                let whole = entry.get_mut();
                whole.usage = whole.usage.plus(&part.usage);
                whole.amount_nanos = whole.amount_nanos.plus(part.amount_nanos);
                whole.reserved_nanos = whole.reserved_nanos.plus(part.reserved_nanos);
                whole.charges.extend(part.charges);
                whole.flags.extend(part.flags);
            }
        }
    }
    calls.into_values().collect()
}

fn bills(world: &World) -> BTreeMap<CallKey, Bill> {
    let mut bills = BTreeMap::new();
    for bill in world.provider.bills() {
        let key = load::key_in(&bill.text);
        assert!(bills.insert(key, bill).is_none(), "{key:?} was sent twice");
    }
    bills
}

/// What was billed is charged, and as much unless in doubt.
fn check_bills(world: &World, charges: &Charges, bills_min: usize) {
    let bills = bills(world);
    assert!(bills.len() >= bills_min, "this was no load: {} bills", bills.len());
    for (key, bill) in &bills {
        let charge = charges.named.get(key);
        let charge = charge.unwrap_or_else(|| panic!("{key:?} was billed and not charged: {bill:?}"));
        if charge.flags.contains(&Flag::Cut) {
            // It was ended within a chunk of where no more was to be had; the provider may have gone on.
            let most = charge.reserved_nanos.get() + price::nanos(0, CHUNK_TOKENS_MAX);
            assert!(charge.amount_nanos.get() <= most, "{charge:#?}");
        } else if ledger_facts::is_in_doubt(charge) {
            assert!(charge.amount_nanos <= charge.reserved_nanos, "{charge:#?}");
        } else {
            assert_eq!(charge.amount_nanos.get(), bill.nanos(), "{key:?}: {charge:#?}");
        }
    }
}

/// What is charged was called, and was billed unless it is in doubt or costs nothing.
fn check_charges(world: &World, calls: &Calls, charges: &Charges) {
    let bills = bills(world);
    for (key, charge) in &charges.named {
        let (kind, outcome) = calls.get(key).unwrap_or_else(|| panic!("nobody called: {charge:#?}"));
        let in_doubt = ledger_facts::is_in_doubt(charge);
        assert!(in_doubt || bills.contains_key(key), "{kind:?} was charged and not billed: {charge:#?}");
        // The charge is on disk before the client sees the end: what came whole is never in doubt.
        assert!(!in_doubt || *outcome != Outcome::Whole, "{kind:?} came whole: {charge:#?}");
    }
    for (_, charge) in &charges.unanswered {
        assert!(charge.amount_nanos.is_zero() && !ledger_facts::is_in_doubt(charge), "{charge:#?}");
    }
}

/// What the clients saw agrees with the charges.
fn check_clients(world: &World, calls: &Calls, charges: &Charges) {
    let bills = bills(world);
    for (key, (kind, outcome)) in calls {
        match (kind, outcome) {
            (_, Outcome::Whole) => assert!(bills.contains_key(key), "{key:?}, {kind:?}: nobody answered"),
            (Kind::Refused, Outcome::Refused) => {
                assert!(!charges.named.contains_key(key), "{key:?} was provably not billed");
            }
            (_, Outcome::Unserved | Outcome::Spent) => {
                let (is_billed, is_charged) = (bills.contains_key(key), charges.named.contains_key(key));
                assert!(
                    !is_billed && !is_charged,
                    "{key:?}, {kind:?} was refused: {is_billed}, {is_charged}"
                );
            }
            _ => {}
        }
    }
    let clients: BTreeSet<usize> = calls.keys().map(|(client, _)| *client).collect();
    for client in clients {
        let hung_up = |seen: &[Outcome]| {
            let of_it = calls.iter().filter(|((index, _), _)| *index == client);
            of_it.filter(|(_, (kind, outcome))| *kind == Kind::HungUp && seen.contains(outcome)).count()
        };
        let charged = charges.unanswered.iter().filter(|(index, _)| *index == client).count();
        let (least, most) = (hung_up(&[Outcome::Refused]), hung_up(&[Outcome::Refused, Outcome::Broken]));
        assert!(
            (least..=most).contains(&charged),
            "client {client}: {charged} of {least} to {most} unanswered"
        );
    }
}

/// The sums on the accounts are those of the charges.
async fn check_balances(world: &World, charges: &Charges) {
    let admin = world.admin();
    let mut posted: BTreeMap<String, u64> = BTreeMap::new();
    for charge in charges.all().flat_map(|charge| &charge.charges) {
        *posted.entry(charge.account_id.to_string()).or_default() += charge.amount_nanos.get();
    }
    for (account, nanos) in posted {
        let view = admin.get(&format!("/accounts/{account}")).await;
        assert_eq!(view["posted_nanos"], nanos, "{view}");
    }
}

/// No account was overspent.
async fn check_bounds(world: &World, bounds: &[(String, u64)]) {
    for (account, most) in bounds {
        let view = world.admin().get(&format!("/accounts/{account}")).await;
        let posted = view["posted_nanos"].as_u64().unwrap();
        assert!((1..=*most).contains(&posted), "of {most}: {view}");
    }
}
