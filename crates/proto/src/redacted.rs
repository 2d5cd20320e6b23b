//! Debug for the messages that carry an account token: the name of the message and nothing of what is in it, so that a
//! `{request:?}` in a log line cannot become a leak.

use std::fmt;

macro_rules! redacted {
    ($($message:ty),+ $(,)?) => {$(
        impl fmt::Debug for $message {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.debug_struct(stringify!($message)).finish_non_exhaustive()
            }
        }
    )+};
}

redacted! {
    crate::accounts::v1::GetByTokenRequest,
    crate::accounts::v1::CreateAccountResponse,
    crate::accounts::v1::RotateTokenResponse,
    crate::cache::v1::StoreRequest,
    crate::cache::v1::GetRequest,
    crate::cache::v1::DeleteRequest,
    crate::cache::v1::DumpRequest,
    crate::cache::v1::RestoreRequest,
}

#[cfg(test)]
mod tests {
    #[test]
    fn debug_output_shows_no_token() {
        let request =
            crate::cache::v1::GetRequest { key: "k".into(), account_token: "secret".into() };
        assert!(!format!("{request:?}").contains("secret"));
    }
}
