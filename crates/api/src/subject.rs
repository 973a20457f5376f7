//! Under which names personal data is sealed, so that whoever seals and whoever opens agree.

use domain::UserId;

/// The place of a user's name.
pub const NAME: &str = "name";
/// The place of the name that they sign in with.
pub const LOGIN: &str = "login";
/// The place of the hash of their password.
pub const PASSWORD: &str = "password";

/// Whose key seals what belongs to this user.
pub fn of(user_id: UserId) -> String {
    format!("user:{user_id}")
}
