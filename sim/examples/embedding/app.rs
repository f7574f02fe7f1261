//! What each embedding example does with its client: hear itself three times, lose the connection meanwhile, and leave.

use std::error::Error;

use thingwire_core::{Client, Filter, Instant, Notice, Options, Publish, Qos, Topic};
use thingwire_sim::double::Double;

/// A local AWS IoT Core, and a device that it knows. One example has another double.
#[allow(dead_code, reason = "not every example")]
pub(crate) fn local(client_id: &str) -> Result<(Double, Options), Box<dyn Error>> {
    let double = Double::start()?;
    let (certificate, key, root) = (double.cert_path(), double.key_path(), double.ca_path());
    let options = Options::mtls_from_path(&double.endpoint(), client_id, certificate, key, root)?;
    Ok((double, options))
}

/// The application of one device.
#[derive(Debug)]
pub(crate) struct App {
    /// Closes the connection once, to show that nothing has to be done about it.
    double: Option<Double>,
    filter: Filter,
    topic: Topic,
    heard: u32,
    pub(crate) stopped: bool,
}

impl App {
    pub(crate) fn begin(double: Option<Double>, client: &mut Client, now: Instant) -> Result<Self, Box<dyn Error>> {
        let id = client.config().client_id.clone();
        let (filter, topic) = (Filter::new(format!("embedding/{id}/#"))?, Topic::new(format!("embedding/{id}/hello"))?);
        client.start(now);
        client.subscribe(now, vec![(filter.clone(), Qos::AtLeastOnce)])?;
        Ok(Self { double, filter, topic, heard: 0, stopped: false })
    }

    /// Looks at what the client has to say.
    pub(crate) fn told(&mut self, client: &mut Client, now: Instant, notice: &Notice) {
        match notice {
            // Also after the connection was lost.
            Notice::Ready => self.speak(client, now),
            Notice::Message(message) if self.filter.matches(message.topic.as_str()) => {
                self.heard += 1;
                match &self.double {
                    _ if self.heard == 3 => client.stop(now),
                    Some(double) if self.heard == 1 => _ = double.drop_connections(),
                    _ => self.speak(client, now),
                }
            }
            Notice::Stopped => self.stopped = true,
            _ => {}
        }
    }

    fn speak(&self, client: &mut Client, now: Instant) {
        let publish = Publish::new(self.topic.clone(), "hello").qos(Qos::AtLeastOnce);
        // Refused only where the queue is full, which it is not with one.
        let _ = client.publish(now, publish);
    }
}
