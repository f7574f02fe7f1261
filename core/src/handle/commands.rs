//! What a driver can be told, for a runtime whose caller has the engine for itself.

/// The commands of a driver, as methods of its `impl`. It has to have `now()` and `client()`.
#[doc(hidden)]
#[macro_export]
macro_rules! driver_commands {
    () => {
        /// Starts connecting, and keeps the connection up until [`stop`](Self::stop).
        pub fn start(&mut self) {
            let now = self.now();
            self.client().start(now);
        }

        /// Says goodbye and closes: [`Notice::Stopped`](crate::Notice::Stopped) tells when that is done. What is queued
        /// stays for the next start.
        pub fn stop(&mut self) {
            let now = self.now();
            self.client().stop(now);
        }

        /// Publishes a message. How it ends comes as [`Notice::Done`](crate::Notice::Done).
        pub fn publish(
            &mut self,
            publish: $crate::Publish,
        ) -> Result<$crate::Ticket, $crate::Refused<$crate::Publish>> {
            let now = self.now();
            self.client().publish(now, publish)
        }

        /// Subscribes. Messages come as [`Notice::Message`](crate::Notice::Message), the server's answer as
        /// [`Notice::Done`](crate::Notice::Done).
        pub fn subscribe(
            &mut self,
            filters: Vec<($crate::Filter, $crate::Qos)>,
        ) -> Result<$crate::Ticket, $crate::Refused<Vec<($crate::Filter, $crate::Qos)>>> {
            let now = self.now();
            self.client().subscribe(now, filters)
        }

        /// Ends subscriptions. The server's answer comes as [`Notice::Done`](crate::Notice::Done).
        pub fn unsubscribe(
            &mut self,
            filters: Vec<$crate::Filter>,
        ) -> Result<$crate::Ticket, $crate::Refused<Vec<$crate::Filter>>> {
            let now = self.now();
            self.client().unsubscribe(now, filters)
        }

        /// Asks something of a device shadow. How it ends comes as [`Notice::Done`](crate::Notice::Done);
        /// [`Outcome::into_document`](crate::Outcome::into_document) reads it.
        pub fn ask_shadow(
            &mut self,
            request: $crate::ShadowRequest,
        ) -> Result<$crate::Ticket, $crate::Refused<$crate::ShadowRequest>> {
            let now = self.now();
            self.client().ask_shadow(now, request)
        }

        /// Watches a device shadow. What happens to it comes as [`Notice::Shadow`](crate::Notice::Shadow).
        pub fn watch_shadow(
            &mut self,
            watch: $crate::ShadowWatch,
        ) -> Result<$crate::Ticket, $crate::Refused<$crate::ShadowWatch>> {
            let now = self.now();
            self.client().watch_shadow(now, watch)
        }

        /// Ends a watch. Tells whether there was one of this name.
        pub fn unwatch_shadow(&mut self, watch: $crate::Ticket) -> bool {
            let now = self.now();
            self.client().unwatch_shadow(now, watch)
        }

        /// Acknowledges a message, with [`Config::manual_acks`](crate::Config::manual_acks).
        pub fn ack(&mut self, token: $crate::AckToken) {
            let now = self.now();
            self.client().ack(now, token);
        }

        /// Records from now on what happens, in memory: see [`trace`](thingwire_core::trace) for what is kept, and what stands
        /// in for payloads. `change` is for what is not to be as it is by default.
        #[cfg(feature = "trace")]
        pub fn record(
            &mut self,
            change: impl FnOnce(&mut $crate::trace::RecordOptions),
        ) -> Result<(), $crate::SetupError> {
            let mut options = $crate::host::record_options()?;
            change(&mut options);
            self.client().record(&options);
            Ok(())
        }

        /// The recording so far, as a whole file for `thingwire-sim replay`; `None` without [`record`](Self::record).
        /// [`host::save`](thingwire_core::host::save) writes it.
        #[cfg(feature = "trace")]
        pub fn recording(&mut self) -> Option<Vec<u8>> {
            self.client().recording()
        }
    };
}
