//! What users may do, in the large.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a user may do, from the widest to the narrowest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything.
    Root,
    /// Everything but other admins.
    Admin,
    /// Reads everything, changes nothing.
    Auditor,
    /// Their own tokens, account and calls.
    User,
}

impl Role {
    /// Whether a user of this role may make, change and end users of `other`: nobody raises anyone, themselves
    /// included, to where they could not reach.
    pub const fn may_manage(self, other: Self) -> bool {
        match self {
            Self::Root => true,
            Self::Admin => matches!(other, Self::Auditor | Self::User),
            Self::Auditor | Self::User => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Role;

    #[test]
    fn admins_manage_those_below_them_and_roots_everyone() {
        let all = [Role::Root, Role::Admin, Role::Auditor, Role::User];
        assert!(all.iter().all(|other| Role::Root.may_manage(*other)));
        assert_eq!(all.map(|other| Role::Admin.may_manage(other)), [false, false, true, true]);
        assert!(all.iter().all(|other| !Role::Auditor.may_manage(*other) && !Role::User.may_manage(*other)));
    }
}
