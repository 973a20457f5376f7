//! The name that someone signs in with. Its stream is named after the name's keyed hash, so that a name is claimed
//! once and stands in no event.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use uuid::Uuid;

use crate::{Aggregate, Log, StoredEvent, UserId};

/// The longest sign-in name, in bytes.
pub const LOGIN_BYTES_MAX: usize = 128;

/// A sign-in name in the one form in which it is claimed: lower case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LoginName(Box<str>);

/// Text that nobody can sign in with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a sign-in name has 1 to {LOGIN_BYTES_MAX} bytes, without spaces and control characters")]
pub struct NoLoginName;

impl LoginName {
    /// `text` as a sign-in name.
    ///
    /// # Errors
    /// When it cannot be one.
    pub fn new(text: &str) -> Result<Self, NoLoginName> {
        let name = text.to_lowercase();
        let fits = (1..=LOGIN_BYTES_MAX).contains(&name.len())
            && !name.chars().any(|c| c.is_control() || c.is_whitespace());
        if fits { Ok(Self(name.into())) } else { Err(NoLoginName) }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What is asked of a sign-in name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginCommand {
    /// Takes it for someone.
    Claim(UserId),
    /// Gives it back.
    Release(UserId),
}

/// What happened to a sign-in name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type")]
pub enum LoginEvent {
    /// It belongs to someone.
    #[serde(rename = "login_claimed")]
    Claimed {
        /// To whom.
        user_id: UserId,
    },
    /// It belongs to nobody.
    #[serde(rename = "login_released")]
    Released {},
}

/// Why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum LoginRefusal {
    /// It belongs to someone else.
    #[error("the sign-in name is taken")]
    Taken,
}

/// Whose a sign-in name is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Login(Option<UserId>);

impl Aggregate for Login {
    const KIND: &'static str = "login";
    const LOG: Log = Log::Control;
    type Command = LoginCommand;
    type Event = LoginEvent;
    type Refusal = LoginRefusal;

    fn decide(&self, command: LoginCommand) -> Result<Vec<LoginEvent>, LoginRefusal> {
        match (self.0, command) {
            (None, LoginCommand::Claim(user_id)) => Ok(vec![LoginEvent::Claimed { user_id }]),
            (Some(owner), LoginCommand::Claim(user_id)) if owner != user_id => Err(LoginRefusal::Taken),
            (Some(owner), LoginCommand::Release(user_id)) if owner == user_id => {
                Ok(vec![LoginEvent::Released {}])
            }
            (Some(_), _) | (None, LoginCommand::Release(_)) => Ok(Vec::new()),
        }
    }

    fn evolve(&mut self, event: &LoginEvent) {
        self.0 = match event {
            LoginEvent::Claimed { user_id } => Some(*user_id),
            LoginEvent::Released {} => None,
        };
    }
}

impl StoredEvent for LoginEvent {
    fn tag(&self) -> &'static str {
        match self {
            Self::Claimed { .. } => "login_claimed",
            Self::Released {} => "login_released",
        }
    }

    fn samples() -> Vec<Self> {
        vec![Self::Claimed { user_id: UserId(Uuid::from_u128(1)) }, Self::Released {}]
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::{Login, LoginCommand as C, LoginEvent as E, LoginName, LoginRefusal};
    use crate::{UserId, testing::given};

    const ADA: UserId = UserId(Uuid::from_u128(1));
    const BOB: UserId = UserId(Uuid::from_u128(2));

    #[test]
    fn a_name_belongs_to_one_until_it_is_given_back() {
        given::<Login>([E::Claimed { user_id: ADA }]).when(C::Claim(BOB)).then_refused(&LoginRefusal::Taken);
        given::<Login>([E::Claimed { user_id: ADA }]).when(C::Claim(ADA)).then([]);
        given::<Login>([E::Claimed { user_id: ADA }, E::Released {}])
            .when(C::Claim(BOB))
            .then([E::Claimed { user_id: BOB }]);
    }

    #[test]
    fn nobody_gives_back_what_is_someone_elses() {
        given::<Login>([E::Claimed { user_id: ADA }]).when(C::Release(BOB)).then([]);
        given::<Login>([E::Claimed { user_id: ADA }]).when(C::Release(ADA)).then([E::Released {}]);
    }

    #[test]
    fn names_that_differ_in_case_alone_are_one() {
        assert_eq!(LoginName::new("Ada").unwrap(), LoginName::new("ADA").unwrap());
        for bad in ["", "a b", "a\n", "a\0", &"a".repeat(129)] {
            assert!(LoginName::new(bad).is_err(), "{bad:?}");
        }
    }
}
