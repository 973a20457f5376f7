//! How someone comes to be: a user, the account that pays for them and the name that they sign in with, in one append.

use domain::{
    AccountId, GroupName, UserId,
    account::{AccountCommand, AccountRefusal, Limit, Owner},
    login::{Login, LoginCommand, LoginName, LoginRefusal},
    user::{ClaimedLogin, Role, User, UserCommand, UserRefusal},
};
use eventlog::{Fault, Sealer, StoreError, Tx};
use ledger::accounts;

use crate::subject;

/// Someone who is to be made.
#[derive(Clone, Debug)]
pub struct NewPerson {
    /// Names them.
    pub user_id: UserId,
    /// Names the account that pays for them.
    pub account_id: AccountId,
    /// What they may do.
    pub role: Role,
    /// Their class.
    pub group: GroupName,
    /// What they are called.
    pub name: String,
    /// How far their account may be drawn.
    pub limit: Limit,
    /// What they sign in with, where they do.
    pub login: Option<NewLogin>,
}

/// What someone is to sign in with.
#[derive(Clone, Debug)]
pub struct NewLogin {
    /// The name.
    pub name: LoginName,
    /// The hash of the password, where there is one already.
    pub password_hash: Option<String>,
}

impl NewPerson {
    /// Makes them.
    ///
    /// # Errors
    /// When the business says no, or the store fails.
    pub async fn make<R>(self, tx: &mut Tx) -> Result<(), Fault<R>>
    where
        R: From<UserRefusal> + From<LoginRefusal> + From<AccountRefusal>,
    {
        let (user_id, account_id) = (self.user_id, self.account_id);
        let name = tx.seal_for(&subject::of(user_id), subject::NAME, self.name.as_bytes()).await?;
        let create = UserCommand::Create { role: self.role, account_id, group: self.group, name };
        tx.decide::<User, R>(&user_id.to_string(), create).await?;
        if let Some(login) = self.login {
            claim(tx, user_id, &login.name).await?;
            if let Some(hash) = login.password_hash {
                set_password(tx, user_id, &hash).await?;
            }
        }
        let open = AccountCommand::Open { account_id, owner: Owner::User(user_id), limit: self.limit };
        accounts::decide::<R>(tx, account_id, open).await?;
        Ok(())
    }
}

/// What names the stream in which a sign-in name is claimed.
pub fn claim_of(sealer: &Sealer, name: &LoginName) -> String {
    sealer.name_hash("login", name.as_str())
}

/// Lets a user sign in with this name, and gives the one before back.
///
/// # Errors
/// When the name is taken, or the store fails.
pub async fn claim<R>(tx: &mut Tx, user_id: UserId, name: &LoginName) -> Result<(), Fault<R>>
where
    R: From<UserRefusal> + From<LoginRefusal>,
{
    let claim = claim_of(tx.sealer(), name);
    match held(tx, user_id).await? {
        Some(held) if held == claim => return Ok(()),
        Some(held) => release(tx, user_id, &held).await?,
        None => {}
    }
    tx.decide::<Login, R>(&claim, LoginCommand::Claim(user_id)).await?;
    let name = tx.seal_for(&subject::of(user_id), subject::LOGIN, name.as_str().as_bytes()).await?;
    tx.decide::<User, R>(&user_id.to_string(), UserCommand::SetLogin(ClaimedLogin { claim, name })).await?;
    Ok(())
}

/// Lets a user sign in with the password of this hash from now on; every session of theirs ends.
///
/// # Errors
/// When they have no name to sign in with, or the store fails.
pub async fn set_password<R: From<UserRefusal>>(
    tx: &mut Tx,
    user_id: UserId,
    hash: &str,
) -> Result<(), Fault<R>> {
    let sealed = tx.seal_for(&subject::of(user_id), subject::PASSWORD, hash.as_bytes()).await?;
    tx.decide::<User, R>(&user_id.to_string(), UserCommand::SetPassword(sealed)).await?;
    Ok(())
}

/// Ends someone: their name may be used again, their account is closed, and nothing that was sealed for them opens.
///
/// # Errors
/// When there is none, or the store fails.
pub(crate) async fn end<R>(tx: &mut Tx, user_id: UserId) -> Result<(), Fault<R>>
where
    R: From<UserRefusal> + From<LoginRefusal> + From<AccountRefusal>,
{
    if let (User::Present(profile), _) = tx.load::<User>(&user_id.to_string()).await? {
        if let Some(login) = &profile.login {
            release(tx, user_id, &login.claim).await?;
        }
        accounts::decide::<R>(tx, profile.account_id, AccountCommand::Close).await?;
    }
    tx.decide::<User, R>(&user_id.to_string(), UserCommand::Delete).await?;
    tx.erase(&subject::of(user_id)).await?;
    Ok(())
}

async fn held(tx: &mut Tx, user_id: UserId) -> Result<Option<String>, StoreError> {
    Ok(match tx.load::<User>(&user_id.to_string()).await?.0 {
        User::Present(profile) => profile.login.map(|login| login.claim),
        User::Absent | User::Deleted => None,
    })
}

async fn release<R: From<LoginRefusal>>(tx: &mut Tx, user_id: UserId, claim: &str) -> Result<(), Fault<R>> {
    tx.decide::<Login, R>(claim, LoginCommand::Release(user_id)).await?;
    Ok(())
}
