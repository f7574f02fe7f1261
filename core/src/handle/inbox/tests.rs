use super::*;
use crate::handle::callbacks::Job;
use crate::{Delta, LinkError, Malformed, ShadowNotice, Ticket, Topic};

const MIB: usize = 1024 * 1024;

fn message(len: usize) -> Message {
    Message::new(Topic::new("a").unwrap(), vec![0; len])
}

/// Light items whose number tells them apart.
impl Item for usize {
    fn weight(&self) -> usize {
        0
    }
}

fn items(inbox: &Inbox<usize>) -> Vec<usize> {
    std::iter::from_fn(|| inbox.take().and_then(|taken| taken.item)).collect()
}

#[test]
fn what_waits_weighs_as_much_as_what_it_was_read_from() {
    let shadow = |event| Notice::Shadow(ShadowNotice::of(Ticket(core::num::NonZeroU64::MIN), event));
    let malformed = || ShadowEvent::Malformed(Malformed { payload: "12345".into() });
    let json = r#"{"version":1,"state":{}}"#;
    let delta = ShadowEvent::Delta(Delta::parse(json.into()).unwrap());
    assert_eq!([delta.weight(), malformed().weight(), ShadowEvent::Absent.weight()], [json.len(), 5, 0]);
    assert_eq!([message(7).weight(), Notice::Message(message(7)).weight(), shadow(malformed()).weight()], [7, 7, 5]);
    let failed = Notice::Failed { why: Some(LinkError::Closed), retry_in: None };
    assert_eq!([Notice::Ready.weight(), failed.weight()], [0, 0]);
    let job: Job = Box::new(|| ());
    assert_eq!(job.weight(), 0);
}

#[test]
fn a_writer_waits_from_the_last_place_until_half_of_them_are_free() {
    let (inbox, mut later) = (Inbox::new(), Later::default());
    let last = (0..COUNT_MAX).map(|number| inbox.push(number, &mut later)).position(|full| full);
    assert_eq!(last, Some(COUNT_MAX - 1));
    assert!(inbox.push(0, &mut later), "which is taken all the same");
    for taken in 1..=COUNT_MAX + 1 {
        let made_room = inbox.take().unwrap().made_room;
        assert_eq!(made_room, taken == COUNT_MAX / 2 + 1, "told once, after {taken}");
        assert_eq!(inbox.lacks_room(), taken <= COUNT_MAX / 2);
    }
    assert!(inbox.take().is_none());
}

#[test]
fn a_writer_waits_as_well_until_half_of_the_bytes_are_free() {
    let (inbox, mut later) = (Inbox::new(), Later::default());
    assert_eq!([3, 1].map(|mib| inbox.push(message(mib * MIB), &mut later)), [false, true]);
    assert!(inbox.push(message(MIB), &mut later));
    let rooms: Vec<_> = std::iter::from_fn(|| inbox.take()).map(|taken| taken.made_room).collect();
    assert_eq!(rooms, [true, false, false]);
    assert!(!inbox.push(message(4 * MIB - 1), &mut later) && inbox.push(message(1), &mut later));
}

#[test]
fn the_oldest_make_way_and_are_counted() {
    let (inbox, mut later) = (Inbox::new(), Later::default());
    for number in 0..COUNT_MAX + 3 {
        inbox.push_over(number, &mut later);
    }
    assert_eq!(inbox.dropped(), 3);
    assert_eq!(items(&inbox), (3..COUNT_MAX + 3).collect::<Vec<_>>());
    let inbox = Inbox::new();
    for len in [MIB, MIB, 2 * MIB, 1, 2] {
        inbox.push_over(message(len), &mut later);
    }
    assert_eq!(inbox.dropped(), 1, "no more than has to");
    let left: Vec<_> = std::iter::from_fn(|| inbox.take()?.item).map(|message| message.payload.len()).collect();
    assert_eq!(left, [MIB, 2 * MIB, 1, 2]);
}

#[test]
fn what_is_there_when_nothing_more_comes_can_be_taken() {
    let mut later = Later::default();
    let (closed, last, cut) = (Inbox::new(), Inbox::new(), Inbox::new());
    for inbox in [&closed, &last, &cut] {
        inbox.push(1, &mut later);
        assert!(!inbox.is_closed());
    }
    closed.close(&mut later);
    last.push_last(2, &mut later);
    cut.cut(&mut later);
    assert_eq!([&closed, &last, &cut].map(Inbox::is_closed), [true; 3]);
    assert_eq!([&closed, &last, &cut].map(items), [vec![1], vec![1, 2], vec![]]);
    for inbox in [closed, last, cut] {
        assert_eq!(inbox.take().map(|taken| taken.item), Some(None), "the end");
    }
}

#[test]
fn whoever_waits_is_woken_by_everything_that_can_be_taken() {
    let changes: [fn(&Inbox<usize>, &mut Later); 5] = [
        |inbox, later| assert!(!inbox.push(1, later)),
        |inbox, later| inbox.push_over(1, later),
        |inbox, later| inbox.push_last(1, later),
        Inbox::close,
        Inbox::cut,
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let (inbox, mut later) = (Inbox::new(), Later::default());
        let mut next = Box::pin(inbox.next());
        let mut context = core::task::Context::from_waker(core::task::Waker::noop());
        assert!(next.as_mut().poll(&mut context).is_pending());
        change(&inbox, &mut later);
        assert_eq!(later.wakers.len(), 1, "{number}");
        assert_eq!(next.as_mut().poll(&mut context), Poll::Ready((number < 3).then_some(1)));
    }
}
