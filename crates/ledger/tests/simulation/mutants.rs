//! Every way in which the real code is made wrong, and by which rule the simulation finds it out.

use ledger::mutant::{Mutant, go_on_as};

use super::{
    rule::Rule,
    run::{Failure, first_failure},
};

/// By what it is found out.
const fn breaks(mutant: Mutant) -> &'static [Rule] {
    match mutant {
        Mutant::ReserveUnwritten
        | Mutant::ExtendUnwritten
        | Mutant::FirstAccountOnly
        | Mutant::DoubtVoided
        | Mutant::BootIgnored
        | Mutant::ProgressForgotten => &[Rule::Charged],
        Mutant::SettleFreesTwice
        | Mutant::ClosedStaysSpendable
        | Mutant::CloseInUse
        | Mutant::ReservedGivenBack
        | Mutant::ExpiryIgnored
        | Mutant::SpentForgotten
        | Mutant::ReturnForgotten
        | Mutant::HeardIgnored
        | Mutant::HoldReclaimed => &[Rule::Overspent],
        Mutant::HashUnchecked | Mutant::CursorUnchecked | Mutant::ChainUnchecked => &[Rule::Cursors],
        Mutant::ExtensionForgotten | Mutant::LateDropped | Mutant::HoldKept => &[Rule::Balances],
        // The call may hold its quota for ever, as far as its node can say.
        Mutant::SettleUnwritten => &[Rule::Charged, Rule::Overspent],
        Mutant::EndsUnconsulted => &[Rule::Balances, Rule::EndsOnce],
        // What is left out may be nothing.
        Mutant::PartsConfused => &[Rule::Balances, Rule::Charged],
    }
}

/// The first seed that notices; what else is wrong with how it does.
async fn caught(mutant: Mutant) -> Result<Failure, String> {
    go_on_as(Some(mutant));
    let noticed = first_failure(None).await;
    go_on_as(None);
    let failure = noticed.map_err(|survived| format!("{mutant:?}: {survived}"))?;
    if breaks(mutant).contains(&failure.broken.rule) {
        return Ok(failure);
    }
    Err(format!("{mutant:?} should break {:?}: {failure}", breaks(mutant)))
}

#[expect(clippy::print_stdout, reason = "says what was run, for those who ask with --nocapture")]
async fn all_are_caught(mutants: &[Mutant]) {
    let mut amiss = Vec::new();
    for mutant in mutants {
        match caught(*mutant).await {
            Ok(failure) => println!("{mutant:?}: VELOERA_SEED={} breaks {}", failure.seed, failure.broken),
            Err(what) => amiss.push(what),
        }
    }
    assert!(amiss.is_empty(), "{}", amiss.join("\n"));
}

#[tokio::test]
async fn every_mutant_of_a_node_is_caught_by_the_rule_that_it_breaks() {
    all_are_caught(&Mutant::OF_NODES).await;
}

#[tokio::test]
async fn every_mutant_of_a_ledger_is_caught_by_the_rule_that_it_breaks() {
    all_are_caught(&Mutant::OF_LEDGERS).await;
}
