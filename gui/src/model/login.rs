//! Logins as people choose them: the grammar, and a proposal made from a name in any script we can transliterate.

/// Shortest login.
pub const MIN: usize = 3;
/// Longest login.
pub const MAX: usize = 32;

/// What is wrong with a login, as a key of the translations; `None` if it can be used.
#[must_use]
pub fn fault(login: &str) -> Option<&'static str> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-');
    match () {
        () if login.is_empty() => Some("login-empty"),
        () if login.chars().count() < MIN => Some("login-short"),
        () if login.chars().count() > MAX => Some("login-long"),
        () if !login.chars().all(allowed) => Some("login-letters"),
        () if !login.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit()) => Some("login-start"),
        () => None,
    }
}

/// A login made from a name: transliterated, lower case, words joined by dots.
#[must_use]
pub fn propose(name: &str) -> String {
    let mut out = String::new();
    for c in name.trim().chars().flat_map(char::to_lowercase) {
        match c {
            'a'..='z' | '0'..='9' => out.push(c),
            ' ' | '.' | '_' | '-' => {
                if !out.is_empty() && !out.ends_with('.') {
                    out.push('.');
                }
            }
            _ => out.push_str(latin(c)),
        }
    }
    let mut out: String = out.chars().take(MAX).collect();
    while out.ends_with('.') {
        out.pop();
    }
    out
}

/// The usual Latin spelling of a letter, as in passports and web addresses; empty where there is none.
fn latin(c: char) -> &'static str {
    match c {
        'а' | 'á' | 'à' | 'â' | 'ã' | 'å' | 'ā' | 'ą' | 'α' => "a",
        'б' | 'β' => "b",
        'в' => "v",
        'г' | 'ґ' | 'ğ' | 'γ' => "g",
        'д' | 'δ' | 'ď' | 'đ' => "d",
        'е' | 'э' | 'é' | 'è' | 'ê' | 'ë' | 'ę' | 'ė' | 'ē' | 'ě' | 'ε' => "e",
        'ё' => "yo",
        'ж' => "zh",
        'з' | 'ź' | 'ż' | 'ž' | 'ζ' => "z",
        'и' | 'і' | 'í' | 'ì' | 'î' | 'ï' | 'ı' | 'ī' | 'ι' | 'η' => "i",
        'ї' => "yi",
        'й' | 'ý' | 'ÿ' => "y",
        'к' | 'κ' => "k",
        'л' | 'ł' | 'λ' => "l",
        'м' | 'μ' => "m",
        'н' | 'ñ' | 'ń' | 'ň' | 'ν' => "n",
        'о' | 'ó' | 'ò' | 'ô' | 'õ' | 'ø' | 'ő' | 'ō' | 'ο' | 'ω' => "o",
        'п' | 'π' => "p",
        'р' | 'ř' | 'ρ' => "r",
        'с' | 'ś' | 'š' | 'ş' | 'ș' | 'σ' | 'ς' => "s",
        'т' | 'ť' | 'ț' | 'ţ' | 'τ' => "t",
        'у' | 'ú' | 'ù' | 'û' | 'ů' | 'ű' | 'ū' | 'ў' | 'υ' => "u",
        'ф' | 'φ' => "f",
        'х' => "kh",
        'ц' => "ts",
        'ч' => "ch",
        'ш' => "sh",
        'щ' => "shch",
        'ы' => "y",
        'ю' => "yu",
        'я' => "ya",
        'є' => "ye",
        'ç' | 'ć' | 'č' => "c",
        'ä' | 'æ' => "ae",
        'ö' | 'œ' => "oe",
        'ü' => "ue",
        'ß' => "ss",
        'θ' | 'þ' => "th",
        'χ' => "ch",
        'ψ' => "ps",
        'ξ' => "x",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_logins() {
        assert_eq!(propose("Anna Petrova"), "anna.petrova");
        assert_eq!(propose("Антон Белов"), "anton.belov");
        assert_eq!(propose("Щербаков  Юрий"), "shcherbakov.yuriy");
        assert_eq!(propose("Jürgen Weiß"), "juergen.weiss");
        assert_eq!(propose("  "), "");
        assert_eq!(propose("..Zoë.."), "zoe");
        assert_eq!(propose("王"), "");
        let long = propose(&"ы".repeat(80));
        assert!(long.len() <= MAX);
    }

    #[test]
    fn a_proposal_from_a_usual_name_can_be_used() {
        for name in ["Anna", "Антон", "Lena Fischer", "Ѕаша"] {
            let login = propose(name);
            assert!(login.len() < MIN || fault(&login).is_none(), "{login}");
        }
    }

    #[test]
    fn faults_are_named() {
        assert_eq!(fault(""), Some("login-empty"));
        assert_eq!(fault("ab"), Some("login-short"));
        assert_eq!(fault("Anna"), Some("login-letters"));
        assert_eq!(fault(".anna"), Some("login-start"));
        assert_eq!(fault(&"a".repeat(33)), Some("login-long"));
        assert_eq!(fault("anna_2.b-c"), None);
    }
}
