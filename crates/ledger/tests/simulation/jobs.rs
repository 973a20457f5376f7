//! Jobs of the control node, each behind a hold: it is made once and ended once, however often that is asked.

use domain::{
    AccountId, HoldId, JournalId, Nanos,
    account::{AttemptOutcome, CallFacts, Deduction, Scope, Settlement},
};
use ledger::{Ask, GrantError, Hold, HoldEnd, HoldError, HoldScope, ScopeAsk, record::CallPart, step::Grant};

use super::{
    facts::{INPUT, attempt, cost, facts, told, usage},
    rule::{Checked, Rule, Violation, holds},
    shadow::Shadow,
    world::World,
};

/// A job whose hold was made.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) call: CallPart,
    /// What is set aside, and on which leases.
    scopes: Vec<Scope>,
    amount: u64,
    pub(crate) end: Option<JobEnd>,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JobEnd {
    Settled(u64),
    Voided,
}

impl Job {
    pub(crate) fn is_charged(&self, amount: u64, charge: &Deduction) -> bool {
        let charged = charge.charges.iter().map(|charge| charge.suspense_of.unwrap_or(charge.account_id));
        (charge.journal_id, charge.seq) == (JournalId::HOLDS, 0)
            && (charge.amount_nanos.get(), charge.reserved_nanos.get()) == (amount, self.amount)
            && charged.eq(self.scopes.iter().map(|scope| scope.account_id))
    }
}

impl World<'_> {
    /// A job begins, or goes on.
    pub(crate) async fn some_job(&mut self) -> Checked {
        let known: Vec<_> = self.jobs.keys().copied().collect();
        match self.dice.pick(&known) {
            Some(hold_id) if !self.dice.once_in(3) => self.job_goes_on(hold_id).await,
            _ => self.job_begins().await,
        }
    }

    async fn job_begins(&mut self) -> Checked {
        let number = self.jobs.len() as u64;
        // A job that is begun once more, as after a crash, is about the same call.
        let again = self.jobs.values().last().map(|job| job.call).filter(|_| self.dice.once_in(2));
        let call = again.unwrap_or(CallPart { call_id: self.ids.job(number), part: 0 });
        let (hold_id, amount) = (self.ids.hold(number), self.dice.between(15, 90));
        let scopes: Vec<_> = self.some_accounts().into_iter().map(|id| (id, hold_id.lease_on(id))).collect();
        let hold = Hold {
            hold_id,
            scopes: scopes.iter().map(|(id, _)| HoldScope { account_id: *id, budget: None }).collect(),
            amount: Nanos::new(amount)?,
        };
        let answer = self.books.bank().hold(hold.clone()).await;
        self.touched = true;
        self.say(|| format!("a job for {} holds {hold:?}: {answer:?}", told(call)));
        self.shadow.hold(&hold, &answer)?;
        if let Ok(scopes) = answer {
            self.saw("a hold");
            self.jobs.insert(hold_id, Job { call, scopes, amount, end: None });
        }
        Ok(())
    }

    /// It ends, or is asked about once more.
    async fn job_goes_on(&mut self, hold_id: HoldId) -> Checked {
        if self.dice.once_in(4) {
            return self.hold_again(hold_id).await;
        }
        let tokens = self.dice.below(90);
        let end = if self.dice.once_in(3) { JobEnd::Voided } else { JobEnd::Settled(cost(tokens).get()) };
        self.end_job(hold_id, end, tokens).await
    }

    async fn hold_again(&mut self, hold_id: HoldId) -> Checked {
        let Some(job) = self.jobs.get(&hold_id) else { return Ok(()) };
        let scope = |scope: &Scope| HoldScope { account_id: scope.account_id, budget: None };
        let scopes: Vec<_> = job.scopes.iter().map(scope).collect();
        let hold = Hold { hold_id, scopes, amount: Nanos::new(job.amount)? };
        let answer = self.books.bank().hold(hold).await;
        let same = answer.as_ref().is_ok_and(|scopes| *scopes == job.scopes);
        holds(Rule::Balances, same, || format!("{hold_id} is {job:?}, and asked again {answer:?}"))?;
        self.touched = true;
        self.saw("a hold asked for again");
        Ok(())
    }

    async fn end_job(&mut self, hold_id: HoldId, end: JobEnd, tokens: u64) -> Checked {
        let Some(job) = self.jobs.get(&hold_id) else { return Ok(()) };
        let (call, before, settlement) = (job.call, job.end, self.settlement(job, tokens)?);
        let bank = self.books.bank();
        let (settles, answer) = match end {
            JobEnd::Settled(_) => (true, bank.settle_hold(hold_id, settlement.clone()).await),
            JobEnd::Voided => (false, bank.void_hold(hold_id).await),
        };
        self.touched = true;
        self.say(|| format!("{hold_id} ends, {end:?}: {answer:?}"));
        let done_before = settles && self.shadow.has_ended(call);
        let what = match (before, settles, &answer) {
            (None, true, Err(HoldError::CallEnded(_))) if done_before => "a job that was done before",
            (None, _, Ok(())) if !done_before => "a hold ended",
            (Some(JobEnd::Settled(_)), true, Ok(())) => "a hold ended again",
            (Some(JobEnd::Voided), false, Ok(())) => "a hold ended again",
            (Some(JobEnd::Settled(_)), false, Err(HoldError::Ended(HoldEnd::Settled))) => {
                "a hold ended otherwise"
            }
            (Some(JobEnd::Voided), true, Err(HoldError::Ended(HoldEnd::Voided))) => "a hold ended otherwise",
            _ => return Err(Violation::new(Rule::EndsOnce, format!("{before:?} ends, {end:?}: {answer:?}"))),
        };
        self.saw(what);
        if what == "a hold ended"
            && let Some(job) = self.jobs.get_mut(&hold_id)
        {
            job.end = Some(end);
            self.shadow.end_hold(job, settles.then_some(settlement));
        }
        Ok(())
    }

    /// What its call is charged; the hold knows on which leases.
    fn settlement(&self, job: &Job, tokens: u64) -> Checked<Settlement> {
        Ok(Settlement {
            facts: facts(self.ids, job.call, &[])?,
            attempts: vec![domain::account::Attempt { outcome: AttemptOutcome::Billed, ..attempt(1)? }],
            usage: usage(tokens),
            amount: cost(tokens),
            flags: Vec::new(),
            ended_at: self.books.wall.now(),
        })
    }

    /// Every job comes to its end.
    pub(crate) async fn finish_jobs(&mut self) -> Checked {
        let open = self.jobs.iter().filter(|(_, job)| job.end.is_none());
        let open: Vec<_> = open.map(|(hold_id, job)| (*hold_id, job.call)).collect();
        for (hold_id, call) in open {
            let voids = self.shadow.has_ended(call) || self.dice.once_in(3);
            let tokens = self.dice.below(90 - INPUT);
            let end = if voids { JobEnd::Voided } else { JobEnd::Settled(cost(tokens).get()) };
            self.end_job(hold_id, end, tokens).await?;
        }
        Ok(())
    }
}

impl Shadow {
    /// A hold is a grant to nobody.
    fn hold(&mut self, hold: &Hold, answer: &Result<Vec<Scope>, HoldError>) -> Checked {
        let ask = |scope: &HoldScope| {
            let (account_id, lease_id) = (scope.account_id, hold.hold_id.lease_on(scope.account_id));
            let (need, floor, rate) = (hold.amount, hold.amount, Nanos::ZERO);
            ScopeAsk { account_id, lease_id, need, floor, rate, budget: None }
        };
        let scopes: Vec<ScopeAsk> = hold.scopes.iter().map(ask).collect();
        let answer = match answer {
            Ok(held) => Ok(granted(hold, held)),
            Err(HoldError::Refused { account_id, refusal }) => {
                Err(GrantError::Refused { account_id: *account_id, refusal: refusal.clone() })
            }
            Err(other) => {
                return Err(Violation::new(Rule::Overspent, format!("{hold:?} was answered {other:?}")));
            }
        };
        self.grant(&Ask { journal_id: JournalId::HOLDS, scopes }, &answer)
    }

    fn end_hold(&mut self, job: &Job, settlement: Option<Settlement>) {
        if let Some(settlement) = settlement {
            let reserved = Nanos::saturating(job.amount.into());
            let facts = CallFacts { scopes: job.scopes.clone(), reserved, ..settlement.facts };
            self.settle(&Settlement { facts, ..settlement });
        }
        for scope in &job.scopes {
            let book = self.books.get_mut(&scope.account_id);
            book.zip(scope.lease_id).map(|(book, lease_id)| book.leases.remove(&lease_id));
        }
    }
}

/// As a node would be answered.
fn granted(hold: &Hold, scopes: &[Scope]) -> Vec<Grant> {
    let grant = |scope: &Scope| {
        let account_id: AccountId = scope.account_id;
        scope.lease_id.map_or(Grant::Unlimited { account_id, usable_ms: 0 }, |lease_id| Grant::Leased {
            account_id,
            lease_id,
            amount: hold.amount,
            usable_ms: 0,
        })
    };
    let mut scopes = scopes.to_vec();
    scopes.sort_by_key(|scope| scope.account_id);
    scopes.iter().map(grant).collect()
}
