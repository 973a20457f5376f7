//! A class of users and channels with its price ratio. Its stream is named after it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{Aggregate, GroupName, Log, StoredEvent, price::Ratio};

/// What is asked of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupCommand {
    /// Makes it.
    Create {
        /// Its name, also the id of its stream.
        name: GroupName,
        /// What its users pay, relative to the price.
        ratio: Ratio,
    },
    /// Sets what its users pay from now on.
    ChangeRatio {
        /// The new ratio.
        ratio: Ratio,
    },
    /// Ends it.
    Delete,
}

/// What happened to a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type")]
pub enum GroupEvent {
    /// It was made.
    #[serde(rename = "group_created")]
    Created {
        /// Its name.
        name: GroupName,
        /// What its users pay, relative to the price.
        ratio: Ratio,
    },
    /// Its users pay differently from now on.
    #[serde(rename = "group_ratio_changed")]
    RatioChanged {
        /// The new ratio.
        ratio: Ratio,
    },
    /// It ended.
    #[serde(rename = "group_deleted")]
    Deleted {},
}

/// Why not.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum GroupRefusal {
    /// There is none of that name.
    #[error("there is no such group")]
    Unknown,
    /// The name is taken.
    #[error("a group of that name exists")]
    Exists,
    /// Everyone falls back to it.
    #[error("the group `default` cannot be deleted")]
    Default,
}

/// A group, as far as decisions need it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Group {
    /// Never made, or deleted: the name may be used again.
    #[default]
    Absent,
    /// In use.
    Present {
        /// Its name.
        name: GroupName,
        /// What its users pay, relative to the price.
        ratio: Ratio,
    },
}

impl Aggregate for Group {
    const KIND: &'static str = "group";
    const LOG: Log = Log::Control;
    type Command = GroupCommand;
    type Event = GroupEvent;
    type Refusal = GroupRefusal;

    fn decide(&self, command: GroupCommand) -> Result<Vec<GroupEvent>, GroupRefusal> {
        use GroupCommand as C;
        match (self, command) {
            (Self::Absent, C::Create { name, ratio }) => Ok(vec![GroupEvent::Created { name, ratio }]),
            (Self::Present { .. }, C::Create { .. }) => Err(GroupRefusal::Exists),
            (Self::Absent, _) => Err(GroupRefusal::Unknown),
            (Self::Present { ratio: old, .. }, C::ChangeRatio { ratio }) if *old == ratio => Ok(Vec::new()),
            (Self::Present { .. }, C::ChangeRatio { ratio }) => Ok(vec![GroupEvent::RatioChanged { ratio }]),
            (Self::Present { name, .. }, C::Delete) if *name == GroupName::default_group() => {
                Err(GroupRefusal::Default)
            }
            (Self::Present { .. }, C::Delete) => Ok(vec![GroupEvent::Deleted {}]),
        }
    }

    fn evolve(&mut self, event: &GroupEvent) {
        match event {
            GroupEvent::Created { name, ratio } => {
                *self = Self::Present { name: name.clone(), ratio: *ratio };
            }
            GroupEvent::RatioChanged { ratio: new } => {
                if let Self::Present { ratio, .. } = self {
                    *ratio = *new;
                }
            }
            GroupEvent::Deleted {} => *self = Self::Absent,
        }
    }
}

impl StoredEvent for GroupEvent {
    fn tag(&self) -> &'static str {
        match self {
            Self::Created { .. } => "group_created",
            Self::RatioChanged { .. } => "group_ratio_changed",
            Self::Deleted {} => "group_deleted",
        }
    }

    fn samples() -> Vec<Self> {
        vec![
            Self::Created { name: GroupName::default_group(), ratio: Ratio::ONE },
            Self::RatioChanged { ratio: Ratio::ONE },
            Self::Deleted {},
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::{Group, GroupCommand as C, GroupEvent as E, GroupRefusal};
    use crate::{GroupName, price::Ratio, testing::given};

    fn created(name: &str) -> E {
        E::Created { name: GroupName::new(name).unwrap(), ratio: Ratio::ONE }
    }

    #[test]
    fn a_name_may_be_used_again_after_its_group_is_deleted() {
        given::<Group>([created("vip"), E::Deleted {}])
            .when(C::Create { name: GroupName::new("vip").unwrap(), ratio: Ratio::ONE })
            .then([created("vip")]);
    }

    #[test]
    fn the_default_group_cannot_be_deleted() {
        given::<Group>([created("default")]).when(C::Delete).then_refused(&GroupRefusal::Default);
    }

    #[test]
    fn an_unchanged_ratio_is_no_event() {
        given::<Group>([created("vip")]).when(C::ChangeRatio { ratio: Ratio::ONE }).then([]);
    }
}
