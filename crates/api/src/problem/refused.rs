//! Which problem a refusal is. The matches are exhaustive: a new refusal must say what it is to compile.

use domain::{
    Refusal, account::AccountRefusal, api_token::ApiTokenRefusal, budget::BudgetRefusal,
    channel::ChannelRefusal, group::GroupRefusal, journal::JournalRefusal, login::LoginRefusal,
    node::NodeRefusal, price_list::PriceListRefusal, session::SessionRefusal, settings::SettingsRefusal,
    user::UserRefusal,
};
use eventlog::{ExecuteError, Fault};

use super::{Code, Problem};

/// Why a write was turned down inside its transaction.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Denial {
    /// The business said no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// There is none, or it is someone else's, which is the same to whoever asks.
    #[error("there is no such {0}")]
    Unknown(&'static str),
    /// It is not at a version that `If-Match` names.
    #[error("it is at version {found}; read it again and decide anew")]
    Changed {
        /// Where it is.
        found: u64,
    },
    /// A value that only the edge can judge.
    #[error("{0}")]
    Value(String),
    /// Their role does not go so far.
    #[error("{0}")]
    Forbidden(&'static str),
    /// Others lean on it.
    #[error("{0}")]
    InUse(String),
}

macro_rules! refusals {
    ($($refusal:ty),*) => {$(
        impl From<$refusal> for Denial {
            fn from(refusal: $refusal) -> Self {
                Self::Refused(refusal.into())
            }
        }
    )*};
}

refusals!(
    AccountRefusal,
    ApiTokenRefusal,
    BudgetRefusal,
    ChannelRefusal,
    GroupRefusal,
    JournalRefusal,
    LoginRefusal,
    NodeRefusal,
    PriceListRefusal,
    SessionRefusal,
    SettingsRefusal,
    UserRefusal
);

impl From<ExecuteError<Denial>> for Problem {
    fn from(error: ExecuteError<Denial>) -> Self {
        match error {
            ExecuteError::Refused(denial) => denial.into(),
            ExecuteError::KeyReused => Self::new(
                Code::IdempotencyKeyReused,
                "this Idempotency-Key was sent before with another path or body; use a new one",
            ),
            ExecuteError::Store(error) => error.into(),
        }
    }
}

impl From<Fault<Denial>> for Problem {
    fn from(fault: Fault<Denial>) -> Self {
        match fault {
            Fault::Refused(denial) => denial.into(),
            Fault::Store(error) => error.into(),
        }
    }
}

impl From<Denial> for Problem {
    fn from(denial: Denial) -> Self {
        let code = match &denial {
            Denial::Refused(refusal) => code(refusal),
            Denial::Unknown(_) => Code::NotFound,
            Denial::Changed { .. } => Code::PreconditionFailed,
            Denial::Value(_) => Code::InvalidValue,
            Denial::Forbidden(_) => Code::Forbidden,
            Denial::InUse(_) => Code::NotAllowed,
        };
        Self::new(code, denial.to_string())
    }
}

fn code(refusal: &Refusal) -> Code {
    match refusal {
        Refusal::Channel(refusal) => channel(refusal),
        Refusal::ApiToken(refusal) => token(refusal),
        Refusal::User(refusal) => user(refusal),
        Refusal::Account(refusal) => account(refusal),
        Refusal::Budget(refusal) => budget(*refusal),
        Refusal::Group(GroupRefusal::Unknown) => Code::NotFound,
        Refusal::Group(GroupRefusal::Exists) => Code::AlreadyExists,
        Refusal::Group(GroupRefusal::Default) => Code::NotAllowed,
        Refusal::PriceList(refusal) => price(refusal),
        Refusal::Settings(refusal) => settings(*refusal),
        Refusal::Login(LoginRefusal::Taken) => Code::NameTaken,
        Refusal::Session(SessionRefusal::Ended) => Code::SessionEnded,
        Refusal::Session(SessionRefusal::Exists) => Code::AlreadyExists,
        Refusal::Session(SessionRefusal::Superseded) => Code::NotAllowed,
        Refusal::Node(NodeRefusal::Unknown) => Code::NotFound,
        Refusal::Node(NodeRefusal::Name(_)) => Code::InvalidValue,
        Refusal::Node(NodeRefusal::Revoked) | Refusal::Journal(JournalRefusal::Foreign) => Code::Forbidden,
        Refusal::Taken { .. } => Code::NameTaken,
    }
}

const fn channel(refusal: &ChannelRefusal) -> Code {
    match refusal {
        ChannelRefusal::Unknown => Code::NotFound,
        ChannelRefusal::Exists => Code::AlreadyExists,
        ChannelRefusal::Name(_)
        | ChannelRefusal::Keys(_)
        | ChannelRefusal::Models(_)
        | ChannelRefusal::Groups(_)
        | ChannelRefusal::Weight(_)
        | ChannelRefusal::MapsUnserved(_) => Code::InvalidValue,
    }
}

const fn token(refusal: &ApiTokenRefusal) -> Code {
    match refusal {
        ApiTokenRefusal::Unknown => Code::NotFound,
        ApiTokenRefusal::AlreadyIssued => Code::AlreadyExists,
        ApiTokenRefusal::Revoked => Code::TokenRevoked,
        ApiTokenRefusal::Name(_) | ApiTokenRefusal::Listed { .. } | ApiTokenRefusal::Address(_) => {
            Code::InvalidValue
        }
    }
}

const fn user(refusal: &UserRefusal) -> Code {
    match refusal {
        UserRefusal::Unknown | UserRefusal::UnknownAdminKey => Code::NotFound,
        UserRefusal::Exists => Code::AlreadyExists,
        UserRefusal::AdminKeys => Code::LimitReached,
        UserRefusal::NoLogin => Code::NotAllowed,
    }
}

const fn account(refusal: &AccountRefusal) -> Code {
    match refusal {
        AccountRefusal::Unknown => Code::NotFound,
        AccountRefusal::Exists => Code::AlreadyExists,
        AccountRefusal::Closed => Code::AccountClosed,
        AccountRefusal::Insufficient { .. } => Code::InsufficientFunds,
        AccountRefusal::Unlimited
        | AccountRefusal::Suspense
        | AccountRefusal::WindowOver
        | AccountRefusal::LeaseUsed => Code::NotAllowed,
        AccountRefusal::Leases | AccountRefusal::Full => Code::LimitReached,
        AccountRefusal::Nothing | AccountRefusal::Reason(_) => Code::InvalidValue,
    }
}

const fn budget(refusal: BudgetRefusal) -> Code {
    match refusal {
        BudgetRefusal::Unknown => Code::NotFound,
        BudgetRefusal::Exists | BudgetRefusal::Held => Code::AlreadyExists,
        BudgetRefusal::Closed | BudgetRefusal::WindowOver | BudgetRefusal::OtherWindow => Code::NotAllowed,
    }
}

const fn price(refusal: &PriceListRefusal) -> Code {
    match refusal {
        PriceListRefusal::Unknown(_) => Code::NotFound,
        PriceListRefusal::Full => Code::LimitReached,
    }
}

const fn settings(refusal: SettingsRefusal) -> Code {
    match refusal {}
}
