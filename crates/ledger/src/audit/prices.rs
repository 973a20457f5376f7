//! What every model cost every group at each moment of the `control` log.
//!
//! One entry per change that people made to a price, a ratio or the default price, and of a price its digest only.

#[cfg(test)]
mod tests;

use std::collections::HashMap;

use domain::{
    Aggregate, GroupName, ModelName,
    account::Deduction,
    group::{Group, GroupEvent},
    price::{EDITION, Price, PriceSource, Ratio, catalogue},
    price_list::{PriceList, PriceListEvent},
    settings::{Settings, SettingsEvent},
};
use eventlog::{Recorded, StoreError, decode};
use sha2::{Digest, Sha256};

use super::broken::{Broken, Findings};

/// Stands for a price.
type PriceDigest = [u8; 32];

/// A price and the version that set it; `None` where none was set any more.
type Set = Option<(u32, PriceDigest)>;

/// What something was from each position on, in order.
type History<T> = Vec<(u64, T)>;

/// The `control` log, as far as prices follow from it.
#[derive(Default)]
pub(super) struct Prices {
    own: HashMap<ModelName, History<Set>>,
    default: History<Set>,
    ratios: HashMap<GroupName, History<Option<Ratio>>>,
    pub(super) head: u64,
}

fn at<T: Copy>(history: Option<&History<T>>, position: u64) -> Option<T> {
    let history = history?;
    let after = history.partition_point(|(from, _)| *from <= position);
    Some(history.get(after.checked_sub(1)?)?.1)
}

fn digest(price: &Price) -> Result<PriceDigest, StoreError> {
    Ok(Sha256::digest(serde_json::to_vec(price).map_err(StoreError::Encode)?).into())
}

impl Prices {
    pub(super) fn event(&mut self, recorded: &Recorded) -> Result<(), StoreError> {
        let from = recorded.position;
        match recorded.kind() {
            PriceList::KIND => match decode(recorded)? {
                PriceListEvent::Set { model, version, price } => {
                    self.own.entry(model).or_default().push((from, Some((version, digest(&price)?))));
                }
                PriceListEvent::Removed { model, .. } => {
                    self.own.entry(model).or_default().push((from, None));
                }
            },
            Group::KIND => {
                let name = GroupName::new(recorded.id()).map_err(|_| StoreError::Malformed("group name"))?;
                let ratio = match decode(recorded)? {
                    GroupEvent::Created { ratio, .. } | GroupEvent::RatioChanged { ratio } => Some(ratio),
                    GroupEvent::Deleted {} => None,
                };
                self.ratios.entry(name).or_default().push((from, ratio));
            }
            Settings::KIND => {
                let SettingsEvent::Changed { version, values } = decode(recorded)?;
                let price = values.default_price.as_deref().map(digest).transpose()?;
                self.default.push((from, price.map(|price| (version, price))));
            }
            _ => {}
        }
        Ok(())
    }

    /// I9: what is pinned to a charge was in force where it says.
    pub(super) fn check(
        &self,
        position: u64,
        charge: &Deduction,
        findings: &mut Findings,
    ) -> Result<(), StoreError> {
        let control_position = charge.control_position;
        if control_position > self.head {
            findings.push(Broken::Ahead { position, control_position, head: self.head });
            return Ok(());
        }
        if self.ratio(&charge.group, control_position) != Some(charge.pinned.ratio) {
            let group = charge.group.clone();
            findings.push(Broken::Ratio { position, group, control_position });
        }
        if !self.was_in_force(charge)? {
            let model = charge.model.clone();
            findings.push(Broken::Price { position, model, control_position });
        }
        Ok(())
    }

    /// The group `default` is always there.
    fn ratio(&self, group: &GroupName, position: u64) -> Option<Ratio> {
        let known = at(self.ratios.get(group), position).flatten();
        known.or_else(|| (*group == GroupName::default_group()).then_some(Ratio::ONE))
    }

    /// The operator's price of the model, else the catalogue's, else the default price.
    fn was_in_force(&self, charge: &Deduction) -> Result<bool, StoreError> {
        let (pinned, position) = (&charge.pinned, charge.control_position);
        let own = at(self.own.get(&charge.model), position).flatten();
        let default = || at(Some(&self.default), position).flatten();
        Ok(match &pinned.source {
            PriceSource::List { version } => own == Some((*version, digest(&pinned.price)?)),
            _ if own.is_some() => false,
            // Of another edition nothing is left but what was pinned.
            PriceSource::Builtin { edition } if edition != EDITION => true,
            PriceSource::Builtin { .. } => {
                catalogue::find(charge.model.as_str()).is_some_and(|entry| entry.price == *pinned.price)
            }
            PriceSource::Default { version } => default() == Some((*version, digest(&pinned.price)?)),
        })
    }
}
