//! Every answer that a range may have.

use eventlog::Recorded;

use super::*;

/// Three events that are told of one by one.
struct Told {
    rig: Rig,
    projector: RedisProjector,
    generation: String,
    events: Vec<Recorded>,
}

impl Told {
    /// A server that knows the first event, and a log with two more.
    async fn open() -> Self {
        let rig = Rig::open().await;
        issue_token(&rig.house, 1, 1, 0xa1).await;
        let projector = rig.projector("a");
        rig.catch_up(&projector).await;
        rig.rotate(1, 0xb1).await;
        rig.rotate(1, 0xc1).await;
        let generation = projector.look().await.unwrap().generation;
        let events = rig.house.log.reader().read(Log::Control, 0, 10).await.unwrap();
        Self { rig, projector, generation, events }
    }

    fn log_id(&self) -> String {
        self.rig.house.log.reader().log_id(Log::Control).to_string()
    }

    /// Brings the events from `first` to `last`, as of that log and after that event.
    async fn bring_as(&self, log_id: String, first: usize, last: usize, before: String) -> Answer {
        let range = [log_id, first.to_string(), last.to_string(), before];
        let events = &self.events[first - 1..last];
        self.projector.bring(self.rig.house.log.reader(), &self.generation, range, events).await.unwrap()
    }

    async fn bring(&self, first: usize, last: usize) -> Answer {
        let before = first.checked_sub(2).map(|index| self.events[index].event_id.to_string());
        self.bring_as(self.log_id(), first, last, before.unwrap_or_default()).await
    }

    async fn position(&self) -> Option<u64> {
        self.projector.look().await.unwrap().place.map(|(_, position, _)| position)
    }
}

#[tokio::test]
async fn what_comes_next_is_applied_once_and_then_a_duplicate() {
    let told = Told::open().await;
    assert_eq!(told.bring(2, 2).await, Answer::Applied);
    assert_eq!(told.bring(2, 2).await, Answer::Duplicate);
    assert_eq!(told.bring(1, 1).await, Answer::Duplicate);
    // A range that begins before what is known and goes on beyond it brings what is missing.
    assert_eq!(told.bring(2, 3).await, Answer::Applied);
    assert_eq!(told.bring(1, 3).await, Answer::Duplicate);
    assert_eq!(told.position().await, Some(3));
    assert_eq!((told.rig.found(0xc1).await, told.rig.found(0xa1).await), (Some((token_id(1), 3)), None));
}

#[tokio::test]
async fn a_range_after_a_gap_changes_nothing() {
    let told = Told::open().await;
    assert_eq!(told.bring(3, 3).await, Answer::Gap);
    assert_eq!(told.position().await, Some(1));
    assert_eq!((told.rig.found(0xa1).await, told.rig.found(0xc1).await), (Some((token_id(1), 1)), None));
}

#[tokio::test]
async fn another_log_and_another_history_of_one_log_are_a_fork() {
    let told = Told::open().await;
    assert_eq!(told.bring_as("another".into(), 2, 2, String::new()).await, Answer::Fork);
    assert_eq!(told.bring_as(told.log_id(), 2, 2, "another event".into()).await, Answer::Fork);
    let place = Keys::of(&told.rig.sealer).key(&told.generation, Rows::Place);
    told.rig.raw(&["HSET", &place, "event", "another event"]).await;
    assert_eq!(told.bring(1, 1).await, Answer::Fork);
    assert_eq!(told.position().await, Some(1));
    // The projector makes all of it anew.
    assert_eq!(told.rig.step(&told.projector).await, Step::Anew(Answer::Applied));
    assert_eq!(told.rig.found(0xc1).await, Some((token_id(1), 3)));
}

#[tokio::test]
async fn a_place_that_is_gone_or_rows_of_another_kind_have_it_made_anew() {
    let told = Told::open().await;
    let tokens = told.rig.tokens_key().await;
    told.rig.raw(&["SET", &tokens, "no hash"]).await;
    assert_eq!(told.bring(2, 2).await, Answer::Rebuild);
    told.rig.redis.wipe().await;
    assert_eq!(told.bring(2, 2).await, Answer::Rebuild);
    assert_eq!(told.position().await, None);
}

#[tokio::test]
async fn a_generation_that_is_wiped_while_it_is_made_is_not_put_in_place() {
    let told = Told::open().await;
    let Told { rig, projector, .. } = &told;
    let (keys, name) = (Keys::of(&rig.sealer), "draft");
    let mut switch = keys.all(name);
    switch.push(keys.active());
    let ask = |script, keys, arguments| run(&rig.client, script, keys, arguments);
    let to =
        |active: &str| vec![active.to_owned(), name.to_owned(), told.log_id(), "1".into(), String::new()];
    let begun = ask(&projector.scripts.begin, keys.all(name), vec!["60".into()]).await.unwrap();
    assert_eq!(begun, Answer::Applied);
    let row = ["60", "2", "id", "field", "value"].map(String::from).to_vec();
    assert_eq!(ask(&projector.scripts.fill, keys.all(name), row.clone()).await.unwrap(), Answer::Applied);
    rig.redis.wipe().await;
    assert_eq!(ask(&projector.scripts.fill, keys.all(name), row).await.unwrap(), Answer::Rebuild);
    assert_eq!(ask(&projector.scripts.switch, switch, to("")).await.unwrap(), Answer::Rebuild);
    assert_eq!(rig.raw(&["DBSIZE"]).await.as_u64(), Some(0));
    rig.catch_up(projector).await;
    assert_eq!(rig.found(0xc1).await, Some((token_id(1), 3)));
}
