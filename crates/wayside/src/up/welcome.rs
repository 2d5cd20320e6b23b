//! What a person reads once everything serves: where it is, and what to try.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;

use anyhow::Result;
use comfy_table::{Table, presets};

use super::layout::{Layout, reachable};

/// What there is to say.
pub(crate) struct Welcome<'a> {
    pub(crate) layout: &'a Layout,
    pub(crate) admin: Option<SocketAddr>,
    /// The token of the demo account; `None` where accounts are made by administrators with a JWT only.
    pub(crate) token: Option<&'a str>,
    /// The CA that clients verify the servers with, where calls are encrypted.
    pub(crate) ca: Option<&'a Path>,
}

impl Welcome<'_> {
    /// Prints the addresses and four commands to standard output; the log goes to standard error.
    pub(crate) fn print(&self) -> Result<()> {
        let text = format!("\nWayside is up.\n\n{}\n\n{}\n", self.addresses(), self.commands());
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        Ok(out.flush()?)
    }

    fn web(&self) -> &'static str {
        if self.layout.tls { "https://" } else { "http://" }
    }

    fn addresses(&self) -> Table {
        let layout = self.layout;
        let mut table = Table::new();
        table.load_style(presets::UTF8_FULL_CONDENSED).set_header([
            "server",
            "address",
            "what it is",
        ]);
        let mut row = |name: &str, address: SocketAddr, scheme: &str, text: &str| {
            table.add_row([name, &format!("{scheme}{}", reachable(address)), text]);
        };
        row(
            "gateway",
            layout.gateway,
            self.web(),
            "REST and JSON for every service; /openapi.json, /healthz",
        );
        for (index, address) in layout.greet.into_iter().enumerate() {
            row(&format!("greet-{}", index + 1), address, "", "gRPC greet.v1.GreetService");
        }
        row("media", layout.media, "", "gRPC media.v1.MediaService");
        row("movies", layout.movies, "", "gRPC movies.v1.MoviesService");
        row("accounts", layout.accounts, "", "gRPC accounts.v1.AccountsService");
        row("cache", layout.cache, "", "gRPC cache.v1.CacheService");
        row(
            "lookaside",
            layout.lookaside,
            "",
            "gRPC lookaside.v1.LookasideService: default/greet:50051",
        );
        row("samples", layout.samples, "http://", "images for media: /wayside.png .jpg .gif .webp");
        if let Some(admin) = self.admin {
            row("admin", admin, "http://", "/debug/channels, /metrics, /log, /livez, /readyz");
        }
        table
    }

    /// Each command works as it stands, pasted into a shell.
    fn commands(&self) -> String {
        let [gateway, samples] = [self.layout.gateway, self.layout.samples].map(reachable);
        let web = self.web();
        let (curl, grpcurl) = match self.ca {
            Some(ca) => (
                format!("curl --cacert {}", ca.display()),
                format!("grpcurl -cacert {}", ca.display()),
            ),
            None => ("curl".to_owned(), "grpcurl -plaintext".to_owned()),
        };
        let (look, (last, note)) = (self.look(), self.with_token(&grpcurl));
        format!(
            "Try:
  {curl} -d '{{\"first_name\":\"Ada\",\"last_name\":\"Lovelace\"}}' {web}{gateway}/greet
  {curl} '{web}{gateway}/v1/medias:download?url=http://{samples}/wayside.png'
  {curl} '{web}{gateway}/v1/movies?query=drama'
  {grpcurl} {last}

{look}{note}
Stop with Ctrl-C.
"
        )
    }

    /// Where calls can be seen as they go.
    fn look(&self) -> String {
        let look = |admin| {
            format!(
                "See channels, and the last calls hop by hop: http://{}/debug/channels\n",
                reachable(admin)
            )
        };
        self.admin.map_or_else(String::new, look)
    }

    /// The rest of the command that needs a token, and what there is to say of it.
    fn with_token(&self, grpcurl: &str) -> (String, String) {
        let [cache, accounts] = [self.layout.cache, self.layout.accounts].map(reachable);
        // The command as it was started, whichever way: by cargo, or installed.
        let program = std::env::current_exe().unwrap_or_else(|_| "wayside".into());
        let program = program.display();
        match self.token {
            Some(token) => (
                format!(
                    "-H 'authorization: Bearer {token}' -d '{{\"key\":\"gopher\",\"val\":\"Y29u\"}}' {cache} cache.v1.CacheService/Store"
                ),
                format!("Demo account token: {token}"),
            ),
            None => (
                format!("-d '{{}}' {accounts} grpc.health.v1.Health/Check"),
                format!(
                    "Accounts are made by administrators, who have a token with the role admin:
  TOKEN=$({program} token --subject \"$USER\" --role admin)
  {grpcurl} -H \"authorization: Bearer $TOKEN\" -d '{{\"name\":\"demo\",\"max_cache_keys\":1000}}' {accounts} accounts.v1.AccountsService/CreateAccount"
                ),
            ),
        }
    }
}
