//! What the model does with intents and news, without a window.

use super::history::{History, MAX_LOADED, PAGE};
use super::search::{Excerpt, HITS};
use super::time::Zone;
use super::{Dialog, Intent, Model, Out, Page, people};
use crate::bridge::{Answer, Page as HistoryPage, PageAt, Phase, Place, Problem, Request, Ticket, Update};
use crate::command::UiCommand;
use std::sync::Arc;
use veche_protocol::core::command::{Command, Reply};
use veche_protocol::core::event::Event;
use veche_protocol::ids::{AccountId, DeviceId, EntryId, SpaceId};
use veche_protocol::time::UnixMs;
use veche_protocol::view::*;

const NOW: UnixMs = UnixMs(1_795_521_600_000);
const CHAT: SpaceId = SpaceId([7; 32]);
const ME: AccountId = AccountId([1; 32]);
const THEM: AccountId = AccountId([2; 32]);

fn message(n: u64, mine: bool, text: &str) -> MessageView {
    let mut id = [0; 32];
    id[..8].copy_from_slice(&n.to_be_bytes());
    let at = UnixMs(NOW.0 - 1_000_000_000 + n * 1000);
    MessageView {
        message_id: EntryId(id),
        chat_id: CHAT,
        author: if mine { ME } else { THEM },
        device: DeviceId([1; 32]),
        seq: n,
        hlc: Hlc::from_unix(at),
        at,
        mine,
        body: MessageBody::Text { text: text.into() },
        reply_to: None,
        edited: false,
        reactions: Vec::new(),
        late: false,
        forked: false,
        state: None,
    }
}

fn rows(range: std::ops::Range<u64>) -> Vec<Arc<MessageView>> {
    range.map(|n| Arc::new(message(n, false, "x"))).collect()
}

fn snapshot(unread: u32) -> Snapshot {
    let account = AccountView {
        account_id: ME,
        device_id: DeviceId([1; 32]),
        login: "mira".into(),
        tag: None,
        name: "Mira".into(),
        info: String::new(),
        status: Status::Online,
        status_text: String::new(),
        words_saved: false,
        listed: true,
    };
    let person = PersonView {
        account_id: THEM,
        login: "anton".into(),
        tag: None,
        name: "Anton".into(),
        own_name: "Anton".into(),
        info: String::new(),
        status_text: String::new(),
        presence: Presence::Offline,
        last_seen: None,
        route: None,
        relation: Relation::Contact,
        verified: false,
        devices_changed: false,
        chat_id: Some(CHAT),
    };
    let chat = ChatView {
        chat_id: CHAT,
        account_id: THEM,
        last: None,
        unread,
        read: Default::default(),
        draft: String::new(),
        muted: false,
        typing: false,
        missing: 0,
        progress: Progress::default(),
        standings: Arc::default(),
    };
    Snapshot { account: Some(Arc::new(account)), chats: vec![Arc::new(chat)], people: vec![Arc::new(person)], ..Snapshot::default() }
}

/// A model in front of the conversation, and the ticket of the page it asked for.
fn opened(unread: u32) -> (Model, Ticket) {
    let mut model = Model::new(NOW, Zone::utc());
    model.look(Phase::Ready, Arc::new(snapshot(unread)), false);
    model.apply(Intent::OpenPerson(THEM));
    assert_eq!(model.page, Page::Chat(CHAT));
    let asked = requests(&mut model);
    let [(ticket, Request::Page { at: PageAt::Newest, .. })] = asked.as_slice() else { panic!("{asked:?}") };
    let ticket = *ticket;
    (model, ticket)
}

fn requests(model: &mut Model) -> Vec<(Ticket, Request)> {
    model.take_out().into_iter().filter_map(|o| if let Out::Ask(t, r) = o { Some((t, r)) } else { None }).collect()
}

fn commands(model: &mut Model) -> Vec<Command> {
    requests(model).into_iter().filter_map(|(_, r)| if let Request::Command(c) = r { Some(c) } else { None }).collect()
}

fn page(at: PageAt, messages: Vec<Arc<MessageView>>, at_start: bool, at_end: bool) -> HistoryPage {
    HistoryPage { chat: CHAT, at, messages, at_start, at_end }
}

fn loaded(unread: u32) -> Model {
    let (mut model, ticket) = opened(unread);
    let newest = page(PageAt::Newest, rows(900..1000), false, true);
    model.hear(Update::Answer(ticket, Ok(Answer::Page(newest))));
    model
}

#[test]
fn a_refused_message_is_given_back() {
    let mut model = loaded(0);
    model.apply(Intent::Send { chat: CHAT, text: "  hello\n".into() });
    let asked = requests(&mut model);
    let (ticket, request) = asked.first().expect("a question");
    assert!(matches!(request, Request::Command(Command::Send { text, .. }) if text == "hello"));
    assert_eq!(model.history(CHAT).expect("a history").len(), 101, "it is shown at once");
    let problem = Problem { kind: "not_contact".into(), sentence: "Not yet.".into() };
    model.hear(Update::Answer(*ticket, Err(problem)));
    assert!(model.take_out().contains(&Out::Compose(CHAT, "hello".into())));
    assert_eq!(model.history(CHAT).expect("a history").len(), 100);
    assert_eq!(model.toasts.len(), 1);
}

#[test]
fn an_echo_becomes_the_stored_message() {
    let mut model = loaded(0);
    model.apply(Intent::Send { chat: CHAT, text: "hello".into() });
    let (ticket, _) = requests(&mut model).remove(0);
    let stored = message(1000, true, "hello");
    let id = stored.message_id;
    model.hear(Update::Event(Event::MessageReceived { chat_id: CHAT, message: stored }));
    model.hear(Update::Answer(ticket, Ok(Answer::Reply(Reply::Message(id)))));
    let history = model.history(CHAT).expect("a history");
    assert_eq!(history.len(), 101);
    assert_eq!(history.get(100).map(|m| m.message_id), Some(id));
    assert!(!history.is_echo(100));
}

#[test]
fn nothing_is_sent_into_the_void() {
    let mut model = loaded(0);
    model.apply(Intent::Send { chat: CHAT, text: " \n ".into() });
    assert!(commands(&mut model).is_empty());
}

#[test]
fn typing_is_told_now_and_then_and_the_draft_when_it_rests() {
    let mut model = loaded(0);
    for (ms, text) in [(0, "h"), (500, "he"), (1000, "hel"), (3200, "hell")] {
        model.tick(UnixMs(NOW.0 + ms));
        model.apply(Intent::Typed(CHAT, text.into()));
    }
    let told = commands(&mut model);
    assert_eq!(told.iter().filter(|c| matches!(c, Command::Typing(_))).count(), 2);
    assert!(!told.iter().any(|c| matches!(c, Command::Draft(..))) || told.len() > 2, "{told:?}");
    model.tick(UnixMs(NOW.0 + 5_000));
    assert!(commands(&mut model).contains(&Command::Draft(CHAT, "hell".into())));
}

#[test]
fn leaving_a_conversation_keeps_its_draft() {
    let mut model = loaded(0);
    model.apply(Intent::Typed(CHAT, "half a thou".into()));
    model.apply(Intent::Go(Page::Nearby));
    assert!(commands(&mut model).contains(&Command::Draft(CHAT, "half a thou".into())));
}

#[test]
fn reading_is_told_once() {
    let mut model = loaded(3);
    model.apply(Intent::Seen(CHAT));
    model.apply(Intent::Seen(CHAT));
    let told = commands(&mut model);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(matches!(told[0], Command::MarkRead(CHAT, Some(_))));
}

#[test]
fn older_pages_join_and_the_far_end_is_forgotten() {
    let mut model = loaded(0);
    let mut first = 900;
    for _ in 0..7 {
        let place = model.history(CHAT).and_then(History::first).expect("a place");
        model.apply(Intent::Older(CHAT, place));
        let (ticket, request) = requests(&mut model).remove(0);
        assert_eq!(request, Request::Page { chat: CHAT, at: PageAt::Before(place), limit: PAGE });
        // Asked twice while one is on its way: only one goes out.
        model.apply(Intent::Older(CHAT, place));
        assert!(requests(&mut model).is_empty());
        let older = page(PageAt::Before(place), rows(first - 100..first), false, false);
        first -= 100;
        model.hear(Update::Answer(ticket, Ok(Answer::Page(older))));
    }
    let history = model.history(CHAT).expect("a history");
    assert_eq!(history.len(), MAX_LOADED);
    assert!(!history.at_end, "the newest were forgotten");
    assert_eq!(history.first(), Some(Place::of(&message(200, false, "x"))));
    let ordered = (1..history.len()).all(|i| Place::of(history.get(i - 1).expect("row")) < Place::of(history.get(i).expect("row")));
    assert!(ordered);
}

#[test]
fn a_page_for_a_window_that_moved_is_dropped() {
    let mut history = History::whole(rows(0..10));
    history.take(page(PageAt::Before(Place::of(&message(5, false, "x"))), rows(100..110), true, false));
    assert_eq!(history.len(), 10);
}

#[test]
fn a_message_for_a_reader_further_up_is_counted_not_shown() {
    let mut history = History::whole(rows(0..10));
    history.at_end = false;
    assert!(!history.arrived(&message(500, false, "new")));
    assert_eq!((history.len(), history.below), (10, 1));
}

#[test]
fn a_late_message_takes_its_place() {
    let mut history = History::whole(rows(0..10).into_iter().filter(|m| m.seq != 4).collect());
    assert!(history.arrived(&message(4, false, "late")));
    assert_eq!(history.get(4).map(|m| m.seq), Some(4));
    assert!(history.arrived(&message(4, false, "late")), "twice is once");
    assert_eq!(history.len(), 10);
}

#[test]
fn notifications_are_for_what_is_not_looked_at() {
    let mut model = loaded(0);
    let arrives = |model: &mut Model, n| {
        model.hear(Update::Event(Event::MessageReceived { chat_id: CHAT, message: message(n, false, "hi") }));
        model.take_out().iter().any(|o| matches!(o, Out::Notify { .. }))
    };
    model.focused = true;
    assert!(!arrives(&mut model, 2000), "it is in front of the eyes");
    model.focused = false;
    assert!(arrives(&mut model, 2001));
    model.focused = true;
    model.apply(Intent::Go(Page::Nearby));
    assert!(arrives(&mut model, 2002));
    let mut muted = snapshot(0);
    muted.chats = vec![Arc::new(ChatView { muted: true, ..(*muted.chats[0]).clone() })];
    model.look(Phase::Ready, Arc::new(muted), false);
    assert!(!arrives(&mut model, 2003));
}

#[test]
fn escape_goes_back_one_step_at_a_time() {
    let mut model = loaded(0);
    let escape = |m: &mut Model| m.apply(Intent::Do(UiCommand::Escape));
    let first = model.history(CHAT).and_then(|h| h.get(0).map(|m| m.message_id)).expect("a message");
    model.apply(Intent::Reply(CHAT, Some(first)));
    model.apply(Intent::Ask(Dialog::Shortcuts));
    escape(&mut model);
    assert_eq!(model.dialog, None);
    assert!(model.history(CHAT).expect("a history").reply_to.is_some());
    escape(&mut model);
    assert!(model.history(CHAT).expect("a history").reply_to.is_none());
    model.apply(Intent::GoSettings(super::SettingsTab::Privacy));
    escape(&mut model);
    assert_eq!(model.page, Page::Chat(CHAT), "back to the conversation");
}

#[test]
fn a_link_that_came_too_early_waits_for_the_account() {
    let mut model = Model::new(NOW, Zone::utc());
    model.look(Phase::FirstRun, Arc::default(), false);
    model.apply(Intent::OpenLink("veche:c/abc".into()));
    assert!(commands(&mut model).is_empty());
    model.look(Phase::Ready, Arc::new(snapshot(0)), false);
    assert_eq!(commands(&mut model), [Command::InspectLink("veche:c/abc".into())]);
}

#[test]
fn an_accepted_request_opens_its_conversation() {
    let mut before = snapshot(0);
    before.chats.clear();
    before.people = vec![Arc::new(PersonView { relation: Relation::Asking, chat_id: None, ..(*before.people[0]).clone() })];
    let mut model = Model::new(NOW, Zone::utc());
    model.look(Phase::Ready, Arc::new(before), false);
    model.apply(Intent::Accept(THEM));
    assert_eq!(model.page, Page::Person(THEM));
    model.look(Phase::Ready, Arc::new(snapshot(0)), false);
    assert_eq!(model.page, Page::Chat(CHAT));
}

#[test]
fn a_person_chosen_again_gets_what_is_typed_next() {
    let mut model = loaded(0);
    model.apply(Intent::Do(UiCommand::Switcher));
    model.take_out();
    model.apply(Intent::OpenPerson(THEM));
    assert_eq!((model.page, model.dialog.is_none()), (Page::Chat(CHAT), true));
    assert!(model.take_out().contains(&Out::FocusComposer));
}

#[test]
fn lost_events_reload_what_is_open() {
    let mut model = loaded(0);
    model.hear(Update::Event(Event::Overflow { missed: 9 }));
    assert!(matches!(requests(&mut model).as_slice(), [(_, Request::Page { at: PageAt::Newest, .. })]));
}

#[test]
fn only_web_addresses_are_opened() {
    let mut model = loaded(0);
    model.apply(Intent::OpenUrl("javascript:alert(1)".into()));
    assert!(model.take_out().is_empty());
    model.apply(Intent::OpenUrl("https://example.org".into()));
    assert_eq!(model.take_out(), [Out::OpenUrl("https://example.org".into())]);
}

#[test]
fn people_are_found_by_any_part_of_their_name() {
    let snap = snapshot(0);
    let rows = people::rows(&snap);
    let found = |filter: &str| people::matching(&rows, filter).len();
    assert_eq!((found(""), found("ant"), found("ANTON"), found("nto"), found("zed")), (1, 1, 1, 1, 0));
}

#[test]
fn unread_conversations_are_reached_by_key() {
    let mut snap = snapshot(0);
    let with = |n: u8, unread| Arc::new(ChatView { chat_id: SpaceId([n; 32]), unread, ..(*snap.chats[0]).clone() });
    snap.chats = vec![with(1, 0), with(2, 0), with(3, 5)];
    let id = |n| Some(SpaceId([n; 32]));
    assert_eq!(people::neighbour(&snap, id(1), 1, false), id(2));
    assert_eq!(people::neighbour(&snap, id(1), -1, false), id(3));
    assert_eq!(people::neighbour(&snap, id(1), 1, true), id(3));
    assert_eq!(people::neighbour(&snap, id(3), 1, true), None);
    assert_eq!(people::neighbour(&snap, None, 1, false), id(1));
}

fn look_for(model: &mut Model, chat: Option<SpaceId>, text: &str) -> Ticket {
    model.apply(Intent::Search { chat, text: text.into() });
    let (ticket, request) = requests(model).pop().expect("a question");
    assert_eq!(request, Request::Search { chat, text: text.into(), before: None, limit: HITS });
    ticket
}

#[test]
fn hits_are_those_of_what_is_looked_for_now() {
    let mut model = loaded(0);
    let given_up = look_for(&mut model, None, "hel");
    let ticket = look_for(&mut model, None, "hello");
    model.apply(Intent::Search { chat: None, text: "hello".into() });
    assert!(requests(&mut model).is_empty(), "the same is not asked twice");
    model.hear(Update::Found(given_up, Arc::new(message(1, false, "help"))));
    model.hear(Update::Found(ticket, Arc::new(message(2, false, "hello"))));
    model.hear(Update::Answer(given_up, Ok(Answer::Done)));
    assert!(model.search.is_busy(), "the one that counts goes on");
    model.hear(Update::Answer(ticket, Ok(Answer::Done)));
    assert!(!model.search.is_busy() && !model.search.more);
    assert_eq!(model.search.hits.len(), 1);
}

#[test]
fn a_search_that_stopped_at_enough_goes_on_where_it_stopped() {
    let mut model = loaded(0);
    let ticket = look_for(&mut model, Some(CHAT), "x");
    for n in 0..HITS as u64 {
        model.hear(Update::Found(ticket, Arc::new(message(500 - n, false, "x"))));
    }
    model.hear(Update::Answer(ticket, Ok(Answer::Done)));
    assert!(model.search.more);
    model.apply(Intent::SearchOn);
    let (ticket, request) = requests(&mut model).remove(0);
    let last = Place::of(&message(501 - HITS as u64, false, "x"));
    assert_eq!(request, Request::Search { chat: Some(CHAT), text: "x".into(), before: Some(last), limit: HITS });
    model.hear(Update::Answer(ticket, Ok(Answer::Done)));
    assert!(!model.search.more, "there were no older ones");
}

#[test]
fn closing_a_search_ends_it_at_the_node() {
    let mut model = loaded(0);
    model.apply(Intent::Ask(Dialog::Search(None)));
    let ticket = look_for(&mut model, None, "nowhere");
    model.apply(Intent::CloseDialog);
    let asked = requests(&mut model);
    assert!(matches!(&asked[..], [(_, Request::Search { text, .. })] if text.is_empty()), "{asked:?}");
    model.hear(Update::Found(ticket, Arc::new(message(1, false, "nowhere"))));
    assert!(model.search.hits.is_empty());
}

#[test]
fn a_hit_opens_its_conversation_around_it() {
    let mut model = loaded(0);
    model.apply(Intent::Go(Page::Nearby));
    model.take_out();
    // Loaded: nothing has to be read.
    model.apply(Intent::OpenHit(CHAT, message(950, false, "x").message_id));
    let out = model.take_out();
    assert!(out.contains(&Out::ScrollTo(CHAT, message(950, false, "x").message_id)), "{out:?}");
    assert!(!out.iter().any(|o| matches!(o, Out::Ask(_, Request::Page { .. }))), "{out:?}");
    assert_eq!(model.open_chat(), Some(CHAT));
    let far = message(10, false, "x").message_id;
    model.apply(Intent::OpenHit(CHAT, far));
    let asked = requests(&mut model);
    assert_eq!(asked[0].1, Request::Page { chat: CHAT, at: PageAt::Around(far), limit: PAGE });
    model.hear(Update::Answer(asked[0].0, Ok(Answer::Page(page(PageAt::Around(far), rows(1..100), true, false)))));
    let history = model.history(CHAT).expect("a history");
    assert!(history.find(far).is_some() && !history.at_end);
}

#[test]
fn an_excerpt_shows_the_hit_on_one_line() {
    let of = |text: &str, looked_for: &str| Excerpt::of(&message(1, false, text), looked_for);
    let long = format!("{}\nthe Needle\nand more", "so much before it ".repeat(9));
    let excerpt = of(&long, "needle");
    assert_eq!((excerpt.hit.as_str(), excerpt.after.as_str()), ("Needle", " and more"));
    assert!(excerpt.before.starts_with('…') && excerpt.before.ends_with("it  the "), "{excerpt:?}");
    assert_eq!(of("Привет", "ПРИ"), Excerpt { hit: "При".into(), after: "вет".into(), ..Excerpt::default() });
    assert_eq!(of("changed since", "needle").text(), "changed since");
}
