//! What is a login, what is proposed, and how tags are written and read.

use super::*;

#[test]
fn logins_keep_the_rules() {
    for good in ["anna", "a.b", "x_1-y", "007bond", "abcdefghijklmnopqrstuvwx"] {
        assert_eq!(Login::exact(good).unwrap().as_str(), good);
    }
    let bad = [
        ("", LoginError::TooShort),
        ("ab", LoginError::TooShort),
        ("abcdefghijklmnopqrstuvwxy", LoginError::TooLong),
        ("anna k", LoginError::Character(' ')),
        ("аnna", LoginError::Character('а')),
        ("Anna", LoginError::Character('A')),
        (".anna", LoginError::Edge),
        ("anna-", LoginError::Edge),
        ("an..na", LoginError::Double),
        ("an-_na", LoginError::Double),
        ("12.34", LoginError::NoLetter),
    ];
    for (text, error) in bad {
        assert_eq!(Login::exact(text), Err(error), "{text}");
    }
    assert_eq!(Login::parse("  Anna ").unwrap().as_str(), "anna");
}

#[test]
fn proposals_are_logins() {
    let cases = [
        ("Anna Karenina", "anna.karenina"),
        ("Анна Щукина", "anna.shchukina"),
        ("Юрій Їжак", "yuriy.yizhak"),
        ("Ёлкин-Подъездов", "yolkin.podezdov"),
        ("Zoë O’Brien-Łuczak", "zoe.obrien.luczak"),
        ("  J. R. R.  Tolkien ", "j.r.r.tolkien"),
        ("Li", "li1"),
        ("Я", "ya1"),
        ("Maximiliane Elisabeth Freifrau", "maximiliane.elisabeth.fr"),
        ("🦊 fox 🦊", "fox"),
    ];
    for (name, login) in cases {
        assert_eq!(propose(name).unwrap().as_str(), login, "{name}");
    }
    for nothing in ["", "王小明", "123", "..."] {
        assert_eq!(propose(nothing), None, "{nothing}");
    }
}

#[test]
fn a_tag_depends_on_account_login_and_price() {
    let tag_of = |account, login| tag(AccountId([account; 32]), login, TagCost::SIMULATED).unwrap();
    let reference = tag_of(1, "anna");
    assert_eq!(reference, tag_of(1, "anna"));
    assert_ne!(reference, tag_of(2, "anna"));
    assert_ne!(reference, tag_of(1, "bert"));
    assert_ne!(reference, tag(AccountId([1; 32]), "anna", TagCost { memory_kib: 16, passes: 1 }).unwrap());
    assert_eq!(read_tag(&reference).as_ref(), Some(&reference));
    assert_eq!(tag(AccountId([1; 32]), "anna", TagCost { memory_kib: 1, passes: 1 }), Err(TagError));
}

#[test]
fn tags_are_read_as_people_type_them() {
    assert_eq!(read_tag("k7q29f").as_deref(), Some("K7Q2-9F"));
    assert_eq!(read_tag(" oIl1-0O ").as_deref(), Some("0111-00"));
    for bad in ["", "K7Q29", "K7Q29FF", "K7Q2-9U", "K7Q2#9F"] {
        assert_eq!(read_tag(bad), None, "{bad}");
    }
}

#[test]
fn handles_are_shown_as_they_are_read() {
    let handle = Handle::parse(" @Anna#k7q29f").unwrap();
    assert_eq!(handle.to_string(), "anna#K7Q2-9F");
    assert_eq!(Handle::parse("anna").unwrap().tag, None);
    assert_eq!(Handle::parse("anna#K7"), Err(HandleError::Tag));
    assert_eq!(Handle::parse("a#K7Q29F"), Err(HandleError::Login(LoginError::TooShort)));
}
