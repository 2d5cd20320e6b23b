//! An account to try the cache with.

use anyhow::{Context, Result, bail};
use tokio::time::{Duration, timeout};
use tonic::{Code, Request};
use wayside_balance::{Channel, ClientTls, Target};
use wayside_proto::accounts::v1::accounts_service_client::AccountsServiceClient;
use wayside_proto::accounts::v1::{CreateAccountRequest, ListAccountsRequest, RotateTokenRequest};

use accounts::AdminToken;

use super::layout::{Layout, reachable};

const NAME: &str = "demo";
const MAX_CACHE_KEYS: i64 = 1000;
/// The server is in this process, so it answers within milliseconds or not at all.
const PATIENCE: Duration = Duration::from_secs(10);

/// Makes the account `demo` and gives its token. Where it exists, from an earlier start with `--data-dir`, its token is replaced:
/// nobody can tell what the old one was.
pub(crate) async fn token(
    layout: &Layout,
    ca_pem: Option<Vec<u8>>,
    admin_token: Option<&AdminToken>,
) -> Result<String> {
    let target: Target = reachable(layout.accounts).to_string().parse()?;
    let channel = match ca_pem {
        Some(pem) => Channel::builder(&target).tls(ClientTls::new(pem)).build()?,
        None => Channel::connect_lazy(&target)?,
    };
    let demo = Demo { accounts: AccountsServiceClient::new(channel), admin_token };
    timeout(PATIENCE, demo.token())
        .await
        .context("accounts did not answer")?
        .context("cannot make the demo account")
}

struct Demo<'a> {
    accounts: AccountsServiceClient<Channel>,
    admin_token: Option<&'a AdminToken>,
}

impl Demo<'_> {
    async fn token(mut self) -> Result<String> {
        let create = CreateAccountRequest { name: NAME.to_owned(), max_cache_keys: MAX_CACHE_KEYS };
        match self.accounts.create_account(self.request(create)).await {
            Ok(created) => Ok(created.into_inner().token),
            Err(status) if status.code() == Code::AlreadyExists => {
                let id = self.existing().await?;
                Ok(self
                    .accounts
                    .rotate_token(self.request(RotateTokenRequest { id }))
                    .await?
                    .into_inner()
                    .token)
            }
            Err(status) => Err(status.into()),
        }
    }

    async fn existing(&mut self) -> Result<String> {
        let mut page_token = String::new();
        loop {
            let list = ListAccountsRequest { page_size: 1000, page_token };
            let page = self.accounts.list_accounts(self.request(list)).await?.into_inner();
            if let Some(account) = page.accounts.into_iter().find(|account| account.name == NAME) {
                return Ok(account.id);
            }
            if page.next_page_token.is_empty() {
                bail!("the account '{NAME}' exists and is not listed");
            }
            page_token = page.next_page_token;
        }
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        if let Some(token) = self.admin_token {
            request.metadata_mut().insert("authorization", token.bearer());
        }
        request
    }
}
