//! S20: what the server sends means the same, however it is cut.

use bytes::BytesMut;
use thingwire_core::{Action, Client, Config, Event, Instant, Link, LinkError, Notice};

/// Gives `bytes` to clients whose CONNECT has just been sent, cut after each of `lens` in turn and again from the
/// beginning, and compares what they do with one that is given all at once.
///
/// # Errors
///
/// The first difference, or what is wrong with the configuration.
pub fn same_in_all_chunks(config: &Config, bytes: &[u8], lens: &[usize]) -> Result<(), String> {
    let whole = effects(config, [bytes].into_iter())?;
    let mut rest = bytes;
    let cut = lens.iter().cycle().map_while(|&len| {
        let (chunk, after) = rest.split_at(len.clamp(1, rest.len().max(1)).min(rest.len()));
        rest = after;
        (!chunk.is_empty()).then_some(chunk)
    });
    let cut = effects(config, cut)?;
    // Where the link ends, acknowledgements may have left before or not: that is up to the driver's drains.
    let closed = whole.0.iter().any(|action| matches!(action, Action::Close(_)));
    let same_bytes = if closed { cut.1.starts_with(&whole.1) } else { cut.1 == whole.1 };
    if whole.0 == cut.0 && same_bytes { Ok(()) } else { Err(format!("whole: {whole:?}; cut: {cut:?}")) }
}

/// What the driver is told, and what is sent.
type Effects = (Vec<Action>, BytesMut);

fn effects<'a>(config: &Config, chunks: impl Iterator<Item = &'a [u8]>) -> Result<Effects, String> {
    let now = Instant::EPOCH;
    let mut client = Client::new(config.clone(), 7, now).map_err(|error| error.to_string())?;
    let mut effects = (Vec::new(), BytesMut::new());
    client.start(now);
    let link = drain(&mut client, &mut effects).ok_or("no link is asked for")?;
    client.handle(now, Event::LinkUp(link));
    drain(&mut client, &mut effects);
    let mut inbound = BytesMut::new();
    for chunk in chunks {
        inbound.extend_from_slice(chunk);
        loop {
            let held = inbound.len();
            client.handle(now, Event::Received(link, &mut inbound));
            drain(&mut client, &mut effects);
            if inbound.len() == held || inbound.is_empty() {
                break;
            }
        }
    }
    Ok(effects)
}

fn drain(client: &mut Client, effects: &mut Effects) -> Option<Link> {
    let mut opened = None;
    loop {
        let written = client.poll_transmit(Instant::EPOCH, &mut effects.1, 4096);
        let action = client.poll_action();
        if written == 0 && action.is_none() {
            return opened;
        }
        if let Some(Action::Open(link)) = &action {
            opened = Some(*link);
        }
        effects.0.extend(action.map(without_detail));
    }
}

/// How bytes are wrong may be seen earlier or later; that they are wrong may not.
fn without_detail(action: Action) -> Action {
    let told = |why: Option<LinkError>| match why {
        Some(LinkError::Protocol(_)) => Some(thingwire_core::ProtocolError::NotConnack.into()),
        why => why,
    };
    match action {
        Action::Notify(Notice::Failed { why, retry_in }) => Action::Notify(Notice::Failed { why: told(why), retry_in }),
        Action::Notify(Notice::Offline { why, retry_in }) => {
            Action::Notify(Notice::Offline { why: told(why), retry_in })
        }
        action => action,
    }
}
