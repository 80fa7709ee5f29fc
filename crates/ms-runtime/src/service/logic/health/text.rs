//! Makes messages fit to be shown to everybody who may ask for the health.

/// Longest message shown of one component, in bytes.
pub const MAX_HEALTH_MESSAGE: usize = 256;

/// Makes a message fit for a public report: one line, no control characters, at most
/// [`MAX_HEALTH_MESSAGE`] bytes, and no user part of an address (`user:password@`).
///
/// Drivers like to quote the whole address in their errors, with the credentials in it.
///
/// ```
/// use ms_runtime::logic::health::public_message;
/// let text = "cannot reach postgres://app:s3cret@db:5432/x";
/// assert_eq!(public_message(text), "cannot reach postgres://[redacted]@db:5432/x");
/// ```
#[must_use]
pub fn public_message(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let mut public = without_users(&line);
    if public.len() > MAX_HEALTH_MESSAGE {
        let room = MAX_HEALTH_MESSAGE - '…'.len_utf8();
        let cut = (0..=room).rev().find(|at| public.is_char_boundary(*at)).unwrap_or(0);
        public.truncate(cut);
        public.push('…');
    }
    public
}

fn without_users(text: &str) -> String {
    let mut public = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        public.push_str(before);
        // The last `@` before the path, because a password may contain one.
        let end = after.find(['/', ' ', '"', '\'', ',', ')']).unwrap_or(after.len());
        rest = match after[..end].rfind('@') {
            Some(user) => {
                public.push_str("[redacted]");
                &after[user..]
            }
            None => after,
        };
    }
    public.push_str(rest);
    public
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S4.4-09
    #[test]
    fn messages_show_no_credentials_no_control_characters_and_have_a_bound() {
        assert_eq!(
            public_message("a redis://:p@ss@r:1\nb nats://u:x@n"),
            "a redis://[redacted]@r:1 b nats://[redacted]@n"
        );
        assert_eq!(public_message("http://host/a@b"), "http://host/a@b");
        let long = public_message(&"ä".repeat(MAX_HEALTH_MESSAGE));
        assert!(long.len() <= MAX_HEALTH_MESSAGE && long.ends_with('…'), "{}", long.len());
    }
}
