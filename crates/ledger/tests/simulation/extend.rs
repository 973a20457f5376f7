//! A call that outgrows what was set aside for it.

use domain::{Nanos, account::EXTENSIONS_MAX};
use ledger::{
    record::CallPart,
    step::{Input, Reply},
};

use super::{
    facts::told,
    rule::{Checked, Rule, holds},
    story::Mark,
    world::World,
};

impl World<'_> {
    /// Sets more aside, from the leases at hand: whichever have room.
    pub(crate) fn extend(&mut self, call: CallPart) -> Checked {
        let Some(story) = self.stories.get(&call) else { return Ok(()) };
        let (k, extensions) = (story.node, story.extensions());
        if extensions >= EXTENSIONS_MAX {
            return Ok(());
        }
        let (floor, now_ms) = (self.dice.between(1, 20), self.nodes[k].boot_ms);
        let amount = floor + self.dice.below(40);
        let (least, most) = (Nanos::new(floor)?, Nanos::new(amount)?);
        let input = Input::Extend { call, amount: most, floor: least, now_ms };
        let Reply::Reserved(more) = self.take(k, input)? else {
            self.saw("an extension refused");
            return Ok(());
        };
        holds(Rule::Overspent, (least..=most).contains(&more), || {
            format!("{more} is not in {floor}..={amount}")
        })?;
        self.say(|| format!("node {k}: {} is extended by {more}", told(call)));
        self.saw("an extension");
        self.mark(call, Mark::Extended(more.get()));
        self.is_covered(k)
    }
}
