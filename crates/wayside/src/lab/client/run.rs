//! The process of a client.

use std::io::{Write, stdout};

use anyhow::{Context, Result, bail};
use tokio::runtime::Runtime;
use tokio::sync::mpsc::Receiver;

use super::caller::{Caller, Resolver, Template, caller};
use super::load::Load;
use super::measure::measure;
use crate::lab::orders::orders;
use crate::lab::protocol::{Answer, Order, Spec};

/// What starts a client.
pub(crate) const SUBCOMMAND: &str = "lab-client";

/// Does what standard input says, until it is told to stop or the lab is gone.
pub(crate) fn client_process() -> Result<()> {
    Runtime::new()?.block_on(client())
}

async fn client() -> Result<()> {
    let mut orders = orders();
    let spec = orders.recv().await.context("nobody says what to do")?;
    let spec: Spec = serde_json::from_str(&spec).context("the first line is no specification")?;
    let (template, (caller, mut resolver)) =
        match Template::of(&spec).and_then(|template| Ok((template, caller(&spec)?))) {
            Ok(ready) => ready,
            Err(why) => return answer(&Answer::Unable(why)),
        };
    answer(&Answer::Ready)?;
    if spec.counted {
        return count(&mut orders, &spec, caller, &template).await;
    }
    if next(&mut orders).await? != Order::Go {
        bail!("something came before go");
    }
    let load = Load::start(&spec, &caller, &template);
    follow(&mut orders, &mut resolver).await?;
    let calls = tokio::select! {
        calls = load.finish() => calls?,
        over = next(&mut orders) => bail!("{over:?} came after stop"),
    };
    answer(&Answer::Calls(calls))
}

/// Calls as much as each order says, until the lab has no more of them.
async fn count(
    orders: &mut Receiver<String>,
    spec: &Spec,
    first: Caller,
    template: &Template,
) -> Result<()> {
    let mut callers = vec![first];
    for _ in 1..spec.clients {
        callers.push(caller(spec).map_err(anyhow::Error::msg)?.0);
    }
    while let Some(order) = orders.recv().await {
        let Order::Measure(amount) = read(&order)? else { bail!("{order} came while counting") };
        let totals = tokio::select! {
            totals = measure(spec, &callers, template, amount) => totals?,
            over = next(orders) => bail!("{over:?} came while measuring"),
        };
        answer(&Answer::Totals(totals))?;
    }
    Ok(())
}

/// Follows orders until one says stop.
async fn follow(orders: &mut Receiver<String>, resolver: &mut Resolver) -> Result<()> {
    loop {
        match next(orders).await? {
            Order::Stop => return Ok(()),
            Order::Addresses(addresses) => {
                resolver.resolve(&addresses).map_err(anyhow::Error::msg)?
            }
            other => bail!("{other:?} came while calling"),
        }
    }
}

async fn next(orders: &mut Receiver<String>) -> Result<Order> {
    let order = orders.recv().await.context("the lab is gone")?;
    read(&order)
}

fn read(order: &str) -> Result<Order> {
    serde_json::from_str(order).with_context(|| format!("'{order}' is no order"))
}

fn answer(answer: &Answer) -> Result<()> {
    let mut out = stdout().lock();
    serde_json::to_writer(&mut out, answer)?;
    out.write_all(b"\n")?;
    Ok(out.flush()?)
}
