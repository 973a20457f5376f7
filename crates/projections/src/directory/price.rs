//! What a model costs a group: the operator's list, else the catalogue, else the default price.

use domain::{
    GroupName, ModelName,
    price::{Pinned, PriceSource, catalogue},
};

use super::{Directory, Moment};

/// How much a model takes and gives, where that is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// The longest input.
    pub input_tokens_max: Option<u64>,
    /// The longest output.
    pub output_tokens_max: Option<u64>,
}

impl Directory {
    /// What `model` costs `group` now, and its limits as the catalogue has them. None where the group or the price
    /// is not known: such a call is refused.
    pub fn price(&self, model: &ModelName, group: &GroupName) -> Option<(Pinned, Limits)> {
        self.priced_at(model, group).map(|(_, pinned, limits)| (pinned, limits))
    }

    /// The same, and the moment at which it is so: both of one, since audits price the call anew.
    pub fn priced_at(&self, model: &ModelName, group: &GroupName) -> Option<(Moment, Pinned, Limits)> {
        let known = catalogue::find(model.as_str());
        let limits = known.as_ref().map_or_else(Limits::default, |known| Limits {
            input_tokens_max: known.input_tokens_max,
            output_tokens_max: known.output_tokens_max,
        });
        let state = self.state.read();
        let ratio = state.ratio(group)?;
        let (price, source) = state
            .own_price(model)
            .or_else(|| known.map(|known| (known.price, PriceSource::default())))
            .or_else(|| state.default_price())?;
        Some((state.moment(), Pinned { price: price.into(), source, ratio }, limits))
    }
}
