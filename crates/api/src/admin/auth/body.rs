//! What signing in takes and gives.

use domain::TimeStamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::password::Secret;

/// A name and a password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"login": "ada", "password": "correct horse battery staple"}))]
pub(crate) struct LoginBody {
    /// The sign-in name; capitals make no difference.
    pub(super) login: String,
    #[schema(value_type = String, format = Password)]
    pub(super) password: Secret,
}

/// A refresh token.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RefreshBody {
    #[schema(value_type = String)]
    pub(super) refresh_token: Secret,
}

/// How a token is sent.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub(crate) enum TokenType {
    /// As `Authorization: Bearer …`.
    Bearer,
}

/// What whoever signed in holds. The names are those of OAuth 2.
#[derive(Serialize, ToSchema)]
#[schema(as = SignedIn)]
pub(crate) struct SignedInView {
    /// Sent with every request, as `Authorization: Bearer …`.
    pub(super) access_token: String,
    pub(super) token_type: TokenType,
    /// How many seconds the access token lasts.
    pub(super) expires_in: u32,
    /// To be changed for a new pair, once.
    pub(super) refresh_token: String,
    /// When the session ends by itself.
    #[schema(value_type = String, format = DateTime)]
    pub(super) session_expires_at: TimeStamp,
}
