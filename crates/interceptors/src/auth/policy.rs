use super::Identity;
use crate::selector::{InvalidSelector, Selector, SelectorBuilder};

/// Who may call a method.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rule {
    /// Nobody: the policy does not name the method.
    Denied,
    /// Everybody. A token is not looked at, even if there is one.
    Public,
    /// Whoever has a good token.
    Authenticated,
    /// Whoever has a good token with one of these roles.
    Roles(Box<[Box<str>]>),
}

impl Rule {
    /// Whether somebody who is known may call.
    pub(super) fn allows(&self, identity: &Identity) -> bool {
        match self {
            Self::Denied => false,
            Self::Public | Self::Authenticated => true,
            Self::Roles(roles) => roles.iter().any(|role| identity.has_role(role)),
        }
    }
}

/// Which methods need which roles. A method that it does not name is denied to everybody.
///
/// A rule for a method goes before one for its service, and takes its place: it does not add to it.
#[derive(Clone, Debug)]
pub struct Policy {
    rules: Selector<Rule>,
}

impl Policy {
    /// Starts a policy that denies everything.
    pub fn builder() -> PolicyBuilder {
        PolicyBuilder { rules: Selector::builder(Rule::Denied), without_roles: None }
    }

    /// The rule for a call with this path.
    pub fn rule(&self, path: &str) -> &Rule {
        self.rules.get(path)
    }
}

/// Builds a [`Policy`]. Patterns are those of [`SelectorBuilder::on`].
#[derive(Clone, Debug)]
pub struct PolicyBuilder {
    rules: SelectorBuilder<Rule>,
    without_roles: Option<String>,
}

impl PolicyBuilder {
    /// Lets everybody call.
    #[must_use]
    pub fn public(self, pattern: &str) -> Self {
        self.on(pattern, Rule::Public)
    }

    /// Lets everybody call who has a good token.
    #[must_use]
    pub fn authenticated(self, pattern: &str) -> Self {
        self.on(pattern, Rule::Authenticated)
    }

    /// Lets everybody call who has at least one of these roles.
    #[must_use]
    pub fn roles<R: Into<Box<str>>>(
        mut self,
        pattern: &str,
        roles: impl IntoIterator<Item = R>,
    ) -> Self {
        let roles: Box<[Box<str>]> = roles.into_iter().map(Into::into).collect();
        if roles.is_empty() {
            self.without_roles.get_or_insert_with(|| pattern.to_owned());
        }
        self.on(pattern, Rule::Roles(roles))
    }

    /// Lets nobody call, such as one method of a service that is otherwise open.
    #[must_use]
    pub fn denied(self, pattern: &str) -> Self {
        self.on(pattern, Rule::Denied)
    }

    /// Ends the list.
    ///
    /// # Errors
    /// When a pattern cannot be used, or a list of roles is empty.
    pub fn build(self) -> Result<Policy, InvalidPolicy> {
        match self.without_roles {
            Some(pattern) => Err(InvalidPolicy::NoRoles(pattern)),
            None => Ok(Policy { rules: self.rules.build()? }),
        }
    }

    fn on(mut self, pattern: &str, rule: Rule) -> Self {
        self.rules = self.rules.on(pattern, rule);
        self
    }
}

/// Why rules do not make a [`Policy`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPolicy {
    /// A pattern cannot be used.
    #[error(transparent)]
    Pattern(#[from] InvalidSelector),
    /// The list of roles is empty, so that nobody could call; `denied` says that better.
    #[error("{0:?} has an empty list of roles")]
    NoRoles(String),
}
