//! The read models of the `control` log, in the append transaction: whoever writes reads what they wrote.

#[cfg(test)]
mod tests;

use domain::{
    Aggregate, Log, api_token::ApiToken, budget::Budget, channel::Channel, group::Group, journal::Journal,
    node::Node, price_list::PriceList, session::Session, settings::Settings, user::User,
};
use eventlog::{Component, Connection, Inline, Migration, Recorded, StoreError};
use futures_util::future::BoxFuture;

use crate::{
    budgets::BudgetRow, channels::ChannelRow, groups::GroupRow, journal_owners::JournalOwnerRow,
    model::store, nodes::NodeRow, prices::PriceRow, sessions::SessionRow, settings::SettingsRow,
    tokens::TokenRow, users::UserRow,
};

/// Channels, tokens, users, budgets, sessions, groups, prices, settings and nodes.
#[derive(Clone, Copy, Debug, Default)]
pub struct ControlModels;

impl Inline for ControlModels {
    fn component(&self) -> Component {
        const V1: Migration = Migration {
            sqlite: include_str!("control/v1.sql"),
            postgres: include_str!("control/v1.postgres.sql"),
        };
        const V2: Migration = Migration {
            sqlite: include_str!("control/v2.sql"),
            postgres: include_str!("control/v2.postgres.sql"),
        };
        const V3: Migration = Migration {
            sqlite: include_str!("control/v3.sql"),
            postgres: include_str!("control/v3.postgres.sql"),
        };
        const V4: Migration = Migration {
            sqlite: include_str!("control/v4.sql"),
            postgres: include_str!("control/v4.postgres.sql"),
        };
        Component { name: "control", migrations: &[V1, V2, V3, V4] }
    }

    fn apply<'a>(
        &'a self,
        connection: &'a mut Connection,
        events: &'a [Recorded],
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            for event in events.iter().filter(|event| event.log == Log::Control) {
                take(connection, event).await?;
            }
            Ok(())
        })
    }
}

async fn take(connection: &mut Connection, event: &Recorded) -> Result<(), StoreError> {
    match event.kind() {
        Channel::KIND => store::<ChannelRow>(connection, event).await,
        ApiToken::KIND => store::<TokenRow>(connection, event).await,
        User::KIND => store::<UserRow>(connection, event).await,
        Budget::KIND => store::<BudgetRow>(connection, event).await,
        Group::KIND => store::<GroupRow>(connection, event).await,
        Node::KIND => store::<NodeRow>(connection, event).await,
        Journal::KIND => store::<JournalOwnerRow>(connection, event).await,
        PriceList::KIND => store::<PriceRow>(connection, event).await,
        Session::KIND => store::<SessionRow>(connection, event).await,
        Settings::KIND => store::<SettingsRow>(connection, event).await,
        // Claims of unique values are streams too, and no rows.
        _ => Ok(()),
    }
}
