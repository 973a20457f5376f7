//! What is asked of the rows.

use std::sync::Arc;

use domain::{
    AdminKeyId, GroupName, ModelName, UserId,
    price::{Price, PriceSource, Ratio},
    settings::{SETTINGS_ID, SettingsValues},
};

use super::{State, TokenEntry};
use crate::{channels::ChannelRow, users::UserRow};

impl State {
    pub(in super::super) const fn position(&self) -> u64 {
        self.position
    }

    pub(in super::super) fn token(&self, sha256: &[u8; 32]) -> Option<Arc<TokenEntry>> {
        self.by_key.get(sha256).cloned()
    }

    pub(in super::super) fn user(&self, id: UserId) -> Option<Arc<UserRow>> {
        self.users.get(&id).cloned()
    }

    pub(in super::super) fn admin_key(&self, sha256: &[u8; 32]) -> Option<(UserId, AdminKeyId)> {
        self.admin_keys.get(sha256).copied()
    }

    pub(in super::super) fn channels(&self) -> Arc<Vec<ChannelRow>> {
        Arc::clone(&self.listed.1)
    }

    pub(in super::super) const fn channels_version(&self) -> u64 {
        self.channels_version
    }

    pub(in super::super) fn ratio(&self, group: &GroupName) -> Option<Ratio> {
        let known = self.groups.get(group).map(|row| row.ratio);
        known.or_else(|| (*group == GroupName::default_group()).then_some(Ratio::ONE))
    }

    pub(in super::super) fn own_price(&self, model: &ModelName) -> Option<(Price, PriceSource)> {
        let row = self.prices.get(model)?;
        Some((row.price.clone(), PriceSource::List { version: row.version }))
    }

    pub(in super::super) fn settings(&self) -> Option<&SettingsValues> {
        self.settings.get(SETTINGS_ID).map(|row| &row.values)
    }

    pub(in super::super) fn default_price(&self) -> Option<(Price, PriceSource)> {
        let row = self.settings.get(SETTINGS_ID)?;
        let price = row.values.default_price.as_deref()?.clone();
        Some((price, PriceSource::Default { version: row.version }))
    }
}
