//! Who waits for something, and is to be woken when it happens.

use core::future::poll_fn;
use core::mem;
use core::task::{Context, Poll, Waker};
use std::sync::Arc;

use super::lock::Lock;

/// The waiters for one thing, which is kept elsewhere, under its own lock. It is changed first, then they are woken.
#[derive(Debug, Default)]
pub(crate) struct Wakers {
    list: Lock<List>,
}

#[derive(Debug, Default)]
struct List {
    next: u64,
    waiting: Vec<(u64, Waker)>,
}

/// A waiter's place among others. One that stops waiting [leaves](Wakers::leave) it.
#[derive(Debug, Default)]
pub(crate) struct Place(Option<u64>);

impl Wakers {
    /// What `look` gives, now or at the next poll after somebody was woken.
    pub(crate) fn poll<T>(
        &self,
        place: &mut Place,
        context: &Context<'_>,
        mut look: impl FnMut() -> Poll<T>,
    ) -> Poll<T> {
        let found = look();
        if found.is_ready() {
            return found;
        }
        self.listen(place, context.waker());
        // What has happened in between was told to nobody.
        look()
    }

    /// Waits until `look` gives something.
    pub(crate) async fn until<T>(&self, mut look: impl FnMut() -> Poll<T>) -> T {
        let mut waiter = Waiter { wakers: self, place: Place::default() };
        poll_fn(|context| waiter.wakers.poll(&mut waiter.place, context, &mut look)).await
    }

    fn listen(&self, place: &mut Place, waker: &Waker) {
        let mut list = self.list.lock();
        if let Some((_, known)) = list.waiting.iter_mut().find(|(number, _)| Some(*number) == place.0) {
            let before = (!known.will_wake(waker)).then(|| mem::replace(known, waker.clone()));
            drop(list);
            // Without the lock: dropping a waker may drop a task, and with it other waiters of this list.
            drop(before);
            return;
        }
        let number = list.next;
        list.next += 1;
        list.waiting.push((number, waker.clone()));
        place.0 = Some(number);
    }

    /// Nobody waits here any more.
    pub(crate) fn leave(&self, place: &mut Place) {
        let Some(left) = place.0.take() else { return };
        let mut list = self.list.lock();
        let at = list.waiting.iter().position(|(number, _)| *number == left);
        let waker = at.map(|at| list.waiting.swap_remove(at));
        drop(list);
        // Without the lock, as above.
        drop(waker);
    }

    /// Takes everybody who waits, to be woken once no lock is held.
    pub(crate) fn take(&self, wakers: &mut Vec<Waker>) {
        wakers.extend(self.list.lock().waiting.drain(..).map(|(_, waker)| waker));
    }
}

struct Waiter<'a> {
    wakers: &'a Wakers,
    place: Place,
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.wakers.leave(&mut self.place);
    }
}

/// Ends the sleep of a client's loop. Clones are the same bell.
#[derive(Debug, Clone, Default)]
pub struct Bell {
    waker: Arc<Lock<Option<Waker>>>,
}

impl Bell {
    /// From now on this is who is woken.
    pub fn set(&self, waker: &Waker) {
        let mut known = self.waker.lock();
        let before = match &mut *known {
            Some(known) if known.will_wake(waker) => None,
            known => known.replace(waker.clone()),
        };
        drop(known);
        // Without the lock: dropping it may run whatever it holds.
        drop(before);
    }

    /// Wakes the loop. Without effect as long as there is nobody to be woken.
    pub fn ring(&self) {
        let waker = self.waker.lock().clone();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use core::pin::{Pin, pin};
    use core::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    /// How often somebody was woken.
    #[derive(Default)]
    pub(in crate::handle) struct Count(AtomicUsize);

    impl Count {
        pub(in crate::handle) fn get(&self) -> usize {
            self.0.load(Ordering::Relaxed)
        }
    }

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn waiting(wakers: &Wakers) -> usize {
        wakers.list.lock().waiting.len()
    }

    #[test]
    fn a_waiter_that_gives_up_leaves_nothing_behind() {
        let wakers = Wakers::default();
        let waker = Waker::from(Arc::new(Count::default()));
        let mut context = Context::from_waker(&waker);
        for _ in 0..3 {
            let mut wait = pin!(wakers.until(|| Poll::<()>::Pending));
            for _ in 0..3 {
                assert!(wait.as_mut().poll(&mut context).is_pending());
                assert_eq!(waiting(&wakers), 1);
            }
        }
        let mut kept = Box::pin(wakers.until(|| Poll::<()>::Pending));
        assert!(kept.as_mut().poll(&mut context).is_pending());
        drop(kept);
        assert_eq!(waiting(&wakers), 0);
    }

    /// A task: its last waker takes what it waits with along.
    struct Task {
        #[expect(dead_code, reason = "it is held, until it is dropped")]
        work: Lock<Pin<Box<dyn Future<Output = ()> + Send>>>,
    }

    impl Wake for Task {
        fn wake(self: Arc<Self>) {}
    }

    #[test]
    fn a_waker_may_take_other_waiters_along() {
        let wakers: &'static Wakers = Box::leak(Box::default());
        let task = |other| {
            let mut wait = Box::pin(wakers.until(|| Poll::<()>::Pending));
            assert!(wait.as_mut().poll(&mut Context::from_waker(other)).is_pending());
            Waker::from(Arc::new(Task { work: Lock::new(wait) }))
        };
        let mut kept = Box::pin(wakers.until(|| Poll::<()>::Pending));
        assert!(kept.as_mut().poll(&mut Context::from_waker(&task(Waker::noop()))).is_pending());
        assert_eq!(waiting(wakers), 2);
        // Another waker instead: the task is gone, and what it waited with.
        assert!(kept.as_mut().poll(&mut Context::from_waker(&task(Waker::noop()))).is_pending());
        assert_eq!(waiting(wakers), 2);
        drop(kept);
        assert_eq!(waiting(wakers), 0);
    }

    #[test]
    fn all_who_wait_are_woken_once() {
        let wakers = Wakers::default();
        let counts = [Arc::new(Count::default()), Arc::new(Count::default())];
        let mut waits: Vec<_> = counts.iter().map(|_| Box::pin(wakers.until(|| Poll::<()>::Pending))).collect();
        for (wait, count) in waits.iter_mut().zip(&counts) {
            let waker = Waker::from(Arc::clone(count));
            assert!(wait.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        }
        let mut woken = Vec::new();
        wakers.take(&mut woken);
        wakers.take(&mut woken);
        woken.into_iter().for_each(Waker::wake);
        assert_eq!(counts.map(|count| count.get()), [1, 1]);
    }

    #[test]
    fn what_happens_while_somebody_begins_to_wait_is_not_missed() {
        let wakers = Wakers::default();
        let waker = Waker::from(Arc::new(Count::default()));
        let mut looks = [Poll::Pending, Poll::Ready(7)].into_iter();
        let mut wait = pin!(wakers.until(|| looks.next().unwrap()));
        assert_eq!(wait.as_mut().poll(&mut Context::from_waker(&waker)), Poll::Ready(7));
    }

    #[test]
    fn a_loop_is_woken_by_the_bell_that_was_set_last() {
        let bell = Bell::default();
        bell.ring();
        let [first, second] = [(); 2].map(|()| Arc::new(Count::default()));
        bell.set(&Arc::clone(&first).into());
        bell.set(&Arc::clone(&second).into());
        bell.ring();
        assert_eq!([&first, &second].map(|count| count.get()), [0, 1]);
    }

    #[test]
    fn a_waiter_that_is_polled_by_another_task_wakes_that_one() {
        let wakers = Wakers::default();
        let mut wait = Box::pin(wakers.until(|| Poll::<()>::Pending));
        let [first, second] = [(); 2].map(|()| Arc::new(Count::default()));
        for count in [&first, &second] {
            let waker = Waker::from(Arc::clone(count));
            assert!(wait.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        }
        let mut woken = Vec::new();
        wakers.take(&mut woken);
        woken.into_iter().for_each(Waker::wake);
        assert_eq!([&first, &second].map(|count| count.get()), [0, 1]);
    }
}
