//! One charge that does not say what it must.

use domain::account::{AccountEvent, AttemptOutcome as Outcome, Deduction, Flag};

use super::{charged, kinds, rewritten};
use crate::{
    Amiss, Broken,
    fixtures::{PAYER, attempt, lease, nanos},
};

/// What is found where the charge says something else.
async fn with(change: impl FnOnce(&mut Deduction)) -> Vec<Broken> {
    let ledger = charged().await;
    rewritten(&ledger, 5, |event| match event {
        AccountEvent::QuotaDeducted(charge) => change(charge),
        other => panic!("{other:?}"),
    })
    .await
}

#[tokio::test]
async fn what_stands_out_must_be_flagged_and_nothing_else() {
    for flag in [Flag::Late, Flag::Overshoot, Flag::Suspense] {
        assert_eq!(
            with(|charge| charge.flags = vec![flag]).await,
            [Broken::Flags { position: 5 }],
            "{flag:?}"
        );
    }
    // It is late, then, and says so nowhere.
    let broken = with(|charge| charge.charges[0].late = true).await;
    assert!(broken.contains(&Broken::Flags { position: 5 }), "{broken:?}");
    let broken = with(|charge| charge.reserved_nanos = nanos(24)).await;
    assert_eq!(broken, [Broken::Flags { position: 5 }]);
}

#[tokio::test]
async fn every_account_pays_the_whole_bill() {
    let broken = with(|charge| charge.charges[0].amount_nanos = nanos(24)).await;
    assert!(broken.contains(&Broken::Bill { position: 5, charged: 24, billed: 25 }), "{broken:?}");
}

#[tokio::test]
async fn a_charge_that_frees_less_of_its_lease_than_it_takes_is_found() {
    let broken = with(|charge| charge.charges[0].freed_nanos = nanos(5)).await;
    assert_eq!(kinds(&broken), ["balance", "deficit"].into());
    let deficit = Broken::Deficit { account_id: PAYER, lease_id: lease(1), deficit: 20, explained: 0 };
    assert!(broken.contains(&deficit), "{broken:?}");
}

#[tokio::test]
async fn a_price_that_was_not_in_force_is_found_even_where_the_bill_follows_from_it() {
    let broken = with(|charge| charge.control_position = 0).await;
    assert_eq!(kinds(&broken), ["price"].into());
    let broken = with(|charge| charge.control_position = 2).await;
    assert_eq!(broken, [Broken::Ahead { position: 5, control_position: 2, head: 1 }]);
    let broken = with(|charge| charge.group = domain::GroupName::new("vip").unwrap()).await;
    assert_eq!(kinds(&broken), ["ratio"].into());
}

#[tokio::test]
async fn a_charge_needs_exactly_one_attempt_that_answered() {
    let cases: [(&[Outcome], &[Flag], Option<Amiss>); 10] = [
        (&[Outcome::Billed], &[], None),
        (&[Outcome::Unbilled, Outcome::Unknown, Outcome::Billed], &[], None),
        (&[], &[], Some(Amiss::NobodyAnswered)),
        (&[Outcome::Unknown], &[], Some(Amiss::NobodyAnswered)),
        (&[Outcome::Billed, Outcome::Billed], &[], Some(Amiss::Several)),
        (&[Outcome::Billed, Outcome::Billed], &[Flag::InDoubt], Some(Amiss::Several)),
        (&[], &[Flag::InDoubt], None),
        (&[Outcome::Unknown], &[Flag::Unanswered], None),
        (&[Outcome::Unbilled], &[Flag::Unanswered], Some(Amiss::Unbilled)),
        (&[Outcome::Unknown, Outcome::Billed], &[Flag::Unanswered], Some(Amiss::Answered)),
    ];
    for (outcomes, flags, amiss) in cases {
        let broken = with(|charge| {
            charge.attempts =
                outcomes.iter().zip(1..).map(|(outcome, number)| attempt(number, *outcome)).collect();
            charge.flags = flags.to_vec();
        })
        .await;
        let found = broken.iter().find_map(|broken| match broken {
            Broken::Attempts { position: 5, amiss } => Some(*amiss),
            _ => None,
        });
        assert_eq!(found, amiss, "{outcomes:?} {flags:?}");
    }
    let twice = [attempt(1, Outcome::Unbilled), attempt(1, Outcome::Billed)];
    let broken = with(|charge| charge.attempts = twice.into()).await;
    assert_eq!(broken, [Broken::Attempts { position: 5, amiss: Amiss::NamedTwice }]);
}
