//! Guesses at passwords, slowed down by who is guessed at and by where it comes from. In memory: a restart forgives.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
};

use domain::TimeStamp;
use parking_lot::Mutex;

/// The most guessers that are remembered.
const REMEMBERED_MAX: usize = 50_000;
/// How many failures in a row cost nothing: of one address at one name, and of each alone.
const FREE_OF_BOTH: u32 = 5;
const FREE_OF_ONE: u32 = 50;
/// The longest pause, and how long after the last failure all is forgotten.
const PAUSE_MS_MAX: u64 = 15 * 60 * 1_000;
const FORGOTTEN_AFTER_MS: u64 = 60 * 60 * 1_000;

/// Who guesses at whom.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Guesser {
    claim: String,
    address: Option<IpAddr>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    Both(Guesser),
    Name(String),
    Address(IpAddr),
}

#[derive(Clone, Copy)]
struct Tally {
    failures: u32,
    last: TimeStamp,
}

#[derive(Default)]
pub(crate) struct Guesses(Mutex<HashMap<Key, Tally>>);

impl Guesser {
    /// Whoever has an IPv6 network has 2⁶⁴ addresses: they count as one.
    pub(crate) fn new(claim: String, address: Option<IpAddr>) -> Self {
        let address = address.map(|address| match address {
            IpAddr::V4(_) => address,
            IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64)).into(),
        });
        Self { claim, address }
    }

    fn keys(&self) -> impl Iterator<Item = Key> {
        let address = self.address.map(Key::Address);
        [Key::Both(self.clone()), Key::Name(self.claim.clone())].into_iter().chain(address)
    }
}

impl Key {
    const fn free(&self) -> u32 {
        match self {
            Self::Both(_) => FREE_OF_BOTH,
            Self::Name(_) | Self::Address(_) => FREE_OF_ONE,
        }
    }
}

impl Tally {
    const fn is_forgotten(self, now: TimeStamp) -> bool {
        self.last.plus_ms(FORGOTTEN_AFTER_MS).micros() < now.micros()
    }

    /// When the next guess may come.
    fn next(self, free: u32) -> TimeStamp {
        let Some(over) = self.failures.checked_sub(free) else { return self.last };
        let pause_ms = 1_000_u64.checked_shl(over.min(32)).unwrap_or(PAUSE_MS_MAX);
        self.last.plus_ms(pause_ms.min(PAUSE_MS_MAX))
    }
}

impl Guesses {
    /// Lets a guess through, counted as a failure until it is known for none; or says how many seconds are left.
    pub(crate) fn begin(&self, guesser: &Guesser, now: TimeStamp) -> Result<(), u64> {
        let mut tallies = self.0.lock();
        let waits = guesser.keys().filter_map(|key| {
            let tally = tallies.get(&key).filter(|tally| !tally.is_forgotten(now))?;
            let left = tally.next(key.free()).micros().saturating_sub(now.micros());
            u64::try_from(left).ok().filter(|left| *left > 0)
        });
        if let Some(left) = waits.max() {
            return Err(left.div_ceil(1_000_000));
        }
        make_room(&mut tallies, now);
        for key in guesser.keys() {
            let tally = tallies.entry(key).or_insert(Tally { failures: 0, last: now });
            let failures = if tally.is_forgotten(now) { 0 } else { tally.failures };
            *tally = Tally { failures: failures.saturating_add(1), last: now };
        }
        Ok(())
    }

    /// The guess was none.
    pub(crate) fn was_right(&self, guesser: &Guesser) {
        let mut tallies = self.0.lock();
        for key in guesser.keys() {
            if matches!(key, Key::Both(_)) {
                tallies.remove(&key);
            } else if let Some(tally) = tallies.get_mut(&key) {
                tally.failures = tally.failures.saturating_sub(1);
            }
        }
    }
}

fn make_room(tallies: &mut HashMap<Key, Tally>, now: TimeStamp) {
    const NEEDED: usize = 3;
    if tallies.len() + NEEDED <= REMEMBERED_MAX {
        return;
    }
    tallies.retain(|_, tally| !tally.is_forgotten(now));
    // Who fills it up forgets themselves: half goes, in no order that anyone could use.
    if tallies.len() + NEEDED > REMEMBERED_MAX {
        let mut keep = false;
        tallies.retain(|_, _| {
            keep = !keep;
            keep
        });
    }
}

#[cfg(test)]
mod tests {
    use domain::TimeStamp;

    use super::{FREE_OF_BOTH, FREE_OF_ONE, Guesser, Guesses, REMEMBERED_MAX};

    fn ada(last: u8) -> Guesser {
        Guesser::new("ada".into(), Some([10, 0, 0, last].into()))
    }

    const fn at(seconds: u64) -> TimeStamp {
        TimeStamp::from_micros(0).plus_ms(seconds * 1_000)
    }

    #[test]
    fn after_some_failures_each_costs_twice_the_pause_of_the_one_before() {
        let guesses = Guesses::default();
        for _ in 0..FREE_OF_BOTH {
            assert_eq!(guesses.begin(&ada(1), at(0)), Ok(()));
        }
        assert_eq!(guesses.begin(&ada(1), at(0)), Err(1));
        assert_eq!(guesses.begin(&ada(1), at(1)), Ok(()));
        assert_eq!(guesses.begin(&ada(1), at(1)), Err(2));
        assert_eq!(guesses.begin(&ada(2), at(1)), Ok(()), "others may sign in");
    }

    #[test]
    fn who_is_right_begins_anew_and_time_forgives() {
        let guesses = Guesses::default();
        for _ in 0..3 * FREE_OF_BOTH {
            assert_eq!(guesses.begin(&ada(1), at(0)), Ok(()));
            guesses.was_right(&ada(1));
        }
        for _ in 0..FREE_OF_BOTH {
            assert_eq!(guesses.begin(&ada(1), at(0)), Ok(()));
        }
        assert!(guesses.begin(&ada(1), at(0)).is_err());
        assert_eq!(guesses.begin(&ada(1), at(3_601)), Ok(()));
        assert_eq!(guesses.begin(&ada(1), at(3_601)), Ok(()));
    }

    #[test]
    fn many_addresses_at_one_name_are_slowed_down_together() {
        let guesses = Guesses::default();
        let mut guess = (0..=u8::MAX).map(|last| guesses.begin(&ada(last), at(0)));
        assert!(guess.by_ref().take(usize::try_from(FREE_OF_ONE).unwrap()).all(|guess| guess.is_ok()));
        assert_eq!(guess.next(), Some(Err(1)));
    }

    #[test]
    fn the_addresses_of_one_network_are_one() {
        let of = |text: &str| Guesser::new("ada".into(), Some(text.parse().unwrap()));
        assert_eq!(of("2001:db8::1"), of("2001:db8::2:3"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let guesses = Guesses::default();
        for n in 0..u32::try_from(REMEMBERED_MAX).unwrap() {
            let guesser = Guesser::new(n.to_string(), Some(n.to_be_bytes().into()));
            guesses.begin(&guesser, at(0)).unwrap();
        }
        assert!(guesses.0.lock().len() <= REMEMBERED_MAX);
    }
}
